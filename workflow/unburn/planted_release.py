"""The planted set through the real workflow: which lines are left in what it releases.

Every planted frame becomes a DICOM object of a patient of its own, whose header names the person
that stands in the picture; every frame without text becomes one too, in a submission of its own.
A run reads every frame in its gate. Truth then tells, for each line, how much of its ink the mask
covers and whether its object was released; and Tesseract, which the gate did not use, reads what
was released.
"""

import argparse
import shutil
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from unburn import judging, keys, planted, readers, tables
from unburn.errors import command
from unburn.frames import display
from unburn.ledger import records, shard_folders
from unburn.parallel import in_order
from unburn.pixels import StoredFrames
from unburn.planted_reading import counted, judged

TEXT, CLEAN = "text", "clean"  # the two submissions
SOP_CLASSES = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
    "US": "1.2.840.10008.5.1.4.1.1.6.1",
    "CR": "1.2.840.10008.5.1.4.1.1.1",
}
ROOT = "1.2.826.0.1.3680043.8.498.78"
LINE_COLUMNS = (
    "frame", "line", "layout", "released", "ink", "masked", "legible", "likeness",
)  # fmt: skip
ITEM_COLUMNS = ("submission", "frame", "modality", "status", "reason_code", "masked_pixels")


def as_dicom(frame: np.ndarray, modality: str, name: str, number: str, uid: str) -> Dataset:
    """Wrap a frame into the object of its modality; CT, MR and PET get 12 of 16 bits.

    ``frame`` uint8 (rows, columns); ``name`` "Family, Given".
    """
    deep = modality in ("CT", "MR", "PT")
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID = UID(SOP_CLASSES[modality])
    one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID = UID(f"{uid}.3")
    one.StudyInstanceUID, one.SeriesInstanceUID = f"{uid}.1", f"{uid}.2"
    one.PatientName, one.PatientID, one.Modality = name.replace(", ", "^"), number, modality
    one.StudyDate, one.ImageType = "20210304", ["ORIGINAL", "PRIMARY"]
    one.Rows, one.Columns = frame.shape
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.PixelRepresentation = 0
    one.BitsAllocated, one.BitsStored, one.HighBit = (16, 12, 11) if deep else (8, 8, 7)
    stored = frame.astype("<u2") * 16 if deep else frame
    one.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
    return one


def prepare(path: Path, seed: int, run: Path) -> None:
    """Write both submissions, sheet, key and settings of a run into the folder ``run``."""
    shutil.rmtree(run, ignore_errors=True)  # results of another set
    for frame in planted.frames_of(path):
        one = planted.load(path, frame)
        modality = one.modality.split("/")[0]
        pictures = {TEXT: one.burned} | ({CLEAN: one.clean} if one.planting == 0 else {})
        for label, picture in pictures.items():
            uid = f"{ROOT}.{frame + 1}.{int(label == TEXT)}"
            out = run / "data" / label / f"{frame:05d}.dcm"
            out.parent.mkdir(parents=True, exist_ok=True)
            dataset = as_dicom(picture, modality, one.name, one.number, uid)
            dataset.save_as(out, enforce_file_format=True)
    rows = [f"{label}\t{(run / 'data' / label).resolve()}" for label in (TEXT, CLEAN)]
    (run / "sheet.tsv").write_text("\n".join(["submission\tpath", *rows]) + "\n")
    keys.write_known(run / "unburn.key", f"the key of the planted set {seed}")
    (run / "config.yaml").write_text(
        yaml.safe_dump({"sheet": "sheet.tsv", "key_file": "unburn.key", "gate": {"read": "all"}})
    )


# ------------------------------------------------------------------ judging


def masks_of(work: Path) -> dict[str, np.ndarray]:
    """Mask of each item that has one, bool (rows, columns), by its number in the ledger."""
    found: dict[str, np.ndarray] = {}
    for folder in shard_folders(work):
        with h5py.File(folder / "masks.h5") as file:
            found |= {item: data[0] != 0 for item, data in file.get("items", {}).items()}
    return found


@lru_cache(maxsize=1)
def _reader() -> readers.Reader:
    return readers.tesseract()


def measure(
    task: tuple[int, bool, np.ndarray | None, Path | None], path: Path
) -> list[dict[str, Any]]:
    """Rows of the lines of one frame: (frame, whether released, mask, released file)."""
    frame, released, mask, file = task
    one = planted.load(path, frame)
    covered = np.zeros(one.owner.shape, bool) if mask is None else mask
    rows: list[dict[str, Any]] = [
        {"frame": frame, "line": k, "layout": one.layout, "released": int(released), "ink": ink,
         "masked": masked, "legible": "", "likeness": ""}
        for k, (ink, masked) in enumerate(judging.ink_under(one.owner, covered, len(one.texts)))
    ]  # fmt: skip
    if released and file is not None:
        with StoredFrames(file) as source:
            picture = display(source[0], source)
        read = [(line.text, line.score, line.quad) for line in _reader().read(picture)]
        chosen = counted(one)
        texts = [one.texts[k] for k in chosen]
        found = judged(read, texts, one.quads[chosen], picture.shape[:2])
        for k, (seen, like) in zip(chosen, found, strict=True):
            rows[k] |= {"legible": seen, "likeness": like}
    return [row for row in rows if row["ink"]]


def judge(path: Path, run: Path, threads: int, out: Path) -> None:
    """Write ``released_lines.csv`` and ``released_items.csv`` to ``out``."""
    items: list[dict[str, Any]] = []
    tasks = []
    for label in (TEXT, CLEAN):
        work, results = run / "work" / label, run / "results" / label
        masks = masks_of(work)
        for row in records(work / "ledger.tsv"):
            frame = int(Path(row["input"]).stem)
            mask = masks.get(row["item"])
            items.append(
                {**row, "submission": label, "frame": frame,
                 "modality": planted.load(path, frame).modality,
                 "masked_pixels": 0 if mask is None else int(mask.sum())}
            )  # fmt: skip
            if label == TEXT:
                released = row["status"] == "released"
                file = results / row["output"] if released else None
                tasks.append((frame, released, mask, file))
    tasks.sort(key=lambda task: task[0])
    lines = [row for rows in in_order(partial(measure, path=path), tasks, threads) for row in rows]
    tables.write_csv(out / "released_lines.csv", lines, LINE_COLUMNS)
    items.sort(key=lambda row: (row["submission"], row["frame"]))
    tables.write_csv(out / "released_items.csv", items, ITEM_COLUMNS)


def main(argv: Sequence[str] | None = None) -> None:
    """Prepare a run of the planted set, or judge what it released."""
    parser = argparse.ArgumentParser(
        prog="python -m unburn.planted_release", description=main.__doc__
    )
    parser.add_argument("what", choices=["prepare", "judge"])
    parser.add_argument("--planted", type=Path, required=True, help="planted.h5")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run")
    parser.add_argument("--seed", type=int, default=0, help="of the run's key")
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, help="folder to write to")
    options = parser.parse_args(argv)
    if options.what == "prepare":
        prepare(options.planted, options.seed, options.run)
    else:
        judge(options.planted, options.run, options.threads, options.out)


if __name__ == "__main__":
    command(main)
