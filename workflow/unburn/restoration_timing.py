"""How long painting takes and how much memory, for every method of the restoration benchmark.

Frames lie decoded in memory. A typical frame has 512 x 512 pixels and a line in each corner;
each is given to all methods in turn, on one thread, and the least CPU time of some repeats is
taken, so that other work on the machine disturbs all alike and as little as can be. The speed of
the generator is measured by the target ``gpu``.
"""

import argparse
import json
import logging
import resource
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from unburn import holes
from unburn.errors import command
from unburn.parallel import one_thread, processes
from unburn.restoration import Bench, bench_of, methods, sources, spaced, wiped
from unburn.tables import write_csv

log = logging.getLogger(__name__)

SIDE = 512
LINE = (18, 150)  # rows and columns of a mask over a line of text
EDGE_PX = 8
FRAMES = 5  # of each ground
REPEATS = 4
LARGE = 3000  # pixels of the frame at which the memory is measured
EMPTY, MIXED = "empty corners", "partly anatomy"
OVER_ANATOMY = "corners over anatomy"
COLUMNS = ("method", "what", "frames", "median", "largest", "unit")


def corner_boxes(shape: tuple[int, int]) -> np.ndarray:
    """The mask of a line in each corner, bool (rows, columns)."""
    mask = np.zeros(shape, bool)
    (rows, columns), (high, wide) = shape, LINE
    for top in (EDGE_PX, rows - EDGE_PX - high):
        for left in (EDGE_PX, columns - EDGE_PX - wide):
            mask[top : top + high, left : left + wide] = True
    return mask


def ground_of(picture: np.ndarray, mask: np.ndarray) -> str:
    """What lies under a mask, as ``holes.places`` judges it; ``picture`` uint8 (rows, columns)."""
    smooth = cv2.GaussianBlur(picture, (0, 0), 3)
    if (smooth[mask] > holes.TISSUE).mean() >= holes.TISSUE_SHARE:
        return OVER_ANATOMY
    _, labels = cv2.connectedComponents(mask.astype(np.uint8))
    places = [picture[labels == label] for label in range(1, int(labels.max()) + 1)]
    return EMPTY if all(int(np.ptp(place)) <= holes.LEVELS for place in places) else MIXED


def typical(bench: Bench) -> dict[str, list[np.ndarray]]:
    """Frames by what lies in their corners, uint8 (``SIDE``, ``SIDE``)."""
    found: dict[str, list[np.ndarray]] = {}
    for source in sources(bench):
        picture = cv2.resize(source.picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        found.setdefault(ground_of(picture, corner_boxes(picture.shape)), []).append(picture)
    return {
        ground: [pictures[k] for k in spaced(len(pictures), FRAMES)]
        for ground, pictures in found.items()
    }


def timed(bench: Bench) -> Iterator[dict[str, Any]]:
    """CPU time of a frame by method and ground, in ms: the least of the repeats."""
    one_thread()
    by = methods(None)
    for ground, pictures in sorted(typical(bench).items()):
        taken = {name: np.full(len(pictures), np.inf) for name in by}
        for _ in range(1 + REPEATS):  # the first time warms up
            for place, picture in enumerate(pictures):
                mask = corner_boxes(picture.shape)
                given = wiped(picture, mask)
                for name, method in by.items():
                    started = time.process_time()
                    method(given, mask, "")
                    spent = 1000 * (time.process_time() - started)
                    taken[name][place] = min(taken[name][place], spent)
        for name, values in taken.items():
            yield row(name, ground, values, "ms")


def row(method: str, what: str, values: Sequence[float] | np.ndarray, unit: str) -> dict[str, Any]:
    """A line of the table."""
    median, largest = float(np.median(values)), float(np.max(values))
    return {"method": method, "what": what, "frames": len(values), "unit": unit,
            "median": f"{median:.1f}", "largest": f"{largest:.1f}"}  # fmt: skip


def peak_mib(name: str) -> float:
    """Peak memory of a process that paints a large frame of 16 bits by one method."""
    rng = np.random.default_rng(1)
    slow = cv2.resize(rng.uniform(5000, 50000, (40, 40)), (LARGE, LARGE))
    frame = (slow + rng.normal(0, 500, slow.shape)).astype(np.uint16)
    mask = np.zeros(frame.shape, bool)
    for top, (high, wide) in zip(range(200, LARGE, 500), holes.BOXES.values(), strict=False):
        mask[top : top + high, 300 : 300 + 4 * wide] = True
    methods(None)[name](wiped(frame, mask), mask, "")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(bench: Bench, out: Path) -> None:
    """Time and weigh every method; write speed.csv."""
    rows = list(timed(bench))
    for name in methods(None):
        with processes(1) as pool:  # a fresh one for each method
            rows.append(
                row(
                    name,
                    f"{LARGE} x {LARGE}, 16 bits",
                    [pool.submit(peak_mib, name).result()],
                    "MiB",
                )
            )
    write_csv(out, rows, COLUMNS)


def main(argv: Sequence[str] | None = None) -> None:
    """Time every method on typical frames, and measure the memory."""
    parser = argparse.ArgumentParser(
        prog="python -m unburn.restoration_timing", description=main.__doc__
    )
    parser.add_argument("--settings", type=json.loads, required=True, help="section restoration")
    parser.add_argument("--out", type=Path, required=True, help="speed.csv to write")
    options = parser.parse_args(argv)
    run(bench_of(options.settings), options.out)


if __name__ == "__main__":
    command(main)
