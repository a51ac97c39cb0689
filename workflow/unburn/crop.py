"""Cut what is masked out of the stored pixels: exact fills where it is empty, crops elsewhere.

The first thing that happens to a frame is ``blank``: masked values are replaced from their
surroundings, so that nothing after it can depend on what was hidden.
"""

import argparse
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import h5py
import numpy as np
from scipy import ndimage

from unburn import tables
from unburn.engines import GENERATOR, Settings, paint_content, surroundings
from unburn.errors import ItemError, command
from unburn.files import replacing
from unburn.headers import number_of
from unburn.parallel import in_order
from unburn.patches import NO_PADDING, Content, Patch, Writer
from unburn.sources import Frames, open_frames

log = logging.getLogger(__name__)

PREFILL_PX = 4  # margin in which the nearest known value for a masked pixel is looked for first
SMALLEST_SIDE = 64
SMALLEST_VIEW = 256  # of a generator, which draws from what it sees around
CONTEXT_PX = 16  # at least, on each side of a cluster
GAP_PX = 8  # places nearer than this share a crop
BLOCK_FRAMES = 8  # frames per task: bounds what a process holds
SAMPLED_PIXELS = 100_000  # of a frame, about, of which its range is taken
STRUCTURE = 2.0  # parts of flat surroundings differ by at most this many deviations of their noise


@dataclass(frozen=True)
class Kind:
    """What stored values mean, as far as filling needs it.

    ``limits`` (lowest, highest) value of Bits Stored; ``padding`` (lowest, highest) padding value;
    ``palette`` whether values are indices that must not be mixed; ``zero`` the value of each
    sample for a frame of which nothing is known; ``ybr`` whether three samples are YBR_FULL.
    """

    limits: tuple[int, int]
    padding: tuple[int, int] = NO_PADDING
    palette: bool = False
    zero: tuple[int, ...] = (0,)
    modality: str = ""
    ybr: bool = False


def kind_of(source: Frames, modality: str) -> Kind:
    """What the header of a file says about its values (PS3.3 sections C.7.6.3 and C.7.5.1.1.2)."""
    bits = source.bits_stored
    limits = (-(1 << bits - 1), (1 << bits - 1) - 1) if source.signed else (0, (1 << bits) - 1)
    photometric = source.photometric
    middle = 1 << bits - 1
    ybr = photometric.startswith("YBR")
    zero = (0, middle, middle) if ybr else (0,) * source.samples
    padding = NO_PADDING
    if photometric.startswith("MONOCHROME"):
        padding = _padding(source)
    palette = photometric == "PALETTE COLOR"
    return Kind(limits, padding, palette, zero, modality, photometric == "YBR_FULL")


def _padding(source: Frames) -> tuple[int, int]:
    """(0028,0120) Pixel Padding Value and (0028,0121) Pixel Padding Range Limit, in order."""
    cells = 8 * source.dtype.itemsize
    found = []
    for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
        try:
            value = number_of(source.dataset, keyword)
        except ItemError:
            break  # a limit means nothing without the value
        # some writers give a signed value as if it were unsigned, or the other way round
        found.append(int(np.array(value % (1 << cells), np.uint64).astype(source.dtype)))
    return (min(found), max(found)) if found else NO_PADDING


# --- one frame: stored (rows, columns, samples), mask bool (rows, columns)


def blank(stored: np.ndarray, mask: np.ndarray, zero: tuple[int, ...]) -> np.ndarray:
    """Replace masked values by the nearest known ones; a frame without any becomes ``zero``.

    Returns a new array; nothing of what was masked is in it.
    """
    blanked = stored.copy()
    if mask.all():
        blanked[:] = np.array(zero, stored.dtype)
        return blanked
    for _, _, window in components(mask, PREFILL_PX):
        here = mask[window]
        if here.all():
            window = (slice(None), slice(None))
            here = mask
        nearest = ndimage.distance_transform_edt(here, return_distances=False, return_indices=True)
        blanked[window][here] = stored[window][tuple(nearest)][here]
    return blanked


def components(
    mask: np.ndarray, margin: int
) -> Iterator[tuple[np.ndarray, int, tuple[slice, slice]]]:
    """Yield (labels, label, window) of each 8-connected place; the window has a margin."""
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    for label in range(1, count):
        left, top, width, height = (int(v) for v in boxes[label][:4])
        rows = slice(max(top - margin, 0), min(top + height + margin, mask.shape[0]))
        columns = slice(max(left - margin, 0), min(left + width + margin, mask.shape[1]))
        yield labels, label, (rows, columns)


def spread(values: np.ndarray) -> float:
    """From the 1st to the 99th percentile of a 1-D array; no interpolation."""
    low, high = np.quantile(values, (0.01, 0.99), method="nearest").astype(np.float64)
    return float(high - low)


def frame_range(blanked: np.ndarray, known: np.ndarray) -> float:
    """Range of a frame's known values without the outermost 0.1 % on each side."""
    step = int(np.ceil(np.sqrt(known.size / SAMPLED_PIXELS)))
    some = known[::step, ::step]
    values = blanked[::step, ::step][some] if some.any() else blanked[known]
    low, high = np.quantile(values, (0.001, 0.999), method="nearest").astype(np.float64)
    return float(high - low)


def is_flat(blanked: np.ndarray, ring: np.ndarray, tolerance: float) -> bool:
    """Whether the surroundings of a place are empty: one value, or noise and no structure.

    Parameters
    ----------
    blanked : (rows, columns, samples)
    ring : bool (rows, columns)
    tolerance : largest spread in stored units

    Notes
    -----
    Noise has the same median in each part of the ring; anatomy of low contrast does not. So the
    medians of quarters, by row and by column, may differ by ``STRUCTURE`` deviations within a
    quarter at most.
    """
    places = np.argwhere(ring)
    for sample in range(blanked.shape[2]):
        values = blanked[..., sample][ring].astype(np.float64)
        if spread(values) > tolerance:
            return False
        if np.ptp(values) == 0:
            continue
        for axis in (0, 1):
            order = np.argsort(places[:, axis], kind="stable")
            parts = [part for part in np.array_split(values[order], 4) if len(part)]
            middles = [float(np.median(part)) for part in parts]
            noise = 1.4826 * min(
                float(np.median(np.abs(part - middle)))
                for part, middle in zip(parts, middles, strict=True)
            )
            if max(middles) - min(middles) > max(STRUCTURE * noise, 1.0):
                return False
    return True


def side_for(rows: int, columns: int, largest: int, smallest: int = SMALLEST_SIDE) -> int:
    """Side of the square crop for a cluster: twice the short side, and context at the long one.

    ``largest`` is the longer side of the frame, beyond which there is no context; ``smallest`` the
    least that is useful. The side is a power of two.
    """
    needed = max(2 * min(rows, columns), max(rows, columns) + 2 * CONTEXT_PX, smallest)
    needed = max(min(needed, largest), SMALLEST_SIDE)
    return 1 << (needed - 1).bit_length()


def cut(
    blanked: np.ndarray,
    mask: np.ndarray,
    own: np.ndarray,
    kind: Kind,
    smallest: int = SMALLEST_SIDE,
) -> tuple[int, int, int, int, Content]:
    """Cut a square around ``own``, the part of ``mask`` that it is to paint.

    Returns top, left, rows and columns of the square within the frame, and its content. Where the
    frame is smaller than the square, its last row and column are repeated and count as hidden.
    """
    first_column, first_row, width, height = cv2.boundingRect(own.astype(np.uint8))
    side = side_for(height, width, max(own.shape), smallest)
    top, left = (
        min(max((2 * first + length - side) // 2, 0), max(limit - side, 0))
        for first, length, limit in zip(
            (first_row, first_column), (height, width), own.shape, strict=True
        )
    )
    window = (slice(top, top + side), slice(left, left + side))
    rows, columns = own[window].shape
    beyond = ((0, side - rows), (0, side - columns))
    pixels = np.pad(blanked[window], (*beyond, (0, 0)), mode="edge")
    content = Content(
        pixels=np.ascontiguousarray(pixels),
        mask=np.pad(own[window], beyond),
        hidden=np.pad(mask[window], beyond, constant_values=True),
        limits=context_limits(blanked[window][~mask[window]], kind),
        padding=kind.padding,
        modality=kind.modality,
        ybr=kind.ybr,
    )
    return top, left, rows, columns, content


def context_limits(known: np.ndarray, kind: Kind) -> tuple[int, int]:
    """Lowest and highest value that may be written: of what is around, within Bits Stored.

    Padding does not count, unless there is nothing else.
    """
    low, high = kind.padding
    tissue = known[(known < low) | (known > high)]
    values = tissue if tissue.size else known
    if not values.size:
        return kind.limits
    low, high = (max(kind.limits[0], int(values.min())), min(kind.limits[1], int(values.max())))
    return (low, high) if low <= high else kind.limits


def patches_of(
    stored: np.ndarray, mask: np.ndarray, kind: Kind, settings: Settings
) -> Iterator[tuple[bool, tuple[int, int, int, int, Content]]]:
    """Divide the mask of one frame into patches.

    Parameters
    ----------
    stored : (rows, columns[, samples]), masked values included
    mask : bool (rows, columns)

    Yields
    ------
    whether the patch is a fill (finished) or a crop (to be painted), and what ``cut`` returns.
    Every masked pixel is in exactly one patch.
    """
    blanked = blank(stored.reshape(*mask.shape, -1), mask, kind.zero)
    tolerance = 0.0 if mask.all() else settings.flat_tolerance * frame_range(blanked, ~mask)
    flat = replace(settings, engine="flat")
    left_over = np.zeros(mask.shape, np.uint8)
    for labels, label, window in components(mask, PREFILL_PX + GAP_PX):
        own = labels[window] == label
        ring = surroundings(own, mask[window])
        nothing_known = not ring.any()
        if not (kind.palette or nothing_known or is_flat(blanked[window], ring, tolerance)):
            left_over[window] |= own
            continue
        top, left, rows, columns, content = cut(blanked, mask, labels == label, kind)
        if not kind.palette and not nothing_known:
            content = replace(content, pixels=paint_content(content, flat), engine=flat.engine)
        yield True, (top, left, rows, columns, content)
    smallest = SMALLEST_VIEW if settings.engine == GENERATOR else SMALLEST_SIDE
    reach = np.ones((GAP_PX + 1, GAP_PX + 1), np.uint8)
    count, clusters = cv2.connectedComponents(cv2.dilate(left_over, reach), connectivity=8)
    for cluster in range(1, count):
        own = (clusters == cluster) & (left_over > 0)
        yield False, cut(blanked, mask, own, kind, smallest)


# --- files


@dataclass(frozen=True)
class Task:
    """Some frames of one item."""

    item: int
    path: Path
    modality: str
    frames: range


def cut_frames(
    task: Task, masks: Path, settings: Settings
) -> tuple[Task, str, list[tuple[bool, Patch]]]:
    """Patches of some frames, and the reason code why there are none ('' if all went well)."""
    found: list[tuple[bool, Patch]] = []
    try:
        with h5py.File(masks, "r") as file, open_frames(task.path) as source:
            stack = file[f"items/{task.item}"]
            for frame in task.frames:
                mask = stack[frame] > 0
                if not mask.any():
                    continue
                stored = source[frame]
                if stored.shape[:2] != mask.shape:
                    raise ItemError("bad_geometry")
                kind = kind_of(source, task.modality)
                painted = np.zeros(mask.shape, np.uint8)
                for is_fill, (top, left, rows, columns, content) in patches_of(
                    stored, mask, kind, settings
                ):
                    found.append(
                        (is_fill, Patch(task.item, frame, top, left, rows, columns, content))
                    )
                    window = painted[top : top + rows, left : left + columns]
                    window += content.mask[:rows, :columns]
                if not np.array_equal(painted, mask):
                    raise RuntimeError(f"item {task.item}: patches do not cover the mask once")
    except ItemError as error:
        return task, error.code, []
    return task, "", found


def tasks(shard: Path, masks: Path) -> Iterator[Task]:
    """The masked items of a shard in the order of their numbers, some frames at a time."""
    table = {row["item"]: row for row in tables.read(shard).to_dict("records")}
    with h5py.File(masks, "r") as file:
        frames = {int(name): len(stack) for name, stack in file["items"].items()}
    for item in sorted(frames):
        row = table[str(item)]
        for first in range(0, frames[item], BLOCK_FRAMES):
            block = range(first, min(first + BLOCK_FRAMES, frames[item]))
            yield Task(item, Path(row["path"]), row["modality"], block)


def main(argv: Sequence[str] | None = None) -> None:
    """Rule ``crop``."""
    parser = argparse.ArgumentParser(prog="python -m unburn.crop")
    parser.add_argument("--shard", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--fills", type=Path, required=True)
    parser.add_argument("--crops", type=Path, required=True)
    args = parser.parse_args(argv)
    settings = Settings.of(args.settings)
    work = partial(cut_frames, masks=args.masks, settings=settings)
    counts = [0, 0]
    with (
        replacing(args.fills) as fills_tmp,
        replacing(args.crops) as crops_tmp,
        Writer(fills_tmp) as fills,
        Writer(crops_tmp) as crops,
    ):
        for task, code, found in in_order(work, tasks(args.shard, args.masks), args.threads):
            if code:
                # without patches the item is held back when its frames are put together
                log.warning("item %d: %s", task.item, code)
            for is_fill, patch in found:
                (fills if is_fill else crops).add(patch)
                counts[is_fill] += 1
    log.info("%d places filled, %d crops to paint", counts[True], counts[False])


if __name__ == "__main__":
    command(main)
