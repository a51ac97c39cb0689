"""A made set of DICOM objects with planted facts, each with the action it asks for.

The ten actions are those of the MIDI-B challenge (tag retained, text not null, ...), re-implemented
for a key of our own. People, texts and pictures are made from a seed; nobody in it exists. What a
planted value is (``MEANINGS``) and the preset decide which action it asks for.
"""

import argparse
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset, uid
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import FileMetaDataset
from scipy import ndimage

from unburn import keys, tables
from unburn.answer_kinds import CT_FRAME, CT_IMAGE, CT_SERIES, CT_STUDY, KINDS, OWN, Kind
from unburn.errors import command
from unburn.files import replacing
from unburn.presets import PRESETS, Options

TAG_RETAINED, NOT_NULL = "tag retained", "text not null"
RETAINED, REMOVED = "text retained", "text removed"
SHIFTED = "date shifted"
CHANGED, CONSISTENT = "UID changed", "UID consistent"
SAME_PATIENT = "patient ID consistent"
HIDDEN, PIXELS_RETAINED = "pixels hidden", "pixels retained"
ACTIONS = (
    TAG_RETAINED, NOT_NULL, RETAINED, REMOVED, SHIFTED, CHANGED, CONSISTENT, SAME_PATIENT, HIDDEN,
    PIXELS_RETAINED,
)  # fmt: skip

# What a planted value is: the option of PS3.15 that decides about it, and the action that it asks
# for by what the option is. An empty option asks for the same always, an empty action for nothing.
MEANINGS: dict[str, tuple[str, dict[str, str]]] = {
    "present": ("", {"": TAG_RETAINED}),  # type 2
    "needed": ("", {"": NOT_NULL}),  # type 1, or a pseudonym
    "technical": ("", {"": RETAINED}),
    "identifier": ("", {"": REMOVED}),
    "patient": ("", {"": SAME_PATIENT}),
    "burned in": ("", {"": HIDDEN}),
    "picture": ("", {"": PIXELS_RETAINED}),
    "uid": ("uids", {"kept": RETAINED, "replaced": CHANGED}),
    "reference": ("uids", {"kept": RETAINED, "replaced": CONSISTENT}),
    # the Basic Profile takes content trees away, also those of key objects
    "content": ("structured", {"cleaned": CONSISTENT, "removed": ""}),
    "word": ("descriptors", {"cleaned": RETAINED, "removed": ""}),
    "characteristic": ("characteristics", {"kept": RETAINED, "removed": REMOVED}),
    "safe private": ("safe_private", {"kept": RETAINED, "removed": REMOVED}),
    "date": ("dates", {"kept": RETAINED, "shifted": SHIFTED, "year": SHIFTED, "removed": REMOVED}),
    "time": ("dates", {"kept": RETAINED, "shifted": RETAINED, "year": REMOVED, "removed": REMOVED}),
}
COLUMNS = ("object", "file", "kind", "patient", "meaning", "path", "value")


def asked(meaning: str, options: Options) -> str:
    """The action that a fact asks for under the options of a preset, empty for none."""
    option, actions = MEANINGS[meaning]
    return actions[getattr(options, option) if option else ""]


@dataclass(frozen=True)
class Fact:
    """Something planted: ``path`` is keywords and item numbers joined by dots, or names a line.

    A private attribute is written gggg,Creator,ee; an empty path means the whole file.
    """

    meaning: str
    path: str
    value: str


@dataclass(frozen=True)
class Person:
    """A made-up patient, with the made-up people and places around."""

    name: str
    words: tuple[str, ...]
    number: str
    issuer: str
    birth: str
    sex: str
    age: str
    weight: float
    size: float
    phone: str
    address: str
    accession: str
    email: str
    physician: str
    institution: str
    start: str  # date of the first study

    def tokens(self) -> list[str]:
        """What may be nowhere in a file. A name that is also a common word is not looked for."""
        unusual = [word for word in self.words if word.upper() not in COMMON]
        texts = [self.number, self.birth, self.phone, self.accession, self.email]
        return [*unusual, *self.physician.split("^"), self.institution.split()[0], *texts]


SURNAMES = (
    "Quillfeather",
    "NORDHAUS",
    "Oyelaran",
    "Trevanion",
    "Wachowiak",
    "Zeballos",
    "Fjeldstad",
)
GIVEN = ("Ottilie", "BERTRAM", "Ines", "Leocadia", "Thorvald", "Ghislaine", "Casimir")
# written in other alphabets, with a prefix, or equal to a word of descriptors
HARD_NAMES = (
    ("Brückenwörth^Jürgen", ("Brückenwörth", "Jürgen")),
    ("Yamashirota^Tarohiko=山城田^太郎彦", ("Yamashirota", "Tarohiko", "山城田")),
    ("Верхозин^Пантелей", ("Верхозин", "Пантелей")),
    ("van der Quastenberg^Aldegonde^M", ("Quastenberg", "Aldegonde")),
    ("Head^May", ("Head", "May")),
)
COMMON = {"HEAD", "MAY"}
STREETS = ("Larkspurgasse", "Finkenschlagweg", "Tanneryrow Lane")
HOSPITALS = ("Brightwater Clinic", "Sankt-Ermelinde Spital", "Dunmorrow General")
PHYSICIANS = ("Vandermolen^Hesper", "Abernethison^Silas", "Okonjowski^Perpetua")
PHRASES = (
    "CHEST AP PORTABLE", "MR BRAIN W CONTRAST", "T2 AX 5mm", "CT ABDOMEN PELVIS", "LIVER 3 PHASE",
    "DWI b1000 ADC", "LUMBAR SPINE SAG T1", "KNEE LEFT PD FS", "PET WHOLE BODY AC", "US THYROID",
    "MAMMO CC LEFT", "CARDIAC CINE SAX", "LUNG WINDOW 1.5 mm", "POST CONTRAST DELAYED",
    "HEAD WITHOUT CONTRAST", "FLAIR COR FS", "ANKLE LATERAL", "HIP BILATERAL", "Localizer",
    "AX T1 MPRAGE", "Scout", "CTA NECK", "Routine Shoulder", "SPINE LATERAL VIEW",
)  # fmt: skip


def people(rng: np.random.Generator, count: int) -> list[Person]:
    """Made-up patients. The first two share a Patient ID of different issuers; one is over 89."""
    surnames, given = rng.permutation(SURNAMES), rng.permutation(GIVEN)
    plain = [(f"{a}^{b}", (str(a), str(b))) for a, b in zip(surnames, given, strict=True)]
    mixed = [one for pair in zip(plain, HARD_NAMES, strict=False) for one in pair]
    found: list[Person] = []
    for place, (name, words) in enumerate((mixed + plain[len(HARD_NAMES) :])[:count]):
        number = found[0].number if place == 1 else str(rng.integers(10**6, 10**7))
        years = 93 if place == 2 else int(rng.integers(20, 85))
        start = np.datetime64("2019-02-26") + int(rng.integers(0, 300)) + 365 * (place % 2)
        birth = (start - 365 * years - 30).astype(object)
        found.append(
            Person(
                name, words, number, f"ISSUER{place}", f"{birth:%Y%m%d}", "FMO"[place % 3],
                f"{years:03d}Y", float(rng.integers(450, 990)) / 10,
                float(rng.integers(150, 199)) / 100,
                f"+49 30 {rng.integers(10**6, 10**7)}",
                f"{rng.choice(STREETS)} {rng.integers(10, 99)}",
                f"A{rng.integers(10**7, 10**8)}", f"x{rng.integers(10**6, 10**7)}@mail.invalid",
                str(PHYSICIANS[place % 3]), str(HOSPITALS[place % 3]),
                f"{start.astype(object):%Y%m%d}",
            )
        )  # fmt: skip
    return found


@dataclass
class Made:
    """An object, its facts, and the ink of its lines by frame and line: bool (rows, columns)."""

    kind: Kind
    person: Person
    dataset: Dataset
    facts: list[Fact] = field(default_factory=list)
    ink: dict[str, np.ndarray] = field(default_factory=dict)

    def plant(self, path: str, value: Any, meaning: str, known: str | None = None) -> None:
        """Set an attribute, making the items on its way, and note the fact."""
        put(self.dataset, path, value)
        self.facts.append(Fact(meaning, path, str(value) if known is None else known))


def put(dataset: Dataset, path: str, value: Any) -> None:
    """Set an attribute by its path; items of sequences that are missing are made."""
    *way, last = path.split(".")
    for keyword, number in zip(way[::2], way[1::2], strict=True):
        items = dataset.get(keyword)
        if items is None:
            setattr(dataset, keyword, [])
            items = dataset.get(keyword)
        while len(items) <= int(number):
            items.append(Dataset())
        dataset = items[int(number)]
    if "," in last:
        group, creator, element = last.split(",")
        block = dataset.private_block(int(group, 16), creator, create=True)
        vr = "OB" if isinstance(value, bytes) else "IS" if value.isdigit() else "LO"
        block.add_new(int(element, 16), vr, value)
    else:
        setattr(dataset, last, value)


def fill(dataset: Dataset, attributes: Mapping[str, Any], stands_for: Mapping[str, str]) -> None:
    """Set attributes, nested ones from lists of mappings; terms like ``CT_IMAGE`` are replaced."""
    for keyword, value in attributes.items():
        if dictionary_VR(tag_for_keyword(keyword) or 0) == "SQ":
            items = []
            for given in value:
                items.append(Dataset())
                fill(items[-1], given, stands_for)
            setattr(dataset, keyword, items)
        else:
            known = stands_for.get(value, value) if isinstance(value, str) else value
            setattr(dataset, keyword, known)


class Uids:
    """New UIDs under the root of examples of pydicom, from the seed and a counter."""

    def __init__(self, seed: int):
        self.seed, self.count = seed, 0

    def new(self) -> str:
        """The next one."""
        self.count += 1
        return f"1.2.826.0.1.3680043.8.498.{self.seed}.{7000000 + self.count}"


# ------------------------------------------------------------------ texts


def descriptor(rng: np.random.Generator, person: Person, longest: int) -> tuple[str, list, list]:
    """A text as people type it: (text, its technical words, what in it identifies)."""
    phrase = str(rng.choice(PHRASES))
    year, month, day = person.start[:4], person.start[4:6], person.start[6:]
    surname = person.words[0]
    fragments = (
        (surname, [surname]),
        (f"Dr. {person.physician.split('^')[0]}", [person.physician.split("^")[0]]),
        (f"MRN {person.number}", [person.number]),
        (f"seen {day}.{month}.{year}", [f"{day}.{month}.{year}"]),
        (f"on {year}-{month}-{day}", [f"{year}-{month}-{day}"]),
        (f"call {person.phone}", [person.phone.split()[-1]]),
        (person.accession, [person.accession]),
        (person.email, [person.email]),
        (person.address, [person.address.split()[0]]),
        (person.institution, [person.institution.split()[0]]),
    )
    added, secrets = fragments[rng.integers(len(fragments))]
    text = f"{phrase} {added}" if rng.random() < 0.7 else f"{added} {phrase}"
    if len(text) > longest:
        text, secrets = phrase, []
    names = {word.lower() for word in person.words}
    return text, [word for word in phrase.split() if word.lower() not in names], secrets


def plant_text(made: Made, rng: np.random.Generator, path: str, longest: int) -> None:
    """A mixed text: what identifies goes, the other words may stay."""
    text, words, secrets = descriptor(rng, made.person, longest)
    put(made.dataset, path, text)
    made.facts += [Fact("word", path, word) for word in words]
    made.facts += [Fact("identifier", path, secret) for secret in secrets]


# ------------------------------------------------------------------ planting

PHYSICIAN = "ReferringPhysicianIdentificationSequence.0."
SECRETS = (  # path, and the person's value that goes there
    ("PatientName", "name"), ("PatientBirthDate", "birth"), ("IssuerOfPatientID", "issuer"),
    ("OtherPatientIDs", "number"), ("OtherPatientNames", "name"), ("PatientAddress", "address"),
    ("PatientTelephoneNumbers", "phone"), ("PatientTelecomInformation", "email"),
    ("PatientMotherBirthName", "name"),
    ("AccessionNumber", "accession"), ("ReferringPhysicianName", "physician"),
    ("PerformingPhysicianName", "physician"), ("OperatorsName", "physician"),
    ("NameOfPhysiciansReadingStudy", "physician"), ("InstitutionName", "institution"),
    ("InstitutionAddress", "address"), ("MedicalRecordLocator", "number"),
    ("RequestingPhysician", "physician"), ("StudyID", "accession"),
    ("OtherPatientIDsSequence.0.PatientID", "number"),
    ("OtherPatientIDsSequence.0.IssuerOfPatientID", "issuer"),
    ("RequestAttributesSequence.0.RequestedProcedureID", "accession"),
    ("RequestAttributesSequence.0.ScheduledProcedureStepID", "accession"),
    ("RequestAttributesSequence.0.RequestingPhysician", "physician"),
    (f"{PHYSICIAN}InstitutionName", "institution"),
    (f"{PHYSICIAN}PersonTelephoneNumbers", "phone"),
    ("OriginalAttributesSequence.0.ModifiedAttributesSequence.0.PatientName", "name"),
    ("OriginalAttributesSequence.0.ModifiedAttributesSequence.0.PatientID", "number"),
    ("OriginalAttributesSequence.0.ModifyingSystem", "institution"),
    ("OriginalAttributesSequence.0.SourceOfPreviousValues", "institution"),
    ("0033,ACME LAB 1,01", "name"), ("0029,SIEMENS CSA HEADER,10", "bytes"),
    ("RequestAttributesSequence.0.0033,ACME LAB 1,02", "name"),
    ("RequestedProcedureCodeSequence.0.CodeMeaning", "name"),
)  # fmt: skip
AROUND = (  # what the kinds' definitions ask for beside
    ("OtherPatientIDsSequence.0.TypeOfPatientID", "TEXT"),
    (f"{PHYSICIAN}PersonIdentificationCodeSequence.0.CodeValue", "7"),
    (f"{PHYSICIAN}PersonIdentificationCodeSequence.0.CodingSchemeDesignator", "99HOUSE"),
    (f"{PHYSICIAN}PersonIdentificationCodeSequence.0.CodeMeaning", "Referring"),
    ("OriginalAttributesSequence.0.ReasonForTheAttributeModification", "COERCE"),
    ("OriginalAttributesSequence.0.AttributeModificationDateTime", "20200202101010"),
    ("PositionReferenceIndicator", ""), ("ManufacturerModelName", "Model 1"),
    ("SoftwareVersions", "1.0"), ("Laterality", ""),
)  # fmt: skip
DATES = (
    "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "InstanceCreationDate",
    "PerformedProcedureStepStartDate",
    "RequestAttributesSequence.0.ScheduledProcedureStepStartDate",
)  # fmt: skip
DATE_TIMES = (  # path, and what follows the date
    ("AcquisitionDateTime", "101530.250000+0100"),
    ("EndAcquisitionDateTime", "2305"),
    ("StartAcquisitionDateTime", ""),
)
TIMES = ("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime")
DESCRIPTORS = (
    "StudyDescription", "SeriesDescription", "ProtocolName", "PerformedProcedureStepDescription",
    "RequestedProcedureDescription",
    "RequestAttributesSequence.0.ScheduledProcedureStepDescription",
    "RequestAttributesSequence.0.RequestedProcedureDescription",
)  # fmt: skip
SHORT_TEXT, LONG_TEXT = 64, 1000  # characters: LO, and less than ST and LT allow
LONG_TEXTS = ("ImageComments", "PatientComments", "AdditionalPatientHistory", "StudyComments")
STRANGERS = ("Ottersbach", "Pellingham", "Quorndon", "Thistlewood", "Wrzesniak")
TECHNICAL = (  # attribute, what is typed there, and what of it stays
    ("ReceiveCoilName", "{} 8Ch", "8Ch"), ("FilterType", "BODY {}", "BODY"),
    ("AcquisitionMode", "{}", ""), ("ScanOptions", "FS\\{}", "FS"),
)  # fmt: skip
PRESENT = (
    "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID",
    "PatientBirthDate", "PatientSex",
)  # fmt: skip
NEEDED = ("PatientName", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


def plant_header(made: Made, rng: np.random.Generator, study_day: int) -> None:
    """Everything planted in the header of any object."""
    person, dataset = made.person, made.dataset
    for path, name in SECRETS:
        if name == "bytes":
            put(dataset, path, f"SV10 {person.words[0]} {person.number} ".encode())
            made.facts.append(Fact("identifier", path, person.words[0]))
            continue
        value = str(getattr(person, name))
        put(dataset, path, value)
        parts = person.words if name == "name" else value.split("^")
        made.facts += [Fact("identifier", path, part) for part in parts]
    for path, value in AROUND:
        put(dataset, path, value)
    put(dataset, "RequestedProcedureCodeSequence.0.CodeValue", "77")
    put(dataset, "RequestedProcedureCodeSequence.0.CodingSchemeDesignator", "99HOUSE")
    made.plant("PatientID", person.number, "patient")
    for keyword in ("sex", "age", "weight", "size"):
        if keyword == "age" and person.age > "089Y":
            made.plant("PatientAge", person.age, "identifier")
        else:
            made.plant(f"Patient{keyword.title()}", getattr(person, keyword), "characteristic")
    day = np.datetime64(f"{person.start[:4]}-{person.start[4:6]}-{person.start[6:]}") + study_day
    for place, path in enumerate(DATES):
        made.plant(path, f"{(day + place % 2).astype(object):%Y%m%d}", "date")
    for path, rest in DATE_TIMES:
        made.plant(path, f"{day.astype(object):%Y%m%d}{rest}", "date")
    for place, path in enumerate(TIMES):
        made.plant(path, f"10{place:02d}30", "time")
    for path in DESCRIPTORS:
        plant_text(made, rng, path, SHORT_TEXT)
    for path in LONG_TEXTS:
        plant_text(made, rng, path, LONG_TEXT)
    made.plant("AnatomicRegionSequence.0.CodeMeaning", "Head", "technical")
    put(dataset, "AnatomicRegionSequence.0.CodeValue", "69536005")
    put(dataset, "AnatomicRegionSequence.0.CodingSchemeDesignator", "SCT")
    made.facts.append(Fact("technical", "Modality", made.kind.modality))
    made.facts.append(Fact("technical", "SOPClassUID", made.kind.sop_class))
    made.plant("Manufacturer", "ACME", "technical")
    made.plant("SeriesNumber", str(rng.integers(1, 900)), "technical")
    made.plant("InstanceNumber", str(rng.integers(1, 900)), "technical")
    plant_strangers(made, rng)
    made.plant("StationName", f"STN{rng.integers(10**5, 10**6)}", "identifier")
    made.plant("DeviceSerialNumber", f"SN{rng.integers(10**6, 10**7)}", "identifier")
    if made.kind.modality == "MR":
        made.plant("0019,SIEMENS MR HEADER,0C", "1000", "safe private")
    made.facts += [Fact("present", path, "") for path in PRESENT]
    made.facts += [Fact("needed", path, "") for path in NEEDED]
    made.facts += [Fact("identifier", "", token) for token in person.tokens()]


def plant_strangers(made: Made, rng: np.random.Generator) -> None:
    """What somebody typed where scanners write; it names people who stand nowhere else."""
    for path, form, stays in TECHNICAL:
        stranger = str(rng.choice(STRANGERS))
        coded = dictionary_VR(path) == "CS"
        put(made.dataset, path, form.format(stranger.upper() if coded else stranger))
        made.facts.append(Fact("identifier", "", stranger))
        made.facts += [Fact("technical", path, stays)] if stays else []
    record = str(rng.integers(10**7, 10**8))
    put(made.dataset, "AcquisitionNumber", record)
    made.facts.append(Fact("identifier", "", record))


def plant_uids(made: Made, uids: Mapping[str, str]) -> None:
    """The object's own UIDs and what points to them."""
    for keyword, value in uids.items():
        made.plant(keyword, value, "uid")
        made.facts.append(Fact("reference", keyword, value))
    study, series = uids["StudyInstanceUID"], uids["SeriesInstanceUID"]
    if not made.kind.refers:
        way = "RelatedSeriesSequence.0."
        made.plant(f"{way}StudyInstanceUID", study, "reference")
        made.plant(f"{way}SeriesInstanceUID", series, "reference")
        put(made.dataset, f"{way}PurposeOfReferenceCodeSequence", [])


def references(dataset: Dataset, known: set[str], way: str = "") -> Iterator[Fact]:
    """Every place at which an object names a UID of the CT slice."""
    for element in dataset:
        path = f"{way}{element.keyword}"
        if element.VR == "SQ":
            for place, item in enumerate(element.value):
                yield from references(item, known, f"{path}.{place}.")
        elif element.VR == "UI" and str(element.value) in known:
            meaning = "content" if path.startswith("ContentSequence") else "reference"
            yield Fact(meaning, path, str(element.value))


# ------------------------------------------------------------------ pictures


def phantom(rng: np.random.Generator, kind: Kind) -> np.ndarray:
    """An ellipse of smooth tissue on empty ground: float 0 to 1, (frames, rows, columns)."""
    assert kind.pixels is not None
    frames, rows, columns = kind.pixels[:3]
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    body = ((x / 0.62) ** 2 + (y / 0.55) ** 2 < 1).astype(float)
    tissue = ndimage.gaussian_filter(rng.normal(size=(frames, rows, columns)), (0, 9, 9))
    tissue = 0.45 + 0.1 * tissue / max(1e-9, float(np.abs(tissue).max()))
    grain = rng.normal(scale=0.01, size=tissue.shape)
    return np.clip(ndimage.gaussian_filter(body, 3) * (tissue + grain), 0, 1)


def lines_of(person: Person) -> list[str]:
    """What a scanner would burn in."""
    name = person.name.split("=")[0].replace("^", ", ")
    shown = name if name.isascii() else person.institution
    year, month, day = person.birth[:4], person.birth[4:6], person.birth[6:]
    return [shown, f"ID {person.number}", f"*{day}.{month}.{year}"]


def burn(made: Made, shades: np.ndarray) -> None:
    """Draw the person's lines into the frames, in white; note the ink of each."""
    font = ImageFont.load_default(17)
    frames, rows, columns = shades.shape
    for frame in range(frames):
        for number, text in enumerate(lines_of(made.person)):
            sheet = Image.new("L", (columns, rows))
            top = 4 + 21 * number if number < 2 else rows - 24
            ImageDraw.Draw(sheet).text((6, top), text, font=font, fill=255)
            drawn = np.asarray(sheet) / 255
            shades[frame] = np.maximum(shades[frame], drawn)
            line = f"{frame}.{number}"
            made.ink[line] = drawn > 0.5
            made.facts.append(Fact("burned in", line, text))


def plant_overlay(made: Made) -> None:
    """The first line in an overlay, with a description that names the patient (PS3.3 C.9.2)."""
    ink = made.ink["0.0"]
    packed = np.packbits(ink.ravel(), bitorder="little").tobytes()
    for element, vr, value in (
        (0x10, "US", ink.shape[0]), (0x11, "US", ink.shape[1]), (0x22, "LO", made.person.words[0]),
        (0x40, "CS", "G"), (0x50, "SS", [1, 1]), (0x100, "US", 1), (0x102, "US", 0),
        (0x3000, "OW", packed + b"\0" * (len(packed) % 2)),
    ):  # fmt: skip
        made.dataset.add_new(0x60000000 + element, vr, value)


def plant_pixels(made: Made, rng: np.random.Generator) -> None:
    """Pixel Data with or without text, in the kind's transfer syntax."""
    kind, dataset = made.kind, made.dataset
    if kind.pixels is None:
        return
    frames, rows, columns, samples, allocated, stored, signed = kind.pixels
    shades = phantom(rng, kind)
    if kind.text:
        burn(made, shades)
        plant_overlay(made)
    else:
        made.facts.append(Fact("picture", "", ""))
    top = 2 ** (stored - int(signed)) - 1
    values = (shades * top).round().astype(f"<{'i' if signed else 'u'}{max(1, allocated // 8)}")
    if allocated == 1:
        values = (shades > 0.5).astype(np.uint8)
    if "ImageType" not in dataset:
        dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = rows, columns, samples
    dataset.PhotometricInterpretation = kind.photometric
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = allocated, stored, stored - 1
    dataset.PixelRepresentation = int(signed)
    if frames > 1 or "PerFrameFunctionalGroupsSequence" in dataset or allocated == 1:
        dataset.NumberOfFrames = frames
    if samples > 1:
        dataset.PlanarConfiguration = 0
        values = np.repeat(values[..., None], samples, -1)
    if allocated == 1:
        packed = np.packbits(values.ravel(), bitorder="little").tobytes()
    else:
        big = kind.syntax == uid.ExplicitVRBigEndian
        packed = values.astype(values.dtype.newbyteorder(">" if big else "<")).tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    dataset["PixelData"].VR = "OW" if allocated > 8 else "OB"
    if uid.UID(kind.syntax).is_encapsulated:
        dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
        dataset.compress(kind.syntax, generate_instance_uid=False)


def plant_dose(made: Made, slice_number: int) -> None:
    """What SUVbw is computed of: dose, half-life, and an injection on the evening before."""
    day = np.datetime64(
        "-".join((made.person.start[:4], made.person.start[4:6], made.person.start[6:]))
    )
    item = Dataset()
    item.RadionuclideTotalDose, item.RadionuclideHalfLife = 3.7e8, 6586.2
    item.RadiopharmaceuticalStartDateTime = f"{day.astype(object):%Y%m%d}233000.000000"
    item.RadiopharmaceuticalStartTime = "233000.000000"
    item.RadionuclideCodeSequence = []
    dataset = made.dataset
    dataset.RadiopharmaceuticalInformationSequence = [item]
    following = f"{(day + 1).astype(object):%Y%m%d}"
    for keyword in ("SeriesDate", "AcquisitionDate"):
        made.facts = [fact for fact in made.facts if fact.path != keyword]
        made.plant(keyword, following, "date")
    for keyword in ("SeriesTime", "AcquisitionTime"):
        made.facts = [fact for fact in made.facts if fact.path != keyword]
        made.plant(keyword, "003500", "time")
    dataset.RescaleSlope = 2.75 + slice_number
    dataset.ImagePositionPatient = [-100, -100, 2.5 * slice_number]
    dataset.ImageIndex = slice_number + 1


# ------------------------------------------------------------------ the set


def objects(seed: int) -> Iterator[Made]:
    """Every object of the key; the same seed gives the same ones."""
    rng = np.random.default_rng(seed)
    patients, uids = people(rng, 2 * len(HARD_NAMES)), Uids(seed)
    ct: dict[str, str] = {}
    for place, kind in enumerate(KINDS):
        with_ct = kind.refers or kind.name == "CT"
        person = patients[0] if with_ct else patients[place % len(patients)]
        study = ct.get(CT_STUDY) or uids.new() if with_ct else uids.new()
        series, frame_of_reference = uids.new(), ct.get(CT_FRAME) if with_ct else None
        frame_of_reference = frame_of_reference or uids.new()
        for slice_number in range(3 if kind.name == "PET" else 1):
            made = Made(kind, person, Dataset())
            dataset = made.dataset
            dataset.file_meta = FileMetaDataset()
            dataset.file_meta.TransferSyntaxUID = uid.UID(kind.syntax)
            dataset.file_meta.SourceApplicationEntityTitle = f"AE{person.number}"
            dataset.preamble = person.words[0].encode().ljust(128, b"\0")[:128]
            latin = person.name.encode("latin-1", "replace").decode("latin-1") == person.name
            dataset.SpecificCharacterSet = "ISO_IR 100" if latin else "ISO_IR 192"
            dataset.SOPClassUID, dataset.Modality = kind.sop_class, kind.modality
            own = {
                "StudyInstanceUID": study, "SeriesInstanceUID": series,
                "SOPInstanceUID": uids.new(), "FrameOfReferenceUID": frame_of_reference,
            }  # fmt: skip
            if kind.name == "CT":
                ct = {
                    CT_STUDY: study, CT_SERIES: series, CT_IMAGE: own["SOPInstanceUID"],
                    CT_FRAME: frame_of_reference,
                }  # fmt: skip
            fill(dataset, kind.attributes, {**ct, OWN: uids.new(), f"{OWN} 1": uids.new()})
            plant_header(made, rng, study_day=place % 5)
            plant_uids(made, own)
            if kind.refers:
                told = {fact.path for fact in made.facts}
                found = references(dataset, set(ct.values()))
                made.facts += [fact for fact in found if fact.path not in told]
            plant_pixels(made, rng)
            if kind.name == "PET":
                plant_dose(made, slice_number)
            yield made


def write(seed: int, folder: Path) -> dict[str, Any]:
    """Write the objects, ``facts.csv`` and ``ink.npz`` into a folder; return what the key is."""
    rows, inks, digest = [], {}, hashlib.sha256()
    (folder / "objects").mkdir(parents=True)
    for number, made in enumerate(objects(seed)):
        name = f"{number:03d}.dcm"
        path = folder / "objects" / name
        made.dataset.file_meta.MediaStorageSOPClassUID = made.dataset.SOPClassUID
        made.dataset.file_meta.MediaStorageSOPInstanceUID = made.dataset.SOPInstanceUID
        made.dataset.save_as(path, enforce_file_format=True)
        digest.update(path.read_bytes())
        inks.update({f"{number:03d}.{line}": ink for line, ink in made.ink.items()})
        rows += [
            {
                "object": number, "file": name, "kind": made.kind.name, **asdict(fact),
                "patient": f"{made.person.issuer} {made.person.number}",
            }
            for fact in made.facts
        ]  # fmt: skip
    tables.write_csv(folder / "facts.csv", rows, COLUMNS)
    np.savez_compressed(folder / "ink.npz", allow_pickle=False, **inks)
    return {
        "seed": seed, "objects": len({row["object"] for row in rows}),
        "kinds": len({row["kind"] for row in rows}), "facts": len(rows),
        "digest": digest.hexdigest()[:16],
    }  # fmt: skip


def label(preset: str) -> str:
    """The submission of a preset."""
    return preset.replace("_", "-")


def prepare_run(objects_folder: Path, run: Path, seed: int) -> None:
    """Sheet, key and settings of a run that cleans the same objects under each preset."""
    if run.exists():
        shutil.rmtree(run)  # results of another key
    run.mkdir(parents=True)
    rows = [f"{label(p)}\t{objects_folder.resolve()}\t{p}" for p in PRESETS]
    sheet = "\n".join(["submission\tpath\tmetadata.preset", *rows]) + "\n"
    (run / "sheet.tsv").write_text(sheet)
    keys.write_known(run / "unburn.key", f"the key of the answer key {seed}")
    (run / "config.yaml").write_text(yaml.safe_dump({"sheet": "sheet.tsv"}))


def main(argv: Sequence[str] | None = None) -> None:
    """Make the objects, the table of facts, and the run that cleans them."""
    parser = argparse.ArgumentParser(prog="python -m unburn.answer_key", description=main.__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the key to write")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run to prepare")
    options = parser.parse_args(argv)
    with replacing(options.out) as tmp:
        about = write(options.seed, tmp)
        (tmp / "about.json").write_text(json.dumps(about, indent=1) + "\n")
    prepare_run(options.out / "objects", options.run, options.seed)


if __name__ == "__main__":
    command(main)
