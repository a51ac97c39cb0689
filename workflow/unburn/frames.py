"""Decode a shard's frames to 8-bit pictures: views for the detector, a display for readers.

Text can be burned in at any stored value: at 255 in a 16-bit image whose anatomy reaches 65535,
one step above a flat background, in a colour as bright as its surroundings. One window cannot
show all of these, so a frame has two views, and a third one where it has colour:

0. what a person sees: a linear window; of colours the brightest channel;
1. every step: small differences spread, large ones compressed, levels that fill whole areas
   driven apart; of colours their sum, of palettes the stored index;
2. red against blue, or where these are equal green against both.
"""

import argparse
import collections
import json
import logging
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import h5py
import numpy as np
import pandas as pd
from pydicom.pixels import convert_color_space

from unburn import tables
from unburn.errors import ItemError, command
from unburn.files import replacing
from unburn.parallel import in_order
from unburn.progress import told
from unburn.sources import open_frames

log = logging.getLogger(__name__)

MOST_VIEWS = 3
WINDOW = (0.005, 0.995)  # shares of the pixels that a window leaves dark and bright
COLOUR = 8  # difference of channels, of 255, that lossy coding makes in a grey picture
FLAT_SIDE = 5  # a level counts as flat where it fills a square of this side
LONGEST_TABLE = 1 << 20  # levels of a look-up table; in wider ranges only those that occur count
PACKING = 1  # zlib's level
PACKED_BITS = 5  # entropy of a pixel from which packing takes more time than it spares space
BLOCK_BYTES = 32 << 20  # decoded bytes of the frames that one task hands back


class Source(Protocol):
    """What is needed to show stored values; ``StoredFrames`` is one."""

    bits_stored: int

    @property
    def photometric(self) -> str:
        """(0028,0004) Photometric Interpretation of the values."""

    @property
    def palette(self) -> np.ndarray | None:
        """As ``StoredFrames.palette``."""


def views(
    stored: np.ndarray,
    photometric: str = "MONOCHROME2",
    bits_stored: int = 8,
    palette: np.ndarray | None = None,
) -> np.ndarray:
    """Make the pictures in which text of any stored value shows.

    Parameters
    ----------
    stored : integers, (rows, columns) or (rows, columns, 3), signed or not
    photometric : (0028,0004); MONOCHROME1 is inverted, YBR_FULL taken for what it looks like
    bits_stored : (0028,0101); up to 8 unsigned bits, view 0 keeps the values as they are
    palette : uint8, (65536, 3), colour of each index modulo 65536, for PALETTE COLOR

    Returns
    -------
    uint8, (views, rows, columns): 1 view of a picture without content, 2 of a grey one,
    3 where colours differ; none is there twice
    """
    colour = _colour(stored, photometric, bits_stored, palette)
    if colour is None:
        linear, steps = _window(stored, bits_stored), stored
        if photometric == "MONOCHROME1":
            linear, steps = 255 - linear, -1 - stored.astype(_wider(stored))
        pictures = [linear, _spread(steps)]
    else:
        steps = stored if palette is not None else stored.sum(axis=2, dtype=_wider(stored))
        pictures = [colour.max(axis=2), _spread(steps)]
        red, green, blue = np.moveaxis(colour.astype(np.int16), 2, 0)
        for opponent in (red - blue, green - (red + blue) // 2):
            if np.abs(opponent).max() > COLOUR:
                pictures.append(((opponent + 255) // 2).astype(np.uint8))
                break
    kept = [pictures[0]]
    for picture in pictures[1:]:
        if picture.min() < picture.max() and not any(np.array_equal(picture, k) for k in kept):
            kept.append(picture)
    return np.stack(kept)


def display(stored: np.ndarray, source: Source) -> np.ndarray:
    """One 8-bit picture for people and readers: colours right, MONOCHROME1 inverted.

    Parameters
    ----------
    stored : one frame of ``source``

    Returns
    -------
    uint8, (rows, columns), or (rows, columns, 3) in RGB
    """
    colour = _colour(stored, source.photometric, source.bits_stored, source.palette)
    if colour is not None:
        return colour
    grey = _window(stored, source.bits_stored)
    return 255 - grey if source.photometric == "MONOCHROME1" else grey


def _colour(
    stored: np.ndarray, photometric: str, bits_stored: int, palette: np.ndarray | None
) -> np.ndarray | None:
    """8-bit RGB (rows, columns, 3) of a colour frame, None of a grey one."""
    if photometric == "PALETTE COLOR" and palette is not None:
        return palette[stored.astype(np.int64) & 0xFFFF]
    if stored.ndim == 2:
        return None
    rgb = stored
    if photometric.startswith("YBR"):
        rgb = convert_color_space(_eight_bits(stored, bits_stored), "YBR_FULL", "RGB")
    return _eight_bits(rgb, bits_stored)


def _eight_bits(stored: np.ndarray, bits_stored: int) -> np.ndarray:
    if stored.dtype == np.uint8 and bits_stored == 8:
        return stored
    top = 2**bits_stored - 1
    return np.clip(stored.astype(np.float64) * (255 / top) + 0.5, 0, 255).astype(np.uint8)


def _window(stored: np.ndarray, bits_stored: int) -> np.ndarray:
    """Linear picture: the values themselves up to 8 bits, else a window on most of the pixels."""
    if stored.dtype == np.uint8 and bits_stored <= 8:
        return _eight_bits(stored, bits_stored)
    low, high = limits(stored)
    scale = 255 / max(high - low, 1)
    return np.clip((stored.astype(np.float32) - low) * scale + 0.5, 0, 255).astype(np.uint8)


def limits(stored: np.ndarray) -> tuple[float, float]:
    """Stored values that a window shows as black and as white."""
    low, high = quantiles(_sample(stored), WINDOW)
    if low == high:
        low, high = stored.min(), stored.max()
    return float(low), float(high)


def quantiles(values: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """``np.quantile`` of integers, to the last bit; found by counting, in a third of its time."""
    first = int(values.min())
    span = int(values.max()) - first
    if span >= LONGEST_TABLE:
        return np.quantile(values, shares)
    levels = np.subtract(values, first, dtype=_wider(values)).ravel()
    smaller = np.cumsum(np.bincount(levels))
    places = (values.size - 1) * np.asarray(shares, np.float64)
    below = np.floor(places)
    found = []
    for place, under in zip(places, below, strict=True):
        ranks = (under, min(under + 1, values.size - 1))
        neighbours = first + np.searchsorted(smaller, ranks, side="right")
        found.append(np.quantile(neighbours.astype(values.dtype), place - under))
    return np.array(found)


def _sample(stored: np.ndarray) -> np.ndarray:
    # every pixel of small pictures, a regular grid of large ones: text covers many of its points
    step = max(1, int((stored.size / (1 << 20)) ** 0.5))
    return stored[::step, ::step]


def _spread(steps: np.ndarray) -> np.ndarray:
    """Map values by a rising curve to 0..255, so that each step that could be text is visible.

    Half of the curve is an inverse hyperbolic sine about the most frequent value, in units of
    the noise: steep near the background, and still rising 65000 steps above it. A quarter is
    the rank among all pixels; a quarter the rank among levels that fill areas, whatever their
    size, so that text one step above the ground of a small box stands out.
    """
    first = int(steps.min())
    span = int(steps.max()) - first
    if span == 0:
        return np.zeros(steps.shape, np.uint8)
    small = np.can_cast(steps.dtype, np.int32) and span < 1 << 31
    steps = steps.astype(np.int32 if small else np.int64) - first
    levels: np.ndarray
    if span < LONGEST_TABLE:
        values, levels = np.arange(span + 1), steps.astype(np.int32, copy=False)
    else:
        values, levels = np.unique(steps, return_inverse=True)
    counts = np.bincount(levels.ravel()).astype(np.float64)
    rough = np.abs(np.diff(steps, axis=1)) if steps.shape[1] > 1 else np.zeros((1, 1), np.int32)
    noise = max(1.0, float(quantiles(_sample(rough), [0.25])[0]))
    curve = np.arcsinh((values - values[counts.argmax()]) / noise)
    curve = (curve - curve[0]) / (curve[-1] - curve[0])
    flat = np.bincount(levels[_flat(levels)], minlength=counts.size) ** 0.25
    areas = _rank(flat) if (flat > 0).any() else _rank(counts)
    table = 0.5 * curve + 0.25 * areas + 0.25 * _rank(counts)
    table = (table - table[0]) / (table[-1] - table[0])
    return np.rint(255 * table).astype(np.uint8)[levels]


def _wider(values: np.ndarray) -> type[np.signedinteger]:
    """Integers that hold sums and differences of some such values."""
    return np.int32 if values.itemsize <= 2 else np.int64


def _rank(weights: np.ndarray) -> np.ndarray:
    """Share of the weight below each level, half of its own included."""
    return (np.cumsum(weights) - weights / 2) / weights.sum()


def _flat(levels: np.ndarray) -> np.ndarray:
    """Where a square of ``FLAT_SIDE`` holds one level only: bool, as ``levels``."""
    exact = levels.astype(np.float32)  # the levels of 4096 x 4096 pixels and less are exact
    square = np.ones((FLAT_SIDE, FLAT_SIDE), np.uint8)
    return cv2.erode(exact, square) == cv2.dilate(exact, square)


def blocks(shard: pd.DataFrame) -> Iterator[tuple[int, str, int, int]]:
    """Cut a shard's items with pixels into tasks: (item, path, first frame, frames)."""
    for row in shard[shard.pixels == "1"].to_dict("records"):
        frames = int(row["frames"])
        size = int(row["rows"]) * int(row["columns"]) * MOST_VIEWS
        count = max(1, BLOCK_BYTES // max(size, 1))
        for first in range(0, frames, count):
            yield int(row["item"]), row["path"], first, min(count, frames - first)


@dataclass(frozen=True)
class Block:
    """The views of some frames of one item, packed, or the reason why there are none."""

    item: int
    first: int
    shape: tuple[int, int] = (0, 0)
    packed: tuple[tuple[bytes, ...], ...] = ()  # of each frame its views, zlib
    reason_code: str = ""


def block_views(task: tuple[int, str, int, int]) -> Block:
    """Decode one block of frames and pack their views."""
    item, path, first, count = task
    packed = []
    try:
        with open_frames(Path(path)) as source:
            if len(source) < first + count:
                raise ItemError("bad_geometry")
            for index in range(first, first + count):
                stored = source[index]
                made = views(stored, source.photometric, source.bits_stored, source.palette)
                packed.append(tuple(map(pack, made)))
            return Block(item, first, (source.rows, source.columns), tuple(packed))
    except ItemError as error:
        return Block(item, first, reason_code=error.code)
    except Exception:
        return Block(item, first, reason_code="undecodable")


def pack(view: np.ndarray) -> bytes:
    """Pack a view as zlib does, in half of its time: of repetitions, only runs are looked for.

    A noisy one stays as it is, in zlib's form.
    """
    counts = np.bincount(view[::4].ravel())
    shares = counts[counts > 0] / counts.sum()
    if -(shares * np.log2(shares)).sum() > PACKED_BITS:
        return zlib.compress(view.tobytes(), 0)
    packer = zlib.compressobj(PACKING, strategy=zlib.Z_RLE)
    return packer.compress(view.tobytes()) + packer.flush()


def crashed(task: tuple[int, str, int, int]) -> Block:
    """What is left of a block whose decoder ended the process: its item is held back."""
    return Block(task[0], task[2], reason_code="undecodable")


def extract(shard: pd.DataFrame, out: Path, threads: int) -> dict[int, str]:
    """Write the views of a shard's frames; return the reason codes of items that failed.

    Frames that need fewer views than others of their item have black ones, which take no space.
    Packing is zlib's, in the processes: HDF5's faster LZF gives other bytes on each run.
    """
    total = dict(zip(shard["item"].astype(int), shard["frames"].astype(int), strict=True))
    failed: dict[int, str] = {}
    written: collections.Counter[int] = collections.Counter()
    with replacing(out) as tmp, h5py.File(tmp, "w") as file:
        group = file.create_group("items")
        work = list(blocks(shard))
        done = in_order(block_views, work, threads, crashed)
        for block in told(done, [count for *_, count in work], "frames"):
            if block.item in failed:
                continue
            if block.reason_code:
                failed[block.item] = block.reason_code
                if str(block.item) in group:
                    del group[str(block.item)]
                continue
            _append(group, block, total[block.item])
            written[block.item] += len(block.packed)
        for item, frames in written.items():
            if item not in failed and frames != total[item]:
                raise RuntimeError(
                    f"item {item}: {frames} of {total[item]} frames; others are black"
                )
        file.attrs["failed"] = json.dumps({str(item): code for item, code in failed.items()})
    return failed


def _append(group: h5py.Group, block: Block, frames: int) -> None:
    name, most = str(block.item), max(len(views) for views in block.packed)
    if name not in group:
        group.create_dataset(
            name,
            shape=(frames, most, *block.shape),
            maxshape=(frames, MOST_VIEWS, *block.shape),
            chunks=(1, 1, *block.shape),
            dtype=np.uint8,
            compression="gzip",
            compression_opts=PACKING,
            track_times=False,
        )
    pictures = group[name]
    if pictures.shape[1] < most:
        pictures.resize(most, axis=1)
    for index, packed in enumerate(block.packed, start=block.first):
        for view, chunk in enumerate(packed):
            pictures.id.write_direct_chunk((index, view, 0, 0), chunk)


def main(argv: Sequence[str] | None = None) -> None:
    """Decode a shard's frames to the detector's 8-bit views."""
    parser = argparse.ArgumentParser(prog="python -m unburn.frames", description=main.__doc__)
    parser.add_argument("--shard", type=Path, required=True, help="table of the shard's items")
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, required=True, help="frames.h5 to write")
    options = parser.parse_args(argv)
    shard = tables.read(options.shard)
    failed = extract(shard, options.out, options.threads)
    log.info("%d items, %d could not be decoded", len(shard), len(failed))
    for item, code in failed.items():
        log.info("item %d: %s", item, code)


if __name__ == "__main__":
    command(main)
