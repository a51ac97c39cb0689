"""What identifies a patient in an original header, and whether it is found again in an output.

Two searches: in text that was read from a picture, where letters are mistaken for digits, and in
bytes, where a short word is met by chance. Words that name no one (the vocabulary of descriptors,
titles, manufacturers) are never searched.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from unburn.elements import text_of, texts
from unburn.marks import without_own
from unburn.metadata import quiet
from unburn.presets import RESEARCH, Options
from unburn.profile import listed_vr, rules, table
from unburn.vocabulary import STOP, in_ascii, plain, words

SHORTEST_WORD = 3  # letters of a name that count when they are read as a word of their own
SHORT_NAME = 3  # a name of such parts alone, as Li Wu, also counts as its two parts together
SHORTEST_NUMBER = 5  # digits; shorter ones stand in every header
SHORTEST_UID = 12
MISREAD_FROM = 4  # from this length on O is taken for 0, I for 1, S for 5, B for 8 and so on
MISSPELT_FROM = 6  # from this length on one letter may be wrong, missing or too many
UNBOUNDED_FROM = 6  # from this length on a word may stand inside of another
BLOCK_BYTES = 1 << 22  # of data that are looked at together
EARLIEST_YEAR = 1850
COUNTED = "01234567890"
MAKER = ("Manufacturer", "ManufacturerModelName", "SoftwareVersions")
PATIENT = {  # that number a patient or a visit, however short
    0x00080050,  # Accession Number
    0x00100020,  # Patient ID
    0x00101000,  # Other Patient IDs
    0x00380010,  # Admission ID
}
INSTANCE = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")

_LETTERS = re.compile(r"[a-z]+")
_CHUNK = re.compile(r"[a-z0-9]+")
MISREAD = str.maketrans(
    {"o": "0", "q": "0", "i": "1", "l": "1", "|": "1", "!": "1"}
    | {"s": "5", "$": "5", "b": "8", "z": "2", "g": "6"}
)
_NUMERIC_DATE = re.compile(r"(?<!\d)(\d{1,4})\s?[./\-\s]\s?(\d{1,2})\s?[./\-\s]\s?(\d{1,4})(?!\d)")
_PACKED_DATE = re.compile(r"(?<!\d)(\d{8})(?!\d)")
_SHORT_DATE = re.compile(r"(?<!\d)(\d\d)(\d\d)(\d\d)(?!\d)")
_BETWEEN = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b|\b(?:de|di|of|den)\b")  # 3rd of May, 3 de mayo
_FAR_EAST = str.maketrans({"年": "-", "月": "-", "日": " "})
_DAY_MONTH_YEAR = re.compile(
    r"(?<!\d)(\d{1,2})[^a-z0-9]{0,2}([a-z]{3,9})[^a-z0-9]{0,2}(\d{2,4})(?!\d)"
)
_MONTH_DAY_YEAR = re.compile(r"([a-z]{3,9})[^a-z0-9]{0,2}(\d{1,2})[^a-z0-9]{1,2}(\d{2,4})(?!\d)")
_STORED_DATE = re.compile(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})")

# English, German, French, Spanish, Italian and Dutch, by their first letters
_MONTHS = {
    1: "jan gen ene",
    2: "feb fev",
    3: "mar mrz mae mrt",
    4: "apr avr abr",
    5: "may mai mag mei",
    6: "jun giu juin",
    7: "jul lug juil",
    8: "aug aou ago",
    9: "sep set",
    10: "oct okt ott",
    11: "nov",
    12: "dec dez dic",
}
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True)
class Identifiers:
    """What to look for; it identifies a patient and never leaves the job.

    names : lower-case ASCII words of personal names
    numbers : IDs, telephone numbers and the like, lower-case letters and digits without gaps
    phrases : other identifying values (institution, address), lower-case letters and digits
    dates : birth date, dates of the study and others
    spellings : the values as they may stand in bytes, lower case
    words : for lines of a word or a number alone: every word of a personal name, however short
        or common (a patient called Pa), the patient's IDs and age; lower case, ASCII
    comparable : whether the patient is named at all: a name, and an ID or the birth date
    """

    names: frozenset[str]
    numbers: frozenset[str]
    phrases: frozenset[str]
    dates: frozenset[date]
    spellings: frozenset[str]
    words: frozenset[str] = frozenset()
    comparable: bool = False


NOBODY = Identifiers(frozenset(), frozenset(), frozenset(), frozenset(), frozenset())


# --- collecting


def _elements(dataset: Dataset) -> Iterator[tuple[int, str, list[str]]]:
    """Yield tag, VR and values as text of all attributes that may identify, on all levels."""
    for key in list(dataset.keys()):
        tag = int(key)
        try:
            stored = dataset.get_item(key, keep_deferred=True).VR
            if stored in (None, "UN", "SQ"):
                element: Any = dataset[key]
            elif _telling(tag, stored):
                element = dataset.get_item(key)
            else:
                continue  # to make an element of each value takes most of the time
            vr = str(element.VR)
            if vr == "SQ":
                for item in element.value or []:
                    yield from _elements(item)
                continue
            for kind in _telling(tag, vr):
                yield tag, kind, [text for text in texts(dataset, element, vr) if text]
        except Exception:  # malformed: pydicom raises many kinds, and the value is not kept either
            continue


@cache
def _telling(tag: int, stored: str) -> tuple[str, ...]:
    """The VRs, the file's and the dictionary's, by which a value identifies somebody here."""
    vrs = dict.fromkeys((stored, listed_vr(tag)))
    return tuple(vr for vr in vrs if vr in ("PN", "DA", "DT") or _named(tag, vr))


@cache
def _named(tag: int, vr: str) -> bool:
    """Say whether the table calls for removal of a short text that is no descriptor."""
    row = table().get(tag)  # of no private tag
    if row is None or vr not in ("LO", "SH", "UC", "AE", "ST", "LT", "UT", "CS"):
        return False
    options = row["descriptors"] or row["patient"] or row["modified_dates"]
    return not options and rules(RESEARCH)[tag, vr] in ("remove", "empty", "dummy")


@cache
def _of_device(tag: int) -> bool:
    row = table().get(tag)
    return row is not None and bool(row["device"] or row["institution"])


def _idle(word: str) -> bool:
    return word in STOP or word in words()


def _distinct(text: str) -> bool:
    """Say whether a text is no 00000 and no 123456, which stand in headers of anybody."""
    return len(set(text.encode())) > 2 and text not in COUNTED


def _as_date(text: str) -> date | None:
    match = _STORED_DATE.match(text)
    try:
        found = date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        return None
    return found if found and found.year > EARLIEST_YEAR and found != date(1900, 1, 1) else None


def _together(name: str) -> tuple[set[str], set[str]]:
    """The two parts of a name that are too short alone: as one word, and as they are written."""
    parts = [plain(part).lower() for part in re.findall(r"[^\W\d_]+", name.partition("=")[0])]
    if len(parts) < 2 or any(len(p) > SHORT_NAME for p in parts) or all(map(_idle, parts)):
        return set(), set()
    orders = (parts[:2], parts[1::-1])
    return {"".join(o) for o in orders}, {g.join(o) for o in orders for g in (" ", "^", ", ", "_")}


def _cases(text: str) -> set[str]:
    """Spellings of a value: as it is, in capitals, without accents, each in lower-case ASCII."""
    return {text, text.lower(), text.upper(), text.title(), plain(text).lower()}


def _spelt(day: date) -> set[str]:
    """Spellings of a date with all four digits of the year, or with separators."""
    y, m, d, month = f"{day:%Y}", f"{day:%m}", f"{day:%d}", _MONTH_NAMES[day.month - 1]
    result = {y + m + d, d + m + y, m + d + y}
    for gap in "-./":
        result |= {
            gap.join(p) for p in ((y, m, d), (d, m, y), (m, d, y), (d, m, y[2:]), (m, d, y[2:]))
        }
    for gap in " -":
        result |= {gap.join((d, month, y)), gap.join((d, month, y[2:]))}
    return result | {d + month + y, f"{month} {d}, {y}", f"{month} {d} {y}"}


def _stays(tag: int, vr: str, options: Options | None) -> bool:
    """Say whether the settings keep a value of an attribute as it is."""
    do = rules(options)[tag, vr] if options else ""
    return do in ("whole", "kept uid") or (
        do in ("date", "datetime") and options is not None and options.dates == "kept"
    )


def identifiers(dataset: Dataset, options: Options | None = None) -> Identifiers:
    """Collect what identifies a patient in an original header, at all levels of nesting.

    Sex, age, size and weight are no identifiers here: the settings keep them. What ``options``
    keep besides (dates, institution, device, UIDs) is looked for in pictures, where it was painted
    over, and not in bytes, where it stands rightly.
    """
    names: set[str] = set()
    numbers: set[str] = set()
    phrases: set[str] = set()
    spellings: set[str] = set()
    dates: set[date] = set()
    alone: set[str] = set()
    kept: set[str] = set()
    with quiet():
        maker = [text_of(dataset, keyword) for keyword in MAKER]
        model = plain(" ".join(maker)).lower()
        if not (options and options.uids == "kept"):
            uids = [text_of(dataset, keyword) for keyword in INSTANCE]
            spellings |= {uid for uid in uids if len(uid) >= SHORTEST_UID}
        for tag, vr, values in _elements(dataset):
            for value in values:
                low = plain(value).lower()
                if vr in ("DA", "DT"):
                    if day := _as_date(value):
                        dates.add(day)
                        first = day.month == day.day == 1 and options and options.dates == "year"
                        kept |= _spelt(day) if first or _stays(tag, vr, options) else set()
                elif vr == "PN":
                    alone |= _called(value)
                    parts = [
                        w for w in re.findall(r"[^\W\d_]+", value) if not _idle(plain(w).lower())
                    ]
                    for part in parts:
                        spellings |= _cases(part) | in_ascii(part)
                        names |= {w for w in in_ascii(part) if not _idle(w)}
                    joined, written = _together(value)
                    names |= joined
                    spellings |= written
                    numbers |= {w for w in _CHUNK.findall(low) if _is_number(w)}
                else:
                    squeezed = "".join(_CHUNK.findall(low))
                    if tag in PATIENT:
                        alone.add(squeezed)
                    if all(_idle(w) for w in _LETTERS.findall(low)) and not _is_number(squeezed):
                        continue
                    if _of_device(tag) and low in model:
                        continue
                    (numbers if _is_number(squeezed) else phrases).add(squeezed)
                    spelt = _cases(value) | {squeezed}
                    spellings |= spelt
                    kept |= spelt if _stays(tag, vr, options) else set()
        alone |= _ages(dataset)
        comparable = _comparable(dataset)
    spellings |= numbers
    for day in dates:
        spellings |= _spelt(day)
    spellings -= kept - names
    return Identifiers(
        names=frozenset(n for n in names if len(n) >= SHORTEST_WORD),
        numbers=frozenset(n for n in numbers if _distinct(n)),
        phrases=frozenset(p for p in phrases if len(p) >= MISSPELT_FROM and _distinct(p)),
        dates=frozenset(dates),
        spellings=frozenset(
            s for s in spellings if _distinct(s) and (not s.isdigit() or len(s) >= SHORTEST_NUMBER)
        ),
        words=frozenset(alone - {""}),
        comparable=comparable,
    )


def _called(name: str) -> set[str]:
    """Every word of a name; a single letter only where it is the whole family or given name."""
    words_: set[str] = set()
    for group in name.split("="):
        for place, component in enumerate(group.split("^")):
            parts = re.findall(r"[^\W\d_]+", component)
            alone = place < 2 and len(parts) == 1
            words_ |= {w for part in parts for w in in_ascii(part) if len(w) > 1 or (w and alone)}
    return words_


def _ages(dataset: Dataset) -> set[str]:
    """The patient's age in the header and at the study, in years."""
    found = set()
    if match := re.search(r"\d+", text_of(dataset, "PatientAge")):
        found.add(str(int(match[0])))
    born = _as_date(text_of(dataset, "PatientBirthDate"))
    seen = _as_date(text_of(dataset, "StudyDate"))
    if born and seen:
        found.add(str(seen.year - born.year - ((seen.month, seen.day) < (born.month, born.day))))
    return found


def _comparable(dataset: Dataset) -> bool:
    """Say whether a header names its patient by more than the words of one who is nobody.

    A name without a Latin letter cannot be compared with what is read.
    """
    name = _LETTERS.findall(plain(text_of(dataset, "PatientName")).lower())
    named = any(not _idle(word) for word in name)
    number = any(c.isalnum() for c in text_of(dataset, "PatientID"))
    return named and (number or bool(_as_date(text_of(dataset, "PatientBirthDate"))))


def _is_number(text: str) -> bool:
    return sum(c.isdigit() for c in text) >= 2 and len(text) >= SHORTEST_NUMBER


# --- searching in text that was read


def dates_in(text: str) -> set[tuple[int, int, int]]:
    """Return every (year, month, day) a text may mean; years of two digits stay below 100."""
    low, found = plain(text.translate(_FAR_EAST)).lower(), set()
    low = " ".join(_BETWEEN.sub(" ", low).split())
    triples = [
        m.groups() for pattern in (_NUMERIC_DATE, _SHORT_DATE) for m in pattern.finditer(low)
    ]
    for packed in _PACKED_DATE.findall(low):
        triples += [(packed[:4], packed[4:6], packed[6:]), (packed[:2], packed[2:4], packed[4:])]
    for a, b, c in triples:
        found |= {(int(a), int(b), int(c)), (int(c), int(b), int(a)), (int(c), int(a), int(b))}
    for match in _DAY_MONTH_YEAR.finditer(low):
        found |= {(int(match[3]), month, int(match[1])) for month in _months(match[2])}
    for match in _MONTH_DAY_YEAR.finditer(low):
        found |= {(int(match[3]), month, int(match[2])) for month in _months(match[1])}
    return found


def _months(name: str) -> list[int]:
    return [m for m, starts in _MONTHS.items() if any(name.startswith(s) for s in starts.split())]


def _near(one: str, other: str) -> bool:
    """Say whether two words differ in at most one letter that is wrong, missing or too many."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    rest, remains = one[start:], other[start:]
    return rest[1:] == remains[1:] or rest[1:] == remains or rest == remains[1:]


def found_in_text(ids: Identifiers, text: str) -> bool:
    """Say whether text read from a picture holds an identifier, allowing for misread letters."""
    wanted_dates = {(d.year, d.month, d.day) for d in ids.dates}
    wanted_dates |= {(d.year % 100, d.month, d.day) for d in ids.dates}
    for line in text.splitlines():
        if dates_in(line) & wanted_dates:
            return True
        low = plain(line).lower()
        chunks = _CHUNK.findall(re.sub(r"[|!]", "1", low.replace("$", "s")))
        words_read = {*chunks, *(one + other for one, other in pairwise(chunks))}
        misread = [chunk.translate(MISREAD) for chunk in chunks]
        squeezed = "".join(misread)
        for name in ids.names:
            blurred = name.translate(MISREAD)
            if name in words_read or (len(name) >= MISREAD_FROM and blurred in misread):
                return True
            if len(name) >= MISSPELT_FROM and (
                blurred in squeezed
                or any(
                    _near(blurred, other)
                    for chunk, other in zip(chunks, misread, strict=True)
                    if not _idle(chunk)
                )
            ):
                return True
        for number in ids.numbers:
            blurred = number.translate(MISREAD)
            if blurred in misread or (len(number) >= MISSPELT_FROM and blurred in squeezed):
                return True
        if any(phrase.translate(MISREAD) in squeezed for phrase in ids.phrases):
            return True
    return False


# --- searching in bytes


def _continues(inner: int, outer: int, beyond: int) -> bool:
    """Say whether a word or number goes on beyond its end: abc|d, 12|3, 12|.3."""
    one, two, three = chr(inner), chr(outer), chr(beyond)
    if one.isdigit():
        return two.isdigit() or (two == "." and three.isdigit())
    return one.isalpha() and outer < 128 and two.isalpha()


def _bounded(data: bytes, start: int, needle: bytes, step: int) -> bool:
    """Say whether a hit stands for itself; ``step`` bytes are one character."""
    high = 1 if step == 2 and not needle[0] else 0  # big endian: the letter is the second byte
    end = start + len(needle)

    def at(index: int) -> int:
        return data[index + high] if index >= 0 and index + high < len(data) else 0

    return not (
        _continues(at(start), at(start - step), at(start - 2 * step))
        or _continues(at(end - step), at(end), at(end + step))
    )


def found_in_bytes(ids: Identifiers, data: bytes, minimum: int) -> bool:
    """Say whether bytes hold an identifier of at least ``minimum`` bytes, an even number from 4.

    Looked for in Latin-1, UTF-8 and UTF-16 of both byte orders, whatever the case. Shorter than
    six characters it has to stand as a word of its own.
    """
    low = data.lower()
    needles = _needles(ids.spellings, minimum)
    there = _beginnings(low, {needle[:minimum] for needle, _, _ in needles}, minimum)
    for needle, step, free in needles:
        if needle[:minimum] not in there:
            continue
        start = low.find(needle)
        while start >= 0:
            if free or _bounded(low, start, needle, step):
                return True
            start = low.find(needle, start + 1)
    return False


def _needles(spellings: Iterable[str], minimum: int) -> set[tuple[bytes, int, bool]]:
    """What is searched: bytes in small letters, bytes of a character, whether it may go on."""
    found = set()
    for spelling in spellings:
        if len(spelling.encode()) < minimum:
            continue
        free = len(spelling) >= UNBOUNDED_FROM and not spelling.isdigit()
        for code, step in (("latin-1", 1), ("utf-8", 1), ("utf-16-le", 2), ("utf-16-be", 2)):
            needle = spelling.encode(code, "ignore").lower()
            if len(needle) >= minimum:
                found.add((needle, step, free))
    return found


def _beginnings(data: bytes, wanted: set[bytes], length: int) -> set[bytes]:
    """Which of some beginnings, all of an even ``length`` from four, stand anywhere in the data.

    One look at a picture's bytes for all of them takes a tenth of searching each; block by block,
    so that memory does not grow with the picture.
    """
    first, second = (np.zeros(1 << 16, bool) for _ in range(2))
    for beginning in wanted:
        first[int.from_bytes(beginning[:2], "big")] = True
        second[int.from_bytes(beginning[2:4], "big")] = True
    there: set[bytes] = set()
    for begin in range(0, len(data) - length + 1 if wanted else 0, BLOCK_BYTES):
        count = min(BLOCK_BYTES + length - 1, len(data) - begin)
        cells = np.frombuffer(data, np.uint8, count, begin).astype(np.uint16)
        pairs = cells[:-1] << 8 | cells[1:]
        starts = np.flatnonzero(first[pairs[: count - length + 1]])
        starts = starts[second[pairs[starts + 2]]]
        found = np.stack([pairs[starts + k] for k in range(0, length, 2)], axis=1)
        there |= set(map(bytes, np.unique(found, axis=0).astype(">u2"))) & wanted
    return there


def found_in_attributes(ids: Identifiers, dataset: Dataset, minimum: int) -> list[str]:
    """Keywords of the attributes, on all levels, that hold an identifier; private ones as such."""
    found: set[str] = set()

    def look(_: Dataset, element: DataElement) -> None:
        if element.VR != "SQ" and element.keyword != "PixelData":
            value = element.value
            data = value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
            if found_in_bytes(ids, without_own(data), minimum):
                found.add(element.keyword or "a private attribute")

    with quiet():
        dataset.walk(look)
    return sorted(found)
