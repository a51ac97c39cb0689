"""Paint crops by an engine, or gather those that GPU batches painted; measure how well it fits."""

import argparse
import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from unburn.batch import Gathered
from unburn.engines import GENERATOR, NOISE_REACH_PX, Settings, paint_content, surroundings
from unburn.errors import command
from unburn.files import replacing
from unburn.parallel import in_order
from unburn.patches import Content, Reader, Writer
from unburn.progress import told

log = logging.getLogger(__name__)

# --- measures


def texture_ratio(frame: np.ndarray, mask: np.ndarray) -> float:
    """Fineness of what was painted, relative to its surroundings: 1 is ideal, 0 is too smooth.

    Standard deviation of the Laplacian inside the mask over that in the ring.

    Parameters
    ----------
    frame : (rows, columns[, samples]) of numbers, painted; samples are averaged
    mask : bool (rows, columns)

    Returns
    -------
    NaN where the surroundings have no texture or one of the two is empty
    """
    grey = _grey(frame)
    laplacian = cv2.Laplacian(grey, cv2.CV_64F, borderType=cv2.BORDER_REPLICATE)
    # a Laplacian across the border of the mask measures the seam, not the texture
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inside = cv2.erode(mask.astype(np.uint8), cross, borderValue=1) > 0
    outside = surroundings(mask, cv2.dilate(mask.astype(np.uint8), cross) > 0, NOISE_REACH_PX)
    if not inside.any() or not outside.any() or laplacian[outside].std() == 0:
        return float("nan")
    return float(laplacian[inside].std() / laplacian[outside].std())


def seam_step(frame: np.ndarray, mask: np.ndarray) -> float:
    """Step across the border of the mask, in the frame's units, beyond what is usual there.

    Mean absolute difference between neighbours of which one is masked, minus that between
    neighbours in the ring. Near 0: no visible border. Arguments as in ``texture_ratio``.

    Returns
    -------
    NaN where there is no border
    """
    grey = _grey(frame)
    ring = surroundings(mask, mask)
    across, usual = [], []
    for axis in (0, 1):
        step = np.abs(np.diff(grey, axis=axis))
        first, second = (
            (slice(None, -1), slice(1, None))
            if axis == 0
            else ((slice(None), slice(None, -1)), (slice(None), slice(1, None)))
        )
        across.append(step[mask[first] != mask[second]])
        usual.append(step[ring[first] & ring[second]])
    border, near = np.concatenate(across), np.concatenate(usual)
    if not len(border) or not len(near):
        return float("nan")
    return float(border.mean() - near.mean())


def _grey(frame: np.ndarray) -> np.ndarray:
    """Mean over samples, float64 (rows, columns)."""
    values = frame.astype(np.float64)
    return values.mean(axis=2) if values.ndim == 3 else values


# --- files


def paint_crops(
    crops: Path, out: Path, settings: Settings, threads: int, batches: Sequence[Path] = ()
) -> Counter[str]:
    """Paint every crop of a file and write the same patches to ``out``.

    Those of a generator were painted in ``batches``. Returns how many each engine painted.
    """
    counts: Counter[str] = Counter()
    with replacing(out) as tmp, Reader(crops) as reader, Writer(tmp) as writer:
        places = list(reader.contents())
        contents = (reader.content(group, index) for group, index in places)
        with ExitStack() as stack:
            if settings.engine == GENERATOR:
                gathered = stack.enter_context(Gathered(batches))
                done: Iterator[Content] = (gathered.of(content) for content in contents)
            else:
                done = in_order(partial(painted, settings=settings), contents, threads)
            for content in told(done, [1] * len(places), "crops"):
                writer.put(content)
                counts[content.engine] += 1
        writer.rows(reader.table)
    return counts


def painted(content: Content, settings: Settings) -> Content:
    """A crop with its mask painted by a fill."""
    return replace(content, pixels=paint_content(content, settings), engine=settings.engine)


def main(argv: Sequence[str] | None = None) -> None:
    """Rule ``inpaint``."""
    parser = argparse.ArgumentParser(prog="python -m unburn.inpaint")
    parser.add_argument("--crops", type=Path, required=True)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--batches", type=Path, nargs="*", default=[], help="painted by a GPU")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    settings = Settings.of(args.settings)
    counts = paint_crops(args.crops, args.out, settings, args.threads, args.batches)
    for engine, count in sorted(counts.items()):
        log.info("%d crops painted by %s", count, engine)


if __name__ == "__main__":
    command(main)
