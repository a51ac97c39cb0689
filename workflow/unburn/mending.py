"""Released files that were deleted or altered afterwards: what is lost is made again.

Snakemake knows the tables, not the files that they list. So two rules have a parameter that goes up
by one when something is lost; the job writes it down, and it stays until the next loss. For the
release that is a listed file that is gone or was written after its table. For a shard it is a
candidate that was altered: released files can be hard links of the candidates, and who edits one in
place edits both.
"""

from pathlib import Path

from unburn import tables
from unburn.files import replacing
from unburn.ledger import records, shard_folders

COUNTER = "mended"  # in the private folder of a submission; of a shard with its name
DAMAGED = "damaged"  # in the folder of a shard: the release found an altered candidate


def lost(results: Path) -> list[str]:
    """The files that ``released.tsv`` lists and that are gone, or were written after the table."""
    table = results / "released.tsv"
    if not table.is_file():
        return []  # it will be made anyway
    time = table.stat().st_mtime_ns
    return [output for output in tables.read(table)["output"] if _later(results / output, time)]


def _later(path: Path, time_ns: int) -> bool:
    try:
        return path.stat().st_mtime_ns > time_ns
    except OSError:
        return True


def damaged(work: Path, lost_outputs: list[str], results: Path) -> frozenset[str]:
    """The shards with a candidate that was altered; their names.

    ``lost_outputs`` as of ``lost``. Only what is the same file as a candidate alters it.
    """
    shards = {mark.parent.name for mark in work.glob(f"[0-9]*/{DAMAGED}")}
    left = {output for output in lost_outputs if (results / output).is_file()}
    for folder in shard_folders(work) if left else ():
        table = folder / "candidates.tsv"
        for row in records(table) if table.is_file() else ():
            candidate = folder / "candidates" / row["file"]
            here = row["output"] in left and candidate.is_file()
            if here and candidate.samefile(results / row["output"]):
                shards.add(folder.name)
    return frozenset(shards)


def mark(shard: Path) -> None:
    """Note that a candidate of a shard was altered, in the shard's folder."""
    (shard / DAMAGED).touch()


def mended(work: Path, shard: str = "") -> int:
    """How often the release, or the candidates of a shard, were made again for what was lost."""
    counter = work / f"{COUNTER}{shard}"
    return int(counter.read_text("ascii")) if counter.is_file() else 0


def note(work: Path, number: int, shard: str = "") -> None:
    """Write down that the release, or the candidates of a shard, were made for this parameter."""
    with replacing(work / f"{COUNTER}{shard}") as tmp:
        tmp.write_text(f"{number}\n", "ascii")
    if shard:
        (work / shard / DAMAGED).unlink(missing_ok=True)
