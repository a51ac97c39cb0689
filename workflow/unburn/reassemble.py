"""Put painted pixels back into the original objects and clean their headers.

Each planned item becomes a candidate, or is held back with a reason. A candidate's pixels outside
the mask are counted against the original's after the file was written and read again.
"""

import argparse
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pydicom
from pydicom import uid
from pydicom.dataset import FileMetaDataset

from unburn import elements, keys, mending, metadata, nifti, objects, sidecars, tables
from unburn.blending import seam_step, texture_ratio
from unburn.encoding import replace_pixels
from unburn.errors import ItemError, command
from unburn.examined import load, unexamined
from unburn.files import Closing, make_private, replacing, sha256
from unburn.headers import read_header
from unburn.ledger import records, unchanged
from unburn.parallel import in_order
from unburn.patches import Patch, Reader, apply
from unburn.pixels import StoredFrames
from unburn.progress import told
from unburn.scrubbing import cut_lookup_tables, scrub_stream
from unburn.sources import Frames, open_frames
from unburn.syntaxes import transfer_syntax

log = logging.getLogger(__name__)

COLUMNS = (
    *("item", "file", "status", "reason_code", "output", "sha256_in", "modality", "kind", "series"),
    *("patient_in", "issuer_in", "patient_out", "study_out", "series_out", "sop_in", "sop_out"),
    *("frame_of_reference_out", "frames", "masked_frames", "masked_pixels", "pixels_total"),
    *("flat_pixels", "painted_pixels", "engine", "outside_differing", "texture_ratio"),
    *("seam_step", "scrubbed", "references", "shared_uid"),
)
UID_COLUMNS = ("id_old", "id_new")
MANAGEMENT = "1.2.840.10008.3.1.2."  # patient, study and procedure step management classes
PLANS = {uid.RTPlanStorage, uid.RTIonPlanStorage}
PICTURELESS = {"rtstruct", "presentation_state", "key_object"}


@dataclass(frozen=True)
class Inputs:
    """The shard's files that a worker opens."""

    masks: Path
    fills: Path
    painted: Path


@dataclass
class Painted:
    """What was painted in one item, counted while its frames pass by."""

    frames: set[int] = field(default_factory=set)  # in which anything was
    masked_pixels: int = 0
    flat_pixels: int = 0
    painted_pixels: int = 0
    engines: set[str] = field(default_factory=set)
    texture_ratios: list[float] = field(default_factory=list)
    seam_steps: list[float] = field(default_factory=list)

    @property
    def engine(self) -> str:
        """What painted: the engines of the crops, ``flat`` where there was none, or nothing."""
        return "+".join(sorted(self.engines)) or ("flat" if self.flat_pixels else "")


def paint(stored: np.ndarray, mask: np.ndarray, patches: Iterable[Patch]) -> np.ndarray:
    """Apply patches to a copy of a frame.

    Parameters
    ----------
    stored : (rows, columns[, samples]), stored values
    mask : bool (rows, columns)
    patches : of this frame; together they must write every pixel of the mask

    Raises
    ------
    ItemError
        ``not_painted`` when a pixel of the mask was left
    """
    out = stored.copy()
    left = mask.copy()
    for patch in patches:
        apply(out, patch)
        window = left[patch.top : patch.top + patch.rows, patch.left : patch.left + patch.columns]
        window[patch.content.mask[: patch.rows, : patch.columns]] = False
    if left.any():
        raise ItemError("not_painted")
    return out


def differing(before: np.ndarray, after: np.ndarray, mask: np.ndarray | None) -> int:
    """Count pixels outside the mask (bool, (rows, columns)) that differ in any sample."""
    if before.shape != after.shape or before.dtype != after.dtype:
        return int(np.prod(before.shape[:2]))
    unlike = before != after
    if unlike.ndim == 3:
        unlike = unlike.any(axis=2)
    return int(unlike.sum() if mask is None else (unlike & ~mask).sum())


def references(dataset: pydicom.Dataset) -> list[str]:
    """(0008,1155) Referenced SOP Instance UID of all levels, each once, sorted.

    Structure sets also refer to their study (PS3.3 C.8.8.5, RT Referenced Study Sequence) and
    doses to their plan (C.8.8.3). Studies and procedure steps are no objects that could be
    released, plans never are and show nothing, so they do not count.
    """
    found: set[str] = set()

    def collect(part: pydicom.Dataset, element: pydicom.DataElement) -> None:
        kind = str(part.get("ReferencedSOPClassUID", ""))
        counts = not kind.startswith(MANAGEMENT) and kind not in PLANS
        if element.tag == 0x00081155 and element.value and counts:
            found.add(str(element.value))

    dataset.walk(collect)
    return sorted(found)


def average(values: Iterable[float]) -> str:
    """Mean of the finite values to four digits; an empty string when there is none."""
    finite = [value for value in values if np.isfinite(value)]
    return f"{np.mean(finite):.4g}" if finite else ""


@contextmanager
def failing(code: str) -> Iterator[None]:
    """Turn any error into one that holds the item back; its text may quote the header."""
    try:
        yield
    except ItemError:
        raise
    except Exception as error:
        log.info("%s: %s", code, type(error).__name__)
        raise ItemError(code) from None


# --- files


class Masks(Closing):
    """The masks of one item, frame by frame; None where nothing is masked."""

    def __init__(self, path: Path, item: int):
        self._file = h5py.File(path)
        self._masks = self._file.get(f"items/{item}")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __getitem__(self, frame: int) -> np.ndarray | None:
        if self._masks is None:
            return None
        mask = self._masks[frame] > 0
        return mask if mask.any() else None

    def __bool__(self) -> bool:
        """Whether any frame is masked."""
        return self._masks is not None and any(
            self[frame] is not None for frame in range(len(self._masks))
        )


def painted_frames(
    source: Frames, masks: Masks, inputs: Inputs, item: int, done: Painted
) -> Iterator[np.ndarray]:
    """Yield the frames of an item with all patches applied, and count in ``done``."""
    with Reader(inputs.fills) as fills, Reader(inputs.painted) as painted:
        for frame in range(source.frames):
            stored, mask = source[frame], masks[frame]
            if mask is None:
                yield stored
                continue
            flat, crops = list(fills.of(item, frame)), list(painted.of(item, frame))
            out = paint(stored, mask, [*flat, *crops])
            done.frames.add(frame)
            done.masked_pixels += int(mask.sum())
            by_crops = written(mask.shape, crops) & mask
            done.painted_pixels += int(by_crops.sum())
            done.flat_pixels += int((mask & ~by_crops).sum())
            done.engines.update(patch.content.engine for patch in crops)
            done.texture_ratios.append(texture_ratio(out, mask))
            done.seam_steps.append(seam_step(out, mask))
            yield out


def written(shape: tuple[int, ...], patches: Iterable[Patch]) -> np.ndarray:
    """Where patches write, bool (rows, columns)."""
    where = np.zeros(shape, bool)
    for patch in patches:
        window = where[patch.top : patch.top + patch.rows, patch.left : patch.left + patch.columns]
        window |= patch.content.mask[: patch.rows, : patch.columns]
    return where


def outside_differing(original: Frames, candidate: Path, masks: Masks) -> int:
    """Decode a written candidate and count pixels outside the masks that are not the original's."""
    with open_frames(candidate) as after:
        if len(after) != len(original):
            return len(original) * original.rows * original.columns
        return sum(
            differing(original[frame], after[frame], masks[frame]) for frame in range(len(original))
        )


def write(dataset: pydicom.Dataset, out: Path) -> None:
    """Write a DICOM file with an empty preamble in the transfer syntax that its pixels have."""
    dataset.preamble = bytes(128)
    pydicom.dcmwrite(out, dataset, enforce_file_format=True)


def uid_of(content: str) -> str:
    """A UID for an object that has none, of its file's sha256 (PS3.5 annex B.2); never released."""
    return f"2.25.{int(content[:32], 16)}"


def give_own_uid(cleaned: metadata.Cleaned, old: str, content: str, key: bytes) -> None:
    """Give an object whose UID other objects share too a new one that depends on its content.

    ``content`` is the sha256 of the original. What refers to ``old`` keeps the UID that it has.
    """
    new = uid.UID(keys.uid(key, f"{old}\0{content}"))
    cleaned.dataset.SOPInstanceUID = cleaned.dataset.file_meta.MediaStorageSOPInstanceUID = new
    cleaned.uids.pop(old, None)


def place(cleaned: metadata.Cleaned, key: bytes) -> str:
    """Where a released object goes: a path of pseudonyms made with the key."""
    header = cleaned.dataset
    uids = (header.StudyInstanceUID, header.SeriesInstanceUID, header.SOPInstanceUID)
    labels = [keys.label(key, "path", str(value)) for value in uids]
    return "/".join(["dicom", cleaned.patient_out, *labels]) + ".dcm"


@dataclass(frozen=True)
class Plan:
    """What is the same for every item of a shard."""

    inputs: Inputs
    settings: metadata.Settings
    key: bytes
    folder: Path


def candidate(
    row: Mapping[str, str], plan: Plan, out: Path
) -> tuple[dict[str, Any], dict[str, str]]:
    """Make one candidate file; return what its row says of it, and its new UIDs by old.

    Raises
    ------
    ItemError
        with the reason why there is none
    """
    item, original = int(row["item"]), Path(row["path"])
    dataset = read_header(original)
    if "TransferSyntaxUID" not in getattr(dataset, "file_meta", ()):
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = transfer_syntax(dataset)
    if not elements.text_of(dataset, "SOPInstanceUID"):
        dataset.SOPInstanceUID = uid_of(sha256(original))
    if row["kind"] in PICTURELESS and "PixelData" in dataset:
        del dataset.PixelData  # nobody would look at a picture there
    done, scrubbed, touched = Painted(), 0, None
    with Masks(plan.inputs.masks, item) as masks:
        with failing("undecodable"):
            if masks:
                with StoredFrames(original) as source:
                    frames = painted_frames(source, masks, plan.inputs, item, done)
                    replace_pixels(dataset, frames, source.photometric)
            elif "PixelData" in dataset:
                scrubbed = scrub_stream(dataset)
            scrubbed += cut_lookup_tables(dataset)
        if row["pixels"] == "1":
            lossy = row["lossy"] == "1"
            frames_done = frozenset(done.frames)
            touched = metadata.Touched(done.masked_pixels, done.engine, lossy, frames_done)
        with failing("metadata_failed"):
            cleaned = metadata.clean(dataset, plan.key, plan.settings, touched)
        if row["shared_uid"] == "1":
            give_own_uid(cleaned, str(dataset.SOPInstanceUID), sha256(original), plan.key)
        with failing("not_written"):
            write(cleaned.dataset, out)
            differ = 0
            if "PixelData" in dataset:
                with StoredFrames(original) as source:
                    differ = outside_differing(source, out, masks)
    header = cleaned.dataset
    cells = {
        "output": place(cleaned, plan.key),
        "sha256_in": sha256(original),
        "patient_in": cleaned.patient_in,
        "issuer_in": elements.text_of(dataset, "IssuerOfPatientID"),
        "patient_out": cleaned.patient_out,
        "study_out": header.StudyInstanceUID,
        "series_out": header.SeriesInstanceUID,
        "sop_in": dataset.SOPInstanceUID,
        "sop_out": header.SOPInstanceUID,
        "frame_of_reference_out": header.get("FrameOfReferenceUID") or "",
        **painted_cells(done, plan),
        "outside_differing": differ,
        "scrubbed": scrubbed,
        "references": ";".join(references(dataset)) if row["kind"] in objects.REFERRING else "",
    }
    return cells, cleaned.uids


def volume(row: Mapping[str, str], plan: Plan, out: Path) -> dict[str, Any]:
    """Make a candidate of a NIfTI volume; return what its row says of it.

    Raises
    ------
    ItemError
        with the reason why there is none
    """
    item, original, done = int(row["item"]), Path(row["path"]), Painted()
    with Masks(plan.inputs.masks, item) as masks, nifti.Volume(original) as source:
        frames = painted_frames(source, masks, plan.inputs, item, done) if masks else None
        with failing("not_written"):
            scrubbed = nifti.write(source, frames, out)
            differ = outside_differing(source, out, masks)
    return {**beside(row, plan), **painted_cells(done, plan), "outside_differing": differ} | {
        "sop_in": row["volume"],
        "scrubbed": scrubbed,
    }


def sidecar(row: Mapping[str, str], plan: Plan, out: Path) -> dict[str, Any]:
    """Make a candidate of what lies beside a NIfTI volume, and goes with it."""
    original = Path(row["path"])
    options, naming = plan.settings.options, nifti.told(original)
    cleaned = sidecars.clean(original.read_bytes(), original.suffix.lower(), options, naming)
    out.write_bytes(cleaned)
    return beside(row, plan) | {"references": row["volume"]}


def beside(row: Mapping[str, str], plan: Plan) -> dict[str, Any]:
    """Cells of a NIfTI volume and of the files beside it: one name for all of them.

    A volume names no patient. Its folder does in BIDS (sub-01); else it is a patient of its own.
    """
    patient = keys.label(plan.key, "patient", f"nifti\0{row['subject'] or row['volume']}")
    label = keys.label(plan.key, "path", row["volume"])
    return {
        "output": f"nifti/{patient}/{label}{ending(row)}",
        "sha256_in": sha256(Path(row["path"])),
        "patient_out": patient,
        "series_out": label,
    }


def ending(row: Mapping[str, str]) -> str:
    """How the candidate's file ends."""
    path = Path(row["path"])
    if row["kind"] == nifti.VOLUME:
        return nifti.suffix_of(path)
    return path.suffix.lower() if row["kind"] == nifti.SIDECAR else ".dcm"


def painted_cells(done: Painted, plan: Plan) -> dict[str, Any]:
    """Cells about what was painted."""
    return {
        "masked_frames": len(done.frames),
        "masked_pixels": done.masked_pixels,
        "flat_pixels": done.flat_pixels,
        "painted_pixels": done.painted_pixels,
        "engine": done.engine,
        "texture_ratio": average(done.texture_ratios),
        "seam_step": average(done.seam_steps),
    }


def attempt(
    plan: Plan, task: tuple[Mapping[str, str], str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Make one candidate, or say why not; never stops the others.

    ``task`` is the item's row of the shard and the code of what failed already, or an empty
    string. Returns its row of candidates.tsv and its new UIDs by old.
    """
    row, reason = task
    counts = [int(row[name] or 0) for name in ("frames", "rows", "columns")]
    cells: dict[str, Any] = {
        **dict.fromkeys(COLUMNS, ""),
        **{
            name: row[name]
            for name in ("item", "modality", "kind", "series", "frames", "shared_uid")
        },
        **dict.fromkeys(("outside_differing", "masked_frames", "masked_pixels", "scrubbed"), 0),
        "pixels_total": int(np.prod(counts)),
    }
    out = plan.folder
    if not reason:
        try:
            with failing("not_written"):
                if not unchanged(row):
                    raise ItemError("changed_input")
                out = plan.folder / f"{row['item']}{ending(row)}"
                uids: dict[str, str] = {}
                if row["kind"] == nifti.VOLUME:
                    made = volume(row, plan, out)
                elif row["kind"] == nifti.SIDECAR:
                    made = sidecar(row, plan, out)
                else:
                    made, uids = candidate(row, plan, out)
            return cells | made | {"status": "candidate", "file": out.name}, uids
        except ItemError as error:
            reason = error.code
            log.warning("item %s: %s", row["item"], error)
            if out != plan.folder:
                out.unlink(missing_ok=True)
    return cells | {"status": "held_back", "reason_code": reason}, {}


def failures(masks: Path, regions: Path, rows: Iterable[Mapping[str, str]]) -> dict[int, str]:
    """Reason codes of items that stages before could not handle."""
    with h5py.File(masks) as file:
        failed = {int(item): code for item, code in json.loads(file.attrs["failed"]).items()}
    frames_of = {int(row["item"]): int(row["frames"] or 1) for row in rows if row["pixels"] == "1"}
    return dict.fromkeys(unexamined(frames_of, load(regions)), "not_examined") | failed


def reassemble(
    shard: Path,
    regions: Path,
    inputs: Inputs,
    settings: metadata.Settings,
    key: bytes,
    threads: int,
    candidates: Path,
    table: Path,
    uids: Path,
) -> None:
    """Make the candidates of a shard, their table and the table of their UIDs."""
    rows = records(shard)
    failed = failures(inputs.masks, regions, rows)
    mapping: dict[str, str] = {}
    lines = []
    with replacing(candidates) as folder:
        make_private(folder)
        work = partial(attempt, Plan(inputs, settings, key, folder))
        tasks = ((row, failed.get(int(row["item"]), "")) for row in rows)
        sizes = [int(row["frames"] or 1) for row in rows]
        for cells, new in told(in_order(work, tasks, threads), sizes, "frames"):
            lines.append(cells)
            mapping |= new
    tables.write(table, lines, COLUMNS)
    tables.write(
        uids,
        [dict(zip(UID_COLUMNS, pair, strict=True)) for pair in sorted(mapping.items())],
        UID_COLUMNS,
    )
    log.info(
        "%d items: %d candidates, %d held back, %d with painted pixels",
        len(lines),
        sum(line["status"] == "candidate" for line in lines),
        sum(line["status"] == "held_back" for line in lines),
        sum(bool(line["masked_pixels"]) for line in lines),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("shard", "regions", "masks", "fills", "painted", "key"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--project", required=True)
    parser.add_argument("--settings", type=json.loads, required=True, help="JSON of metadata")
    parser.add_argument("--mending", type=int, default=0, help="see module mending")
    parser.add_argument("--threads", type=int, default=1)
    for name in ("candidates", "table", "uids"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options: Any = parser.parse_args(argv)
    reassemble(
        options.shard,
        options.regions,
        Inputs(options.masks, options.fills, options.painted),
        metadata.Settings(**options.settings),
        keys.project_key(keys.load(options.key), options.project),
        options.threads,
        options.candidates,
        options.table,
        options.uids,
    )
    if options.mending:
        mending.note(options.table.parents[1], options.mending, options.table.parent.name)


if __name__ == "__main__":
    command(main)
