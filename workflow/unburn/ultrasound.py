"""Where an ultrasound image says its image areas are, so that all else can be masked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Rectangle = tuple[int, int, int, int]  # left, top, right, bottom; right and bottom are beyond it

CORNERS = (
    "RegionLocationMinX0",  # (0018,6018)
    "RegionLocationMinY0",  # (0018,601A)
    "RegionLocationMaxX1",  # (0018,601C)
    "RegionLocationMaxY1",  # (0018,601E)
)


def areas(dataset: "Dataset", rows: int, columns: int) -> tuple[list[Rectangle], int]:
    """Read the usable areas of (0018,6011) Sequence of Ultrasound Regions, and count the others.

    The corners are pixels that belong to the area, counted from 0 (PS3.3 section C.8.5.5.1.2).
    Some writers give the size of the image as the last corner, which is cut to the frame. An area
    whose corners are missing, in the wrong order or outside the frame cannot be used.
    """
    usable: list[Rectangle] = []
    broken = 0
    try:
        declared = list(dataset.get("SequenceOfUltrasoundRegions") or ())
    except Exception:  # not a sequence, or one that pydicom cannot parse
        return [], 1
    for region in declared:
        try:
            left, top, right, bottom = (int(region[name].value) for name in CORNERS)
        except (KeyError, TypeError, ValueError, OverflowError):  # of another VR, infinite
            broken += 1
            continue
        if 0 <= left < right <= columns and 0 <= top < bottom <= rows:
            usable.append((left, top, min(right + 1, columns), min(bottom + 1, rows)))
        else:
            broken += 1
    return usable, broken


def outside(shown: Sequence[Rectangle], shape: tuple[int, int]) -> np.ndarray:
    """Mask of everything outside the areas: uint8 (rows, columns), 0 or 1; 0 without an area."""
    mask = np.full(shape, 1 if shown else 0, np.uint8)
    for left, top, right, bottom in shown:
        mask[top:bottom, left:right] = 0
    return mask
