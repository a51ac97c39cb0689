"""Every detector on the planted set and on its frames without text: what tables of it count.

Masks and lines are those of ``judging``: every method's regions grow by 3 pixels, a line is found
where 90 % of its ink is masked, a region is true where it holds any ink.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from functools import partial
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


def measure(
    frame: int, path: Path, bench: detection.Bench
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of lines and of frames, for every method."""
    one = planted.load(path, frame)
    heights = [float(np.linalg.norm(quad[3] - quad[0])) for quad in one.quads]
    lines, frames = [], []
    for text, picture, owner in pictures(one):
        shown = views(picture)
        near = ~judging.far_from_text(owner, heights) if text else np.zeros(owner.shape, bool)
        for method, find in detection.methods_of(bench).items():
            quads = find(shown, picture)
            mask = judging.mask_of(quads, owner.shape)
            if text:
                lines += [
                    {"method": method, "frame": frame, "line": k, "ink": ink, "masked": masked}
                    for k, (ink, masked) in enumerate(
                        judging.ink_under(owner, mask, len(one.texts))
                    )
                    if ink
                ]
            frames.append(
                {"method": method, "frame": frame, "group": one.group, "text": text,
                 "regions": len(quads), "true_regions": judging.true_regions(owner, quads),
                 "masked_pixels": int(mask.sum()), "masked_near_text": int((mask & near).sum())}
            )  # fmt: skip
    return lines, frames


def run(path: Path, bench: detection.Bench, threads: int, out: Path) -> None:
    """Write ``found_lines.csv`` and ``found_frames.csv`` to ``out``."""
    lines: list[dict[str, Any]] = []
    frames: list[dict[str, Any]] = []
    work = partial(measure, path=path, bench=bench)
    for of_lines, of_frames in in_order(work, planted.frames_of(path), threads):
        lines += of_lines
        frames += of_frames
    write_csv(out / "found_lines.csv", lines, LINE_COLUMNS)
    write_csv(out / "found_frames.csv", frames, FRAME_COLUMNS)


def main(argv: Sequence[str] | None = None) -> None:
    """Judge every detector on a planted set."""
    parser = argparse.ArgumentParser(
        prog="python -m unburn.planted_detection", description=main.__doc__
    )
    parser.add_argument("--planted", type=Path, required=True, help="planted.h5")
    parser.add_argument("--settings", type=json.loads, required=True, help="section detection")
    parser.add_argument("--weights", type=Path, required=True, help="of the detector")
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    options = parser.parse_args(argv)
    bench = detection.bench_of(options.settings, options.weights)
    run(options.planted, bench, options.threads, options.out)


if __name__ == "__main__":
    command(main)
