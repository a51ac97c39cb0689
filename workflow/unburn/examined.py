"""The table `examined` of regions.h5: which frames were searched for text, with what suspicion."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np


def load(regions: Path) -> np.ndarray:
    """Read the table: structured (item, frame, suspicion, regions), one row for every frame."""
    with h5py.File(regions) as file:
        return file["examined"][:]


def unexamined(frames_of: Mapping[int, int], examined: np.ndarray) -> set[int]:
    """Items of which a frame, or all, was never searched; ``frames_of`` counts their frames."""
    seen: dict[int, set[int]] = defaultdict(set)
    for item, frame in zip(examined["item"].tolist(), examined["frame"].tolist(), strict=True):
        seen[item].add(frame)
    return {
        item
        for item, count in frames_of.items()
        if not seen[item] or not seen[item] >= set(range(count))
    }


def suspicious(examined: np.ndarray, suspicion: float) -> dict[int, set[int]]:
    """Frames by item that the detector had even a faint suspicion of, or found text in.

    A suspicion that is no number counts as one.
    """
    hit = ~(examined["suspicion"] < suspicion) | (examined["regions"] > 0)
    frames_of: dict[int, set[int]] = defaultdict(set)
    for row in examined[hit]:
        frames_of[int(row["item"])].add(int(row["frame"]))
    return frames_of
