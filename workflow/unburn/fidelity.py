"""How near a painted picture is to the truth, and how like its surroundings it looks.

Pictures are float64 (rows, columns) in grey values of 0 to 255, whatever the depth they came from;
masks are bool (rows, columns), where pixels were painted.
"""

import itertools
import math
from collections.abc import Sequence

import cv2
import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from unburn.engines import NOISE_REACH_PX, depth_of, surroundings

RANGE = 255.0
SSIM_PX = 7  # side of the windows of the structural similarity
TAPER_PX = 8  # how far from its border a mask counts less in the spectrum
BINS = 16  # of spatial frequency, from 0 to half a cycle per pixel
ROUNDING = 1 / 12  # power of rounding to whole grey values: less is no texture


def squared_error(truth: np.ndarray, painted: np.ndarray, mask: np.ndarray) -> float:
    """Mean squared error of the masked pixels."""
    return float(((truth - painted)[mask] ** 2).mean())


def psnr(truth: np.ndarray, painted: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB; infinite where nothing differs."""
    with np.errstate(divide="ignore"):
        return float(peak_signal_noise_ratio(truth, painted, data_range=RANGE))


def similarity(truth: np.ndarray, painted: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """Structural similarity (Wang et al., 2004): (mean over the mask, mean over the frame).

    Pictures are equal outside of the mask, so that windows out of its reach count as 1 unseen.
    """
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    window = tuple(
        slice(max(first - SSIM_PX, 0), first + length + SSIM_PX)
        for first, length in ((top, height), (left, width))
    )
    _, local = structural_similarity(
        truth[window], painted[window], win_size=SSIM_PX, data_range=RANGE, full=True
    )
    return float(local[mask[window]].mean()), 1 - float((1 - local).sum()) / mask.size


def texture(truth: np.ndarray, painted: np.ndarray, mask: np.ndarray) -> float:
    """Fineness of what was painted relative to the truth: 1 is ideal, 0 is too smooth.

    Ratio of the standard deviations of the Laplacian inside the mask; NaN where the truth has none.
    """
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inside = cv2.erode(mask.astype(np.uint8), cross, borderValue=1) > 0
    fine = [
        cv2.Laplacian(picture, cv2.CV_64F, borderType=cv2.BORDER_REPLICATE)[inside]
        for picture in (painted, truth)
    ]
    if not inside.any() or fine[1].std() == 0:
        return math.nan
    return float(fine[0].std() / fine[1].std())


def spectrum(picture: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Radially averaged power of the weighted pixels per unit of weight, float64 (``BINS``,)."""
    mean = float((picture * weights).sum() / weights.sum())
    power = np.abs(np.fft.fft2((picture - mean) * weights)) ** 2 / (weights**2).sum()
    across, along = (np.fft.fftfreq(length) for length in picture.shape)
    radius = np.hypot(across[:, None], along)
    # bin 0 holds the mean; beyond half a cycle the corners of the plane are left out
    bins = np.minimum((radius * 2 * BINS).astype(int), BINS)
    total = np.bincount(bins.ravel(), power.ravel(), BINS + 1)[:BINS]
    return np.asarray(total / np.maximum(np.bincount(bins.ravel(), minlength=BINS + 1)[:BINS], 1))


def spectral_distance(truth: np.ndarray, painted: np.ndarray, mask: np.ndarray) -> float:
    """Log-spectral distance inside the mask in dB: 0 where both have the same spectrum."""
    depth = depth_of(mask)
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    window = (slice(top, top + height), slice(left, left + width))
    weights = np.minimum(depth[window] / TAPER_PX, 1.0).astype(np.float64)
    one, two = (
        10 * np.log10(spectrum(picture[window], weights) + ROUNDING) for picture in (truth, painted)
    )
    return float(np.sqrt(((one - two) ** 2).mean()))


def flicker(cine: Sequence[np.ndarray], mask: np.ndarray) -> tuple[float, float]:
    """Root mean square change from frame to frame: (inside the mask, in its surroundings)."""
    ring = surroundings(mask, mask, NOISE_REACH_PX)
    steps = [after - before for before, after in itertools.pairwise(cine)]
    inside, around = (
        math.sqrt(float(np.mean([(step[where] ** 2).mean() for step in steps])))
        for where in (mask, ring)
    )
    return inside, around
