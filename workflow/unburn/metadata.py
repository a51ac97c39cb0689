"""Clean the header of an object by the rules of ``profile``, at every level of nesting.

What cannot be read, or does not look like what its VR says, is not passed on.
"""

import copy
import logging
import re
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache

from pydicom import config as pydicom_config
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import BaseTag
from pydicom.uid import UID_dictionary

from unburn import (
    __version__,
    concepts,
    dates,
    icc,
    keys,
    marks,
    presets,
    private,
    profile,
    subjects,
)
from unburn.elements import (
    BYTES,
    SIZES,
    Element,
    Elements,
    are_short,
    data_set,
    digits_of,
    interned,
    is_sound,
    made,
    numbers,
    text_of,
    texts,
)
from unburn.errors import ItemError
from unburn.marks import Touched
from unburn.nesting import Likeness, Sequences, decoded, likeness
from unburn.patients import patient
from unburn.sought import Sought
from unburn.vocabulary import (
    NO_WORDS,
    allowed,
    makers,
    technical,
    tells,
    words_in,
)

IMPLEMENTATION_CLASS_UID = "2.25.233174928573421966017231446850925480321"
REMOVED = "removed"
LONGEST_UID = 64

# Also the name of its service, as in Operators' Name; only a patient's name is none.
MANUFACTURER = 0x00080070
SOP_CLASS, SOP_INSTANCE = 0x00080016, 0x00080018
STUDY, SERIES = 0x0020000D, 0x0020000E
PATIENT_NAME, PATIENT_ID = 0x00100010, 0x00100020
# Programs number themselves: 3.2.19 is no date here. And what they do: 10090 is no record there.
VERSIONS = profile.tags("SoftwareVersions SecondaryCaptureDeviceSoftwareVersions AlgorithmVersion")
PROCESSING_CODE = 0x00181401
CHARACTER_SET, IMAGE_TYPE = 0x00080005, 0x00080008
CODING_SCHEME, CODE_MEANING = 0x00080102, 0x00080104
VALUE_TYPE = 0x0040A040
PUBLIC_CODING_SCHEMES = frozenset(
    re.findall(
        r"\S+",
        "DCM SCT SRT SNM3 99SDM UCUM LN RADLEX FMA UMLS NCIt MDC I10 I9C ICDO3 BI ACR IBSI NEU"
        " RADELEMENT PUBCHEM_CID ITIS_TSN ISO639_1 ISO3166_1 MA UBERON NYID",
    )
)
PIXEL_DATA = 0x7FE00010
FRAME_TYPE = 0x00089007
GROUPS_BY_FRAME = 0x52009230
OF_PIXELS = profile.tags(  # what was computed from pixels that are painted now
    "SmallestImagePixelValue LargestImagePixelValue SmallestPixelValueInSeries"
    " LargestPixelValueInSeries HistogramSequence"
)
# PS3.3 C.7.1.1, C.7.2.1: attributes of type 2 that every object has, if need be empty.
PRESENT = {
    0x00080020: "DA",  # Study Date
    0x00080030: "TM",  # Study Time
    0x00080050: "SH",  # Accession Number
    0x00080090: "PN",  # Referring Physician's Name
    0x00100030: "DA",  # Patient's Birth Date
    0x00100040: "CS",  # Patient's Sex
    0x00200010: "SH",  # Study ID
}
KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"
PRESENT_IN = {KEY_OBJECT: {0x00081111: "SQ"}}  # Referenced Performed Procedure Step (C.17.6.1)

OTHER_MODALITY = {0x00080060: "OT"}
DUMMIES: dict[str, str] = {
    "CS": "REMOVED",
    "AE": "REMOVED",
    "DA": "19000101",
    "DT": "19000101000000",
    "TM": "000000",
    "AS": "000D",
    "DS": "0",
    "IS": "0",
    "UR": "http://removed.invalid",
}

_CODE_STRING = re.compile(r"[A-Za-z0-9 _.+/*-]{0,20}")
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_CLASS = re.compile(r"1\.2\.840\.10008(\.(0|[1-9][0-9]{0,2}))+")  # longer parts are nobody's class


_PYDICOM = logging.getLogger("pydicom")

Code = tuple[str, str]  # scheme and value

_SAME_META = (
    DataElement(0x00020001, "OB", b"\0\1"),
    made(0x00020012, "UI", [IMPLEMENTATION_CLASS_UID]),
    made(0x00020013, "SH", [f"UNBURN_{__version__}"[:16]]),
)


@dataclass(frozen=True)
class Settings:
    """The section ``metadata`` of the settings.

    preset : one of ``presets.PRESETS``
    date_shift_days : dates move 1 to this many whole days into the past, the same for a patient
    key : "keyed", or "discard" for a key that the run draws and throws away
    the rest : a choice of ``presets.CHOICES`` each, or None for what the preset says
    """

    preset: str
    date_shift_days: int
    key: str = "keyed"
    dates: str | None = None
    uids: str | None = None
    device: str | None = None
    institution: str | None = None
    characteristics: str | None = None
    safe_private: str | None = None
    descriptors: str | None = None
    graphics: str | None = None
    structured: str | None = None

    @cached_property
    def options(self) -> presets.Options:
        """The options that are in force."""
        chosen = {name: getattr(self, name) for name in presets.CHOICES}
        return presets.options(self.preset, chosen)


@dataclass(frozen=True)
class Cleaned:
    """A cleaned object and what links it to the original (``uids`` and ``patient_in`` identify)."""

    dataset: Dataset
    patient_in: str
    patient_out: str
    uids: dict[str, str]  # old -> new


@contextmanager
def quiet() -> Iterator[None]:
    """Silence pydicom, whose warnings and errors print the value they complain about."""
    settings, logger = pydicom_config.settings, _PYDICOM
    reading, writing = settings.reading_validation_mode, settings.writing_validation_mode
    disabled = logger.disabled
    settings.reading_validation_mode = settings.writing_validation_mode = pydicom_config.IGNORE
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        settings.reading_validation_mode, settings.writing_validation_mode = reading, writing
        logger.disabled = disabled


# --- the object


class _Cleaner:
    """One pass over an object; holds what all levels of nesting share."""

    def __init__(
        self,
        key: bytes,
        settings: Settings,
        identity: str,
        dataset: Dataset,
        touched: Touched | None,
    ):
        self.key = key
        self.options = settings.options
        self.rules = profile.rules(settings.options)
        self.days = dates.shift_days(key, identity, settings.date_shift_days)
        self.patient = keys.label(key, "patient", identity)
        self.sequences = Sequences()
        self.sought = Sought(dataset, self.options.institution == "kept", self.sequences)
        self.touched = touched
        self.derived = touched is not None and touched.masked_pixels > 0
        self.painted_here = self.derived  # or not, in the functional groups of a frame
        self.ascii = True
        self.uids: dict[str, str] = {}
        self.layers: dict[str, str] = {}  # of graphics: old name -> new
        self.met: set[str] = set()  # options of ``marks.MET`` that kept something
        self.seen: dict[Hashable, Element | None] = {}  # cleaned sequences, by likeness

    def items(self, dataset: Dataset) -> Dataset:
        """Clean an item of a sequence and what is nested in it."""
        return data_set(self.level(dataset, nested=True), like=dataset)

    def level(self, dataset: Dataset, nested: bool = False) -> Elements:
        """Clean one level and what is nested in it."""
        elements: Elements = {}
        creators: dict[int, str] = {}
        code = _public_code(dataset) if nested else None
        rules = self.rules.stored
        for tag, stored in list(dataset.items()):
            number = int(tag)
            if number & 0x10000:
                if self.options.safe_private == "kept":
                    self.add_private(dataset, stored, number, creators, elements)
                continue
            vr, do = rules[number, stored.VR if stored.is_raw else ""]
            if do == profile.REMOVE or (nested and number in profile.PIXELS):
                continue
            like: Likeness = ()
            if do == profile.DECODE and (like := likeness(dataset, stored)):
                known_as = (like, self.painted_here)
                if known_as in self.seen:
                    if (again := self.seen[known_as]) is not None:
                        elements[tag] = again
                    continue
            try:
                if like:
                    cleaned = self.unread(dataset, tag, stored, like)
                else:
                    if do == profile.DECODE or not _is_readable(stored):
                        stored = decoded(dataset, tag, stored)
                        vr, do = self.rules.of_decoded(number, str(stored.VR))
                    cleaned = self.element(dataset, stored, number, vr, do, code)
            except ItemError:
                raise
            except Exception:  # malformed: pydicom raises many kinds
                if number in profile.PIXELS or "SQ" in (stored.VR, profile.listed_vr(number)):
                    raise ItemError("metadata_failed", keyword_for_tag(number)) from None
                continue
            if cleaned is not None:
                elements[tag] = cleaned
            if like:
                self.seen[known_as] = cleaned
        return elements

    def unread(
        self, dataset: Dataset, tag: BaseTag, stored: Element, like: Likeness
    ) -> Element | None:
        """Clean a sequence that is still bytes."""
        items = self.sequences.of(dataset, tag, stored, like)
        number = int(tag)
        vr, do = self.rules.of_decoded(number, "SQ")
        if do == profile.REMOVE or (self.derived and number in OF_PIXELS):
            return None
        return made(number, vr, []) if do == "empty" else self.sequence(items, number, do)

    def element(
        self,
        dataset: Dataset,
        element: Element,
        tag: int,
        vr: str,
        do: str,
        code: Code | None,
    ) -> Element | None:
        """Do to one attribute of a VR as it should be what ``profile.action`` names."""
        if do == profile.REMOVE or (self.derived and tag in OF_PIXELS):
            return None
        if do in ("keep", "keep short", "bytes"):
            sound = tag == PIXEL_DATA or (
                is_sound(element, vr, profile.most_values(tag))
                and not self.sought.in_bytes_of(element, vr)
                and (do != "keep short" or are_short(element.value, vr))
            )
            return _passed(element, vr) if sound else None
        if do == "colours":
            colours = icc.clean(bytes(element.value or b""))
            return DataElement(tag, vr, colours) if colours else None
        if do in ("items", "content", "graphics"):
            return self.sequence(list(element.value or []), tag, do)  # type: ignore[arg-type]
        if do == "empty":
            return made(tag, vr, [])
        if do == "dummy":
            return self.dummy(tag, vr)
        found = texts(dataset, element, vr)
        if not found:
            return made(tag, vr, [])
        if do in ("number", "quantity"):
            good = self.sought.are_numbers(found, do == "quantity")
            return _passed(element, vr) if good else made(tag, vr, [])
        values = [self.value(do, tag, text, code) for text in found]
        cleaned = [text for text in values if text is not None]
        if tag == FRAME_TYPE and self.painted_here:
            cleaned = ["DERIVED", *cleaned[1:]]
        if do in ("words", "part", "coded"):
            cleaned = [text for text in cleaned if text]
        if any(cleaned) and None not in values:
            return made(tag, vr, cleaned, element)
        instead = profile.dummy_of(tag)
        if instead == "dummy":
            return self.dummy(tag, vr)
        return made(tag, vr, []) if instead == "empty" else None

    def dummy(self, tag: int, vr: str) -> Element:
        """Make a value that says nothing, for an attribute that must have one (type 1)."""
        if tag == PATIENT_ID:
            return made(tag, vr, [self.patient])
        if vr in BYTES:
            return DataElement(tag, vr, b"\0\0")
        if vr in SIZES:
            return DataElement(tag, vr, 0)
        return made(tag, vr, [OTHER_MODALITY.get(tag) or DUMMIES.get(vr, REMOVED)])

    def value(self, do: str, tag: int, text: str, code: Code | None) -> str | None:
        """Clean one value of a multi-valued attribute; None is a malformed one."""
        if do in _OF_FORM:
            return _OF_FORM[do](self, text)
        if "\0" in text:  # digits with zero bytes between them are UTF-16
            return ""
        if do in _OF_WORDS:
            text = self.sought.without_records(text)
        if do == "whole":
            kept = not self.sought.names(text, self.sought.people)
        elif do == "coded":
            if tag == CODE_MEANING:
                plain = technical(text) == text and not tells(text)
            else:
                signs = technical(text, coded=True) == text
                plain = tag == CODING_SCHEME or text.isdigit() or signs
            plain = plain and not self.sought.is_record(text)
            kept = (
                code is not None
                and not self.sought.names(text, self.sought.anyone)
                and (plain or concepts.says(*code, text))
            )
        elif do in ("terms", "code"):
            return self.technical(do, tag, text)
        elif do == "part":  # one listed word is a body part, also of a patient who is called so
            return allowed(text, self.sought.patients if len(words_in(text)) > 1 else NO_WORDS)
        else:
            kept = False
        if not kept or not text.isprintable() or "\ufffd" in text:  # what cannot be decoded
            left = allowed(self.sought.without_records(text), self.sought.patients)
            part_of_code = do == "coded" and tag != CODE_MEANING and left != text
            return "" if part_of_code else left
        self.ascii = self.ascii and text.isascii()
        return text

    def technical(self, do: str, tag: int, text: str) -> str:
        """Cut a coded value or a technical text down to the terms that scanners write."""
        if text in profile.CLOSED_TERMS.get(tag, ()):
            return text
        people = self.sought.patients if tag == MANUFACTURER else self.sought.anyone
        if text in profile.DEFINED_TERMS.get(tag, ()):
            left = text
        else:
            left = _terms_of(text, do == "code", tag)
        return allowed(left, self.sought.patients) if self.sought.names(text, people) else left

    def uid(self, old: str, do: str) -> str:
        """Replace a UID, unless it is one of the standard's own or UIDs are kept."""
        if old in UID_dictionary or not old:
            return old
        sound = len(old) <= LONGEST_UID and _UID.fullmatch(old)
        if do == "class uid" and sound and _CLASS.fullmatch(old):
            return old
        if old not in self.uids:
            kept = do == "kept uid" and sound
            self.uids[old] = old if kept else keys.uid(self.key, old)
        return self.uids[old]

    def sequence(self, items: list[Dataset], tag: int, do: str) -> DataElement | None:
        """Clean a sequence; free text, graphics' too, and a birth date go with their item."""
        cleaned, around = [], self.painted_here
        for number, item in enumerate(items):
            if tag == GROUPS_BY_FRAME and self.touched:
                self.painted_here = number in self.touched.frames
            if not _is_text(item):
                concept = subjects.concept_of(item, self.sequences)
                kept = subjects.told(concept, self.items(item))
                cleaned += [kept] if kept is not None else []
        self.painted_here = around
        if do == "graphics":
            cleaned = [item for item in cleaned if "GraphicObjectSequence" in item]
        if do != "items":
            if not cleaned and profile.dummy_of(tag) != "empty":
                return None
            if cleaned:
                self.met.add("graphics" if do == "graphics" else "structured")
        return DataElement(interned(tag), "SQ", Items(cleaned), already_converted=True)

    def add_private(
        self,
        dataset: Dataset,
        stored: Element,
        tag: int,
        creators: dict[int, str],
        elements: Elements,
    ) -> None:
        """Add a private element to ``elements``, and what reserves its block, if it is safe.

        ``creators`` holds the blocks of this level that were met so far.
        """
        try:
            if private.is_creator(tag):
                creator = "".join(texts(dataset, stored, "LO"))
                if creator in private.creators():
                    creators[tag] = creator
                return
            block = private.creator_tag(tag)
            if block not in creators:
                return
            creator = creators[block]
            safe = private.table().get((creator, tag >> 16, tag & 0xFF))
            cleaned = safe and self.safe_value(dataset, stored, tag, safe)
        except Exception:  # malformed: pydicom raises many kinds, and the value is not kept
            return
        if cleaned:
            elements[BaseTag(block)] = made(block, "LO", [creator])
            elements[BaseTag(tag)] = cleaned
            self.met.add("safe_private")

    def are_safe(self, texts: Iterable[str], safe: private.Safe) -> bool:
        """Say whether texts are numbers of a safe private element, none that names the patient."""
        found = [*texts]
        return self.sought.are_numbers(found) and all(safe.covers(float(text)) for text in found)

    def safe_value(
        self, dataset: Dataset, stored: Element, tag: int, safe: private.Safe
    ) -> Element | None:
        """Pass on numbers and listed terms of a safe private element; dates move like any."""
        if isinstance(stored, RawDataElement):
            if stored.VR in (None, "UN"):
                stored = stored._replace(VR=safe.vr)
            if not _is_readable(stored):
                stored = dataset[stored.tag]
        vr = profile.compatible(safe.vr, str(stored.VR))
        if vr in SIZES:
            sound = bool(stored.value) or stored.value == 0
            sound = (
                sound
                and is_sound(stored, vr, float("inf"))
                and not self.sought.in_bytes_of(stored, vr)
            )
            sound = sound and self.are_safe(map(digits_of, numbers(stored.value, vr)), safe)
            return _passed(stored, vr) if sound else None
        found = texts(dataset, stored, vr) if vr else []
        if vr == "DT" and profile.has_times(self.options):
            moved = [dates.clean_datetime(t, self.options.dates, self.days) for t in found]
            times = [time for time in moved if time]
            return made(tag, vr, times) if moved and len(times) == len(moved) else None
        if vr in ("DS", "IS") and found and all(found) and self.are_safe(found, safe):
            return _passed(stored, vr)
        if vr == "CS" and found and safe.terms.issuperset(found):
            return made(tag, vr, found)
        return None


# Actions on texts out of which record numbers are cut.
_OF_WORDS = frozenset(("terms", "code", "words", "part"))
# Values that must have a form; None for what has not.
_OF_FORM: dict[str, Callable[[_Cleaner, str], str | None]] = {
    "date": lambda by, text: dates.clean_date(text, by.options.dates, by.days) if text else "",
    "datetime": lambda by, text: (
        dates.clean_datetime(text, by.options.dates, by.days) if text else ""
    ),
    "time": lambda by, text: dates.clean_time(text) if text else "",
    "zone": lambda by, text: dates.clean_zone(text),
    "age": lambda by, text: dates.limit_age(text),
    "uid": lambda by, text: by.uid(text, "uid"),
    "class uid": lambda by, text: by.uid(text, "class uid"),
    "kept uid": lambda by, text: by.uid(text, "kept uid"),
    # annotations name their layer (PS3.3 C.10.5, C.10.7): one name for the same
    "layer": lambda by, text: by.layers.setdefault(text, f"LAYER{len(by.layers) + 1}"),
}


@lru_cache(maxsize=4096)
def _terms_of(text: str, coded: bool, tag: int) -> str:
    """The terms of a coded value or a technical text; known words of one that tells a number."""
    version, listed = tag in VERSIONS, makers() if tag in profile.MAKER else None
    if tells(text, version):
        return allowed(technical(text, listed=listed))
    if coded and not _CODE_STRING.fullmatch(text):
        return allowed(text)
    return technical(text, coded, version or tag == PROCESSING_CODE, listed)


def _is_readable(element: Element) -> bool:
    """Say whether an element can be taken as it is: little endian, read, of even length."""
    if not isinstance(element, RawDataElement) or not element.length:
        return True
    return element.is_little_endian and element.value is not None and not element.length & 1


def _passed(element: Element, vr: str) -> Element:
    """Return an element as it is, one that the original does not share."""
    if not isinstance(element, RawDataElement):
        return copy.copy(element)
    if not element.value:
        return made(element.tag, vr, [])
    if vr != element.VR:
        element = element._replace(VR=vr)
    return element


def _is_text(item: Dataset) -> bool:
    """Say whether an item is a content item (PS3.3 10.2) of free text, or of a name."""
    there = item.keys()
    return VALUE_TYPE in there and text_of(item, "ValueType") in ("TEXT", "PNAME")


def _public_code(item: Dataset) -> Code | None:
    """Scheme and value of an item of a code sequence whose scheme everyone can look up."""
    there = item.keys()
    if CODING_SCHEME not in there:
        return None
    scheme = text_of(item, "CodingSchemeDesignator")
    return (scheme, text_of(item, "CodeValue")) if scheme in PUBLIC_CODING_SCHEMES else None


def _identity(cleaned: Elements, dataset: Dataset, cleaner: _Cleaner) -> Elements:
    """The patient, and a series and study for an object whose UIDs are missing.

    An object that names its series but no study shares a study with that series alone.
    """
    found = [made(PATIENT_NAME, "PN", [cleaner.patient]), made(PATIENT_ID, "LO", [cleaner.patient])]
    instance = text_of(dataset, "SOPInstanceUID")
    series = text_of(dataset, "SeriesInstanceUID")
    if not _has_value(cleaned, SERIES):
        new = keys.uid(cleaner.key, series or f"series of\0{instance}")
        found.append(made(SERIES, "UI", [new]))
    if not _has_value(cleaned, STUDY):
        study = text_of(dataset, "StudyInstanceUID")
        new = keys.uid(cleaner.key, study or f"study of\0{series or instance}")
        found.append(made(STUDY, "UI", [new]))
    wanted = PRESENT | PRESENT_IN.get(text_of(dataset, "SOPClassUID"), {})
    present = [made(tag, vr, []) for tag, vr in wanted.items() if tag not in cleaned]
    return {BaseTag(element.tag): element for element in (*found, *present)}


def _derived(cleaned: Elements, dataset: Dataset, key: bytes) -> Elements:
    """What an object with painted pixels says of its kind and its source."""
    there, old = Dataset(cleaned), text_of(dataset, "SOPInstanceUID")
    values = text_of(there, "ImageType").split("\\")
    source = keys.uid(key, f"original of\0{old}")
    found = marks.derived(values, text_of(there, "SOPClassUID"), source)
    return {tag: element for tag, element in found.items() if tag == IMAGE_TYPE or tag not in there}


def _has_value(elements: Elements, tag: int) -> bool:
    element = elements.get(BaseTag(tag))
    return element is not None and bool(element.value)


def _file_meta(original: Dataset, cleaned: Dataset) -> FileMetaDataset:
    """Make new file meta information; of the old one only the transfer syntax stays."""
    found = [
        *_SAME_META,
        made(0x00020002, "UI", [text_of(cleaned, "SOPClassUID")]),
        made(0x00020003, "UI", [text_of(cleaned, "SOPInstanceUID")]),
        made(0x00020010, "UI", [text_of(original.file_meta, "TransferSyntaxUID")]),
    ]
    return FileMetaDataset({element.tag: element for element in found})


def clean(
    dataset: Dataset, key: bytes, settings: Settings, touched: Touched | None = None
) -> Cleaned:
    """Clean the header of an object; its pixels are taken over as they are.

    Parameters
    ----------
    dataset : as read from the file, with ``file_meta``; it is not changed
    key : the project's key, see ``keys.project_key``
    touched : what was done to the pixels; None when they were not searched for text

    Raises
    ------
    ItemError
        ``no_sop_class`` if the SOP Class UID is missing, ``metadata_failed`` if the SOP Instance
        UID is, or a sequence cannot be read
    """
    with quiet():
        try:
            patient_in, identity = patient(dataset)
            cleaner = _Cleaner(key, settings, identity, dataset, touched)
            found = cleaner.level(dataset)
            if not _has_value(found, SOP_CLASS):
                raise ItemError("no_sop_class")
            if not _has_value(found, SOP_INSTANCE):
                raise ItemError("metadata_failed", "SOPInstanceUID")
            found |= _identity(found, dataset, cleaner)
            if cleaner.derived:
                found |= _derived(found, dataset, key)
            found |= marks.declared(settings.preset, settings.options, cleaner.met, touched)
            if not cleaner.ascii:
                found[BaseTag(CHARACTER_SET)] = made(CHARACTER_SET, "CS", ["ISO_IR 192"])
            cleaned = data_set(found, like=dataset)
            cleaned.file_meta = _file_meta(dataset, cleaned)
        except ItemError:
            raise
        except Exception as error:  # never show it: pydicom's messages hold values
            raise ItemError("metadata_failed", type(error).__name__) from None
        cleaned.preamble = bytes(128)
    return Cleaned(cleaned, patient_in, cleaner.patient, cleaner.uids)
