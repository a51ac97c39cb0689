"""Single elements of a data set: read from the bytes of the file, made as bytes.

pydicom decodes an element when it is touched, and encodes it again when it is written, which is
most of the time that cleaning a header takes. Here values of characters are read from bytes where
those are ASCII, and made as bytes, so that pydicom writes them as they are.
"""

import re
import struct
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from pydicom import config as pydicom_config
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement, empty_value_for_VR
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from unburn.vocabulary import MOST_DIGITS

Element = DataElement | RawDataElement
Elements = dict[BaseTag, Element]

LONG_TEXT_VRS = frozenset(("ST", "LT", "UT"))
TEXT_VRS = frozenset(("LO", "SH", "UC")) | LONG_TEXT_VRS
SINGLE_VRS = LONG_TEXT_VRS | {"UR"}  # whose backslashes separate nothing
# Bytes of one value in binary VRs.
SIZES = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "UV": 8, "SV": 8, "FL": 4, "FD": 8, "AT": 4}
SIZES |= {"OF": 4, "OD": 8, "OL": 4, "OV": 8}
_FORMS = {"AT": "H", "US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q"}
_FORMS |= {"FL": "f", "FD": "d", "OF": "f", "OD": "d", "OL": "I", "OV": "Q"}  # of module struct
_WHOLE = {"AT": "I"}  # read as one number, not as its two halves
NUMERIC = frozenset(_FORMS)
BYTES = frozenset(("OB", "OW", "UN"))
# Eight letters or signs and no other bytes, but for padding: binary numbers are none by chance, as
# doubles from 1/32768 to 131071 end in "?" or "@".
_LEGIBLE = re.compile(rb"[\w ^=.,:;'+&#*()/\\@-]{7,}[\w).]")
# Letters of Latin-1 among them, as long as most are ASCII's: numbers have such bytes, too, and
# negative doubles end in C0 or C1.
_ACCENTED = re.compile(rb"[\w ^=.,:;'+&#*()/\\@\xc0-\xff-]{7,}[\w).\xc4-\xff]")
# Doubles in big endian: such ones as above begin with "@", C0 or C1.
_DOUBLES = re.compile(rb"(?:[@\xc0\xc1].{7})*[@\xc0\xc1].{0,7}", re.DOTALL)
_LETTERS = re.compile(rb"[A-Za-z ]")
MOST_LETTERS = 0.7
SHORTEST_LEGIBLE = 8
MOST_REMEMBERED = 32  # bytes of a value
SMALLEST_LONG = 10 ** (MOST_DIGITS - 1)  # a number of so many digits can be a date or a record's
ENCODING = "iso8859"  # pydicom's name for the default repertoire
_OF_A_NEW_ONE = vars(Dataset())


def values(value: Any) -> list[Any]:
    """Return the values of an element as a list."""
    if value is None or value == "":
        return []
    single = isinstance(value, str | bytes) or not isinstance(value, Sequence)
    return [value] if single else [*value]


def texts(dataset: Dataset, element: Element, vr: str) -> list[str]:
    """Values of a VR of characters, stripped; decoded by pydicom only where they are not ASCII."""
    if isinstance(element, RawDataElement):
        if not element.length:
            return []
        data = element.value
        if data is not None and data.isascii() and b"\x1b" not in data:  # no escape sequences
            text = data.decode("ascii").strip(" \0")
            if not text:
                return []
            if "\\" not in text or vr in SINGLE_VRS:
                return [text]
            return [part.strip(" \0") for part in text.split("\\")]
        element = dataset[element.tag]
    return [_written(value).strip(" \0") for value in values(element.value)]


def _written(value: Any) -> str:
    """Return a value as it stands in the file: 1.50, where pydicom has the number 1.5."""
    original = getattr(value, "original_string", None)
    return original if isinstance(original, str) else str(value)


@cache
def _tag(keyword: str) -> int:
    return tag_for_keyword(keyword) or 0


def text_of(dataset: Dataset, keyword: str) -> str:
    """Return a value as one stripped text, empty when it is missing or cannot be read."""
    try:
        element = dataset.get_item(_tag(keyword))
        return "\\".join(texts(dataset, element, element.VR or "")) if element else ""
    except Exception:  # whatever pydicom raises on a malformed value
        return ""


def is_legible(data: bytes) -> bool:
    """Say whether bytes are text and nothing else, in ASCII, Latin-1 or UTF-16 of such letters."""
    text = data.rstrip(b"\0 ")
    if len(text) < SHORTEST_LEGIBLE or _DOUBLES.fullmatch(text):
        return False
    if len(text) > 2 and not text[1::2].strip(b"\0"):
        text = text[::2]
    elif len(text) > 2 and not text[::2].strip(b"\0"):
        text = text[1::2]
    if _LEGIBLE.fullmatch(text):
        return True
    letters = len(_LETTERS.findall(text))
    return bool(_ACCENTED.fullmatch(text)) and letters >= MOST_LETTERS * len(text)


def stored_as(element: Element, vr: str) -> list[bytes]:
    """The bytes of a binary value; of one that pydicom made numbers of, in either byte order.

    Nothing for other values.
    """
    value = element.value
    if isinstance(value, bytes):
        return [value]
    if vr not in _FORMS:
        return []
    numbers = values(value)
    if vr == "AT":
        numbers = [half for tag in numbers for half in divmod(int(tag), 1 << 16)]
    return [struct.pack(f"{order}{len(numbers)}{_FORMS[vr]}", *numbers) for order in "<>"]


def numbers(value: Any, vr: str) -> list[int | float]:
    """The numbers of a binary value; bytes are little endian, and none are of another length.

    Of a tag, its two halves in either order: a number in its place has the lower one first.
    """
    if not isinstance(value, bytes):
        found = [n if isinstance(n, int) else float(n) for n in values(value)]
    elif len(value) % SIZES[vr]:
        found = []
    else:
        found = [
            number for (number,) in struct.iter_unpack(f"<{_WHOLE.get(vr, _FORMS[vr])}", value)
        ]
    if vr != "AT":
        return found
    return [tag for n in map(int, found) for tag in (n, (n & 0xFFFF) << 16 | n >> 16)]


def are_short(value: Any, vr: str) -> bool:
    """Say whether binary numbers have fewer than six digits before the point, as no record has."""
    short = isinstance(value, bytes) and len(value) <= MOST_REMEMBERED
    return (_remembered if short else _are_short)(value, vr)


def _are_short(value: Any, vr: str) -> bool:
    return not any(abs(number) >= SMALLEST_LONG for number in numbers(value, vr))


_remembered = lru_cache(maxsize=4096)(_are_short)


def digits_of(number: float) -> str:
    """A number as it is written, without an exponent where it has up to 17 digits: 20040119."""
    return str(number) if isinstance(number, int) else f"{number:.17g}"


def is_sound(element: Element, vr: str, most: float) -> bool:
    """Say whether binary numbers are such, and no text of many characters in their place.

    ``most`` values may be there.
    """
    value = element.value
    if any(map(is_legible, stored_as(element, vr))):
        return False
    if isinstance(element, RawDataElement):
        count, rest = divmod(len(value or b""), SIZES.get(vr, 1))
        return not rest and (vr.startswith("O") or count <= most)
    if vr.startswith("O"):
        return True
    if isinstance(value, bytes):
        return vr not in SIZES and len(value) <= 2 * most
    return most >= element.VM


@lru_cache(maxsize=1 << 14)
def interned(tag: int) -> BaseTag:
    """The one object of a tag: dictionaries find their key without comparing it."""
    return BaseTag(tag)


@lru_cache(maxsize=1 << 14)
def _nothing(tag: int, vr: str) -> RawDataElement:
    return RawDataElement(interned(tag), vr, 0, b"", 0, False, True)


def made(tag: int, vr: str, texts: Sequence[str], like: Element | None = None) -> Element:
    """Make an element of our own values, as text; none make an empty one of any VR.

    ``like`` itself, when it has these very bytes.
    """
    text = texts[0] if len(texts) == 1 else "\\".join(texts)
    if not text.isascii():
        value = texts[0] if len(texts) == 1 else list(texts)
        return DataElement(tag, vr, value, validation_mode=pydicom_config.IGNORE)
    if len(vr) != 2:  # "US or SS"
        return DataElement(tag, vr, empty_value_for_VR(vr))
    if not text:
        return _nothing(tag, vr)
    data = text.encode("ascii")
    if len(data) % 2:
        data += b"\0" if vr == "UI" else b" "
    if like is not None and like.value == data and vr == like.VR and like.is_raw:
        return like
    return RawDataElement(interned(tag), vr, len(data), data, 0, False, True)


def filled(
    elements: Elements, implicit: bool | None, little: bool | None, charset: str | list[str]
) -> Dataset:
    """Make a data set of elements that have an encoding, in a tenth of ``Dataset()``'s time.

    As ``Dataset(elements, parent_encoding=charset)`` and ``set_original_encoding`` make it.
    """
    result = Dataset.__new__(Dataset)
    vars(result).update(
        _OF_A_NEW_ONE,
        _dict=elements,
        _private_blocks={},
        _pixel_array_opts={**_OF_A_NEW_ONE["_pixel_array_opts"]},
        _pixel_id={},
        _parent_encoding=charset,
        _read_implicit=implicit,
        _read_little=little,
        _read_charset=charset,
    )
    return result


def data_set(elements: Elements, like: Dataset) -> Dataset:
    """Make a data set that is written without another look, when ``like`` has its encoding."""
    implicit, little = like.original_encoding
    return filled(elements, implicit, little, ENCODING)
