"""A finished submission of many series, made without a run: tables, masks, files, metrics.

Scores and pixels are drawn by chance from a seed. Files of one modality are one file under many
names, so that hundreds of series take no space; they decode like any other.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pydicom
from pydicom.uid import ExplicitVRLittleEndian

from unburn import evaluate, gate, plan, policy, reassemble, release, tables
from unburn.mask import KNOWN

Row = dict[str, Any]

EXAMINED = [
    *[("item", "<i4"), ("frame", "<i4"), ("suspicion", "<f4"), ("regions", "<i4")],
    ("comparable", "?"),
]
REGIONS = [
    *[("item", "<i4"), ("frame", "<i4"), ("quad", "<f4", (4, 2)), ("score", "<f4")],
    *[("height", "<f4"), ("source", "S12"), ("kind", "S12"), ("agreed", "?"), ("fact", "S48")],
]
HELD_EVERY = 3  # item of series that are no volumes
PAINTED_SHARE = 0.6


@dataclass(frozen=True)
class Kind:
    """What series of one modality are like."""

    modality: str
    items: int
    frames: int  # of an item
    rows: int
    columns: int
    colour: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an item's pixels, without samples."""
        return self.frames, self.rows, self.columns


KINDS = (
    Kind("CT", 40, 1, 512, 512),
    Kind("MR", 24, 1, 256, 256),
    Kind("US", 3, 1, 480, 640, colour=True),
    Kind("CR", 2, 1, 2000, 1600),
    Kind("XA", 1, 20, 512, 512),
)


def picture(kind: Kind, rng: np.random.Generator) -> np.ndarray:
    """A bright body with noise, which packs like pictures of scanners."""
    down, across = np.mgrid[-1 : 1 : kind.rows * 1j, -1 : 1 : kind.columns * 1j]
    body = np.clip(1.2 - np.hypot(down, across), 0, 1)
    grey = 900 * body + rng.normal(0, 40, kind.shape) * (body > 0)
    if not kind.colour:
        return np.clip(grey, 0, 4095).astype(np.uint16)
    return np.clip(np.repeat(grey[..., None] / 5, 3, axis=-1), 0, 255).astype(np.uint8)


def mask_of(kind: Kind) -> np.ndarray:
    """Text in two corners: uint8 (frames, rows, columns)."""
    mask = np.zeros(kind.shape, np.uint8)
    mask[:, 4 : kind.rows // 8, 4 : kind.columns // 3] = 1
    mask[:, -kind.rows // 10 : -4, -kind.columns // 4 : -4] = 1
    return mask


def write_object(path: Path, kind: Kind, pixels: np.ndarray) -> None:
    """Write frames as an uncompressed DICOM object."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "2.25.1"
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = kind.shape
    dataset.SamplesPerPixel = 3 if kind.colour else 1
    dataset.PhotometricInterpretation = "RGB" if kind.colour else "MONOCHROME2"
    if kind.colour:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = 8 * pixels.dtype.itemsize
    dataset.BitsStored = 8 if kind.colour else 12
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, 0
    dataset.PixelData = pixels.tobytes()
    dataset.save_as(path, enforce_file_format=True)


def lines(item: int, kind: Kind, rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
    """Regions of one item: one to six lines a frame, near the margins."""
    for frame in range(kind.frames):
        for _ in range(int(rng.integers(1, 7))):
            left, top = 0.6 * rng.random() * kind.columns, rng.choice([0.03, 0.9]) * kind.rows
            right, bottom = left + 0.3 * kind.columns, top + 0.04 * kind.rows
            quad = [(left, top), (right, top), (right, bottom), (left, bottom)]
            score, height = 1 - 0.9 * rng.random() ** 4, 8 * rng.lognormal(0.5, 0.4)
            yield item, frame, quad, score, height, b"crnn", b"text", False, b""


def rows_of(
    item: int, number: int, kind: Kind, inputs: Path, rng: np.random.Generator
) -> dict[str, Row]:
    """The lines of one item in each table, by the table's name."""
    painted = rng.random() < PAINTED_SHARE
    held = kind.items <= 3 and item % HELD_EVERY == 0
    code = ("residual_text" if item % 2 else "over_painted") if held else ""
    masked = int(painted * mask_of(kind).sum())
    folder = f"dicom/patient{number % 97:08x}/study{number:08x}/series{number:08x}"
    output = f"{folder}/{item:08x}.dcm"
    path, digest = inputs / f"{kind.modality}.dcm", f"{item:064x}"
    common = {"item": item, "modality": kind.modality, "kind": "image", "series": f"s{number:05d}"}
    found = {
        "inventory": common | {"path": path, "status": "planned"},
        "shards": common
        | {"path": path, "pixels": 1, "frames": kind.frames}
        | {"rows": kind.rows, "columns": kind.columns},
        "candidates": common
        | {"file": f"{item}.dcm", "status": "candidate", "output": output, "sha256_in": digest}
        | {"series_out": f"2.25.{number + 1}", "frames": kind.frames}
        | {"masked_frames": kind.frames * painted, "masked_pixels": masked}
        | {"pixels_total": int(np.prod(kind.shape)), "flat_pixels": masked // 2}
        | {"painted_pixels": masked - masked // 2, "outside_differing": 0, "scrubbed": 0},
        "verdicts": {"item": item, "verdict": "hold" if held else "release", "reason_code": code}
        | {"face": 0, "frames": kind.frames, "frames_suspicious": kind.frames * painted}
        | {"frames_read": kind.frames, "frames_failed": 0, "sha256": digest},
        "ledger": {"item": item, "input": path, "reason_code": code}
        | ({"status": "held_back"} if held else {"status": "released", "output": output}),
    }
    if painted:
        found["candidates"] |= {"engine": "classic", "seam_step": rng.normal(0, 2)}
        found["candidates"] |= {"texture_ratio": 0.6 + 0.5 * rng.random()}
    if held:
        found["held_back"] = {"item": item, "reason_code": code}
    else:
        found["released"] = {"output": output, "kind": "image", "modality": kind.modality}
        found["released"] |= {"series": f"2.25.{number + 1}", "frames": kind.frames}
    return found


def write_table(path: Path, rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Write a table; what a row does not name is empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tables.write(path, (dict.fromkeys(columns, "") | row for row in rows), columns)


def make(run: Path, label: str, series: int, provenance: Mapping[str, Any], seed: int = 0) -> None:
    """Make a finished submission of ``series`` series below ``run``, with its metrics."""
    rng = np.random.default_rng(seed)
    work, results, inputs = run / "work" / label, run / "results" / label, run / "inputs"
    shard = work / "00000"
    for folder in (shard, inputs):
        folder.mkdir(parents=True)
    rows: dict[str, list[Row]] = defaultdict(list)
    regions: list[tuple[Any, ...]] = []
    examined: list[tuple[Any, ...]] = []
    with h5py.File(shard / "masks.h5", "w") as masks:
        masks.attrs["policy"] = "all"
        for name, dtype in (("kept", policy.KEPT), ("known", KNOWN), ("facts", policy.FACT)):
            masks[name] = np.zeros(0, dtype)
        masks["fell_back"] = np.zeros(0, int)
        for kind in KINDS:
            pixels = picture(kind, rng)
            write_object(run / f"{kind.modality}.dcm", kind, pixels)
            pixels[:, : kind.rows // 12, : kind.columns // 3] = pixels.max()
            write_object(inputs / f"{kind.modality}.dcm", kind, pixels)
            masks[f"of/{kind.modality}"] = mask_of(kind)
        dealt = [(n, KINDS[n % len(KINDS)]) for n in range(series)]
        each = [(n, kind) for n, kind in dealt for _ in range(kind.items)]
        for item, (number, kind) in enumerate(each, 1):
            found = rows_of(item, number, kind, inputs, rng)
            for name, row in found.items():
                rows[name].append(row)
            place = results / found["candidates"]["output"]
            if "held_back" in found:
                place = shard / "candidates" / f"{item}.dcm"
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(run / f"{kind.modality}.dcm", place)
            painted = found["candidates"]["masked_pixels"] > 0
            if painted:
                masks[f"items/{item}"] = masks[f"of/{kind.modality}"]
                regions += lines(item, kind, rng)
            score = 0.9 if painted else float(rng.random() ** 3 / 11)
            examined += [(item, frame, score, painted, True) for frame in range(kind.frames)]
        del masks["of"]
    with h5py.File(shard / "regions.h5", "w") as file:
        file["regions"] = np.array(regions, REGIONS)
        file["examined"] = np.array(examined, EXAMINED)
    write_table(work / "inventory.tsv", rows["inventory"], plan.INVENTORY)
    write_table(work / "shards" / "00000.tsv", rows["shards"], plan.SHARD)
    write_table(work / "ledger.tsv", rows["ledger"], release.LEDGER_COLUMNS)
    write_table(shard / "candidates.tsv", rows["candidates"], reassemble.COLUMNS)
    write_table(shard / "verdicts.tsv", rows["verdicts"], gate.COLUMNS)
    write_table(results / "released.tsv", rows["released"], release.RELEASED_COLUMNS)
    write_table(results / "held_back.tsv", rows["held_back"], release.HELD_COLUMNS)
    metrics = evaluate.evaluate(label, work, results, evaluate.Settings("", 0.9, 0.25))
    (results / "metrics.json").write_text(json.dumps(metrics))
    (results / "provenance.json").write_text(json.dumps(provenance))


def metrics(run: Path, label: str) -> dict[str, Any]:
    """The metrics of a made submission."""
    return dict(json.loads((run / "results" / label / "metrics.json").read_text()))


def add(run: Path, label: str, **sections: Any) -> None:
    """Add sections to the metrics of a made submission."""
    out = run / "results" / label / "metrics.json"
    out.write_text(json.dumps(metrics(run, label) | sections))


def arguments(run: Path, label: str, pictures: int = 12) -> list[str]:
    """The command line that makes the pages of a made submission."""
    work, results = run / "work" / label, run / "results" / label
    options = {
        **{"submission": label, "work": work, "results": results},
        **{"metrics": results / "metrics.json", "provenance": results / "provenance.json"},
        **{"settings": json.dumps({"pictures": pictures}), "out": results / "report.html"},
        **{"review": work / "review.html", "figures": work / "figures"},
    }
    return [text for name, value in options.items() for text in (f"--{name}", str(value))]
