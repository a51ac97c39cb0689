"""What names somebody in one object, looked for in each of the object's values."""

import re
from collections.abc import Iterable, Set
from functools import lru_cache
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from unburn.elements import NUMERIC, SIZES, Element, digits_of, numbers, stored_as
from unburn.names import ADDRESSES, INSTITUTIONS, SHORTEST_IN_BYTES, Named, in_bytes
from unburn.nesting import Sequences
from unburn.vocabulary import (
    LONG_NUMBER,
    MOST_DIGITS,
    STOP,
    Naming,
    can_hold_record,
    composed,
    known,
    plain,
    records,
    words_in,
)

_NUMBER = re.compile(r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?", re.ASCII)
SMALLEST = 10 ** (LONG_NUMBER - 1)  # of the numbers that can be a record's
LONGER = 6  # letters from which on a word of a name is looked for inside of others
_BULK = {"OF": "<f4", "OD": "<f8", "OL": "<u4", "OV": "<u8"}  # of numpy
MOST_IN_BULK = 1024  # numbers of bulk data; among more, shorter ones are met by chance
SMALLEST_IN_BULK = 10**6  # of the numbers that are looked at among more
SHORT_VALUE = 16  # bytes; most binary values are of a few numbers, the same in many objects


@lru_cache
def _longer(words: frozenset[str]) -> dict[str, re.Pattern[str] | None]:
    """The longer words that are no listed ones, without those that hold another of them.

    And makers' words that hold one of them, which is not sought inside of those: Philip, Philips.
    """
    found: dict[str, re.Pattern[str] | None] = {}
    for word in sorted(words, key=lambda word: (len(word), word)):
        if (
            len(word) < LONGER
            or known(word)
            or any(less in word and not found[less] for less in found)
        ):
            continue
        makers = sorted(maker for maker in STOP if word in maker)
        found[word] = re.compile("|".join(makers)) if makers else None
    return found


@lru_cache(maxsize=4096)
def _forms(text: str) -> tuple[str, ...]:
    """A text in lower case; one that is not ASCII with accents in its letters, and without."""
    return (text.lower(),) if text.isascii() else (composed(text).lower(), plain(text).lower())


def _long_numbers(value: Any, vr: str) -> list[str]:
    """Digits before the point of the numbers in a binary value that can be a record's."""
    if vr in _BULK and len(value or b"") > MOST_IN_BULK * SIZES[vr]:
        large = _large_in_bulk(value, vr)
    else:
        large = [abs(number) for number in numbers(value, vr) if abs(number) >= SMALLEST]
    return [digits_of(number).partition(".")[0] for number in large]


def _large_in_bulk(data: bytes, vr: str) -> list[int | float]:
    """The numbers of seven digits and more; as many points have indices of five."""
    whole = len(data) // SIZES[vr] * SIZES[vr]
    found = np.abs(np.frombuffer(data[:whole], _BULK[vr]))
    return np.unique(found[found >= SMALLEST_IN_BULK]).tolist()


_long_numbers_of_short = lru_cache(maxsize=4096)(_long_numbers)


class Sought:
    """Words of names and places, and numbers, that the values of an object are searched for.

    people : words of the names of anyone, and longer numbers of the patient and the visit
    anyone : these, and words of attributes that name places
    patients : words and numbers of the patient alone; no descriptor keeps them, even if they are
        listed words
    """

    def __init__(self, dataset: Dataset, keeps_institutions: bool, sequences: Sequences):
        named = Named()
        named.gather(
            dataset, ADDRESSES | (set() if keeps_institutions else INSTITUTIONS), sequences
        )
        self._naming = Naming(frozenset(named.people), frozenset(named.numbers))
        self.people, self.anyone = self._naming.words, self._naming.words | named.towns
        self.patients = frozenset(named.patients)
        self._spelt = in_bytes(self.people)
        self._inside = _longer(self.patients)
        self._record = records(self._naming.records)

    def names(self, text: str, people: Set[str]) -> bool:
        """Say whether a word of people's names is in a text that is not cut down to the list.

        A word of the list is no name here: a patient called Head leaves HEAD as it is. A longer
        word of the patient's names may stand inside of another.
        """
        if (
            self._inside
            and (len(text) >= LONGER or not text.isascii())
            and any(map(self._is_inside, _forms(text)))
        ):
            return True
        words = words_in(text)
        return not people.isdisjoint(words) and any(
            word in people and not known(word) for word in words
        )

    def _is_inside(self, low: str) -> bool:
        """Say whether a longer word of the patient's names is anywhere but in a maker's word."""
        for word, makers in self._inside.items():
            if word in low and (not makers or word in makers.sub(" ", low)):
                return True
        return False

    def is_record(self, text: str) -> bool:
        """Say whether a text has a number that names the patient or a visit."""
        return can_hold_record(text) and bool(self._record.search(text))

    def without_records(self, text: str) -> str:
        """A text without such numbers."""
        return self._naming.without_records(text) if self.is_record(text) else text

    def in_bytes_of(self, element: Element, vr: str) -> bool:
        """Say whether a binary value holds a word of a name or a number of the patient.

        As text, UTF-16 or not, or as a number; in long bulk data as one of seven digits and more.
        """
        value = element.value
        if vr in NUMERIC:
            short = isinstance(value, bytes) and len(value) <= SHORT_VALUE
            found = (_long_numbers_of_short if short else _long_numbers)(value, vr)
            if any(map(self._naming.is_long_record, found)):
                return True
        for stored in stored_as(element, vr):
            if len(stored) >= SHORTEST_IN_BYTES:
                data = stored.replace(b"\0", b"").lower()
                if any(word in data for word in self._spelt):
                    return True
        return False

    def are_numbers(self, texts: Iterable[str], long: bool = True) -> bool:
        """Say whether texts are numbers, none that names the patient; ``long`` ones if they may be.

        Others have fewer than six digits before the point.
        """
        for text in texts:
            if not text:
                continue
            if not _NUMBER.fullmatch(text):
                return False
            number = digits_of(float(text)) if "e" in text or "E" in text else text
            whole = number.lstrip("+-0").partition(".")[0]
            if self._naming.is_long_record(whole) or not (long or len(whole) < MOST_DIGITS):
                return False
        return True
