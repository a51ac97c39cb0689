"""Private elements that are known to be safe: b-values, gradient directions, scale factors.

A row of ``resources/safe_private.tsv`` names an element by its private creator, group and last
two digits, as PS3.5 section 7.8.1 does; the block may stand anywhere. Only numbers, dates (which
are treated like any) and terms that the row lists are kept, never text and never bytes. Numbers
have fewer than six digits, so that they are no date and no telephone, or lie in a range of the row:
GE adds a thousand millions to a b-value.
"""

import csv
from dataclasses import dataclass
from functools import cache
from math import nextafter
from pathlib import Path

from unburn.vocabulary import MOST_DIGITS

TABLE = Path(__file__).resolve().parents[2] / "resources" / "safe_private.tsv"
LARGEST = 10.0 ** (MOST_DIGITS - 1)


@dataclass(frozen=True)
class Safe:
    """A private element that may stay.

    vr : its value representation, also where a file says UN or nothing
    terms : for CS, all values that it can have
    ranges : of its numbers, first and last
    """

    vr: str
    terms: frozenset[str]
    ranges: tuple[tuple[float, float], ...]

    def covers(self, number: float) -> bool:
        """Say whether a number can be one of this element's."""
        return any(first <= number <= last for first, last in self.ranges)


@cache
def table() -> dict[tuple[str, int, int], Safe]:
    """The safe elements by private creator, group and last two digits of the element."""
    with open(TABLE, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {
        (row["creator"], int(row["group"], 16), int(row["element"], 16)): Safe(
            row["vr"], frozenset(row["terms"].split("|")), _ranges(row["range"])
        )
        for row in rows
    }


def _ranges(cell: str) -> tuple[tuple[float, float], ...]:
    if not cell:
        return ((nextafter(-LARGEST, 0), nextafter(LARGEST, 0)),)
    pairs = [part.split("..") for part in cell.split("|")]
    return tuple((float(first), float(last)) for first, last in pairs)


@cache
def creators() -> frozenset[str]:
    """The private creators that have safe elements."""
    return frozenset(creator for creator, _, _ in table())


def is_creator(tag: int) -> bool:
    """Say whether a tag reserves a private block: (gggg,0010) to (gggg,00FF), gggg odd."""
    return tag >> 16 & 1 == 1 and 0x10 <= tag & 0xFFFF <= 0xFF


def creator_tag(tag: int) -> int:
    """Return the tag that reserves the block of a private element."""
    return tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8
