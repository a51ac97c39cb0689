"""The tables of GPU batches: which crops a batch paints, which batches a shard needs.

They are written by ``batch`` and read by rules, which load nothing heavy. Shards that the same plan
made are dealt together, and those that a later one adds by themselves: what was painted stays.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from unburn import demand, tables

COLUMNS = ("digest", "shard", "group", "index")
OF_SHARDS = "shards.tsv"
FIRST = "00000"  # the deal of shards whose plan named none


def name(number: int) -> str:
    """What a batch or a deal is called in paths."""
    return f"{number:05d}"


def deal_of(summary: Path, shard: str) -> str:
    """The deal that a shard's crops are in; ``summary`` is the plan's ``plan.json``."""
    return str(demand.planned(summary).get("deals", {}).get(shard, FIRST))


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
