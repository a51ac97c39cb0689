"""Released files that were deleted or altered afterwards: the release is made again.

Snakemake knows the tables, not the files that they list. So the rule has a parameter that goes up
by one when a listed file is gone or was written after its table; the release writes it down, and
it stays until the next loss.
"""

from pathlib import Path

from unburn import tables
from unburn.files import replacing

COUNTER = "mended"  # in the private folder of a submission


def lost(results: Path) -> bool:
    """Whether a file that ``released.tsv`` lists is gone, or was written after the table was."""
    table = results / "released.tsv"
    if not table.is_file():
        return False  # it will be made anyway
    time = table.stat().st_mtime_ns
    for output in tables.read(table)["output"]:
        try:
            if (results / output).stat().st_mtime_ns > time:
                return True
        except OSError:
            return True
    return False


def mended(work: Path) -> int:
    """How often the release of a submission was made again for lost files."""
    counter = work / COUNTER
    return int(counter.read_text("ascii")) if counter.is_file() else 0


def mending(work: Path, results: Path) -> int:
    """The parameter: as often as before, or once more."""
    return mended(work) + lost(results)


def note(work: Path, number: int) -> None:
    """Write down that the release was made for this parameter."""
    with replacing(work / COUNTER) as tmp:
        tmp.write_text(f"{number}\n", "ascii")
