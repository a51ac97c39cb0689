"""A detector on the planted set and on its frames without text: what tables of it count.

Masks and lines are those of ``judging``: every method's regions grow by 3 pixels, a line is found
where 90 % of its ink is masked, a region is true where it holds any ink.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from unburn import detection, judging, planted
from unburn.errors import command
from unburn.frames import views
from unburn.parallel import in_order
from unburn.tables import write_csv

LINE_COLUMNS = ("method", "frame", "line", "ink", "masked")
FRAME_COLUMNS = (
    "method", "frame", "group", "text", "regions", "true_regions", "masked_pixels",
    "masked_near_text",
)  # fmt: skip


def pictures(one: planted.Planted) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """The frame with text, and once for each source the one without: (text, picture, owner)."""
    yield 1, one.burned, one.owner
    if one.planting == 0:
        yield 0, one.clean, np.zeros_like(one.owner)


@dataclass(frozen=True)
class Detector:
    """A method by its name; ``weights`` and ``threshold`` are those of ours."""

    name: str
    weights: Path
    threshold: float


@lru_cache(maxsize=1)
def _method(detector: Detector) -> detection.Method:
    return detection.method(detector.name, detector.weights, detector.threshold)


def measure(
    frame: int, path: Path, detector: Detector
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of lines and of pictures of one frame."""
    one = planted.load(path, frame)
    heights = [float(np.linalg.norm(quad[3] - quad[0])) for quad in one.quads]
    named = {"method": detector.name, "frame": frame}
    lines, frames = [], []
    for text, picture, owner in pictures(one):
        quads = _method(detector)(views(picture), picture)
        mask = judging.mask_of(quads, owner.shape)
        near = ~judging.far_from_text(owner, heights) if text else np.zeros(owner.shape, bool)
        if text:
            lines += [
                {**named, "line": k, "ink": ink, "masked": masked}
                for k, (ink, masked) in enumerate(judging.ink_under(owner, mask, len(one.texts)))
                if ink
            ]
        frames.append(
            {**named, "group": one.group, "text": text, "regions": len(quads),
             "true_regions": judging.true_regions(owner, quads),
             "masked_pixels": int(mask.sum()), "masked_near_text": int((mask & near).sum())}
        )  # fmt: skip
    return lines, frames


def run(path: Path, detector: Detector, threads: int, out: tuple[Path, Path]) -> None:
    """Write the rows of lines and those of pictures to the two files of ``out``."""
    lines: list[dict[str, Any]] = []
    frames: list[dict[str, Any]] = []
    work = partial(measure, path=path, detector=detector)
    for of_lines, of_frames in in_order(work, planted.frames_of(path), threads):
        lines += of_lines
        frames += of_frames
    write_csv(out[0], lines, LINE_COLUMNS)
    write_csv(out[1], frames, FRAME_COLUMNS)


def main(argv: Sequence[str] | None = None) -> None:
    """Let a detector look at the planted set."""
    parser = argparse.ArgumentParser(
        prog="python -m unburn.planted_detection", description=main.__doc__
    )
    parser.add_argument("--planted", type=Path, required=True, help="planted.h5")
    parser.add_argument("--method", required=True, help="name of the detector")
    parser.add_argument("--weights", type=Path, default=Path(), help="of ours")
    parser.add_argument("--threshold", type=float, default=0.0, help="of ours")
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--lines", type=Path, required=True, help="table to write")
    parser.add_argument("--frames", type=Path, required=True, help="table to write")
    options = parser.parse_args(argv)
    detector = Detector(options.method, options.weights, options.threshold)
    run(options.planted, detector, options.threads, (options.lines, options.frames))


if __name__ == "__main__":
    command(main)
