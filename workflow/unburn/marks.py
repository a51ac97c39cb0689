"""What a cleaned object says about its cleaning: only what was really done."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import chain

from pydicom import uid
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import BaseTag

from unburn import __version__
from unburn.elements import Element, Elements, made
from unburn.objects import OF_FRAMES
from unburn.presets import CHOICES, PRESETS, Options
from unburn.profile import TABLE_REVISION

# PS3.16 CID 7050, De-identification Method. 113102, Clean Recognizable Visual Features, is never
# claimed: faces are looked for and reported, not removed.
METHOD_CODES = {
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113103": "Clean Graphics Option",
    "113104": "Clean Structured Content Option",
    "113105": "Clean Descriptors Option",
    "113106": "Retain Longitudinal Temporal Information Full Dates Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
    "113109": "Retain Device Identity Option",
    "113110": "Retain UIDs Option",
    "113111": "Retain Safe Private Option",
    "113112": "Retain Institution Identity Option",
}
# Options that count for every object, and by the value that puts them in force.
IN_FORCE = {
    ("descriptors", "cleaned"): "113105",
    ("dates", "kept"): "113106",
    ("dates", "shifted"): "113107",
    ("dates", "year"): "113107",
    ("characteristics", "kept"): "113108",
    ("device", "kept"): "113109",
    ("uids", "kept"): "113110",
    ("institution", "kept"): "113112",
}
# Options that are claimed where the object had something of the kind.
MET = {"graphics": "113103", "structured": "113104", "safe_private": "113111"}
PHOTOGRAPHS_OF_EYES = {
    uid.OphthalmicPhotography8BitImageStorage,
    uid.OphthalmicPhotography16BitImageStorage,
}
NAMES_SOURCE = {uid.EnhancedUSVolumeStorage, *PHOTOGRAPHS_OF_EYES}  # when derived (1C, 2C)
SOURCE = "Source image for image processing operation"  # PS3.16 CID 7202
RULES = f"PS3.15 Table E.1-1 {TABLE_REVISION}, preset"
FILLED = "Places of burned-in text were filled with made-up pixels by unburn"
TEMPORAL = {"kept": "UNMODIFIED", "shifted": "MODIFIED", "year": "MODIFIED", "removed": "REMOVED"}


@dataclass(frozen=True)
class Touched:
    """What was done to the pixels of an object that was searched for text.

    masked_pixels : number of pixels that were filled, 0 when nothing was found
    engine : what filled them
    was_lossy : the pixels came from a lossy transfer syntax
    frames : the frames that were filled, counted from 0
    """

    masked_pixels: int
    engine: str
    was_lossy: bool
    frames: frozenset[int]


def method_codes(options: Options, met: Iterable[str], touched: Touched | None) -> tuple[str, ...]:
    """Codes of (0012,0064), sorted.

    ``met`` names the options of ``MET`` that kept something of this object.
    """
    codes = {code for (name, value), code in IN_FORCE.items() if getattr(options, name) == value}
    codes |= {"113100"} | {MET[name] for name in met}
    if touched:
        codes.add("113101")
    return tuple(sorted(codes))


def derived(values: Sequence[str], sop_class: str, source: str) -> Elements:
    """What kind of image an object with painted pixels is, and from what it came.

    Parameters
    ----------
    values : of (0008,0008) Image Type in the original; MIXED is one of scanned and made-up pixels,
        for which what describes the scan stays valid
    source : UID that stands for the original, which is not released
    """
    rest = [*values[1:]] or ["PRIMARY"]
    mixed = sop_class in OF_FRAMES and values[:1] != ["DERIVED"]
    kind = "MIXED" if mixed else "DERIVED"
    if sop_class in PHOTOGRAPHS_OF_EYES and not rest[1:]:
        rest.append("MASKED")  # derived ones need a third value (PS3.3 C.8.17.2.1.4)
    found = [made(0x00080008, "CS", [kind, *rest])]
    if sop_class in NAMES_SOURCE:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, source
        item.PurposeOfReferenceCodeSequence = [_code("121322", SOURCE)]
        found.append(DataElement(0x00082112, "SQ", Items([item])))
    return {BaseTag(element.tag): element for element in found}


def declared(
    preset: str,
    options: Options,
    met: Iterable[str],
    touched: Touched | None,
) -> Elements:
    """Say in an object what was done to it (PS3.15 E.1, PS3.3 C.7.1.1 and C.7.6.1)."""
    found = [
        *_method(preset, options, method_codes(options, met, touched)),
        made(0x00280303, "CS", [TEMPORAL[options.dates]]),
    ]
    if touched is not None:
        found.append(made(0x00280301, "CS", ["NO"]))
        if touched.masked_pixels:
            text = f"{FILLED} {__version__} (engine {touched.engine})"
            found.append(made(0x00082111, "ST", [text]))
            if touched.was_lossy:
                found.append(made(0x00282110, "CS", ["01"]))
    return {BaseTag(element.tag): element for element in found}


@cache
def _method(preset: str, options: Options, codes: tuple[str, ...]) -> tuple[Element, ...]:
    chosen = [f"{name} {value}" for name, value in asdict(options).items()]
    text = [
        f"unburn {__version__}",
        f"{RULES} {preset}",
        *(f"option {each}" for each in chosen if _differs(preset, each)),
    ]
    items = [_code(code, METHOD_CODES[code]) for code in codes]
    return (
        made(0x00120062, "CS", ["YES"]),
        made(0x00120063, "LO", text),
        DataElement(0x00120064, "SQ", Items(items)),
    )


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def without_own(data: bytes) -> bytes:
    """Bytes of an object without the very phrases that are written here into every one.

    A surname can be a part of them: Script of Clean Descriptors Option.
    """
    return _phrases().sub(b"\0", data)


@cache
def _phrases() -> re.Pattern[bytes]:
    options = (f"option {name} {value}" for name, values in CHOICES.items() for value in values)
    presets = (f"{RULES} {preset}" for preset in PRESETS)
    every = sorted(chain(METHOD_CODES.values(), options, presets, (SOURCE, FILLED)))
    either = "|".join(map(re.escape, every))
    return re.compile(rf"(?<![A-Za-z0-9])(?:{either})(?![A-Za-z0-9])".encode())


def _differs(preset: str, chosen: str) -> bool:
    name, _, value = chosen.partition(" ")
    return getattr(PRESETS[preset], name) != value
