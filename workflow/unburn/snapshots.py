"""Frames as small pictures that a page carries in itself, with the painted regions as outlines.

A picture is WebP, scaled down. The outline is a path in pixels of the stored matrix that lies over
it, so it stays sharp at any size and hides nothing of the picture.
"""

import base64
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import h5py
import numpy as np

from unburn.errors import ItemError
from unburn.evaluate import Item
from unburn.frames import WINDOW, display
from unburn.sources import open_frames

WEBP_QUALITY = 82
CORNER_PX = 0.5  # that an outline may lie beside the border, in pixels of the small picture


@dataclass(frozen=True)
class Snapshot:
    """A frame for a page: ``uri`` holds the picture, ``outline`` is an SVG path over it.

    The path's unit is a pixel of the stored matrix, ``rows`` by ``columns``; empty without a mask.
    """

    uri: str
    rows: int
    columns: int
    outline: str

    @property
    def size(self) -> int:
        """Characters that it takes on a page."""
        return len(self.uri) + len(self.outline)


def to_webp(picture: np.ndarray, longest_px: int) -> bytes:
    """Encode a picture, scaled down to a longest side.

    ``picture`` : uint8, (rows, columns) or (rows, columns, 3) in RGB
    """
    rows, columns = picture.shape[:2]
    scale = min(1.0, longest_px / max(rows, columns))
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    if small.ndim == 3:
        small = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".webp", small, [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])[1].tobytes()


def outline_of(mask: np.ndarray | None, longest_px: int) -> str:
    """The borders of a mask's regions as an SVG path along the edges of their pixels.

    ``mask`` : 0/1, (rows, columns), or None. Corners that a picture of ``longest_px`` cannot show
    are left out.
    """
    if mask is None or not mask.any():
        return ""
    # Contours run through the middles of pixels. With each pixel as four, (c + 1) // 2 is an edge.
    doubled = np.kron(mask.astype(np.uint8), np.ones((2, 2), np.uint8)).astype(np.uint8)
    borders, _ = cv2.findContours(doubled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    corner = 2 * CORNER_PX * max(1.0, max(mask.shape) / longest_px)
    paths = []
    for border in borders:
        points = cv2.approxPolyDP(border, corner, closed=True)
        if len(points) < 3:  # too small to be drawn with its corners
            left, top, width, height = cv2.boundingRect(border)
            right, bottom = left + width - 1, top + height - 1
            points = np.array([[(left, top)], [(right, top)], [(right, bottom)], [(left, bottom)]])
        paths.append("M" + "L".join(f"{x} {y}" for x, y in (points[:, 0] + 1) // 2) + "Z")
    return "".join(paths)


def snapshot(file: Path, frame: int, mask: np.ndarray | None, longest_px: int) -> Snapshot | None:
    """Show one frame (from 0) of an object; None when it cannot be decoded."""
    try:
        with open_frames(file) as source:
            picture = display(source[frame], source)
    except (ItemError, OSError):
        return None
    return packed(picture, mask, longest_px)


def packed(picture: np.ndarray, mask: np.ndarray | None, longest_px: int) -> Snapshot:
    """A picture, as ``to_webp`` takes it, with the outline of its mask."""
    data = base64.b64encode(to_webp(picture, longest_px)).decode("ascii")
    return Snapshot(
        uri="data:image/webp;base64," + data,
        rows=picture.shape[0],
        columns=picture.shape[1],
        outline=outline_of(mask, longest_px),
    )


def pair(
    before: Path, after: Path, frame: int, mask: np.ndarray | None, longest_px: int
) -> tuple[Snapshot | None, Snapshot | None]:
    """Show one frame before and after; bright letters change nothing of how the rest looks.

    What cannot be decoded or is not there is None. Grey pictures share the window of the cleaned
    one.
    """
    try:
        with open_frames(before) as old, open_frames(after) as new:
            first, second = old[frame], new[frame]
            deep = first.ndim == 2 and first.dtype != np.uint8
            if deep and first.shape == second.shape and old.photometric == new.photometric:
                low, high = np.quantile(second, WINDOW)
                clipped = np.clip(first, int(low), int(high))
                both = display(np.concatenate([clipped, second]), new)
                pictures = both[: len(first)], both[len(first) :]
            else:
                pictures = display(first, old), display(second, new)
    except (ItemError, OSError):
        return snapshot(before, frame, None, longest_px), snapshot(after, frame, mask, longest_px)
    return packed(pictures[0], None, longest_px), packed(pictures[1], mask, longest_px)


def mask_of(item: Item, frame: int) -> np.ndarray | None:
    """The mask of a frame (from 0) of an item, or None where the item has none."""
    if not item.touched:
        return None
    with h5py.File(item.folder / "masks.h5") as file:
        stored = file.get(f"items/{item.item}")
        return None if stored is None else stored[frame]


def fullest_frame(item: Item) -> tuple[int, np.ndarray | None]:
    """The frame (from 0) of an item with the most masked pixels and its mask, or 0 and None."""
    with h5py.File(item.folder / "masks.h5") as file:
        stored = file.get(f"items/{item.item}")
        if stored is None:
            return 0, None
        sums = [int(stored[k].sum()) for k in range(stored.shape[0])]
        frame = int(np.argmax(sums))
        return frame, stored[frame]


def show_worthy(items: Iterable[Item]) -> Iterator[Item]:
    """Order painted items for the pictures: modalities in turn, largest painted share first.

    A series shows its second item only when all series of its modality have shown one.
    """
    queues: dict[str, list[tuple[int, float, int, Item]]] = defaultdict(list)
    rank: dict[str, int] = defaultdict(int)
    for one in sorted(items, key=lambda one: (-one.painted_share, int(one.item))):
        series = one.candidate.get("series", "")
        queues[one.modality].append((rank[series], -one.painted_share, int(one.item), one))
        rank[series] += 1
    waiting = [sorted(queues[name], key=lambda entry: entry[:3]) for name in sorted(queues)]
    for turn in range(max(map(len, waiting), default=0)):
        for queue in waiting:
            if turn < len(queue):
                yield queue[turn][3]
