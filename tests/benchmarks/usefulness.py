"""How much is released: frames without text, and the same frames with text burned in.

    python tests/benchmarks/usefulness.py FRAMES.csv RUN [--per-modality N] [--seed N]

FRAMES.csv has the columns path (relative to it), modality and patient_or_series. The script writes
the frames as DICOM into RUN, once as they are and once with lines of text, runs the workflow on
both as two submissions, and prints the release rates with exact 95 % bounds (Clopper-Pearson).
The lines are drawn by OpenCV's and Pillow's own fonts, not by the renderer that the detector was
trained with.
"""

import argparse
import csv
import sys
from pathlib import Path

import cv2
import h5py
import numpy as np
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from runs import make_run, snakemake
from unburn import judging, tables
from unburn.planted_release import SOP_CLASSES, as_dicom

NAMES = ("NORDHAUS", "Quillfeather", "OYELARAN", "Sinclair-Moss", "TREVANION", "Wachowiak")
GIVEN = ("Ottilie", "BERTRAM", "Ines", "CASPAR", "Leocadia", "MAGNUS")


def lines_of(rng: np.random.Generator) -> tuple[str, str, list[str]]:
    """A made-up person: name and number, and the lines that a scanner would burn in."""
    name = f"{rng.choice(NAMES)}, {rng.choice(GIVEN)}"
    number = f"{rng.integers(10**6, 10**7)}"
    day, month, year = rng.integers(1, 28), rng.integers(1, 13), rng.integers(1931, 2009)
    lines = [name, f"ID {number}", f"*{day:02d}.{month:02d}.{year}", "St. Elsewhere Hospital"]
    lines += [f"{rng.integers(2019, 2025)}-{month:02d}-{day:02d} {rng.integers(7, 19)}:41"]
    keep = rng.permutation(len(lines))[: rng.integers(2, 6)]
    return name, number, [lines[k] for k in sorted(keep)]


def burn(rng: np.random.Generator, frame: np.ndarray, lines: list[str]) -> tuple[np.ndarray, list]:
    """Draw lines into uint8 (rows, columns); return the frame and (top, left, ink mask) of each."""
    rows, columns = frame.shape
    size = int(np.clip(columns / rng.uniform(22, 40), 9, 40))
    left = int(rng.integers(3, 12)) if rng.random() < 0.7 else columns // 3
    top = int(rng.integers(3, 12)) if rng.random() < 0.7 else int(rows * rng.uniform(0.3, 0.5))
    level = int(rng.choice([255, 235, 200]))
    out, inks = frame.copy(), []
    for text in lines:
        sheet = Image.new("L", (columns, rows))
        if rng.random() < 0.5:
            font = ImageFont.load_default(size)
            ImageDraw.Draw(sheet).text((left, top), text, font=font, fill=255)
            ink = np.asarray(sheet)
        else:
            ink = np.asarray(sheet).copy()
            place = (left, top + size)
            cv2.putText(ink, text, place, cv2.FONT_HERSHEY_SIMPLEX, size / 26, 255, 1, cv2.LINE_AA)
        out = (out + (level - out.astype(float)) * (ink / 255)).round().astype(np.uint8)
        inks.append(ink > 127)
        top += int(size * 1.5)
        if top + size > rows:
            break
    return out, inks


def make(table: Path, folder: Path, per_modality: int, seed: int) -> dict[str, list]:
    """Write both submissions; return the ink of each line by the file's name."""
    rng = np.random.default_rng(seed)
    with open(table, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    inks: dict[str, list] = {}
    for modality in SOP_CLASSES:
        wanted = [row for row in rows if row["modality"].split("/")[0] == modality]
        for number in sorted(rng.permutation(len(wanted))[:per_modality]):
            row = wanted[number]
            frame = cv2.imread(str(table.parent / row["path"]), cv2.IMREAD_GRAYSCALE)
            name, patient, lines = lines_of(rng)
            burned, inks[f"{modality}{number:04d}"] = burn(rng, frame, lines)
            for kind, pixels in (("clean", frame), ("text", burned)):
                uid = f"1.2.826.0.1.3680043.8.498.77.{len(inks)}.{int(kind == 'text')}"
                out = folder / kind / f"{modality}{number:04d}.dcm"
                out.parent.mkdir(parents=True, exist_ok=True)
                one = as_dicom(pixels, modality, name, patient, uid)
                one.save_as(out, enforce_file_format=True)
    return inks


def bounded(hits: int, total: int) -> str:
    """A share with its exact two-sided 95 % bounds."""
    if not total:
        return "-"
    low, high = judging.bounds(hits, total)
    return f"{hits}/{total} = {hits / total:.3f} ({low:.3f}-{high:.3f})"


def found(run: Path, kind: str) -> list[dict]:
    """Every item of a submission: name, status, reason, masks (bool (1, rows, columns) or None)."""
    work = run / "work" / kind
    masks = {}
    for file in work.glob("[0-9]*/masks.h5"):
        with h5py.File(file) as archive:
            masks |= {item: data[:] != 0 for item, data in archive.get("items", {}).items()}
    return [
        {
            "name": Path(row.input).stem,
            "released": row.status == "released",
            "reason": row.reason_code,
            "mask": masks.get(row.item),
        }
        for row in tables.read(work / "ledger.tsv").itertuples()
    ]


def main() -> None:
    """Make, run, count, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("frames", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--per-modality", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    data = options.run / "data"
    inks = make(options.frames, data, options.per_modality, options.seed)
    make_run(options.run, {kind: (data / kind).resolve() for kind in ("clean", "text")})
    result = snakemake(options.run)
    print(result.stderr[-2000:] if result.returncode else "the run ended with exit code 0")

    clean, text = found(options.run, "clean"), found(options.run, "text")
    print("modality | released, no text | masked, no text | released, text masked | lines masked")
    for modality in [*SOP_CLASSES, ""]:
        plain = [item for item in clean if item["name"].startswith(modality)]
        burned = [item for item in text if item["name"].startswith(modality)]
        masked = [item for item in burned if item["mask"] is not None]
        lines = [
            item["mask"] is not None and item["mask"][0][ink].mean() >= 0.9
            for item in burned
            for ink in inks[item["name"]]
            if ink.any()
        ]
        cells = [
            bounded(sum(item["released"] for item in plain), len(plain)),
            bounded(sum(item["mask"] is not None for item in plain), len(plain)),
            bounded(sum(item["released"] for item in masked), len(masked)),
            bounded(sum(lines), len(lines)),
        ]
        print(" | ".join([modality or "all", *cells]))
    for kind, items in (("clean", clean), ("text", text)):
        held = [f"{item['name']} {item['reason']}" for item in items if not item["released"]]
        print(f"held back of {kind}: {held or 'none'}")


if __name__ == "__main__":
    main()
