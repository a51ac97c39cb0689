"""The detection benchmark: our detector and two others on the same frozen set, in one run.

Every line is judged under every method by the units of ``judging``; the set is that of
``challenge``; tables and pictures are made of the figures by ``comparison``.
"""

import argparse
import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rapidocr_onnxruntime import RapidOCR

from unburn import challenge, codes, crnn, glyphs, judging, readers
from unburn.challenge import APART, Frame, shown
from unburn.detect import look, regions_of
from unburn.errors import command
from unburn.files import replacing, sha256
from unburn.frames import views
from unburn.grounds import Source
from unburn.judging import Judged
from unburn.layouts import Line
from unburn.material import font_files
from unburn.parallel import in_order, keep_memory, one_thread
from unburn.tables import write_csv

log = logging.getLogger(__name__)

OURS = "unburn"
LEGIBLE_PX = 96  # pictures of misses are enlarged until their short side has so many pixels
SHOWN, MISSES = 24, 60  # frames on the contact sheet, and missed lines that are kept as pictures
SHEET_PX, MISS_PX = 480, 480  # longest side of a picture on the sheets

LINE_COLUMNS = ("method", "frame", "line", "strata", "difference", "deviations", "ink", "masked")
FRAME_COLUMNS = (
    "method", "frame", "subject", "layout", "modality", "real", "rows", "columns", "regions",
    "true_regions", "false_pixels", "far_pixels", "masked_share",
)  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """What a run of the benchmark depends on."""

    seed: int
    threshold: float
    weights: Path
    frames: Path | None
    split: str
    split_seed: int
    faces: tuple[glyphs.Face, ...]
    peers: tuple[str, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """Ours first."""
        return (OURS, *self.peers)


# ------------------------------------------------------------------ methods

# (views uint8 (views, rows, columns), what a person sees) to quads float32 (4, 2) of the regions
Method = Callable[[np.ndarray, np.ndarray], list[np.ndarray]]


def text(weights: Path, threshold: float) -> Method:
    """Our detector, which looks at all views."""
    network = crnn.load(weights)

    def find(pictures: np.ndarray, shown: np.ndarray) -> list[np.ndarray]:
        found, _ = regions_of(look(network, pictures), shown.shape[:2], threshold)
        return [region.quad for region in found]

    return find


def code(pictures: np.ndarray, shown: np.ndarray) -> list[np.ndarray]:
    """Our finder of codes."""
    return codes.find(pictures[0])


def ours(weights: Path, threshold: float) -> Method:
    """Our detector and our finder of codes."""
    find = text(weights, threshold)
    return lambda pictures, shown: [*find(pictures, shown), *code(pictures, shown)]


def rapidocr() -> Method:
    """RapidOCR's detector alone, with the weights and settings of its wheel, on one thread."""
    readers.check_weights()
    engine = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)

    def find(pictures: np.ndarray, shown: np.ndarray) -> list[np.ndarray]:
        picture = np.ascontiguousarray(readers.colour(shown)[..., ::-1])
        picture, down, across = engine.preprocess(picture)
        quads, _ = engine.auto_text_det(picture)
        factor = np.array([across, down], np.float32)
        return [np.asarray(quad, np.float32) * factor for quad in quads or ()]

    return find


def tesseract() -> Method:
    """Tesseract's lines in page mode 11; what it reads is not looked at."""
    reader = readers.tesseract()
    return lambda pictures, shown: [line.quad for line in reader.read(shown)]


MADE = {"rapidocr": rapidocr, "tesseract": tesseract}


def method(name: str, weights: Path, threshold: float) -> Method:
    """A method by its name, on one thread; weights and threshold are those of ours."""
    one_thread()
    keep_memory()
    return ours(weights, threshold) if name == OURS else MADE[name]()


def prepared(bench: Bench) -> dict[str, Method]:
    """Every method of a run."""
    return {name: method(name, bench.weights, bench.threshold) for name in bench.methods}


methods_of = lru_cache(maxsize=1)(prepared)  # loaded once in each process


@lru_cache(maxsize=1)
def _sources(bench: Bench) -> list[Source]:
    return challenge.read_sources(bench.frames, bench.split, bench.split_seed)


# ------------------------------------------------------------------ strata


def direction(angle: float) -> str:
    """Name of a line's direction; degrees counter-clockwise."""
    angle = angle % 360
    for name, middle in (("horizontal", 0), ("vertical 90", 90), ("upside down", 180),
                         ("vertical 270", 270), ("horizontal", 360)):  # fmt: skip
        if abs(angle - middle) < 0.5:
            return name
    off = min(angle % 90, 90 - angle % 90)
    return "tilted up to 5 degrees" if off <= 5 else "tilted more than 5 degrees"


def strata(line: Line, frame: Frame) -> tuple[str, ...]:
    """Names of all groups that a line belongs to."""
    if line.kind in APART:
        return (APART[line.kind],)
    side = min(frame.owner.shape)
    return (
        f"height: {judging.height(line.height)}",
        f"place: {'empty ground' if line.empty else 'over anatomy'}",
        f"direction: {direction(line.angle)}",
        f"kind: {'line' if line.kind == 'text' else line.kind}",
        *(f"rendering: {name}" for name in line.rendering),
        f"polarity: {'bright' if line.bright else 'dark'}",
        f"script: {line.script}",
        f"frame: {'under 256' if side < 256 else '256 to 1100' if side < 1100 else 'over 1100'} px",
        f"frame: {'colour' if frame.stored.ndim == 3 else f'{8 * frame.stored.itemsize} bits'}",
        f"ground: {'true frame' if frame.real else 'made'}",
    )


# ------------------------------------------------------------------ measuring


@dataclass(frozen=True)
class Measured:
    """Figures of one frame, by method, and what is kept as pictures."""

    digest: str
    lines: list[dict[str, Any]]
    frames: list[dict[str, Any]]
    picture: np.ndarray | None
    misses: list[np.ndarray]


def measure(number: int, bench: Bench) -> Measured:
    """Make frame ``number`` and judge every method on it."""
    frame = challenge.frame(bench.seed, number, _sources(bench), bench.faces)
    pictures = views(frame.stored, frame.photometric, frame.bits)
    picture, owner = shown(frame), frame.owner
    heights = [line.height for line in frame.lines]
    seen = judging.contrasts(picture, owner, heights)
    far = judging.far_from_text(owner, heights)
    lines, frames, misses, drawn = [], [], [], None
    for method, find in methods_of(bench).items():
        quads = find(pictures, picture)
        mask = judging.mask_of(quads, owner.shape)
        for place, (line, (ink, masked)) in enumerate(
            zip(frame.lines, judging.ink_under(owner, mask, len(heights)), strict=True)
        ):
            if not ink:
                continue
            difference, deviations = seen[place]
            judged = Judged(
                number, strata(line, frame), round(difference, 2), round(deviations, 3), ink, masked
            )
            lines.append({"method": method, "line": place, **asdict(judged)})
            if method == OURS and judged.visible and not judged.found:
                misses.append(miss(picture, owner == place + 1, mask))
        frames.append(
            {"method": method, "frame": number, "subject": frame.subject, "layout": frame.layout,
             "modality": frame.modality, "real": int(frame.real), "rows": owner.shape[0],
             "columns": owner.shape[1], "regions": len(quads),
             "true_regions": judging.true_regions(owner, quads),
             "false_pixels": int((mask & far).sum()), "far_pixels": int(far.sum()),
             "masked_share": round(float(mask.mean()), 6)}
        )  # fmt: skip
        if method == OURS and number < SHOWN:
            drawn = sheet_picture(frame, picture, quads)
    return Measured(frame.digest(), lines, frames, drawn, misses)


def _in_colour(picture: np.ndarray) -> np.ndarray:
    """Blue, green, red (rows, columns, 3), a copy, as OpenCV writes it."""
    return np.ascontiguousarray(readers.colour(picture)[..., ::-1]).copy()


def _fitted(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture made smaller so that it fits into ``side`` pixels, in the middle of a grey one."""
    scale = min(1.0, side / max(picture.shape[:2]))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    out = np.full((side, side, 3), 70, np.uint8)
    top, left = (side - small.shape[0]) // 2, (side - small.shape[1]) // 2
    out[top : top + small.shape[0], left : left + small.shape[1]] = small
    return out


def sheet_picture(frame: Frame, picture: np.ndarray, quads: Sequence[np.ndarray]) -> np.ndarray:
    """A frame beside itself with its ink in red and the regions found outlined in green."""
    plain, marked = _in_colour(picture), _in_colour(picture)
    marked[frame.owner > 0] = (60, 60, 255)
    weight = max(1, round(max(picture.shape[:2]) / SHEET_PX))
    for quad in quads:
        cv2.polylines(marked, [np.round(quad).astype(np.int32)], True, (60, 230, 60), weight)
    return np.hstack([_fitted(plain, SHEET_PX), _fitted(marked, SHEET_PX)])


def miss(picture: np.ndarray, ink: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A missed line and what is around it, beside the same with its ink red and the mask blue."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    margin = 12 + (rows[-1] - rows[0]) // 2
    where = np.s_[
        max(0, rows[0] - margin) : rows[-1] + margin,
        max(0, columns[0] - margin) : columns[-1] + margin,
    ]
    plain, marked = _in_colour(picture[where]), _in_colour(picture[where])
    marked[mask[where]] = marked[mask[where]] // 2 + np.array([110, 40, 20], np.uint8)
    marked[ink[where]] = (60, 60, 255)
    both = np.hstack([plain, np.full((plain.shape[0], 4, 3), 128, np.uint8), marked])
    times = max(1, LEGIBLE_PX // min(plain.shape[:2]))
    both = both.repeat(times, 0).repeat(times, 1)
    scale = min(1.0, MISS_PX / max(both.shape[:2]))
    return cv2.resize(both, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def stacked(pictures: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Pictures of any size below each other in some columns, uint8 (rows, columns, 3)."""
    heaps: list[list[np.ndarray]] = [[] for _ in range(columns)]
    for picture in pictures:
        smallest = min(heaps, key=lambda heap: sum(p.shape[0] + 6 for p in heap))
        smallest.append(picture)
    wide = max((p.shape[1] for p in pictures), default=1)
    high = max(sum(p.shape[0] + 6 for p in heap) for heap in heaps) or 1
    sheet = np.full((high, (wide + 6) * columns, 3), 70, np.uint8)
    for place, heap in enumerate(heaps):
        top = 0
        for picture in heap:
            left = place * (wide + 6)
            sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
            top += picture.shape[0] + 6
    return sheet


def run(bench: Bench, count: int, threads: int, out: Path) -> None:
    """Measure ``count`` frames; write tables, pictures and what the set is to ``out``."""
    lines: list[dict[str, Any]] = []
    frames: list[dict[str, Any]] = []
    pictures: list[np.ndarray] = []
    misses: list[np.ndarray] = []
    digest = hashlib.sha256()
    for number, found in enumerate(in_order(partial(measure, bench=bench), range(count), threads)):
        digest.update(found.digest.encode())
        lines += [{**line, "strata": "|".join(line["strata"])} for line in found.lines]
        frames += found.frames
        misses += found.misses
        if found.picture is not None:
            pictures.append(found.picture)
        if number % 50 == 49:
            log.info("%d of %d frames", number + 1, count)
    write_csv(out / "lines.csv", lines, LINE_COLUMNS)
    write_csv(out / "frames.csv", frames, FRAME_COLUMNS)
    write_picture(out / "frames.png", stacked(pictures, 3))
    write_picture(out / "misses.png", stacked(misses[:MISSES], 6))
    about = {
        "seed": bench.seed, "frames": count, "digest": digest.hexdigest()[:16],
        "threshold": bench.threshold, "weights": sha256(bench.weights)[:16],
        "demo_only": bench.frames is None, "split": bench.split,
        "fonts": len(bench.faces), "methods": list(bench.methods),
    }  # fmt: skip
    with replacing(out / "set.json") as tmp:
        tmp.write_text(json.dumps(about, indent=1) + "\n")


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write a colour picture as PNG."""
    with replacing(path) as tmp:
        tmp.write_bytes(cv2.imencode(".png", picture)[1].tobytes())


def main(argv: Sequence[str] | None = None) -> None:
    """Make the set and judge every method on it."""
    parser = argparse.ArgumentParser(prog="python -m unburn.detection", description=main.__doc__)
    parser.add_argument("--settings", required=True, help="section detection, as JSON")
    parser.add_argument("--weights", type=Path, required=True, help="of the detector")
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    options = parser.parse_args(argv)
    given = json.loads(options.settings)
    run(bench_of(given, options.weights), given["count"], options.threads, options.out)


def bench_of(given: Mapping[str, Any], weights: Path) -> Bench:
    """The run that the section detection of the benchmark's settings describes."""
    return Bench(
        seed=given["seed"],
        threshold=given["threshold"],
        weights=weights,
        frames=Path(given["frames"]) if given["frames"] else None,
        split="test",
        split_seed=given["split_seed"],
        faces=glyphs.faces(font_files([Path(folder) for folder in given["fonts"]])),
        peers=tuple(given["peers"]),
    )


if __name__ == "__main__":
    command(main)
