"""Content items (PS3.3 10.2) that say when a subject was born, or that one is older than 89.

PS3.16 TID 1007 has codes for both, others use their own: the meaning of the concept counts, too.
"""

import re
from functools import lru_cache

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import BaseTag

from unburn.dates import OLDEST_YEARS
from unburn.elements import Element, data_set, made, text_of
from unburn.nesting import Sequences, likeness
from unburn.profile import tags

Concept = tuple[str, str]  # value of the code and its meaning

CONCEPT_NAME, MEASURED, NUMERIC_VALUE = 0x0040A043, 0x0040A300, 0x0040A30A
CONTENT = 0x0040A730  # items below, which may leave it to this one to say what they are
OTHER_NUMBERS = tags("FloatingPointValue RationalNumeratorValue RationalDenominatorValue")
DAYS = tags("Date DateTime Time ObservationDateTime ReferencedDateTime")
SAYING = DAYS | {CONTENT, MEASURED, NUMERIC_VALUE} | OTHER_NUMBERS
# Of DCM, LOINC and SNOMED CT; no other scheme is asked for, as a lost item harms nobody.
BIRTH_DATES = frozenset(("121031", "21112-8", "184099003"))
AGES = frozenset(("121033", "30525-0", "29553-5", "21611-9", "397669002", "424144002"))
_BIRTH = re.compile(
    r"birth|born|\bdob\b|geburt|gebor|geboorte|naiss|nacim|nascim|nascit|f[öø]d(?:el|sel)|生年|出生"
)
_AGE = re.compile(
    r"(?:\b|_)(?:age[ds]?|[âa]ge|\w*(?<!m)alter|edad|et[àa]|leeftijd|idade|[åa]lder)(?:\b|_)|年[齢龄齡]"
)
_YEAR_OF_BIRTH = re.compile(r"(?:18|19|20)\d\d(?:\.0*)?|\d{6,}")
# Units in UCUM's codes and in words, by how many there are in a year.
_PER_YEAR = {"a": 1.0, "year": 1.0, "y": 1.0, "mo": 12.0, "month": 12.0, "wk": 52.18}
_PER_YEAR |= {"week": 52.18, "d": 365.25, "day": 365.25, "h": 8766.0, "min": 525960.0}


def concept_of(item: Dataset, sequences: Sequences) -> Concept | None:
    """The concept that an item names; None for one without, or with nothing that could tell."""
    there = item.keys()
    if CONCEPT_NAME not in there or SAYING.isdisjoint(there):
        return None
    tag = BaseTag(CONCEPT_NAME)
    stored = item.get_item(tag)
    for name in sequences.of(item, tag, stored, likeness(item, stored)):
        values = (text_of(name, word) for word in ("CodeValue", "LongCodeValue", "URNCodeValue"))
        return "".join(values), text_of(name, "CodeMeaning").lower()
    return None


@lru_cache(maxsize=1024)
def _is_of_birth(concept: Concept) -> bool:
    return concept[0] in BIRTH_DATES or bool(_BIRTH.search(concept[1]))


@lru_cache(maxsize=1024)
def _is_age(concept: Concept) -> bool:
    return concept[0] in AGES or bool(_AGE.search(concept[1]))


def told(concept: Concept | None, cleaned: Dataset) -> Dataset | None:
    """What may stay of the cleaned item of a concept: nothing of a birth, and no age over 89."""
    if concept is None:
        return cleaned
    if _is_of_birth(concept) and _has_birth(cleaned):
        return None
    return _limited(cleaned) if _is_age(concept) else cleaned


def _has_birth(cleaned: Dataset) -> bool:
    """Say whether an item, or one below it, has a day, a time or a year.

    A weight at birth of 3200 g is none.
    """
    below = cleaned.get("ContentSequence") or []
    if not DAYS.isdisjoint(cleaned.keys()) or any(map(_has_birth, below)):
        return True
    held = [cleaned, *(cleaned.get("MeasuredValueSequence") or [])]
    return any(_YEAR_OF_BIRTH.fullmatch(text) for each in held for text in _numbers(each))


def _numbers(item: Dataset) -> list[str]:
    return [text for text in text_of(item, "NumericValue").split("\\") if text]


def _limited(cleaned: Dataset) -> Dataset | None:
    """A cleaned item of an age, as of 90 years where it is higher: 90 a, 1080 mo.

    None where it could be higher, in a unit that is not known. Other forms of its number go, and
    so do items below it that could be higher.
    """
    elements: dict[BaseTag, Element] = {
        tag: element for tag, element in cleaned.items() if int(tag) not in OTHER_NUMBERS
    }
    found = _numbers(cleaned)
    if found:
        per_year = _PER_YEAR.get(_unit(cleaned))
        most = (OLDEST_YEARS + 1) * (per_year or 1.0)
        try:
            high = [float(text) >= most for text in found]
        except ValueError:
            return None
        if any(high) and not per_year:
            return None
        texts = [
            f"{most:g}" if is_high else text for text, is_high in zip(found, high, strict=True)
        ]
        elements[BaseTag(NUMERIC_VALUE)] = made(NUMERIC_VALUE, "DS", texts)
    for tag in (MEASURED, CONTENT):
        if tag in cleaned:
            limited = [_limited(item) for item in cleaned[tag].value]
            kept = [item for item in limited if item is not None]
            if tag == MEASURED and len(kept) < len(limited):
                return None
            elements[BaseTag(tag)] = DataElement(tag, "SQ", Items(kept))
    return data_set(elements, like=cleaned)


def _unit(item: Dataset) -> str:
    """The unit of an item's numbers, as ``_PER_YEAR`` has it; empty when there is none."""
    for code in item.get("MeasurementUnitsCodeSequence") or []:
        for keyword in ("CodeValue", "CodeMeaning"):
            unit = text_of(code, keyword).lower()
            for name in (unit, unit.removesuffix("s")):
                if name in _PER_YEAR:
                    return name
    return ""
