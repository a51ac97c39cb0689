"""Two readers read the lines that were found in a frame; only classes and markers leave.

The first reader is the CTC line reader. What it reads as harmless a second one reads too,
RapidOCR's recogniser, which shares no code, weights or training with it. Masking everything that
looks like text never depends on either.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from unburn import lines, wording
from unburn.identifiers import Identifiers

SURE = 0.5  # the first reader's mean confidence from which it read anything
FIRST_SURE, SECOND_SURE = 0.8, 0.9  # confidences from which an agreement counts
WIDEST = 1.0  # width of a letter by the line's height; a wider region may hold more than was read
NEAR = 1.5  # heights between two regions of one line of text


@dataclass(frozen=True)
class Class:
    """What one line holds.

    ``kind`` one of ``wording.KINDS``, by the first reader; ``agreed`` when the second read the
    same and nothing beside the line says otherwise; ``fact`` the markers of an agreed line,
    words of ``wording.FACTS`` joined by ";".
    """

    kind: str = "unread"
    agreed: bool = False
    fact: str = ""


UNREAD = Class()


class SecondReader(Protocol):
    """Reads one line of an 8-bit picture, given its corners: text and score."""

    def read_line(self, picture: np.ndarray, quad: np.ndarray) -> tuple[str, float]:
        """Read a line."""


def classes(
    network: lines.Reader,
    second: SecondReader,
    pictures: np.ndarray,
    quads: Sequence[np.ndarray],
    header: Identifiers,
) -> list[Class]:
    """Class the lines of a frame.

    Parameters
    ----------
    pictures : uint8 (views, rows, columns); the first view is the one that is read
    quads : of each line, float32 (4, 2), corners as (column, row), clockwise from the top left
    header : identifiers of the item's header
    """
    found = []
    readings = first_readings(network, pictures[0], quads)
    for (text, confidence), quad in zip(readings, quads, strict=True):
        read = wording.kind(text, header) if confidence >= SURE else "unread"
        agreed = (
            read in wording.KEPT["phi"]
            and confidence >= FIRST_SURE
            and fits(text, quad)
            and _confirmed(second, pictures[0], quad, text, header)
        )
        found.append(Class(read, agreed))
    texts = [text for text, _ in readings]
    found = outside_blocks(apart(found, texts, quads, header), texts, quads)
    found = alike_in_views(network, pictures[1:], found, texts, quads)
    return [
        replace(one, fact=";".join(wording.markers(text)) if one.agreed else "")
        for one, text in zip(found, texts, strict=True)
    ]


def first_readings(
    network: lines.Reader, picture: np.ndarray, quads: Sequence[np.ndarray]
) -> list[tuple[str, float]]:
    """What the line reader reads, the surer of both directions of a line that runs up or down."""
    cuts = [lines.upright(picture, quad) for quad in quads]
    readings = iter(lines.read(network, [crop for cut in cuts for crop in cut]))
    return [max((next(readings) for _ in cut), key=lambda reading: reading[1]) for cut in cuts]


def alike_in_views(
    network: lines.Reader,
    views: np.ndarray,
    found: Sequence[Class],
    texts: Sequence[str],
    quads: Sequence[np.ndarray],
) -> list[Class]:
    """Let a line count as agreed only when no other view of the frame shows other text there."""
    result = list(found)
    for view in views:
        agreed = [k for k, one in enumerate(result) if one.agreed]
        readings = first_readings(network, view, [quads[k] for k in agreed])
        for k, (other, confidence) in zip(agreed, readings, strict=True):
            if confidence >= SURE and other and not wording.alike(texts[k], other):
                result[k] = replace(result[k], agreed=False)
    return result


def _confirmed(
    second: SecondReader, picture: np.ndarray, quad: np.ndarray, text: str, header: Identifiers
) -> bool:
    """Whether the second reader is sure of the same text, and it is nobody's in its spelling."""
    other, score = second.read_line(picture, quad)
    return (
        score >= SECOND_SURE
        and wording.alike(text, other)
        and wording.kind(other, header) != "identifier"
    )


def fits(text: str, quad: np.ndarray) -> bool:
    """Whether a region is no wider than what was read in it can be."""
    sides = np.hypot(*(quad[1] - quad[0])), np.hypot(*(quad[3] - quad[0]))
    return bool(max(sides) <= WIDEST * (len(text) + 1) * min(sides))


def apart(
    found: Sequence[Class], texts: Sequence[str], quads: Sequence[np.ndarray], header: Identifiers
) -> list[Class]:
    """Let a line count as agreed only when what stands beside it is harmless too.

    The detector may cut a line: 12 | 345 | 678, PA | MUELLER. Regions that follow each other at
    the distance of words are read as one line as well; an identifier there is one in all of them.
    """
    result = list(found)
    for group in rows(quads):
        if len(group) == 1:
            continue
        whole = wording.kind(" ".join(texts[k] for k in group), header)
        sound = all(found[k].kind in wording.KEPT["phi"] for k in group)
        for k in group:
            if whole == "identifier" and found[k].kind != "unread":
                result[k] = Class("identifier")
            elif not sound:
                result[k] = replace(found[k], agreed=False)
    return result


def outside_blocks(
    found: Sequence[Class], texts: Sequence[str], quads: Sequence[np.ndarray]
) -> list[Class]:
    """Let a bare number or F count as agreed only away from other text: F | 63 below a name.

    What does not count as agreed for that is other text itself.
    """
    result = list(found)
    low = np.array([quad.min(axis=0) for quad in quads]).reshape(-1, 2)
    high = np.array([quad.max(axis=0) for quad in quads]).reshape(-1, 2)
    other = [k for k, one in enumerate(found) if one.kind not in wording.KEPT["phi"]]
    waiting = [k for k, one in enumerate(found) if one.agreed and wording.ambiguous(texts[k])]
    while other:
        one = other.pop()
        gap = (np.maximum(low, low[one]) - np.minimum(high, high[one])).max(axis=1)
        near = [k for k in waiting if gap[k] < NEAR * (high[k] - low[k]).min()]
        for k in near:
            result[k] = replace(found[k], agreed=False)
        other += near
        waiting = [k for k in waiting if k not in near]
    return result


def rows(quads: Sequence[np.ndarray]) -> list[list[int]]:
    """Group regions that follow each other along a line of text, each group as it is read.

    Horizontal lines are read from the left. Tall regions may be parts of a vertical line as well,
    which is read from the top.
    """
    low = np.array([quad.min(axis=0) for quad in quads]).reshape(-1, 2)
    high = np.array([quad.max(axis=0) for quad in quads]).reshape(-1, 2)
    tall = (high - low)[:, 1] >= lines.TALL * (high - low)[:, 0]
    group = np.arange(len(quads))
    for along, across in ((0, 1), (1, 0)):
        for one in range(len(quads)):
            thick = np.minimum(
                high[:, across] - low[:, across], high[one, across] - low[one, across]
            )
            overlap = np.minimum(high, high[one]) - np.maximum(low, low[one])
            near = (overlap[:, across] > thick / 2) & (-overlap[:, along] < NEAR * thick)
            if along == 1:
                near &= tall & tall[one]
            for other in np.flatnonzero(near):
                group[group == group[other]] = group[one]
    members = [np.flatnonzero(group == label) for label in np.unique(group)]
    return [_in_order(low, high, group) for group in members]


def _in_order(low: np.ndarray, high: np.ndarray, group: np.ndarray) -> list[int]:
    width, height = high[group].max(axis=0) - low[group].min(axis=0)
    along = 0 if width >= height else 1
    return [int(k) for k in sorted(group, key=lambda k: (low[k, along], low[k, 1 - along]))]
