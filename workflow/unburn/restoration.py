"""The restoration benchmark: every engine beside plain OpenCV and a black box, in one run.

Frames, holes and cines are those of ``holes``; what is measured stands in ``fidelity``. Each method
gets a frame whose masked pixels are wiped out, and the mask. Tables and pictures are made of the
figures by ``restoration_tables``.
"""

import argparse
import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from unburn import challenge, fidelity, holes, mask, mask_pictures, weights
from unburn.blending import texture_ratio
from unburn.engines import DETAIL_SIGMA_PX, GENERATOR
from unburn.errors import command
from unburn.files import replacing, sha256
from unburn.frames import views
from unburn.grounds import Source
from unburn.holes import Hole
from unburn.paint_pictures import paint_picture, painter
from unburn.parallel import in_order
from unburn.settings import defaults
from unburn.tables import write_csv

log = logging.getLogger(__name__)

OURS = "classic"  # the embedded default, as a run paints
FILL = "classic without noise"
TELEA, NAVIER_STOKES, BLACK_BOX = "OpenCV Telea", "OpenCV Navier-Stokes", "black box"
MOVED = "fill, the truth's own texture moved"  # no method: it knows the truth
MOVED_PX = 9  # both ways, beyond the reach of what is finer than DETAIL_SIGMA_PX
RADIUS_PX = 3
ENGINES: dict[str, dict[str, Any]] = {
    OURS: {"engine": "classic"},
    FILL: {"engine": "classic", "noise": False},
    "telea": {"engine": "telea"},
    "flat": {"engine": "flat"},
}
ORACLE, PIPELINE = "text, exact mask", "text, found mask"
WRITTEN = "written text"  # the ground of both: corners and middle
CHOSEN = 12  # frames whose paintings are kept as pictures, and that become cines
SHOWN_PX = 40  # context of a hole in the pictures

ROW_COLUMNS = (
    "method", "frame", "modality", "bits", "shape", "ground", "pixels", "mse", "psnr", "ssim",
    "texture", "texture_to_ring", "spectral_db", "frame_mse", "frame_psnr", "frame_ssim", "outside",
    "cpu_ms",
)  # fmt: skip
CINE_COLUMNS = ("method", "frame", "modality", "motion", "inside", "around")

# (stored uint8 or uint16 (rows, columns), wiped out under the mask; mask; modality) to painted
Method = Callable[[np.ndarray, np.ndarray, str], np.ndarray]


@dataclass(frozen=True)
class Bench:
    """What a run of the benchmark depends on."""

    seed: int
    frames: Path | None
    split: str
    split_seed: int
    detector: Path
    sd2_weights: Path | None


# ------------------------------------------------------------------ methods


def plain(stored: np.ndarray, hole: np.ndarray, modality: str, how: int) -> np.ndarray:
    """OpenCV's own inpainting of the whole frame, as anyone would call it."""
    return np.asarray(cv2.inpaint(stored, hole.astype(np.uint8), RADIUS_PX, how))


def black(stored: np.ndarray, hole: np.ndarray, modality: str) -> np.ndarray:
    """What most programs do."""
    return np.where(hole, 0, stored).astype(stored.dtype)


def methods(sd2_weights: Path | None) -> dict[str, Method]:
    """Every method of a run by name; the generator by the name that its weights have."""
    found: dict[str, Method] = {}
    section = {**defaults()["inpaint"], "seed": defaults()["seed"]}
    wanted = dict(ENGINES)
    if sd2_weights:
        name = weights.checked(sd2_weights).name
        wanted[name] = {"engine": GENERATOR, "sd2_weights": str(sd2_weights)}
    for name, settings in wanted.items():
        found[name] = partial(paint_picture, paint=painter({**section, **settings}))
    found[TELEA] = partial(plain, how=cv2.INPAINT_TELEA)
    found[NAVIER_STOKES] = partial(plain, how=cv2.INPAINT_NS)
    found[BLACK_BOX] = black
    return found


_methods = lru_cache(maxsize=1)(methods)  # loaded once in each process


@lru_cache(maxsize=1)
def sources(bench: Bench) -> list[Source]:
    """The held-out frames."""
    return challenge.read_sources(bench.frames, bench.split, bench.split_seed)


def found_mask(stored: np.ndarray, detector: Path) -> np.ndarray:
    """The mask that a run would make of a frame, bool (rows, columns)."""
    looker, masking = mask_pictures.standard(detector)
    drawn = np.zeros(stored.shape, np.uint8)
    for region in looker.look(views(stored, bits_stored=8 * stored.dtype.itemsize)).regions:
        mask.draw(drawn, region.quad, mask.radius(region.height, masking))
    return drawn > 0


# ------------------------------------------------------------------ measuring


def judged(
    truth: np.ndarray, painted: np.ndarray, hole: np.ndarray
) -> dict[str, float | int | str]:
    """Every figure of one painted frame; pictures as stored."""
    one, two = holes.grey(truth), holes.grey(painted)
    ssim, frame_ssim = fidelity.similarity(one, two, hole)
    return {
        "pixels": int(hole.sum()),
        "mse": fidelity.squared_error(one, two, hole),
        "psnr": fidelity.psnr(one[hole], two[hole]),
        "ssim": ssim,
        "texture": fidelity.texture(one, two, hole),
        "texture_to_ring": texture_ratio(two, hole),
        "spectral_db": fidelity.spectral_distance(one, two, hole),
        "frame_mse": fidelity.squared_error(one, two, np.ones_like(hole)),
        "frame_psnr": fidelity.psnr(one, two),
        "frame_ssim": frame_ssim,
        "outside": int((truth != painted)[~hole].sum()),
    }


def cases(
    bench: Bench, number: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray, Hole]]:
    """What is painted of one frame: (truth, what a method gets, hole)."""
    source = sources(bench)[number]
    stored = holes.deep(rng, source.picture) if number % 2 else source.picture
    for hole in holes.holes(rng, source.picture):
        yield stored, wiped(stored, hole.mask), hole
    ink = holes.corner_lines(rng, stored.shape)
    burned = holes.burned(stored, ink)
    for shape, drawn in (
        (ORACLE, holes.strokes(ink)),
        (PIPELINE, found_mask(burned, bench.detector)),
    ):
        if drawn.any():
            # what a mask missed is text that stays, so the truth of it is what was burned in
            truth = np.where(drawn, stored, burned)
            yield truth, wiped(burned, drawn), Hole(shape, WRITTEN, drawn)


def wiped(stored: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """A frame without what is masked."""
    return np.where(hole, np.iinfo(stored.dtype).max, stored).astype(stored.dtype)


def moved_texture(truth: np.ndarray, fill: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """A fill with the texture of the truth, taken from ``MOVED_PX`` away.

    Texture of just the right spectrum and strength that is not the truth's own: what it costs in
    likeness, made-up texture costs.
    """
    values = truth.astype(np.float64)
    detail = values - cv2.GaussianBlur(values, (0, 0), DETAIL_SIGMA_PX)
    moved = np.rint(fill + np.roll(detail, (MOVED_PX, MOVED_PX), axis=(0, 1)))
    drawn = np.clip(moved, 0, np.iinfo(truth.dtype).max).astype(truth.dtype)
    return np.where(hole, drawn, fill)


@dataclass(frozen=True)
class Measured:
    """Figures of one frame, and a strip of pictures for each hole of those that are kept."""

    rows: list[dict[str, Any]]
    cines: list[dict[str, Any]]
    strips: list[np.ndarray]


def measure(number: int, bench: Bench, chosen: frozenset[int] = frozenset()) -> Measured:
    """Paint every hole of frame ``number`` by every method; a cine and pictures of ``chosen``."""
    rng = np.random.default_rng([bench.seed, number])
    source = sources(bench)[number]
    named = {"frame": number, "modality": source.modality}
    rows, strips = [], []
    for truth, given, hole in cases(bench, number, rng):
        painted, spent = dict[str, np.ndarray](), dict[str, float]()
        for name, method in _methods(bench.sd2_weights).items():
            started = time.process_time()
            painted[name] = method(given, hole.mask, source.modality)
            spent[name] = 1000 * (time.process_time() - started)
        if FILL in painted:
            painted[MOVED] = moved_texture(truth, painted[FILL], hole.mask)
        rows += [
            {"method": name, **named, "bits": 8 * truth.dtype.itemsize, "shape": hole.shape,
             "ground": hole.ground, **judged(truth, done, hole.mask),
             "cpu_ms": spent.get(name, math.nan)}
            for name, done in painted.items()
        ]  # fmt: skip
        if number in chosen and hole.ground != holes.FLAT:
            strips.append(strip([given, *painted.values(), truth], hole.mask))
    moving = flickers(rng, source, _methods(bench.sd2_weights)) if number in chosen else ()
    return Measured(rows, [{**named, **row} for row in moving], strips)


def flickers(
    rng: np.random.Generator, source: Source, by: Mapping[str, Method]
) -> Iterator[dict[str, Any]]:
    """Change from frame to frame where static text was painted, and around it."""
    hole = holes.hole(rng, source.picture, "20x150", holes.ANATOMY)
    if hole is None:
        return
    for motion in holes.MOTIONS:
        cine = holes.cine(rng, source.picture, motion)
        for name, method in by.items():
            painted = [method(wiped(one, hole.mask), hole.mask, source.modality) for one in cine]
            inside, around = fidelity.flicker([holes.grey(one) for one in painted], hole.mask)
            yield {"method": name, "motion": motion, "inside": inside, "around": around}


# ------------------------------------------------------------------ pictures


def strip(pictures: Sequence[np.ndarray], hole: np.ndarray) -> np.ndarray:
    """The surroundings of a hole in several pictures side by side, uint8 (rows, columns).

    All have the contrast of the last one, the truth.
    """
    left, top, width, height = cv2.boundingRect(hole.astype(np.uint8))
    window = tuple(
        slice(max(first - SHOWN_PX, 0), first + length + SHOWN_PX)
        for first, length in ((top, height), (left, width))
    )
    low, high = np.quantile(pictures[-1][window].astype(np.float64), (0.002, 0.998))
    scaled = [
        np.clip((one[window] - low) * (255 / max(high - low, 1)), 0, 255).astype(np.uint8)
        for one in pictures
    ]
    gap = np.full((scaled[0].shape[0], 4), 128, np.uint8)
    return np.hstack([part for one in scaled for part in (one, gap)])


def stacked(strips: Sequence[np.ndarray]) -> np.ndarray:
    """Strips below each other, uint8 (rows, columns)."""
    wide = max((one.shape[1] for one in strips), default=1)
    padded = [
        np.pad(one, ((0, 4), (0, wide - one.shape[1])), constant_values=128) for one in strips
    ]
    return np.vstack(padded) if padded else np.full((1, 1), 128, np.uint8)


# ------------------------------------------------------------------ the run


def run(bench: Bench, count: int, threads: int, out: Path) -> None:
    """Measure ``count`` frames, all where it is 0; write tables and pictures to ``out``."""
    total = len(sources(bench))
    numbers = spaced(total, count)
    chosen = frozenset(numbers[k] for k in spaced(len(numbers), CHOSEN))
    rows: list[dict[str, Any]] = []
    cines: list[dict[str, Any]] = []
    strips: list[np.ndarray] = []
    work = partial(measure, bench=bench, chosen=chosen)
    for done, found in enumerate(in_order(work, numbers, threads), 1):
        rows += found.rows
        cines += found.cines
        strips += found.strips
        if done % 10 == 0:
            log.info("%d of %d frames", done, len(numbers))
    write_csv(out / "rows.csv", [rounded(row) for row in rows], ROW_COLUMNS)
    write_csv(out / "cines.csv", [rounded(row) for row in cines], CINE_COLUMNS)
    with replacing(out / "pictures.png") as tmp:
        tmp.write_bytes(cv2.imencode(".png", stacked(strips))[1].tobytes())
    about = {
        "seed": bench.seed, "frames": len(numbers), "split": bench.split,
        "demo_only": bench.frames is None, "detector": sha256(bench.detector)[:16],
        "methods": [*methods(bench.sd2_weights), MOVED], "opencv": cv2.__version__,
    }  # fmt: skip
    with replacing(out / "set.json") as tmp:
        tmp.write_text(json.dumps(about, indent=1) + "\n")


def spaced(total: int, count: int) -> list[int]:
    """``count`` of the numbers below ``total``, evenly; all where it is 0 or too large."""
    if not 0 < count < total:
        return list(range(total))
    return [total * k // count for k in range(count)]


def rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose floating point numbers have six digits."""
    return {key: f"{v:.6g}" if isinstance(v, float) else v for key, v in row.items()}


def bench_of(given: Mapping[str, Any]) -> Bench:
    """The run that the section restoration of the benchmark's settings describes."""
    return Bench(
        seed=given["seed"],
        frames=Path(given["frames"]) if given["frames"] else None,
        split="test",
        split_seed=given["split_seed"],
        detector=Path(given["detector"]),
        sd2_weights=Path(given["sd2_weights"]) if given["sd2_weights"] else None,
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Paint holes in held-out frames by every method and measure what comes out."""
    parser = argparse.ArgumentParser(prog="python -m unburn.restoration", description=main.__doc__)
    parser.add_argument("--settings", type=json.loads, required=True, help="section restoration")
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    run(bench_of(options.settings), options.settings["count"], options.threads, options.out)


if __name__ == "__main__":
    command(main)
