"""What counts as found: the units of all figures about detection, and their bounds.

Ink
    Pixels that a line's letters cover (glyph-exact, from the renderer).
Mask
    The regions found, each grown by 3 pixels, for every method alike. Runs and the command detect
    grow those of larger letters more.
Line found
    At least 90 % of its ink lies under the mask. Line recall is the share of lines found.
Ink-pixel recall
    Share of all ink, of all lines together, that lies under the mask.
Hardly visible
    Lines whose ink is less than 1.5 local standard deviations from what is around it, in the
    picture as a person sees it. They are counted apart.
Component precision
    Share of the regions found in frames with text, before they are dilated, that hold any ink.
False area
    Share of pixels masked, the mean over frames without text. In frames with text: share masked of
    all pixels that lie farther from any line than half its height and 8 pixels.
Frames touched
    Share of frames without text in which anything is masked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from scipy import ndimage, special  # scipy.stats takes half a second to load

from unburn.mask import draw

COVERED = 0.9  # share of a line's ink that must be masked for the line to count as found
DILATE_PX = 3
HARDLY_VISIBLE = 1.5  # local standard deviations
CONFIDENCE = 0.95
HEIGHTS = ((0, 8), (8, 12), (12, 20), (20, 40), (40, 100000))  # classes of lines, in pixels
FAR_PX, FAR_SHARE = 8.0, 0.5  # from a line, in pixels and of its height: beyond it, masks are false


@dataclass(frozen=True)
class Judged:
    """One line: how well it can be seen, and how much of its ink was masked.

    ``difference`` in grey values and ``deviations`` in local standard deviations between its ink
    and what is around it; ``frame`` names the frame it stands in; ``strata`` are names of groups.
    """

    frame: int
    strata: tuple[str, ...]
    difference: float
    deviations: float
    ink: int
    masked: int

    @property
    def found(self) -> bool:
        """Whether nothing of it can be read any more."""
        return self.masked >= COVERED * self.ink

    @property
    def visible(self) -> bool:
        """Whether it is more than hardly visible."""
        return self.deviations >= HARDLY_VISIBLE


def mask_of(quads: Iterable[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Mask bool (rows, columns) of regions after dilation."""
    mask = np.zeros(shape, np.uint8)
    for quad in quads:
        draw(mask, quad, DILATE_PX)
    return mask > 0


def contrasts(
    picture: np.ndarray, owner: np.ndarray, heights: Sequence[float]
) -> list[tuple[float, float]]:
    """How far each line's ink is from what is around it: (grey values, local deviations).

    Parameters
    ----------
    picture : uint8 (rows, columns) or (rows, columns, 3), as a person sees it
    owner : integers (rows, columns), number k + 1 where the ink of line k is
    heights : of the lines in pixels

    Notes
    -----
    A pixel of ink is compared with mean and deviation of what is no ink within a line's height of
    it, at least 6 pixels: a line may run over bright and dark ground. Both are averaged over the
    ink. Of colours the channel in which the line differs most counts.
    """
    seen = [(0.0, 0.0)] * len(heights)
    planes = picture[..., None] if picture.ndim == 2 else picture
    for number, where in enumerate(ndimage.find_objects(owner.astype(np.int32)), 1):
        if where is None:
            continue
        reach = max(6, round(heights[number - 1]))
        rows, columns = (slice(max(0, side.start - reach), side.stop + reach) for side in where)
        near = owner[rows, columns]
        ink = near == number
        free = cv2.dilate((near > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
        share = _box(free.astype(np.float64), reach)[ink]
        if share.min() <= 0:
            continue
        best = (0.0, 0.0)
        for channel in range(planes.shape[2]):
            spot = planes[rows, columns, channel].astype(np.float64)
            mean = _box(spot * free, reach)[ink] / share
            square = _box(spot * spot * free, reach)[ink] / share
            difference = float(np.abs(spot[ink] - mean).mean())
            spread = float(np.sqrt(np.maximum(0, square - mean * mean).mean()))
            best = max(best, (difference / max(1.0, spread), difference))
        seen[number - 1] = best[1], best[0]
    return seen


def _box(values: np.ndarray, reach: int) -> np.ndarray:
    """Sum over squares, without what lies outside."""
    size = (2 * reach + 1,) * 2
    return cv2.boxFilter(values, -1, size, normalize=False, borderType=cv2.BORDER_CONSTANT)


def ink_under(owner: np.ndarray, mask: np.ndarray, lines: int) -> list[tuple[int, int]]:
    """Pixels of each line's ink, and how many of them are masked."""
    whole = np.bincount(owner.ravel(), minlength=lines + 1)
    hidden = np.bincount(owner[mask], minlength=lines + 1)
    return [(int(whole[k]), int(hidden[k])) for k in range(1, lines + 1)]


def true_regions(owner: np.ndarray, quads: Sequence[np.ndarray]) -> int:
    """How many regions hold any ink."""
    count = 0
    for quad in quads:
        spot = np.zeros(owner.shape, np.uint8)
        draw(spot, quad, 0)
        count += bool((owner[spot > 0] > 0).any())
    return count


def far_from_text(owner: np.ndarray, heights: Sequence[float]) -> np.ndarray:
    """Pixels, bool (rows, columns), so far from any line that a mask there is false."""
    near = np.zeros(owner.shape, np.uint8)
    for number, where in enumerate(ndimage.find_objects(owner.astype(np.int32)), 1):
        if where is None:
            continue
        reach = round(max(FAR_PX, FAR_SHARE * heights[number - 1]))
        rows, columns = (slice(max(0, side.start - reach), side.stop + reach) for side in where)
        hull = cv2.convexHull(np.argwhere(owner[where] == number)[:, ::-1].astype(np.int32))
        spot = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
        shift = np.array([where[1].start - columns.start, where[0].start - rows.start])
        cv2.fillPoly(spot, [hull + shift], 1)
        spot = cv2.dilate(spot, np.ones((2 * reach + 1,) * 2, np.uint8))
        seen = near[rows, columns]  # cut off at the frame's edges
        seen[spot[: seen.shape[0], : seen.shape[1]] > 0] = 1
    return near == 0


def height(pixels: float) -> str:
    """Name of a class of heights, by whole pixels of ink."""
    low, high = next(limits for limits in HEIGHTS if round(pixels) <= limits[1])
    if not low:
        return f"{high} px and less"
    return f"{low + 1} to {high} px" if high < 1000 else f"over {low} px"


# ------------------------------------------------------------------ bounds


class InFrame(Protocol):
    """A line that counts: the frame it stands in, and whether it was found."""

    @property
    def frame(self) -> int:
        """A number of its frame."""

    @property
    def found(self) -> bool:
        """Whether it was found."""


def bounds(hits: float, total: float) -> tuple[float, float]:
    """Clopper and Pearson's two-sided bounds of a share (Biometrika 26, 1934)."""
    tail = (1 - CONFIDENCE) / 2
    low = special.betaincinv(hits, total - hits + 1, tail) if hits else 0.0
    high = special.betaincinv(hits + 1, total - hits, 1 - tail) if hits < total else 1.0
    return float(low), float(high)


def bounds_by_frame(lines: Sequence[InFrame]) -> tuple[float, float]:
    """Bounds of line recall where lines of one frame stand or fall together.

    Clopper and Pearson's for as many lines as would tell as much if each stood alone (Korn and
    Graubard, Survey Methodology 24, 1998), at least one a frame. That number falls with the
    variance between frames, and where there are few to tell it by. Where all lines are found, or
    none, nothing tells how alike those of a frame are, and a frame counts as one line; more misses
    give no better bounds.
    """
    of_frame = np.unique([line.frame for line in lines], return_inverse=True)[1]
    totals = np.bincount(of_frame)
    hits = np.bincount(of_frame, [line.found for line in lines])
    frames, total, share = len(totals), len(lines), hits.sum() / len(lines)
    worth = float(frames)
    if 0 < share < 1 and frames > 1:
        variance = frames / (frames - 1) * np.square(hits - share * totals).sum() / total**2
        few, many = special.stdtrit([frames - 1, total - 1], (1 + CONFIDENCE) / 2)
        alone = share * (1 - share) * (many / few) ** 2
        worth = total if alone >= total * variance else max(worth, alone / variance)
    low, high = bounds(share * worth, worth)
    return min(low, bounds(frames, frames)[0]), max(high, bounds(0, frames)[1])


# ------------------------------------------------------------------ tables

COLUMNS = (
    "group", "lines", "frames", "found", "recall", "low", "high", "low_by_frame", "high_by_frame",
    "ink_recall",
)  # fmt: skip


def row(group: str, lines: Sequence[Judged]) -> dict[str, object]:
    """Figures of a group of lines, for ``COLUMNS``."""
    found, total = sum(line.found for line in lines), len(lines)
    low, high = bounds(found, total)
    low_by_frame, high_by_frame = bounds_by_frame(lines)
    ink = sum(line.masked for line in lines) / max(1, sum(line.ink for line in lines))
    return {
        "group": group, "lines": total, "frames": len({line.frame for line in lines}),
        "found": found, "recall": f"{found / total:.4f}", "low": f"{low:.4f}",
        "high": f"{high:.4f}", "low_by_frame": f"{low_by_frame:.4f}",
        "high_by_frame": f"{high_by_frame:.4f}", "ink_recall": f"{ink:.4f}",
    }  # fmt: skip
