"""What stands in the private folder of a submission: its shards and their tables."""

from collections.abc import Mapping
from pathlib import Path

from unburn import tables


def shard_folders(work: Path) -> list[Path]:
    """The shards' folders of a submission, in order."""
    return [work / table.stem for table in sorted((work / "shards").glob("*.tsv"))]


def shard_table(folder: Path) -> Path:
    """The plan's table of a shard, given the shard's folder."""
    return folder.parent / "shards" / f"{folder.name}.tsv"


def records(table: Path) -> list[dict[str, str]]:
    """Read a table as one dictionary a line."""
    frame = tables.read(table)
    names = [str(name) for name in frame.columns]
    return [dict(zip(names, row, strict=True)) for row in frame.itertuples(index=False, name=None)]


def painted_share(row: Mapping[str, str]) -> float:
    """Share of a candidate's pixels that were painted, by its row of candidates.tsv."""
    return int(row.get("masked_pixels") or 0) / max(1, int(row.get("pixels_total") or 0))


def unchanged(row: Mapping[str, str]) -> bool:
    """Whether an original is still the file that was planned, by size and time.

    ``row`` of the plan's table; a file that is gone is not.
    """
    try:
        state = Path(row["path"]).stat()
    except OSError:
        return False
    return (state.st_size, state.st_mtime_ns) == (int(row["bytes"]), int(row["mtime_ns"]))
