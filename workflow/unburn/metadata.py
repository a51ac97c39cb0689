"""Cleaning a header: DICOM PS3.15 Table E.1-1 as data, and a rule per VR where it is silent.

The presets
-----------
research : Basic Profile with Retain Longitudinal Temporal Information Modified Dates, Retain
    Patient Characteristics (sex, age up to 89, size, weight and the like) and Clean Descriptors
    (only words of an allow-list stay)
basic : Basic Profile alone: no dates, no characteristics, no descriptors

What the table does not list is kept by the standard. Here numbers, codes and UIDs of the standard
stay, other UIDs are replaced, text is cut down to the allow-list, and names, AE titles, links,
unknown and private attributes go.
"""

import copy
import csv
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from pydicom import config as pydicom_config
from pydicom.datadict import dictionary_has_tag, dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, empty_value_for_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, UID_dictionary

from unburn import __version__, keys
from unburn.errors import ItemError
from unburn.vocabulary import allowed, known, plain

TABLE = Path(__file__).resolve().parents[2] / "resources" / "ps3.15" / "table_e1-1.csv"
TABLE_REVISION = "2024b"
IMPLEMENTATION_CLASS_UID = "2.25.233174928573421966017231446850925480321"
STANDARD_UIDS = "1.2.840.10008."
OLDEST_YEARS = 89  # PS3.15 leaves it open; 45 CFR 164.514(b)(2)(i)(C) draws the line here
REMOVED = "removed"

# PS3.16 CID 7050, De-identification Method
METHOD_CODES = {
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113105": "Clean Descriptors Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
}
PRESET_CODES = {
    "research": ("113100", "113105", "113107", "113108"),
    "basic": ("113100",),
}


@dataclass(frozen=True)
class Settings:
    """The section ``metadata`` of the settings.

    preset : "research" or "basic"
    date_shift_days : dates move 1 to this many whole days into the past, the same for a patient
    """

    preset: str
    date_shift_days: int


@dataclass(frozen=True)
class Touched:
    """What was done to the pixels of an object that was searched for text.

    masked_pixels : number of pixels that were filled, 0 when nothing was found
    engine : what filled them
    was_lossy : the pixels came from a lossy transfer syntax
    """

    masked_pixels: int
    engine: str
    was_lossy: bool


@dataclass(frozen=True)
class Cleaned:
    """A cleaned object and what links it to the original (``uids`` and ``patient_in`` identify)."""

    dataset: Dataset
    patient_in: str
    patient_out: str
    uids: dict[str, str]  # old -> new


# --- which attribute is treated how


def _tags(words: str) -> frozenset[int]:
    tags = [tag_for_keyword(word) for word in words.split()]
    return frozenset(int(tag) for tag in tags if tag is not None)


# Not in the table, and text or bytes that may hold anything.
ALWAYS_REMOVED = _tags(
    "TextObjectSequence CompoundGraphicSequence PatientBirthDateInAlternativeCalendar"
    " PatientDeathDateInAlternativeCalendar PatientAlternativeCalendar EncryptedAttributesSequence"
    " MACParametersSequence ContributingEquipmentSequence BreedRegistrationNumber"
    " BreedRegistrationSequence DeidentificationMethod DeidentificationMethodCodeSequence"
    " PatientIdentityRemoved LongitudinalTemporalInformationModified SpecificCharacterSet"
    " ComponentWelderIDs RepairID OwnerID HL7InstanceIdentifier InstanceCoercionDateTime"
    " GroupOfPatientsIdentificationSequence IssuerOfAccessionNumberSequence"
    " IssuerOfPatientIDQualifiersSequence OrderPlacerIdentifierSequence"
    " OrderFillerIdentifierSequence AssigningFacilitySequence AssigningJurisdictionCodeSequence"
    " AssigningAgencyOrDepartmentCodeSequence FloatPixelData DoubleFloatPixelData"
)
# Technical text that the manufacturer's software writes; people cannot type it at the scanner.
TECHNICAL = _tags(
    "Manufacturer ManufacturerModelName SoftwareVersions SequenceName PulseSequenceName"
    " ImagedNucleus FilterType ConvolutionKernel ReceiveCoilName TransmitCoilName"
    " MultiCoilElementName MultiCoilConfiguration ReceiveCoilManufacturerName"
    " TransmitCoilManufacturerName CollimatorGridName Radiopharmaceutical RadiopharmaceuticalRoute"
    " ContrastBolusRoute PVCRejection TypeOfFilters AcquisitionMode DoseModeName PhosphorType"
    " PlateType AcquisitionDeviceProcessingCode TransducerData ProcessingFunction ImageFilter"
    " DetectorManufacturerName DetectorManufacturerModelName RescaleType ModalityLUTType"
    " AttenuationCorrectionMethod ReconstructionMethod DetectorLinesOfResponseUsed"
    " ScatterCorrectionMethod SegmentAlgorithmName AlgorithmName AlgorithmVersion AlgorithmSource"
    " StackID DimensionDescriptionLabel SecondaryCaptureDeviceManufacturer"
    " SecondaryCaptureDeviceManufacturerModelName SecondaryCaptureDeviceSoftwareVersions"
    " SourceIsotopeName CodingSchemeVersion DigitalImageFormatAcquired VideoImageFormatAcquired"
    " ApplicationName ApplicationVersion ApplicationManufacturer ManufacturerModelVersion"
    " PositionReferenceIndicator ChannelLabel OpticalPathIdentifier ReferencedOpticalPathIdentifier"
    " TriggerSourceOrType CardiacFramingType FilterMaterial GridAbsorbingMaterial"
)
MANUFACTURER = 0x00080070  # often its service's name, too; a patient's would hold the item
# Type 1 text: emptied it would make the object invalid.
NEEDED = _tags(
    "CodeValue CodeMeaning CodingSchemeDesignator SegmentLabel RTImageLabel TrackingID"
    " FiducialIdentifier ToleranceTableLabel GraphicGroupLabel BeamName LUTLabel"
)
# Coded by people at the console although its VR is CS.
TYPED_CODES = _tags("BodyPartExamined")
CODE_ITEM = _tags("CodeValue LongCodeValue CodeMeaning CodingSchemeDesignator")
PUBLIC_CODING_SCHEMES = frozenset(
    re.findall(
        r"\S+",
        "DCM SCT SRT SNM3 99SDM UCUM LN RADLEX FMA UMLS NCIt MDC I10 I9C ICDO3 BI ACR IBSI NEU"
        " RADELEMENT PUBCHEM_CID ITIS_TSN ISO639_1 ISO3166_1 MA UBERON NYID",
    )
)
CLASS_UIDS = _tags(
    "SOPClassUID ReferencedSOPClassUID RelatedGeneralSOPClassUID OriginalSpecializedSOPClassUID"
    " SOPClassesInStudy SOPClassesSupported CodingSchemeUID ContextUID MappingResourceUID"
)
STRUCTURED = _tags("ContentSequence AcquisitionContextSequence")
GRAPHICS = _tags("GraphicAnnotationSequence")
EMPTY_SEQUENCES = _tags("AcquisitionContextSequence")  # type 2, PS3.3 C.7.6.14
KEPT_REFERENCES = _tags("ReferencedImageSequence SourceImageSequence")
IMAGE_TYPES = _tags("ImageType FrameType")
EXTREMES = _tags(
    "SmallestImagePixelValue LargestImagePixelValue SmallestPixelValueInSeries"
    " LargestPixelValueInSeries"
)
# Those of the object itself; pictures in its sequences are searched by no stage and go.
PIXELS = _tags("PixelData ExtendedOffsetTable ExtendedOffsetTableLengths")
BULK_BYTES = PIXELS | _tags(
    "RedPaletteColorLookupTableData GreenPaletteColorLookupTableData"
    " BluePaletteColorLookupTableData AlphaPaletteColorLookupTableData LUTData"
    " SegmentedRedPaletteColorLookupTableData SegmentedGreenPaletteColorLookupTableData"
    " SegmentedBluePaletteColorLookupTableData SegmentedAlphaPaletteColorLookupTableData"
    " BlendingLookupTableData TrianglePointIndexList EdgePointIndexList VertexPointIndexList"
    " PrimitivePointIndexList RecommendedDisplayCIELabValueList ICCProfile"
)
# PS3.3 C.7.1.1, C.7.2.1: attributes of type 2 that every object has, if need be empty.
PRESENT = (
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
)

TEXT_VRS = frozenset(("LO", "SH", "UC", "ST", "LT", "UT"))
LONG_TEXT_VRS = frozenset(("ST", "LT", "UT"))
NUMERIC_VRS = frozenset(("US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "AT"))
BYTE_VRS = frozenset(("OB", "OW", "UN", "OB or OW"))
DUMMIES: dict[str, Any] = {
    "CS": "REMOVED",
    "AE": "REMOVED",
    "DA": "19000101",
    "DT": "19000101000000",
    "TM": "000000",
    "AS": "000D",
    "DS": "0",
    "IS": "0",
    "UR": "http://removed.invalid",
    "OB": b"\0\0",
    "UN": b"\0\0",
    "US": 0,
}

_CODE_STRING = re.compile(r"[A-Za-z0-9 _.+/*-]{0,20}")
_YEAR = r"(?:18|19|20)\d\d"
_FIGURES = re.compile(  # a long number or a date
    rf"\d{{6}}|{_YEAR}([-./])\d\d?\1\d|\d\d?([-./])\d\d?\2{_YEAR}"
)
_TIME = re.compile(r"\d{2}(:?\d{2}(:?\d{2}(\.\d{1,6})?)?)?")
_LETTERS = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_AGE = re.compile(r"(\d{3})([DWMY])")
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_ZONE = re.compile(r"[+-]\d{4}")
_DATE = re.compile(r"(\d{4})([.-]?)(\d{2})\2(\d{2})")
_DATETIME = re.compile(
    r"(?P<date>\d{4}(\d{2}(\d{2})?)?)(?P<time>(?<=\d{8})\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?)?"
    r"(?P<zone>[+-]\d{4})?"
)


@cache
def table() -> dict[int, dict[str, str]]:
    """Table E.1-1 by tag, without its rows for groups of tags, which are always removed here."""
    with open(TABLE, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {int(row["tag"], 16): row for row in rows if re.fullmatch("[0-9a-f]{8}", row["tag"])}


def _by_table(row: dict[str, str], vr: str, preset: str) -> str:
    """Choose between the codes of a row: the one that leaves any kind of object valid."""
    code = row["basic"]
    if preset == "research":
        if row["modified_dates"] == "C":
            return {"DA": "date", "DT": "datetime", "TM": "time", "SH": "zone"}.get(vr, "remove")
        if row["patient"] == "K":
            return "by vr"
        if row["descriptors"] == "C" and vr in TEXT_VRS - LONG_TEXT_VRS:
            return "words"
    if code == "U" or (vr == "UI" and code == "D"):
        return "uid"
    if vr == "SQ":
        return "empty" if code == "Z" else "remove"
    return "dummy" if "D" in code else "empty" if "Z" in code else "remove"


def _by_vr(tag: int, vr: str, preset: str) -> str:
    """Rule for what the table does not list."""
    if tag in TECHNICAL:
        return "text"
    if vr == "PN":
        return "empty"
    if vr in TEXT_VRS:
        no_words = preset == "basic" or vr in LONG_TEXT_VRS
        return "empty" if no_words and tag not in NEEDED else "words"
    if vr == "UI":
        return "class uid" if tag in CLASS_UIDS else "uid"
    if vr in ("DA", "DT"):
        return {"DA": "date", "DT": "datetime"}[vr] if preset == "research" else "empty"
    if vr in ("AE", "UR", "UN"):
        return "remove"
    if vr in BYTE_VRS or tag in BULK_BYTES:
        return "bytes" if tag in BULK_BYTES else "remove"
    return {
        "SQ": "items",
        "CS": "code",
        "TM": "time",
        "AS": "age",
        "DS": "number",
        "IS": "number",
    }.get(vr, "keep")


@cache
def action(tag: int, vr: str, preset: str) -> str:
    """Name what happens to an attribute; the names are the branches of ``_Cleaner.element``."""
    group = tag >> 16
    if (
        group % 2
        or group < 0x0008
        or not tag & 0xFFFF
        or 0x5000 <= group <= 0x50FF
        or 0x6000 <= group <= 0x60FF
        or tag in ALWAYS_REMOVED
        or not dictionary_has_tag(tag)
    ):
        return "remove"
    if tag in STRUCTURED:
        return "content"
    if tag in GRAPHICS:
        return "graphics"
    if tag in KEPT_REFERENCES:
        return "items"
    if tag in CODE_ITEM:
        return "coded"
    row = table().get(tag)
    chosen = _by_table(row, vr, preset) if row else "by vr"
    if chosen == "by vr":
        return "words" if tag in TYPED_CODES else _by_vr(tag, vr, preset)
    return chosen


@cache
def _listed_vr(tag: int) -> str:
    return dictionary_VR(tag) if dictionary_has_tag(tag) else ""


@cache
def _most_values(tag: int) -> float:
    """Return how many values the dictionary allows; "1-3" is three, "2-2n" any number."""
    most = dictionary_VM(tag).partition("-")[2] or dictionary_VM(tag)
    return int(most) if most.isdigit() else float("inf")


def _is_numeric(element: DataElement, tag: int, vr: str) -> bool:
    """Say whether binary numbers are such, and no text of many characters in their place."""
    if vr.startswith("O"):
        return True
    if isinstance(element.value, bytes):
        return vr not in NUMERIC_VRS and len(element.value) <= 2 * _most_values(tag)
    return _most_values(tag) >= element.VM


@cache
def _value_representation(tag: int, stored: str) -> str | None:
    """VR to go by: the dictionary's, or None when the file's is of quite another kind."""
    listed = _listed_vr(tag)
    if " or " in stored or stored in listed.split(" or "):
        return stored
    for kind in (TEXT_VRS | {"CS"}, {"DS", "IS"}):
        if stored in kind and listed in kind:
            return listed
    for kind in ({"US", "SS", "UL", "SL"}, {"OB", "OW"}):
        if stored in kind and listed in kind:
            return stored
    return None


# --- dates and ages


def shift_date(text: str, days: int) -> str | None:
    """Move a DA (YYYYMMDD, or the old YYYY.MM.DD) ``days`` into the past; None if malformed."""
    match = _DATE.fullmatch(text.strip())
    if not match:
        return None
    try:
        moved = date(int(match[1]), int(match[3]), int(match[4])) - timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return f"{moved:%Y%m%d}".zfill(8)


def shift_datetime(text: str, days: int) -> str | None:
    """Move a DT into the past; time and zone stay, a partial date stays as short as it was."""
    match = _DATETIME.fullmatch(text.strip())
    if not match:
        return None
    known = match["date"]
    full = known + {4: "0701", 6: "15", 8: ""}[len(known)]  # the middle of what is not known
    moved = shift_date(full, days)
    if moved is None:
        return None
    return moved[: len(known)] + (match["time"] or "") + (match["zone"] or "")


def limit_age(text: str) -> str | None:
    """Return an AS as it is, 090Y for anyone older than 89, None if it is malformed."""
    match = _AGE.fullmatch(text.strip())
    if not match:
        return None
    per_year = {"D": 365.25, "W": 52.18, "M": 12, "Y": 1}[match[2]]
    return "090Y" if int(match[1]) >= (OLDEST_YEARS + 1) * per_year else match[0]


# --- the patient


def text_of(dataset: Dataset, keyword: str) -> str:
    """Return a value as one stripped text, empty when it is missing or cannot be read."""
    try:
        return str(dataset.get(keyword) or "").strip(" \0")
    except Exception:  # whatever pydicom raises on a malformed value
        return ""


def patient(dataset: Dataset) -> tuple[str, str]:
    """Return the Patient ID as it stands, and the text that names the patient to keyed hashes.

    Issuer and ID together name a patient. An object without an ID is a patient of its study's own
    (of its series', of its own), so that two people without an ID never become one.
    """
    number = text_of(dataset, "PatientID")
    if number:
        return number, f"id\0{text_of(dataset, 'IssuerOfPatientID')}\0{number}"
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        if uid := text_of(dataset, keyword):
            return "", f"study\0{uid}"
    raise ItemError("metadata_failed")


def _complete(cleaned: Dataset, dataset: Dataset, key: bytes) -> None:
    """Give an object without a series or study one of its own, where its UIDs are missing.

    An object that names its series but no study shares a study with that series alone.
    """
    instance = text_of(dataset, "SOPInstanceUID")
    series = text_of(dataset, "SeriesInstanceUID")
    if not cleaned.get("SeriesInstanceUID"):
        cleaned.SeriesInstanceUID = keys.uid(key, series or f"series of\0{instance}")
    if not cleaned.get("StudyInstanceUID"):
        study = text_of(dataset, "StudyInstanceUID")
        cleaned.StudyInstanceUID = keys.uid(key, study or f"study of\0{series or instance}")


def shift_days(key: bytes, identity: str, limit: int) -> int:
    """Days by which a patient's dates move into the past: 1 to ``limit``, from a keyed hash."""
    return 1 + int.from_bytes(keys.keyed(key, "date shift", identity), "big") % limit


# --- the object


@contextmanager
def quiet() -> Iterator[None]:
    """Silence pydicom, whose warnings and errors print the value they complain about."""
    settings, logger = pydicom_config.settings, logging.getLogger("pydicom")
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


def _values(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return (
        [value] if isinstance(value, str | bytes) or not isinstance(value, Sequence) else [*value]
    )


class _Cleaner:
    """One pass over an object; holds what all levels of nesting share."""

    def __init__(self, key: bytes, settings: Settings, identity: str, dataset: Dataset):
        self.key = key
        self.preset = settings.preset
        self.days = shift_days(key, identity, settings.date_shift_days)
        self.patient = keys.label(key, "patient", identity)
        patients, self.people = _names(dataset)
        self.banned = frozenset(patients)  # no descriptor keeps them, even if they are listed words
        self.derived = False
        self.ascii = True
        self.uids: dict[str, str] = {}

    def items(self, dataset: Dataset, nested: bool = False) -> Dataset:
        """Clean one level and what is nested in it."""
        result = Dataset()
        public_code = text_of(dataset, "CodingSchemeDesignator") in PUBLIC_CODING_SCHEMES
        for tag in list(dataset.keys()):
            number = int(tag)
            listed = _listed_vr(number)
            if not listed or action(number, listed, self.preset) == "remove":
                continue
            if nested and number in PIXELS:
                continue
            raw = dataset.get_item(tag)
            try:
                element = dataset[tag]
                vr = _value_representation(number, str(element.VR))
                cleaned = self.element(element, number, vr, public_code) if vr else None
            except ItemError:
                raise
            except Exception:  # malformed: pydicom raises many kinds
                if number in PIXELS or "SQ" in (raw.VR, listed):
                    raise ItemError("metadata_failed") from None
                continue
            if cleaned is not None:
                result.add(cleaned)
        return result

    def element(
        self, element: DataElement, tag: int, vr: str, public_code: bool
    ) -> DataElement | None:
        """Clean one attribute; None removes it."""
        do = action(tag, vr, self.preset)
        if do == "remove":
            return None
        if do in ("keep", "bytes"):
            if self.derived and tag in EXTREMES:
                return None
            sound = do == "bytes" or _is_numeric(element, tag, vr)
            return copy.copy(element) if sound else None
        if do in ("items", "content", "graphics"):
            return self.sequence(element, tag, do)
        if do == "empty" or element.is_empty:
            return self.made(tag, vr, [])
        if do == "dummy":
            dummy = self.patient if tag == 0x00100020 else DUMMIES.get(vr, REMOVED)
            return self.made(tag, vr, [dummy])
        values = _values(element.value)
        if do == "number":
            texts = [str(getattr(v, "original_string", v)).strip(" \0") for v in values]
            good = all(_NUMBER.fullmatch(text) for text in texts if text)
            return copy.copy(element) if good else None
        cleaned = [self.value(do, tag, str(v).strip(" \0"), public_code) for v in values]
        if tag in IMAGE_TYPES and self.derived:
            cleaned = ["DERIVED", *cleaned[1:]]
        if do in ("words", "coded"):
            cleaned = [text for text in cleaned if text]
        if cleaned and None not in cleaned:
            return self.made(tag, vr, cleaned)
        code = table()[tag]["basic"] if tag in table() else "D" if tag in NEEDED else "Z"
        if "D" in code:
            return self.made(tag, vr, [DUMMIES.get(vr, REMOVED)])
        return self.made(tag, vr, []) if "Z" in code else None

    def value(self, do: str, tag: int, text: str, public_code: bool) -> str | None:
        """Clean one value of a multi-valued attribute; None is a malformed one."""
        if do == "date":
            return shift_date(text, self.days) if text else ""
        if do == "datetime":
            return shift_datetime(text, self.days) if text else ""
        if do == "time":
            return text if not text or _TIME.fullmatch(text) else None
        if do == "zone":
            return text if _ZONE.fullmatch(text) else None
        if do == "age":
            return limit_age(text)
        if do in ("uid", "class uid"):
            return self.uid(text, do == "class uid")
        if do == "text":
            kept = not (_FIGURES.search(text) or (tag != MANUFACTURER and self.names(text)))
        elif do == "coded":
            kept = public_code and not self.names(text)
        elif do == "code":
            kept = _CODE_STRING.fullmatch(text) is not None and (
                tag >> 16 == 0x0028 or not (_FIGURES.search(text) or self.names(text))
            )
        else:
            kept = False
        if not kept:
            return allowed(text, self.banned)
        self.ascii = self.ascii and text.isascii()
        return text

    def names(self, text: str) -> bool:
        """Say whether a word of anyone's name is in a text that is not cut down to the list.

        A word of the list is no name here: a patient called Head leaves HEAD as it is.
        """
        return any(word in self.people and not known(word) for word in _words(text))

    def uid(self, old: str, of_a_class: bool) -> str:
        """Replace a UID, unless it is one of the standard's own."""
        if old in UID_dictionary or not old:
            return old
        if of_a_class and old.startswith(STANDARD_UIDS) and _UID.fullmatch(old):
            return old
        if old not in self.uids:
            self.uids[old] = keys.uid(self.key, old)
        return self.uids[old]

    def sequence(self, element: DataElement, tag: int, do: str) -> DataElement | None:
        """Clean a sequence; free text in content trees and graphics goes with its item."""
        items = list(element.value or [])
        if do == "content":
            items = [item for item in items if text_of(item, "ValueType") not in ("TEXT", "PNAME")]
        cleaned = [self.items(item, nested=True) for item in items]
        if do == "graphics":
            cleaned = [item for item in cleaned if "GraphicObjectSequence" in item]
        if not cleaned and tag in STRUCTURED | GRAPHICS and tag not in EMPTY_SEQUENCES:
            return None
        return DataElement(tag, "SQ", Items(cleaned))

    def made(self, tag: int, vr: str, values: list[Any]) -> DataElement:
        """Make an attribute of our own values."""
        value = values[0] if len(values) == 1 else values or empty_value_for_VR(vr)
        return DataElement(tag, vr, value, validation_mode=pydicom_config.IGNORE)


def _words(text: str) -> set[str]:
    """Lower-case words of a text, with their accents and without."""
    return {w for spelling in (text, plain(text)) for w in _LETTERS.findall(spelling.lower())}


def _names(dataset: Dataset) -> tuple[set[str], set[str]]:
    """Words of the patient's names, and of the names of anyone, at all levels of nesting."""
    patients: set[str] = set()
    people: set[str] = set()
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
            if element.VR == "SQ":
                for item in element.value or []:
                    inner = _names(item)
                    patients, people = patients | inner[0], people | inner[1]
            elif element.VR == "PN":
                found = {w for v in _values(element.value) for w in _words(str(v)) if len(w) > 1}
                people |= found
                patients |= found if tag.group == 0x0010 else set()
        except Exception:  # malformed: pydicom raises many kinds, and the value is not kept either
            continue
    return patients, people


def _declare(dataset: Dataset, settings: Settings, touched: Touched | None) -> None:
    """Write what was done into the object (PS3.15 E.1, PS3.3 C.7.1.1 and C.7.6.1)."""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = [
        f"unburn {__version__}",
        f"PS3.15 Table E.1-1 {TABLE_REVISION}, preset {settings.preset}",
    ]
    codes = [*PRESET_CODES[settings.preset], *(["113101"] if touched else [])]
    dataset.DeidentificationMethodCodeSequence = [_code(code) for code in sorted(codes)]
    dataset.LongitudinalTemporalInformationModified = (
        "MODIFIED" if settings.preset == "research" else "REMOVED"
    )
    if touched is None:
        return
    dataset.BurnedInAnnotation = "NO"
    if touched.masked_pixels:
        if "ImageType" not in dataset:
            dataset.ImageType = ["DERIVED", "PRIMARY"]
        dataset.DerivationDescription = (
            f"Places of burned-in text were filled with made-up pixels by unburn {__version__}"
            f" (engine {touched.engine})"
        )
        if touched.was_lossy:
            dataset.LossyImageCompression = "01"


@cache
def _code(value: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = value, "DCM"
    item.CodeMeaning = METHOD_CODES[value]
    return item


def _file_meta(original: Dataset, cleaned: Dataset) -> FileMetaDataset:
    """Make new file meta information; of the old one only the transfer syntax stays."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = cleaned.SOPClassUID
    meta.MediaStorageSOPInstanceUID = cleaned.SOPInstanceUID
    meta.TransferSyntaxUID = original.file_meta.TransferSyntaxUID
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = f"UNBURN_{__version__}"[:16]
    return meta


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
        ``metadata_failed`` if the SOP Class or Instance UID is missing or a sequence cannot be read
    """
    with quiet():
        try:
            patient_in, identity = patient(dataset)
            cleaner = _Cleaner(key, settings, identity, dataset)
            cleaner.derived = touched is not None and touched.masked_pixels > 0
            cleaned = cleaner.items(dataset)
            for keyword in PRESENT:
                if keyword not in cleaned:
                    setattr(cleaned, keyword, "")
            cleaned.PatientName = cleaned.PatientID = cleaner.patient
            if not (cleaned.SOPClassUID and cleaned.SOPInstanceUID):
                raise ItemError("metadata_failed")
            _complete(cleaned, dataset, key)
            if not cleaner.ascii:
                cleaned.SpecificCharacterSet = "ISO_IR 192"
            _declare(cleaned, settings, touched)
            cleaned.file_meta = _file_meta(dataset, cleaned)
        except ItemError:
            raise
        except Exception:  # never show it: pydicom's messages hold values
            raise ItemError("metadata_failed") from None
        cleaned.preamble = bytes(128)
    return Cleaned(cleaned, patient_in, cleaner.patient, cleaner.uids)
