"""The first planting of every frame painted by every method, and how near that is to the truth.

Masks are two: the pixels that the writing changed, grown as ``holes.strokes`` does, and the mask
that a run would make. In the mask a painting is compared with the frame as it was; on the frame
letters that the mask missed count as errors too.
"""

import argparse
import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from skimage.metrics import structural_similarity

from unburn import fidelity, holes, planted, restoration, weights
from unburn.engines import GENERATOR
from unburn.errors import command
from unburn.files import replacing
from unburn.paint_pictures import paint_picture, painter
from unburn.parallel import in_order
from unburn.restoration import BLACK_BOX, NAVIER_STOKES, OURS, TELEA, Method
from unburn.settings import defaults
from unburn.tables import write_csv

log = logging.getLogger(__name__)

ORACLE, PIPELINE = "exact mask", "found mask"
MASKS = (ORACLE, PIPELINE)
BASELINES = (OURS, TELEA, NAVIER_STOKES, BLACK_BOX)
CLEAN, BURNED = "clean", "burned-in"  # frames that nothing was painted in
NO_CONTEXT = "without modality"
COLUMNS = (
    "method", "mask", "frame", "group", "modality", "pixels", "mse", "psnr", "ssim", "texture",
    "spectral_db", "frame_mse", "frame_psnr", "frame_ssim",
)  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """What paints: the detector that makes masks, and the generator's weights, if any."""

    detector: Path
    sd2_weights: Path | None


@lru_cache(maxsize=1)
def methods(bench: Bench) -> dict[str, Method]:
    """Every method by name; the generator with and without the modality in its prompt."""
    every = restoration.methods(None)
    found = {name: every[name] for name in BASELINES}
    if bench.sd2_weights:
        name = weights.checked(bench.sd2_weights).name
        section = {**defaults()["inpaint"], "seed": defaults()["seed"], "engine": GENERATOR}
        section["sd2_weights"] = str(bench.sd2_weights)
        for label, context in ((name, True), (f"{name}, {NO_CONTEXT}", False)):
            found[label] = partial(paint_picture, paint=painter({**section, "context": context}))
    return found


def masks_of(one: planted.Planted, detector: Path) -> dict[str, np.ndarray]:
    """Both masks of a frame, bool (rows, columns)."""
    changed = (one.burned != one.clean).astype(np.uint8)  # letters, and outlines around them
    return {ORACLE: holes.strokes(changed), PIPELINE: restoration.found_mask(one.burned, detector)}


def judged(
    clean: np.ndarray, burned: np.ndarray, painted: np.ndarray, mask: np.ndarray
) -> dict[str, float]:
    """Every figure of one painted frame; pictures uint8 (rows, columns)."""
    one, two = clean.astype(np.float64), painted.astype(np.float64)
    figures = {
        "frame_mse": fidelity.squared_error(one, two, np.ones_like(mask)),
        "frame_psnr": fidelity.psnr(one, two),
        "frame_ssim": float(structural_similarity(one, two, win_size=7, data_range=255.0)),
    }
    if mask.any():
        # beside the mask both show what was burned in, so that only what was painted counts
        truth = np.where(mask, clean, burned).astype(np.float64)
        figures |= {
            "mse": fidelity.squared_error(truth, two, mask),
            "psnr": fidelity.psnr(truth[mask], two[mask]),
            "ssim": fidelity.similarity(truth, two, mask)[0],
            "texture": fidelity.texture(truth, two, mask),
            "spectral_db": fidelity.spectral_distance(truth, two, mask),
        }
    return figures


@dataclass(frozen=True)
class Restored:
    """Figures of one frame, and its paintings by method and mask."""

    frame: int
    rows: list[dict[str, Any]]
    pictures: dict[tuple[str, str], np.ndarray]


def measure(frame: int, path: Path, bench: Bench) -> Restored:
    """Paint a frame by every method under both masks."""
    one = planted.load(path, frame)
    named = {"frame": frame, "group": one.group, "modality": one.modality}
    rows = []
    pictures = {}
    for label, mask in masks_of(one, bench.detector).items():
        wiped = restoration.wiped(one.burned, mask)
        for name, method in methods(bench).items():
            painted = method(wiped, mask, one.modality.split("/")[0]) if mask.any() else one.burned
            figures = judged(one.clean, one.burned, painted, mask)
            finite = {k: v if math.isfinite(v) else "" for k, v in figures.items()}
            rows.append(
                {"method": name, "mask": label, **named, "pixels": int(mask.sum()),
                 **restoration.rounded(finite)}
            )  # fmt: skip
            pictures[name, label] = painted
    return Restored(frame, rows, pictures)


def run(path: Path, bench: Bench, threads: int, out: Path) -> None:
    """Write ``restored.csv``, ``restored.h5`` and ``restored.json`` to ``out``."""
    rows: list[dict[str, Any]] = []
    work = partial(measure, path=path, bench=bench)
    with replacing(out / "restored.h5") as tmp, h5py.File(tmp, "w") as file:
        for found in in_order(work, planted.frames_of(path, 0), threads):
            rows += found.rows
            for (name, label), picture in found.pictures.items():
                file.create_dataset(
                    f"{found.frame:05d}/{label}/{name}", data=picture, compression="lzf"
                )
    write_csv(out / "restored.csv", [{**dict.fromkeys(COLUMNS, ""), **r} for r in rows], COLUMNS)
    about = {"methods": list(methods(bench)), "generator": bench.sd2_weights is not None}
    with replacing(out / "restored.json") as tmp:
        tmp.write_text(json.dumps(about, indent=1) + "\n")


Version = tuple[str, str, np.ndarray]  # method, mask, picture uint8 (rows, columns)


def unpainted(one: planted.Planted) -> Iterator[Version]:
    """A frame without text, then with it, both under no mask."""
    yield CLEAN, "", one.clean
    yield BURNED, "", one.burned


def paintings(restored: Path, frame: int, masks: Sequence[str] = MASKS) -> Iterator[Version]:
    """What every method made of a frame."""
    with h5py.File(restored) as file:
        for label in masks:
            for name, picture in file[f"{frame:05d}/{label}"].items():
                yield name, label, picture[:]


def bench_of(given: Mapping[str, Any], detector: Path) -> Bench:
    """What the section tables of the benchmark's settings describes."""
    return Bench(detector, Path(given["sd2_weights"]) if given["sd2_weights"] else None)


def main(argv: Sequence[str] | None = None) -> None:
    """Paint the first planting of every frame by every method and measure what comes out."""
    parser = argparse.ArgumentParser(
        prog="python -m unburn.planted_restoration", description=main.__doc__
    )
    parser.add_argument("--planted", type=Path, required=True, help="planted.h5")
    parser.add_argument("--settings", type=json.loads, required=True, help="section tables")
    parser.add_argument("--weights", type=Path, required=True, help="of the detector")
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    options = parser.parse_args(argv)
    bench = bench_of(options.settings, options.weights)
    run(options.planted, bench, options.threads, options.out)


if __name__ == "__main__":
    command(main)
