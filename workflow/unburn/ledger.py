"""What stands in the private folder of a submission: its shards and their tables."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from unburn import tables
from unburn.errors import UserError
from unburn.reasons import OVERRIDABLE

# What links originals and results, beside the folders of the shards.
LINKS = ("drawn.key", "uid_mapping.csv", "patid_mapping.csv", "key_id")
# Folders with pictures or digests of pixels: GPU batches, what was painted of them (a run with
# --notemp, or a killed one), and what killed jobs of earlier versions left.
PICTURES = ("batches", "painted", "products", "controls")
SHOWED = "controls.json"  # what planted lines showed, in the folder of a submission

Device = tuple[str, str]  # modality, and the plan's digest of manufacturer and model
NOTHING_SEARCHED: Device = ("", "")  # the device of an item without pixels to search


def shard_folders(work: Path) -> list[Path]:
    """The shards' folders of a submission, in order."""
    return [work / table.stem for table in sorted((work / "shards").glob("*.tsv"))]


def shard_table(folder: Path) -> Path:
    """The plan's table of a shard, given the shard's folder."""
    return folder.parent / "shards" / f"{folder.name}.tsv"


def left_behind(work: Path) -> list[Path]:
    """The folders of shards that the plan no longer has, as all their files were taken away."""
    folders = sorted(folder for folder in work.glob("[0-9]" * 5) if folder.is_dir())
    return [folder for folder in folders if not shard_table(folder).is_file()]


def records(table: Path) -> list[dict[str, str]]:
    """Read a table as one dictionary a line."""
    frame = tables.read(table)
    names = [str(name) for name in frame.columns]
    return [dict(zip(names, row, strict=True)) for row in frame.itertuples(index=False, name=None)]


def forget(work: Path) -> None:
    """Delete what links the originals of a submission and its results (``metadata.key: discard``).

    Tables, masks and candidates of a shard tell of an item by its number what its result is, if
    only by a digest, and GPU batches which shard a crop is of, by a digest of its pixels; so their
    folders go. The ledger of such a submission has no link, and the key was never kept.
    """
    for folder in (*shard_folders(work), *(work / name for name in PICTURES)):
        shutil.rmtree(folder, ignore_errors=True)
    for name in LINKS:
        (work / name).unlink(missing_ok=True)


def forgotten(work: Path) -> bool:
    """Whether a submission was released and what links it to its originals was deleted."""
    folders = shard_folders(work)
    return (
        (work / "ledger.tsv").is_file()
        and any(not (folder / "candidates.tsv").is_file() for folder in folders)
        and not (work / "drawn.key").exists()
    )


def check_not_forgotten(folder: Path) -> None:
    """Refuse to go on with a shard whose links were deleted.

    Raises
    ------
    UserError
        naming the way to a new release
    """
    if not (folder / "candidates.tsv").is_file():
        raise UserError(
            where=f"submission {folder.parent.name}",
            found="what links its originals and results was deleted (metadata.key: discard)",
            advice="release it anew, under a new key, with: --forcerun plan_submission",
        )


def device_of(row: Mapping[str, str]) -> Device:
    """The device of an item, by its row of the plan's table; plans of before know none."""
    searched = row.get("pixels") == "1" and "device" in row
    return (row["modality"], row["device"]) if searched else NOTHING_SEARCHED


def held_back(controls: Path) -> dict[Device, str]:
    """The devices that are held back for what their controls showed, with the reason's code.

    Raises
    ------
    UserError
        if an earlier version wrote the file, without reasons
    """
    if not controls.is_file():
        return {}
    held = json.loads(controls.read_text("utf-8"))["held_back"]
    if any(len(one) != 3 for one in held):
        raise UserError(
            where=f"submission {controls.parent.name}, {controls.name}",
            found="it was written by an earlier version of unburn, which gave no reasons",
            advice="start the run again, which makes it anew; where controls.share is 0, delete it",
        )
    return {(modality, device): code for modality, device, code in held}


def overridable(
    verdict: Mapping[str, str], device: Device, missing: Mapping[Device, str], code: str = ""
) -> frozenset[str]:
    """All reasons for which an item is held back and that a person can overrule.

    Parameters
    ----------
    verdict : its row of verdicts.tsv; it names one reason to everybody, and here all of its own
    missing : devices that are held back for what their controls showed, as of ``held_back``
    code : a reason that the ledger names
    """
    found = {*verdict.get("overridable", "").split(";"), verdict.get("reason_code", ""), code}
    return frozenset({*found, missing.get(device, "")} & OVERRIDABLE)


def painted_share(row: Mapping[str, str]) -> float:
    """Share of a candidate's pixels that were painted, by its row of candidates.tsv."""
    return int(row.get("masked_pixels") or 0) / max(1, int(row.get("pixels_total") or 0))


def unchanged(row: Mapping[str, str]) -> bool:
    """Whether an original is still the file that was planned, by size and time.

    ``row`` of the plan's table; a file that is gone is not.
    """
    try:
        return state(Path(row["path"])) == (int(row["bytes"]), int(row["mtime_ns"]))
    except OSError:
        return False


def state(path: Path) -> tuple[int, int]:
    """Bytes and time (ns) of a file; of the header of a NIfTI pair of both its files."""
    found = [path.stat()]
    voxels = path.with_suffix(".img")
    if path.suffix.lower() == ".hdr" and voxels.is_file():
        found.append(voxels.stat())
    return sum(one.st_size for one in found), max(one.st_mtime_ns for one in found)
