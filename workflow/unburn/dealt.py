"""The tables of GPU batches: which crops a batch paints, which batches a shard needs.

They are written by ``batch`` and read by rules, which load nothing heavy.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from unburn import tables

COLUMNS = ("digest", "shard", "group", "index")
OF_SHARDS = "shards.tsv"


def name(number: int) -> str:
    """What a batch is called in paths."""
    return f"{number:05d}"


def write(
    folder: Path, batches: Sequence[list[dict[str, str]]], pairs: Iterable[tuple[str, str]]
) -> None:
    """Write the rows of each batch, and the pairs of a shard and a batch with crops in common."""
    for number, rows in enumerate(batches):
        tables.write(folder / f"{name(number)}.tsv", rows, COLUMNS)
    lines = [{"shard": shard, "batch": batch} for shard, batch in sorted(pairs)]
    tables.write(folder / OF_SHARDS, lines, ("shard", "batch"))


def shards_of(table: Path) -> list[str]:
    """The shards whose crops a batch paints."""
    return sorted(set(tables.read(table)["shard"]))


def batches_of(folder: Path, shard: str) -> list[str]:
    """The batches that crops of a shard are painted in."""
    rows = tables.read(folder / OF_SHARDS)
    return sorted(rows[rows["shard"] == shard]["batch"])
