"""Text that stands still: which regions found in one frame of a series stand in its others too.

An overlay is the same picture in every frame, up to noise and compression; anatomy changes from
slice to slice. So a region spreads to a frame when its strokes are there, at the same pixels,
also where the detector saw nothing; what was falsely found in one slice stays in it and in those
that look the same.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

SIDE = 3  # px of the square whose mean is taken off: edges of strokes stay, anatomy mostly goes
PROBES = 256  # pixels of a region that are compared: its brightest and darkest
FEW = 32  # of them that are compared first
MAYBE = 0.3  # likeness of the few from which all are compared
SAME = 0.6  # likeness from which two places show the same
LARGEST = 1 << 14  # pixels of a region among which probes are chosen
NEAR_PX = 2.0  # corners of one line found twice differ by less
BATCH = 2048  # regions compared with all frames at once: bounds memory

Pictures = Callable[[int], np.ndarray]  # number of a frame -> its views, uint8 (views, rows, cols)


@dataclass(frozen=True)
class Probe:
    """The pixels by which a region is known again, in each view.

    ``place`` int64 (views, ``PROBES``), index of each pixel in the flattened frame; ``stroke``
    float64 of the same shape, what ``strokes`` gives there, 0 where a small region has no more.
    """

    place: np.ndarray
    stroke: np.ndarray


def strokes(pictures: np.ndarray) -> np.ndarray:
    """Fine detail of the views of a frame, flattened: int32 (views, rows x columns).

    Each pixel less the mean of the square around it, in whole numbers (times the pixels of the
    square), so that sums have no rounding and no order.
    """
    fine = []
    for picture in pictures:
        total = cv2.boxFilter(picture, cv2.CV_32S, (SIDE, SIDE), normalize=False)
        fine.append((picture.astype(np.int32) * (SIDE * SIDE) - total).ravel())
    return np.array(fine)


def probe(inside: np.ndarray, corner: tuple[int, int], columns: int, fine: np.ndarray) -> Probe:
    """Choose the pixels of a region that tell most: half of them bright, half dark.

    Parameters
    ----------
    inside : 0/1, the region within its window
    corner : (row, column) of the window in the frame
    columns : of the frame
    fine : what ``strokes`` gives for the frame
    """
    rows, cols = np.nonzero(inside)
    own = (rows + corner[0]) * columns + cols + corner[1]
    own = own[:: -(-len(own) // LARGEST)] if len(own) else own
    place = np.zeros((len(fine), PROBES), np.int64)
    stroke = np.zeros((len(fine), PROBES))
    for view, values in enumerate(fine[:, own]):
        order = np.argsort(values, kind="stable")
        if len(order) > PROBES:
            order = np.concatenate([order[: PROBES // 2], order[-PROBES // 2 :]])
        order = order[_mixed(len(order))]
        place[view, : len(order)] = own[order]
        stroke[view, : len(order)] = values[order]
    return Probe(place, stroke)


def _mixed(length: int) -> np.ndarray:
    """An order in which the first ``FEW`` are spread evenly over all of them."""
    first = np.unique(np.linspace(0, length - 1, min(FEW, length)).astype(int))
    return np.concatenate([first, np.setdiff1d(np.arange(length), first)])


def likeness(place: np.ndarray, stroke: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """How much of the strokes of regions is in a frame, from -1 to 1.

    Parameters
    ----------
    place, stroke : (regions, views, pixels), see ``Probe``
    fine : what ``strokes`` gives for the frame

    Returns
    -------
    float64 (regions,): normalised correlation, in which a pixel weighs as much as it stands out in
    the region; of the view with the highest. 0 where a region or the frame is even.
    """
    best = np.zeros(len(place))
    for view in range(fine.shape[0]):
        here = fine[view][place[:, view]].astype(np.float64)
        own = stroke[:, view]
        weight = np.abs(own)
        # all sums are of whole numbers below 2^53
        common = (weight * own * here).sum(axis=1)
        size = np.sqrt((weight * own * own).sum(axis=1)) * np.sqrt((weight * here * here).sum(1))
        best = np.maximum(best, np.divide(common, size, np.zeros_like(common), where=size > 0))
    return best


def standing(
    found: Sequence[np.ndarray],
    pictures: Pictures,
    window: Callable[[np.ndarray], tuple[tuple[int, int], np.ndarray]],
) -> list[np.ndarray]:
    """Find for each frame the regions of other frames that stand in it as well.

    Parameters
    ----------
    found : for each frame its regions, structured arrays with ``quad``
    pictures : gives the views of a frame by its number; every frame has the same size and views
    window : gives for a quadrangle the (row, column) of its window, and 0/1 (rows, columns) within

    Returns
    -------
    for each frame int64 (n, 2): frame and row in ``found`` of the regions that stand there. One
    that another region at the same place stands for is left out.

    Notes
    -----
    Memory holds one frame and the probes of ``BATCH`` regions; every batch reads the frames again.
    """
    hits: list[list[np.ndarray]] = [[] for _ in found]
    for origin, probes in _batches(found, pictures, window):
        place = np.stack([probe.place for probe in probes])
        stroke = np.stack([probe.stroke for probe in probes])
        for number in range(len(found)):
            others = np.flatnonzero(origin[:, 0] != number)
            if not len(others):
                continue
            fine = strokes(pictures(number))
            few = likeness(place[others, :, :FEW], stroke[others, :, :FEW], fine)
            maybe = others[few >= MAYBE]
            same = maybe[likeness(place[maybe], stroke[maybe], fine) >= SAME]
            if len(same):
                hits[number].append(origin[same])
    return [np.concatenate([*parts, np.zeros((0, 2), np.int64)]) for parts in hits]


def _batches(
    found: Sequence[np.ndarray],
    pictures: Pictures,
    window: Callable[[np.ndarray], tuple[tuple[int, int], np.ndarray]],
) -> Iterator[tuple[np.ndarray, list[Probe]]]:
    """Yield the frame and row of distinct regions, int64 (n, 2), with their probes."""
    origin: list[tuple[int, int]] = []
    probes: list[Probe] = []
    near: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, regions in enumerate(found):
        if not len(regions):
            continue
        views = pictures(number)
        fine = strokes(views)
        for row, quad in enumerate(regions["quad"]):
            cell = tuple((quad.mean(axis=0) // (2 * NEAR_PX)).astype(int).tolist())
            around = [
                index
                for x in (-1, 0, 1)
                for y in (-1, 0, 1)
                for index in near.get((cell[0] + x, cell[1] + y), ())
                if np.abs(found[origin[index][0]]["quad"][origin[index][1]] - quad).max() <= NEAR_PX
            ]
            if around:
                place = np.stack([probes[index].place for index in around])
                stroke = np.stack([probes[index].stroke for index in around])
                if (likeness(place, stroke, fine) >= SAME).any():
                    continue
            corner, inside = window(quad)
            near[cell[0], cell[1]].append(len(origin))
            origin.append((number, row))
            probes.append(probe(inside, corner, views.shape[2], fine))
        if len(origin) >= BATCH:
            yield np.array(origin), probes
            origin, probes, near = [], [], defaultdict(list)
    if origin:
        yield np.array(origin), probes
