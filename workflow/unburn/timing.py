"""How fast the detector is, beside RapidOCR's in the same run, and how much memory it takes.

Frames lie decoded in memory, as views; two processes run side by side, each on one thread; network
and components count, and the finder of codes for itself. Each frame is given to all in turn, and
its best time of some repeats is taken, so that other work on the machine disturbs all alike and as
little as can be.
"""

import argparse
import json
import logging
import resource
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from unburn import challenge, detection
from unburn.challenge import Frame
from unburn.detection import OURS, Bench, Method
from unburn.errors import command
from unburn.files import replacing
from unburn.frames import views
from unburn.parallel import keep_memory, one_thread

log = logging.getLogger(__name__)

PEER = "rapidocr"
CODES = "finder of codes"
SIDES = {512: 10, 2048: 2}  # pixels, and frames of that size in each process
REPEATS = 3
PROCESSES = 2
LARGEST = 3000  # pixels of the frame at which the memory is measured


def frames(bench: Bench, side: int, count: int, first: int) -> list[Frame]:
    """Grey frames with text of one size, from frame ``first`` of the set on."""
    sources = challenge.read_sources(bench.frames, bench.split, bench.split_seed)
    found: list[Frame] = []
    for number in range(first, first + 100 * count):
        if len(found) == count:
            break
        made = challenge.frame(bench.seed, number, sources, bench.faces, side)
        if made.subject == "text" and made.stored.ndim == 2:
            found.append(made)
    return found


def seconds(find: Method, pictures: np.ndarray, shown: np.ndarray) -> float:
    """How long a method takes for a frame."""
    started = time.perf_counter()
    find(pictures, shown)
    return time.perf_counter() - started


def best(process: int, bench: Bench, side: int) -> dict[str, list[float]]:
    """Best seconds of each frame, by method."""
    one_thread()
    keep_memory()
    methods = {OURS: detection.text(bench.weights, bench.threshold), CODES: detection.code}
    if PEER in bench.peers:
        methods[PEER] = detection.rapidocr()
    made = frames(bench, side, SIDES[side], 1000 * process)
    known = [(views(f.stored, f.photometric, f.bits), challenge.shown(f)) for f in made]
    taken = {name: [np.inf] * len(known) for name in methods}
    for _ in range(1 + REPEATS):  # the first time warms up
        for place, frame in enumerate(known):
            for name, find in methods.items():
                taken[name][place] = min(taken[name][place], seconds(find, *frame))
    return taken


def peak_mb(bench: Bench) -> int:
    """Peak memory of a process that looks at a large frame, in MiB; it runs nothing else."""
    (made,) = frames(bench, LARGEST, 1, 0)
    find = detection.method(OURS, bench.weights, bench.threshold)
    find(views(made.stored, made.photometric, made.bits), challenge.shown(made))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def figures(sides: dict[int, dict[str, list[float]]]) -> dict[str, str]:
    """Lines of the table from seconds by side and method."""
    found = {}
    for side, taken in sides.items():
        means = {name: float(np.mean(values)) for name, values in taken.items()}
        for name, mean in means.items():
            found[f"{name}, {side} x {side}, one thread"] = f"{1000 * mean:.0f} ms a frame"
            rate = f"{PROCESSES / mean:.1f} frames/s"
            found[f"{name}, {side} x {side}, {PROCESSES} processes"] = rate
        if PEER in means:
            ratio = f"{means[PEER] / means[OURS]:.1f}"
            found[f"times faster than {PEER}, {side} x {side}"] = ratio
    return found


def run(bench: Bench, out: Path) -> None:
    """Time both methods on frames of each size, measure the memory, write speed.json."""
    context = get_context("spawn")
    sides = {}
    for side in SIDES:
        with ProcessPoolExecutor(PROCESSES, context) as pool:
            parts = list(pool.map(partial(best, bench=bench, side=side), range(PROCESSES)))
        sides[side] = {name: [s for part in parts for s in part[name]] for name in parts[0]}
        log.info("%d px timed", side)
    with ProcessPoolExecutor(1, context) as pool:
        memory = pool.submit(peak_mb, bench).result()
    found = {**figures(sides), f"peak memory, {LARGEST} x {LARGEST}": f"{memory} MiB"}
    with replacing(out) as tmp:
        tmp.write_text(json.dumps(found, indent=1) + "\n")


def main(argv: Sequence[str] | None = None) -> None:
    """Time the detector and RapidOCR's in the same run."""
    parser = argparse.ArgumentParser(prog="python -m unburn.timing", description=main.__doc__)
    parser.add_argument("--settings", required=True, help="section detection, as JSON")
    parser.add_argument("--weights", type=Path, required=True, help="of the detector")
    parser.add_argument("--out", type=Path, required=True, help="speed.json to write")
    options = parser.parse_args(argv)
    run(detection.bench_of(json.loads(options.settings), options.weights), options.out)


if __name__ == "__main__":
    command(main)
