"""Items of sequences, read once each from the bytes of the file.

What is plain is read here, as pydicom reads it and in a fifth of the time: little endian, every
length given, every VR known, every element within its item. All else is left to pydicom.
"""

from collections.abc import Hashable
from functools import lru_cache
from struct import Struct
from typing import Any

from pydicom.dataelem import DataElement, RawDataElement, empty_value_for_VR
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import BaseTag
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, VR

from unburn import profile
from unburn.elements import Element, filled, interned

Likeness = tuple[Hashable, ...]

ITEM = 0xE000FFFE  # (FFFE,E000) as one little endian number
DELIMITERS = 0xFFFE
CHARACTER_SET = 0x00080005
UNDEFINED_LENGTH = 0xFFFFFFFF
OF_UNKNOWN_VR = b"UN\0\0"  # whose values are of implicit VR if they are sequences (PS3.5 6.2.2)
MOST_COMPARED = 8  # elements of an item
HEAD = 8  # bytes of an element's tag and length

_tag_and_length = Struct("<LL").unpack_from
_implicit = Struct("<HHL").unpack_from
_explicit = Struct("<HH2sH").unpack_from
_long = Struct("<L").unpack_from
_VRS = {str(vr).encode(): (str(vr), vr in EXPLICIT_VR_LENGTH_32) for vr in VR if len(vr) == 2}


@lru_cache
def _empty(vr: str | None) -> Any:
    return empty_value_for_VR(vr, raw=True)


def likeness(dataset: Dataset, stored: Element) -> Likeness:
    """What a sequence is known by that is still bytes, or whose few elements are.

    Nothing for other elements. Frames and segments repeat their sequences, codes above all.
    """
    if not isinstance(stored, RawDataElement):
        return _of_elements(stored) if stored.VR == "SQ" else ()
    if stored.VR not in ("SQ", None) or not stored.value:
        return ()
    if stored.VR is None and profile.listed_vr(int(stored.tag)) != "SQ":
        return ()
    return stored.tag, stored.VR, str(dataset.original_character_set), stored.value


def _of_elements(sequence: DataElement) -> Likeness:
    items = sequence.value
    if not items or len(items) > 1 or len(items[0].keys()) > MOST_COMPARED:
        return ()
    found: list[Hashable] = [sequence.tag, str(items[0].original_character_set)]
    for each in items[0].values():
        if not isinstance(each, RawDataElement) or each.value is None:
            return ()
        found += [each.tag, each.VR, each.value, each.is_little_endian]
    return tuple(found)


def decoded(dataset: Dataset, tag: BaseTag, stored: Element) -> Element:
    """An element as pydicom reads it, which tells items of a sequence what they inherit."""
    if isinstance(stored, RawDataElement):
        return dataset[tag] if stored.length or stored.VR != "SQ" else stored
    if dataset.original_encoding[0] is not False:
        return dataset[tag]
    return stored


class Sequences(dict[Likeness, list[Dataset]]):
    """Items of the sequences of one object, by what those are known by."""

    def of(self, dataset: Dataset, tag: BaseTag, stored: Element, like: Likeness) -> list[Dataset]:
        """The items of a sequence; like ones are read once."""
        if not like:
            return list(decoded(dataset, tag, stored).value or [])
        if like not in self:
            found = _plain(dataset, tag, stored) if isinstance(stored, RawDataElement) else None
            self[like] = list(dataset[tag].value or []) if found is None else found
        return self[like]


def _plain(dataset: Dataset, tag: BaseTag, stored: RawDataElement) -> list[Dataset] | None:
    charset = dataset.original_character_set
    if not (stored.is_little_endian and charset and stored.value):
        return None
    charset = [charset] if isinstance(charset, str) else charset
    found = items(stored.value, stored.is_implicit_VR, charset)
    if found and (stored.is_implicit_VR or OF_UNKNOWN_VR in stored.value):
        # pydicom tells items whether pixels are signed: some of their values are US or SS
        dataset[tag] = DataElement(tag, "SQ", Items(found), already_converted=True)
    return found


def items(value: bytes, implicit: bool, charset: Any) -> list[Dataset] | None:
    """The items of a sequence's value; None when pydicom has to look at it.

    Parameters
    ----------
    implicit : whether the sequence stands in a data set of implicit VR
    charset : the encodings of the data set around it
    """
    found, at, end = [], 0, len(value)
    while at < end:
        if end - at < HEAD:
            return None
        tag, length = _tag_and_length(value, at)
        start, at = at + HEAD, at + HEAD + length
        if tag != ITEM or not length or length == UNDEFINED_LENGTH or at > end:
            return None
        elements = _elements(value, start, at, implicit)
        if elements is None:
            return None
        found.append(filled(elements, implicit, True, charset))
    return found


def _elements(value: bytes, at: int, end: int, implicit: bool) -> dict[BaseTag, Any] | None:
    """The elements of one item, which stands between two places of a sequence's value."""
    found: dict[BaseTag, Any] = {}
    vr: str | None = None
    while at < end:
        if end - at < HEAD:
            return None
        if implicit:
            group, element, length = _implicit(value, at)
            at += HEAD
        else:
            group, element, code, length = _explicit(value, at)
            at += HEAD
            if code not in _VRS:
                return None
            vr, is_long = _VRS[code]
            if is_long:
                if end - at < 4:
                    return None
                length, at = _long(value, at)[0], at + 4
        stop = at + length
        number = group << 16 | element
        if stop > end or length == UNDEFINED_LENGTH:
            return None
        if group == DELIMITERS or number == CHARACTER_SET:
            return None
        data = value[at:stop] if length else _empty(vr)
        tag = interned(number)
        found[tag] = RawDataElement(tag, vr, length, data, at, implicit, True)
        at = stop
    return found
