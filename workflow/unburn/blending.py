"""How well what was painted blends into what is around it.

Each connected place is measured beside its own surroundings, as those of air and of tissue differ.
"""

from collections.abc import Callable

import cv2
import numpy as np

from unburn.crop import components
from unburn.engines import NOISE_REACH_PX, surroundings

MEASURED_PX = NOISE_REACH_PX + 2  # around a place: what is measured, and its neighbours

Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def texture_ratio(frame: np.ndarray, mask: np.ndarray) -> float:
    """Fineness of what was painted, relative to its surroundings: 1 is ideal, 0 is too smooth.

    Standard deviation of the Laplacian inside a place over that in its ring; the mean over places,
    by their pixels.

    Parameters
    ----------
    frame : (rows, columns[, samples]) of numbers, painted; samples are averaged
    mask : bool (rows, columns)

    Returns
    -------
    NaN where no place has surroundings with texture
    """
    return _mean(_texture, frame, mask)


def seam_step(frame: np.ndarray, mask: np.ndarray) -> float:
    """Step across the border of the mask, in the frame's units, beyond what is usual there.

    Mean absolute difference between neighbours of which one is masked, minus that between
    neighbours in the ring; the mean over places, by their pixels. Near 0: no visible border.
    Arguments as in ``texture_ratio``.

    Returns
    -------
    NaN where there is no border
    """
    return _mean(_step, frame, mask)


def _mean(measure: Measure, frame: np.ndarray, mask: np.ndarray) -> float:
    """The mean of a measure over the places of a mask, by their pixels; without those of NaN."""
    values, weights = [], []
    for labels, label, window in components(mask, MEASURED_PX):
        place = labels[window] == label
        values.append(measure(_grey(frame[window]), place, mask[window]))
        weights.append(int(place.sum()))
    known = np.isfinite(values)
    if not known.any():
        return float("nan")
    return float(np.average(np.array(values)[known], weights=np.array(weights)[known]))


# grey float64, place and hidden (all places) bool, all (rows, columns)


def _texture(grey: np.ndarray, place: np.ndarray, hidden: np.ndarray) -> float:
    laplacian = cv2.Laplacian(grey, cv2.CV_64F, borderType=cv2.BORDER_REPLICATE)
    # a Laplacian across the border of the mask measures the seam, not the texture
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inside = cv2.erode(place.astype(np.uint8), cross, borderValue=1) > 0
    outside = surroundings(place, cv2.dilate(hidden.astype(np.uint8), cross) > 0, NOISE_REACH_PX)
    if not inside.any() or not outside.any() or laplacian[outside].std() == 0:
        return float("nan")
    return float(laplacian[inside].std() / laplacian[outside].std())


def _step(grey: np.ndarray, place: np.ndarray, hidden: np.ndarray) -> float:
    ring = surroundings(place, hidden)
    across, usual = [], []
    for axis in (0, 1):
        step = np.abs(np.diff(grey, axis=axis))
        first, second = (
            (slice(None, -1), slice(1, None))
            if axis == 0
            else ((slice(None), slice(None, -1)), (slice(None), slice(1, None)))
        )
        across.append(step[place[first] != place[second]])
        usual.append(step[ring[first] & ring[second]])
    border, near = np.concatenate(across), np.concatenate(usual)
    if not len(border) or not len(near):
        return float("nan")
    return float(border.mean() - near.mean())


def _grey(frame: np.ndarray) -> np.ndarray:
    """Mean over samples, float64 (rows, columns)."""
    values = frame.astype(np.float64)
    return values.mean(axis=2) if values.ndim == 3 else values
