"""Make the demo: a folder as a lab hands it in, with planted identities whose truth is known.

    PYTHONPATH=workflow python resources/demo/make_demo.py       makes resources/demo again
    ... make_demo.py --out FOLDER --clean            the same objects without burned-in text
    ... make_demo.py --take MR_FOLDER CHEST_PNG      takes source/ from the public originals

All persons, places and numbers are made up. Same script and versions: same bytes.
"""

import argparse
import csv
import io
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    BasicTextSRStorage,
    ComputedRadiographyImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    MediaStorageDirectoryStorage,
    MRImageStorage,
    RTStructureSetStorage,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
    generate_uid,
)
from scipy.ndimage import gaussian_filter, map_coordinates, zoom

from unburn.keys import DEMO_KEY

HERE = Path(__file__).parent
CLINIC = "IMAGINARY CLINIC ZWEIBACH"
MR_SLICES = 16
MR_DIM_VALUE = 90  # a line that a linear picture of the whole value range cannot show
MR_BRIGHT_VALUE = 4095
BITMAP = 0  # the size that stands for a font of fixed 6 x 11 pixels, as old scanners have
CHEST_BLACK = 4095  # MONOCHROME1: the largest stored value is black, 0 is white


@dataclass(frozen=True)
class Person:
    """A made-up patient and visit."""

    family: str
    given: str
    number: str
    birth: str
    visit: str
    accession: str

    @property
    def name(self) -> str:
        """The name as (0010,0010) Patient's Name writes it."""
        return f"{self.family}^{self.given}"

    @property
    def shown(self) -> str:
        """The name as a scanner writes it on its screen."""
        return f"{self.family}, {self.given}"


DULCINEA = Person("FAKENAME", "DULCINEA", "DEMO-4471903", "19610704", "20240229", "ACC-US-88213")
BALTHASAR = Person("NOTREAL", "BALTHASAR", "DEMO-5520817", "19580923", "20231117", "ACC-MR-60175")
ORSOLYA = Person("MADEUP", "ORSOLYA", "DEMO-6638402", "19470312", "20240506", "ACC-CR-31496")


def dotted(date: str) -> str:
    """Write 19610704 as 04.07.1961, as scanners do."""
    return f"{date[6:]}.{date[4:6]}.{date[:4]}"


# --- text in pixels -------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A line of burned-in text: (column, row) of the left upper corner of its ink, in pixels.

    ``size`` is the outline font's in pixels, or BITMAP; ``kind`` is identifier, technical or
    marker. A ``vertical`` line reads upwards.
    """

    text: str
    column: int
    row: int
    size: int = 13
    kind: str = "technical"
    vertical: bool = False
    colour: tuple[int, int, int] = (225, 225, 225)
    value: int = 0


def ink(line: Line) -> np.ndarray:
    """Draw a line with Pillow's own fonts: float 0..1, (rows, columns), cut to its ink."""
    bitmap = line.size == BITMAP
    face = ImageFont.load_default_imagefont() if bitmap else ImageFont.load_default(line.size)
    width, height = (int(edge) for edge in face.getbbox(line.text)[2:])
    canvas = Image.new("L", (width + 8, height + 8), 0)
    ImageDraw.Draw(canvas).text((4, 4), line.text, fill=255, font=face)
    drawn = np.asarray(canvas) / 255.0
    rows, columns = np.nonzero(drawn)
    drawn = drawn[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return np.rot90(drawn) if line.vertical else drawn


def burn(pixels: np.ndarray, line: Line) -> tuple[int, int, int, int]:
    """Blend a line into (rows, columns[, 3]) pixels in place.

    Returns column, row, width and height of the ink, in pixels.
    """
    drawn = ink(line)
    height, width = drawn.shape
    place = pixels[line.row : line.row + height, line.column : line.column + width]
    if place.shape[:2] != drawn.shape:
        raise ValueError(f"the line at row {line.row}, column {line.column} leaves the picture")
    paint = np.asarray(line.colour if pixels.ndim == 3 else line.value, float)
    alpha = drawn[..., None] if pixels.ndim == 3 else drawn
    place[...] = np.rint(place + alpha * (paint - place)).astype(pixels.dtype)
    return line.column, line.row, width, height


# --- what is planted ------------------------------------------------------------------------


@dataclass
class Demo:
    """The folder that is being made, and the truth about what was planted in it."""

    folder: Path
    clean: bool = False
    truth: list[tuple] = field(default_factory=list)
    canaries: dict[tuple[str, str], None] = field(default_factory=dict)

    def plant(self, where: str, text: str) -> str:
        """Note an identifying string that may be nowhere after a run; returns it."""
        self.canaries[where, text] = None
        return text

    def write(self, path: Iterable[str], file: str | bytes | Dataset) -> Path:
        """Write a file below data/; its path's parts that hold a planted name are canaries."""
        out = self.folder.joinpath("data", *path)
        out.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(file, Dataset):
            file.save_as(out, enforce_file_format=True)
        elif isinstance(file, bytes):
            out.write_bytes(file)
        else:
            out.write_text(file, encoding="utf-8")
        return out

    def burn(self, file: str, frame: int, pixels: np.ndarray, lines: Iterable[Line]) -> None:
        """Burn lines into a frame (counted from 1) unless a clean demo is wanted."""
        if self.clean:
            return
        for line in lines:
            column, row, width, height = burn(pixels, line)
            letters = width if line.vertical else height
            turned = "vertical" if line.vertical else "horizontal"
            self.truth.append(
                (file, frame, column, row, width, height, line.text, letters, turned, line.kind)
            )
            if line.kind == "identifier":
                self.plant("pixels", line.text)


# --- headers --------------------------------------------------------------------------------


def header(demo: Demo, person: Person, modality: str, sop_class: str, series: int, number: int):
    """Make an object's header with identities where real objects have them, all levels deep."""
    one = Dataset()
    one.SpecificCharacterSet = "ISO_IR 100"
    one.SOPClassUID = sop_class
    one.SOPInstanceUID = generate_uid(entropy_srcs=[person.number, str(series), str(number)])
    one.StudyInstanceUID = demo.plant("uid", generate_uid(entropy_srcs=[person.number, "study"]))
    one.SeriesInstanceUID = demo.plant(
        "uid", generate_uid(entropy_srcs=[person.number, str(series)])
    )
    one.Modality = modality
    one.SeriesNumber, one.InstanceNumber = series, number
    one.StudyDate = one.SeriesDate = one.ContentDate = demo.plant("header", person.visit)
    one.AcquisitionDate = person.visit
    one.StudyTime = one.SeriesTime = one.ContentTime = "101530"
    one.AccessionNumber = demo.plant("header", person.accession)
    one.StudyID = "1"
    one.Manufacturer = "Imaginary Scanners"
    one.ManufacturerModelName = "Unreal 3000"
    one.DeviceSerialNumber = demo.plant("header", f"SN-{person.number[5:]}-X")
    one.StationName = demo.plant("header", "ZWEIBACHSTATION7")
    one.InstitutionName = demo.plant("header", CLINIC)
    one.InstitutionAddress = demo.plant("header", "Nowhere Lane 42, 00000 Zweibach")
    one.ReferringPhysicianName = demo.plant("header", "QUACKSALBER^HILDEGUND")
    one.OperatorsName = demo.plant("header", "PHANTOM^KASIMIR")
    one.StudyDescription = demo.plant("header", f"{modality} for {person.given} {person.family}")
    one.PatientName = demo.plant("header", person.name)
    demo.plant("header", person.family)
    demo.plant("header", person.given)
    one.PatientID = demo.plant("header", person.number)
    one.IssuerOfPatientID = demo.plant("header", "ZWEIBACH-ADT")
    one.PatientBirthDate = demo.plant("header", person.birth)
    one.PatientSex = "O"
    one.PatientAddress = demo.plant("header", f"{person.family} Castle, 00001 Zweibach")
    one.PatientTelephoneNumbers = demo.plant("header", f"+00 555 {person.number[5:]}")
    one.OtherPatientNames = demo.plant("header", f"FÄLSCHER^{person.given}")
    one.PatientComments = demo.plant("header", f"Ask for {person.given}, she knows the way")
    request = Dataset()
    request.RequestingPhysician = demo.plant("nested", "SCHEINARZT^OTTOKAR")
    request.ScheduledProcedureStepDescription = demo.plant("nested", f"as told by {person.family}")
    request.add(private_sequence_item(demo, person))
    one.RequestAttributesSequence = Sequence([request])
    before = Dataset()
    before.PatientID = demo.plant("nested", f"OLD-{person.number[5:]}")
    original = Dataset()
    original.ModifiedAttributesSequence = Sequence([before])
    original.ModifyingSystem = demo.plant("nested", "ZWEIBACH-PACS-9")
    original.SourceOfPreviousValues = demo.plant("nested", "ZWEIBACH-RIS-3")
    original.AttributeModificationDateTime = f"{person.visit}120000"
    original.ReasonForTheAttributeModification = "CORRECT"
    one.OriginalAttributesSequence = Sequence([original])
    block = one.private_block(0x0029, "IMAGINARY SCANNERS PRIVATE", create=True)
    block.add_new(0x01, "LO", demo.plant("private", f"PRIV {person.family} {person.given}"))
    hidden = demo.plant("private", f"PRIVBIN-{person.number[5:]}")
    block.add_new(0x02, "OB", b"\x00\x01\x02" + hidden.encode("utf-16-le") + b"\xff" * 3)
    return one


def private_sequence_item(demo: Demo, person: Person) -> pydicom.DataElement:
    """Make a private sequence, to be put two levels deep, whose item names the patient."""
    item = Dataset()
    item.add_new(0x00110010, "LO", "IMAGINARY SCANNERS DEEP")
    item.add_new(0x00111001, "PN", demo.plant("private", f"{person.family}DEEP^{person.given}"))
    return pydicom.DataElement(0x00400555, "SQ", Sequence([item]))  # Acquisition Context Sequence


def as_file(one: Dataset, syntax: str, demo: Demo, preamble: str = "") -> Dataset:
    """Give an object its file meta information; ``preamble`` is hidden before "DICM"."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = one.SOPClassUID
    meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = generate_uid(entropy_srcs=["unburn demo"])
    meta.ImplementationVersionName = "UNBURN_DEMO"
    meta.SourceApplicationEntityTitle = demo.plant("header", "ZWEIBACH_AE")
    one.file_meta = meta
    one.preamble = (demo.plant("header", preamble) if preamble else "").encode().ljust(128, b"\0")
    return one


def set_pixels(one: Dataset, shape: tuple[int, ...], photometric: str, allocated: int, stored: int):
    """Describe an image's pixels: PS3.3 section C.7.6.3."""
    one.Rows, one.Columns = shape[:2]
    one.SamplesPerPixel = 3 if len(shape) == 3 else 1
    one.PhotometricInterpretation = photometric
    one.BitsAllocated, one.BitsStored, one.HighBit = allocated, stored, stored - 1
    one.PixelRepresentation = 0
    if one.SamplesPerPixel == 3:
        one.PlanarConfiguration = 0


# --- ultrasound -----------------------------------------------------------------------------

US_FRAMES, US_ROWS, US_COLUMNS = 16, 480, 640
STILL_CUT = 40  # rows of the screen above the still
US_APEX_ROW, US_APEX_COLUMN = 4, 330  # where the lines of the curved probe would meet
US_NEAR, US_FAR, US_HALF_ANGLE = 58, 425, 0.58  # pixels, pixels, radians


def ultrasound_frames() -> Iterator[np.ndarray]:
    """Yield uint8 (480, 640, 3) RGB frames of a made-up colour Doppler cine without text."""
    rng = np.random.default_rng(2604)
    speckle = rng.normal(size=(2, 560, 260)).astype(np.float64)
    speckle = np.hypot(*(gaussian_filter(part, (1.1, 1.6)) for part in speckle))
    speckle /= speckle.mean()
    texture = gaussian_filter(rng.normal(size=(US_ROWS, US_COLUMNS)), 22)
    texture /= texture.std()
    flow_noise = gaussian_filter(rng.normal(size=(US_FRAMES, US_ROWS, US_COLUMNS)), (0.6, 1.5, 1.5))
    flow_noise /= flow_noise.std()
    row, column = np.mgrid[:US_ROWS, :US_COLUMNS].astype(np.float64)
    depth = np.hypot(row - US_APEX_ROW, column - US_APEX_COLUMN)
    angle = np.arctan2(column - US_APEX_COLUMN, row - US_APEX_ROW)
    fan = (depth > US_NEAR) & (depth < US_FAR) & (abs(angle) < US_HALF_ANGLE)
    for k in range(US_FRAMES):
        beat = 0.5 + 0.5 * np.sin(2 * np.pi * k / US_FRAMES)
        tissue, across = ultrasound_tissue(row, column, depth, angle, texture, beat)
        lines = (angle / US_HALF_ANGLE + 1) * 0.5 * (speckle.shape[1] - 9) + 4
        echo = map_coordinates(speckle, (depth + 3.0 * beat, lines), order=1, mode="nearest")
        decibel = tissue + 20 * np.log10(echo + 1e-3)
        grey = np.where(fan, np.clip((decibel + 42) / 52, 0, 1) * 235, 0)
        frame = np.rint(np.repeat(grey[..., None], 3, 2)).astype(np.uint8)
        colour_flow(frame, row, column, across, 0.35 + 0.65 * beat, flow_noise[k])
        furniture(frame, k)
        yield frame


def ultrasound_tissue(row, column, depth, angle, texture, beat):
    """Return mean echo in decibel, and the distance from a vessel's axis in radii."""
    level = -17 + 4.0 * texture - 0.016 * (depth - US_NEAR)
    for where, strength, bend in ((78, 9, 3), (92, 6, 5), (118, 10, -6), (330, 12, 9)):
        line = where + bend * np.cos(5 * angle + where)
        level = level + strength * np.exp(-(((depth - line) / 2.2) ** 2))
    organ = ((column - 300) / 150) ** 2 + ((row - 250) / 105) ** 2
    level = level + np.where(organ < 1, 4.0, -3.0) + 8 * np.exp(-(((organ - 1) / 0.03) ** 2))
    radius = 15 + 2.5 * beat
    axis = 262 - 0.28 * (column - 330) + 7 * np.sin(column / 38)
    across = (row - axis) / radius
    level = level - 26 / (1 + np.exp(12 * (abs(across) - 1)))
    return level + 11 * np.exp(-(((abs(across) - 1.12) / 0.10) ** 2)), across


def colour_flow(frame, row, column, across, speed, noise):
    """Paint Doppler colours where the vessel crosses the colour box, and the box itself."""
    slant = 0.25 * (row - 260)
    left, right, top, bottom = 262 + slant, 412 + slant, 205, 318
    inside = (column > left) & (column < right) & (row > top) & (row < bottom)
    flow = speed * (1 - across**2) + 0.13 * noise
    flow = np.where(column + 0.5 * across > 372 + slant, -0.8 * flow, flow)
    shown = inside & (abs(across) < 0.97) & (abs(flow) > 0.12)
    frame[shown] = doppler_colour(flow[shown])
    edge = inside & ~(
        (column > left + 1.5) & (column < right - 1.5) & (row > top + 1) & (row < bottom - 1)
    )
    frame[edge] = (200, 200, 90)


def doppler_colour(flow: np.ndarray) -> np.ndarray:
    """Return uint8 RGB of a velocity -1..1: towards the probe red, away from it blue."""
    fast = np.clip(abs(flow), 0, 1)
    warm = np.stack([90 + 165 * fast, 210 * fast**2, 20 * fast], -1)
    cold = np.stack([20 * fast, 200 * fast**2, 90 + 165 * fast], -1)
    return np.rint(np.where((flow > 0)[..., None], warm, cold)).astype(np.uint8)


def furniture(frame: np.ndarray, k: int) -> None:
    """Draw what stands on an ultrasound screen beside the fan: bars, ticks and the ECG."""
    ramp = np.linspace(1, -1, 140)
    frame[130:270, 22:34] = doppler_colour(ramp)[:, None]
    frame[198:202, 22:34] = 0
    frame[60:200, 612:622] = np.linspace(235, 0, 140).astype(np.uint8)[:, None, None]
    for tick in range(0, 8):
        row = US_APEX_ROW + US_NEAR + 46 * tick
        frame[row : row + 2, 586 : 592 if tick % 2 else 596] = 190
    time = np.arange(US_COLUMNS - 130)
    phase = (time % 170) / 170.0
    ecg = 17 * np.exp(-(((phase - 0.3) / 0.012) ** 2)) - 5 * np.exp(
        -(((phase - 0.34) / 0.015) ** 2)
    )
    ecg = (
        ecg
        + 4 * np.exp(-(((phase - 0.55) / 0.05) ** 2))
        + 2 * np.exp(-(((phase - 0.16) / 0.03) ** 2))
    )
    sweep = 60 + 26 * k
    trace = np.rint(466 - ecg).astype(int)
    for x, before, now in zip(time[1:], trace, trace[1:], strict=False):
        if not sweep < x < sweep + 18:
            frame[min(before, now) : max(before, now) + 2, 70 + x] = (60, 220, 80)


def ultrasound_lines(k: int) -> list[Line]:
    """List the text on frame ``k`` (from 0): most stands still, the counter and time run."""
    green, yellow = (60, 220, 80), (235, 225, 90)
    name = "identifier"
    return [
        Line(CLINIC, 8, 6, 15, name, colour=(245, 245, 245)),
        Line(DULCINEA.shown, 8, 27, 15, name, colour=(245, 245, 245)),
        Line(f"ID: {DULCINEA.number}", 8, 47, 13, name),
        Line(f"DOB {dotted(DULCINEA.birth)}", 8, 65, 13, name),
        Line(f"{dotted(DULCINEA.visit)}  10:15:{30 + k // 8:02d}", 500, 6, 13, name),
        Line("MI 1.1   TIs 0.6", 520, 25, 12),
        Line("C5-1 / Abd Gen", 520, 41, 12),
        Line("2D", 44, 132, BITMAP),
        Line("62%  C 50", 44, 147, BITMAP),
        Line("P Low  HGen", 44, 162, BITMAP),
        Line("CF  1.9MHz", 44, 185, BITMAP, colour=yellow),
        Line("WF 80Hz", 44, 200, BITMAP, colour=yellow),
        Line("+38.5", 16, 115, BITMAP),
        Line("-38.5 cm/s", 16, 275, BITMAP),
        Line("LT RENAL A", 380, 372, 15, colour=yellow),
        Line("Dr. PHANTOM", 262, 342, 14, name),
        Line("75 bpm", 8, 446, 12, colour=green),
        Line(f"{k + 1}/{US_FRAMES}", 596, 458, 13),
    ]


def jpeg(frame: np.ndarray, comment: str = "") -> bytes:
    """Encode an RGB frame as JPEG baseline with YCbCr 4:2:2, as many ultrasound scanners do."""
    out = io.BytesIO()
    options = {"comment": comment} if comment else {}
    Image.fromarray(frame).save(out, "JPEG", quality=84, subsampling="4:2:2", **options)
    return out.getvalue()


def ultrasound_region(cut: int = 0) -> Dataset:
    """Describe the fan, (0018,6011) Sequence of Ultrasound Regions; ``cut`` rows are off on top."""
    region = Dataset()
    half = int(US_FAR * np.sin(US_HALF_ANGLE))
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 2
    region.RegionLocationMinX0, region.RegionLocationMinY0 = US_APEX_COLUMN - half, 50 - cut
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = US_APEX_COLUMN + half, 430 - cut
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = 0.043
    return region


def add_ultrasound(demo: Demo) -> None:
    """Write the cine, and a still without text whose JPEG stream carries a name in a comment."""
    cine = header(demo, DULCINEA, "US", UltrasoundMultiFrameImageStorage, 1, 1)
    set_pixels(cine, (US_ROWS, US_COLUMNS, 3), "YBR_FULL_422", 8, 8)
    cine.NumberOfFrames, cine.FrameTime = US_FRAMES, "50.0"
    cine.FrameIncrementPointer = 0x00181063  # Frame Time
    cine.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0011"]
    cine.SequenceOfUltrasoundRegions = Sequence([ultrasound_region()])
    cine.LossyImageCompression, cine.LossyImageCompressionMethod = "01", "ISO_10918_1"
    path = folder_of(demo, DULCINEA, "US", "cine_FAKENAME.dcm")
    streams = []
    still = np.zeros(0)
    for k, frame in enumerate(ultrasound_frames()):
        if k == 5:
            still = frame[STILL_CUT : STILL_CUT + 400].copy()  # without the ECG
        demo.burn("/".join(path), k + 1, frame, ultrasound_lines(k))
        streams.append(jpeg(frame))
    ratio = US_FRAMES * US_ROWS * US_COLUMNS * 3 / sum(map(len, streams))
    cine.LossyImageCompressionRatio = f"{ratio:.1f}"
    cine.PixelData = encapsulate(streams)
    cine["PixelData"].is_undefined_length = True
    demo.write(path, as_file(cine, JPEGBaseline8Bit, demo, "exported for FAKENAMEPREAMBLE"))

    one = header(demo, DULCINEA, "US", UltrasoundImageStorage, 2, 1)
    set_pixels(one, still.shape, "YBR_FULL_422", 8, 8)
    one.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0011"]
    one.SequenceOfUltrasoundRegions = Sequence([ultrasound_region(STILL_CUT)])
    one.LossyImageCompression, one.LossyImageCompressionMethod = "01", "ISO_10918_1"
    comment = demo.plant("stream", "photo of DULCINEA FAKENAMECOMMENT")
    stream = jpeg(still, comment)
    one.LossyImageCompressionRatio = f"{still.size / len(stream):.1f}"
    one.PixelData = encapsulate([stream])
    one["PixelData"].is_undefined_length = True
    path = folder_of(demo, DULCINEA, "US", "still.dcm")
    demo.write(path, as_file(one, JPEGBaseline8Bit, demo))


def folder_of(demo: Demo, person: Person, modality: str, file: str) -> tuple[str, str, str]:
    """Return a path as labs make them: the patient's name is in it."""
    folder = demo.plant("file name", f"{person.family}_{person.given}_{person.birth}")
    return folder, modality, file


# --- magnetic resonance ---------------------------------------------------------------------


def mr_slices() -> np.ndarray:
    """Return uint16 (16, 256, 256), 12 bits used, of a neck: source/ with fine noise added."""
    stack = np.asarray(Image.open(HERE / "source" / "neck.png")).reshape(MR_SLICES, 256, 256)
    rng = np.random.default_rng(11376)
    noise = rng.integers(-6, 7, stack.shape)
    air = rng.integers(0, 14, stack.shape)
    return np.where(stack > 0, np.clip(stack.astype(int) * 9 + noise, 1, 3000), air).astype(
        np.uint16
    )


def mr_lines(k: int) -> list[Line]:
    """List the text on slice ``k`` (from 0)."""
    bright, name = MR_BRIGHT_VALUE, "identifier"
    if k < 6:
        return [
            Line(BALTHASAR.shown, 4, 4, 12, name, value=bright),
            Line(BALTHASAR.number, 4, 19, 12, name, value=bright),
            Line(f"*{dotted(BALTHASAR.birth)}", 4, 34, 12, name, value=bright),
            Line("ZWEIBACH", 190, 4, 12, name, value=bright),
            Line(f"SL {k + 1}", 4, 242, 11, value=bright),
            Line("TR 24 TE 7", 190, 242, 11, value=bright),
        ]
    if k == 7:
        return [Line(f"{BALTHASAR.family} {BALTHASAR.visit}", 58, 150, 15, name, value=3500)]
    if k == 10:
        return [Line(f"Pat {BALTHASAR.number}", 30, 18, 15, name, value=MR_DIM_VALUE)]
    return []


def mr_object(demo: Demo, k: int, pixels: np.ndarray, series: int) -> Dataset:
    """Make slice ``k`` of an axial volume from uint16 (rows, columns) pixels."""
    one = header(demo, BALTHASAR, "MR", MRImageStorage, series, k + 1)
    set_pixels(one, pixels.shape, "MONOCHROME2", 16, 12)
    one.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    one.SeriesDescription = demo.plant("header", "tof neck, NOTREALSERIES")
    one.ScanningSequence, one.SequenceVariant, one.ScanOptions = "GR", "SP", ""
    one.MRAcquisitionType, one.BodyPartExamined = "3D", "NECK"
    one.RepetitionTime, one.EchoTime, one.FlipAngle = "24", "7", "20"
    one.MagneticFieldStrength, one.PatientPosition = "3", "HFS"
    one.SliceThickness = one.SpacingBetweenSlices = "1.4"
    one.FrameOfReferenceUID = demo.plant(
        "uid", generate_uid(entropy_srcs=[BALTHASAR.number, "for"])
    )
    one.PositionReferenceIndicator = ""
    one.ImagePositionPatient = ["-89.6", "-89.6", f"{1.4 * k:.1f}"]
    one.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    one.PixelSpacing = ["0.7", "0.7"]
    one.SliceLocation = f"{1.4 * k:.1f}"
    one.WindowCenter, one.WindowWidth = "450", "900"
    one.PixelData = pixels.astype("<u2").tobytes()
    return one


def add_mr(demo: Demo) -> list[Dataset]:
    """Write the series, an exact copy of one slice and a file that was cut off."""
    written = []
    for k, pixels in enumerate(mr_slices()):
        path = folder_of(demo, BALTHASAR, "MR", f"IM{k + 1:04d}")
        demo.burn("/".join(path), k + 1, pixels, mr_lines(k))
        one = as_file(mr_object(demo, k, pixels, 1), ImplicitVRLittleEndian, demo)
        written.append(one)
        last = demo.write(path, one)
    copy = demo.plant("file name", "copy_for_BALTHASAR.dcm")
    shutil.copyfile(last, demo.write(("from_cd", copy), b""))
    cut = as_file(mr_object(demo, 0, mr_slices()[0], 9), ExplicitVRLittleEndian, demo)
    whole = io.BytesIO()
    cut.save_as(whole, enforce_file_format=True)
    name = demo.plant("file name", "localizer_NOTREAL_BALTHASAR.dcm")
    demo.write(("from_cd", name), whole.getvalue()[:20000])
    return written


# --- radiograph -----------------------------------------------------------------------------


def radiograph() -> np.ndarray:
    """Return uint16 (2000, 1700), 12 bits used, MONOCHROME1: a chest with its black surround."""
    chest = np.asarray(Image.open(HERE / "source" / "chest.png")).astype(float)
    rows, columns = 1560, 1500
    large = zoom(chest, (rows / chest.shape[0], columns / chest.shape[1]), order=3)
    rng = np.random.default_rng(376)
    grain = gaussian_filter(rng.normal(size=(rows, columns)), 0.7)
    stored = CHEST_BLACK - np.clip(14.5 * large + 250 + 9 * grain / grain.std(), 60, CHEST_BLACK)
    picture = np.full((2000, 1700), CHEST_BLACK, np.uint16)
    picture[250 : 250 + rows, 100 : 100 + columns] = np.rint(stored).astype(np.uint16)
    return picture


def radiograph_lines() -> list[Line]:
    """List the text: on the surround, over the lung, along the edge, and the side marker."""
    name = "identifier"
    return [
        Line(f"{ORSOLYA.shown}  {ORSOLYA.number}", 100, 60, 46, name),
        Line(f"geb. {dotted(ORSOLYA.birth)}", 100, 125, 40, name),
        Line(CLINIC, 980, 66, 36, name),
        Line(f"{dotted(ORSOLYA.visit)} 10:15", 1180, 125, 36, name),
        Line(f"Aufn. {ORSOLYA.accession}", 1080, 1690, 38, name),
        Line(
            f"{ORSOLYA.family} {ORSOLYA.given} {ORSOLYA.birth}", 1636, 560, 40, name, vertical=True
        ),
        Line("L", 1440, 300, 110, "marker"),
        Line("PA STEHEND", 150, 290, 56, "marker"),
        Line("125 kV  2.0 mAs", 100, 1880, 34),
    ]


def add_radiograph(demo: Demo) -> None:
    """Write the radiograph in JPEG-LS, with a name in an overlay and after the data set's end."""
    one = header(demo, ORSOLYA, "CR", ComputedRadiographyImageStorage, 1, 1)
    picture = radiograph()
    set_pixels(one, picture.shape, "MONOCHROME1", 16, 12)
    path = folder_of(demo, ORSOLYA, "CR", "thorax_MADEUP.dcm")
    demo.burn("/".join(path), 1, picture, radiograph_lines())
    one.ImageType = ["ORIGINAL", "PRIMARY"]
    one.BodyPartExamined, one.ViewPosition = "CHEST", "PA"
    one.ImagerPixelSpacing = ["0.2", "0.2"]
    one.KVP, one.PresentationLUTShape = "125", "INVERSE"
    one.WindowCenter, one.WindowWidth = "2048", "4096"
    plane = np.zeros((48, 512), np.uint8)
    if not demo.clean:
        burn(plane, Line(f"{ORSOLYA.shown} OVERLAY", 8, 8, 28, value=1))
    one.add_new(0x60000010, "US", plane.shape[0])
    one.add_new(0x60000011, "US", plane.shape[1])
    one.add_new(0x60000022, "LO", demo.plant("header", "annotated by MADEUPOVERLAY"))
    one.add_new(0x60000040, "CS", "G")
    one.add_new(0x60000050, "SS", [1, 1])
    one.add_new(0x60000100, "US", 1)
    one.add_new(0x60000102, "US", 0)
    one.add_new(0x60003000, "OW", np.packbits(plane, bitorder="little").tobytes())
    one.PixelData = picture.astype("<u2").tobytes()
    as_file(one, ExplicitVRLittleEndian, demo)
    one.compress(JPEGLSLossless, generate_instance_uid=False)
    padding = demo.plant("header", "MADEUPPADDING ORSOLYA")
    one.add_new(0xFFFCFFFC, "OB", padding.encode().ljust(64, b" "))
    demo.write(path, one)


# --- objects without pixels, and files that are no objects ----------------------------------


def add_structures(demo: Demo, slices: list[Dataset]) -> None:
    """Write a structure set that refers to the MR series and names persons in its labels."""
    one = header(demo, BALTHASAR, "RTSTRUCT", RTStructureSetStorage, 3, 1)
    one.StructureSetLabel = demo.plant("header", "PLAN NOTREAL B")
    one.StructureSetDate, one.StructureSetTime = BALTHASAR.visit, "130000"
    frame = Dataset()
    frame.FrameOfReferenceUID = slices[0].FrameOfReferenceUID
    series = Dataset()
    series.SeriesInstanceUID = slices[0].SeriesInstanceUID
    series.ContourImageSequence = Sequence([reference(image) for image in slices])
    study = Dataset()
    study.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.1"  # Detached Study Management, retired
    study.ReferencedSOPInstanceUID = slices[0].StudyInstanceUID
    study.RTReferencedSeriesSequence = Sequence([series])
    frame.RTReferencedStudySequence = Sequence([study])
    one.ReferencedFrameOfReferenceSequence = Sequence([frame])
    region = Dataset()
    region.ROINumber = 1
    region.ReferencedFrameOfReferenceUID = slices[0].FrameOfReferenceUID
    region.ROIName = demo.plant("nested", "Carotid of BALTHASAR NOTREAL")
    region.ROIDescription = demo.plant("nested", "drawn by Dr. SCHEINARZT")
    region.ROIGenerationAlgorithm = "MANUAL"
    one.StructureSetROISequence = Sequence([region])
    contours = []
    for image in slices[4:9]:
        z = float(image.ImagePositionPatient[2])
        contour = Dataset()
        contour.ContourImageSequence = Sequence([reference(image)])
        contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", 4
        square = ((-30, 0), (-24, 0), (-24, 6), (-30, 6))
        contour.ContourData = [f"{v:.1f}" for x, y in square for v in (x, y, z)]
        contours.append(contour)
    drawn = Dataset()
    drawn.ReferencedROINumber, drawn.ROIDisplayColor = 1, [255, 0, 0]
    drawn.ContourSequence = Sequence(contours)
    one.ROIContourSequence = Sequence([drawn])
    seen = Dataset()
    seen.ObservationNumber, seen.ReferencedROINumber = 1, 1
    seen.RTROIInterpretedType = "ORGAN"
    seen.ROIInterpreter = demo.plant("nested", "SCHEINARZT^OTTOKAR")
    one.RTROIObservationsSequence = Sequence([seen])
    path = folder_of(demo, BALTHASAR, "RT", "structures.dcm")
    demo.write(path, as_file(one, ExplicitVRLittleEndian, demo))


def reference(image: Dataset) -> Dataset:
    """Refer to an instance."""
    item = Dataset()
    item.ReferencedSOPClassUID = image.SOPClassUID
    item.ReferencedSOPInstanceUID = image.SOPInstanceUID
    return item


def code(value: str, meaning: str) -> Dataset:
    """Make a DICOM code."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def add_report(demo: Demo) -> None:
    """Write a structured report, free text that a run holds back."""
    one = header(demo, DULCINEA, "SR", BasicTextSRStorage, 4, 1)
    one.ValueType, one.ContinuityOfContent = "CONTAINER", "SEPARATE"
    one.ConceptNameCodeSequence = Sequence([code("121060", "History")])
    one.CompletionFlag, one.VerificationFlag = "COMPLETE", "UNVERIFIED"
    text = Dataset()
    text.RelationshipType, text.ValueType = "CONTAINS", "TEXT"
    text.ConceptNameCodeSequence = Sequence([code("121071", "Finding")])
    text.TextValue = demo.plant("nested", "Mrs FAKENAMEREPORT is well and sends her regards")
    one.ContentSequence = Sequence([text])
    path = folder_of(demo, DULCINEA, "SR", "report.dcm")
    demo.write(path, as_file(one, ExplicitVRLittleEndian, demo))


def add_rest(demo: Demo) -> None:
    """Write what lies about on a lab's disk: an index of a CD and a note."""
    index = Dataset()
    index.SOPClassUID = MediaStorageDirectoryStorage
    index.SOPInstanceUID = generate_uid(entropy_srcs=["demo", "dicomdir"])
    index.FileSetID = "DEMO"
    index.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    index.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
    index.FileSetConsistencyFlag = 0
    record = Dataset()
    record.OffsetOfTheNextDirectoryRecord = record.OffsetOfReferencedLowerLevelDirectoryEntity = 0
    record.RecordInUseFlag, record.DirectoryRecordType = 0xFFFF, "PATIENT"
    record.PatientName, record.PatientID = BALTHASAR.name, BALTHASAR.number
    index.DirectoryRecordSequence = Sequence([record])
    demo.write(("from_cd", "DICOMDIR"), as_file(index, ExplicitVRLittleEndian, demo))
    note = demo.plant("note", "call Mrs FAKENAMENOTE about her appointment")
    demo.write(("notes.txt",), f"{dotted(DULCINEA.visit)}: {note}\n")


# --- the whole ------------------------------------------------------------------------------


def write_table(path: Path, columns: Iterable[str], rows: Iterable[tuple]) -> None:
    """Write a tab-separated table."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)


TRUTH = ("file", "frame", "column", "row", "width", "height", "text", "height_px", "orientation",
         "kind")  # fmt: skip


def make(folder: Path, clean: bool = False) -> Demo:
    """Make the demo below a folder, which loses its old data/; returns what was planted."""
    demo = Demo(folder, clean)
    shutil.rmtree(folder / "data", ignore_errors=True)
    add_ultrasound(demo)
    add_structures(demo, add_mr(demo))
    add_radiograph(demo)
    add_report(demo)
    add_rest(demo)
    if not clean:
        write_table(folder / "truth.tsv", TRUTH, demo.truth)
        write_table(folder / "canaries.tsv", ("where", "text"), demo.canaries)
        (folder / "demo.key").write_text(DEMO_KEY, encoding="ascii")
    return demo


def take(mr_folder: Path, chest: Path) -> None:
    """Take what the demo shows of the public originals into source/ (see README.md there)."""
    files = sorted(mr_folder.glob("*.dcm"))[2 : 2 + 2 * MR_SLICES : 2]
    stack = np.stack([pydicom.dcmread(file).pixel_array[64:320, 9:265] for file in files])
    source = HERE / "source"
    source.mkdir(exist_ok=True)
    Image.fromarray(stack.astype(np.uint16).reshape(-1, 256)).save(source / "neck.png")
    Image.open(chest).convert("L").save(source / "chest.png")


def main() -> None:
    """Read the command line and make the demo."""
    parser = argparse.ArgumentParser(description="Make the demo of unburn")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to make it in")
    parser.add_argument("--clean", action="store_true", help="without burned-in text")
    parser.add_argument("--take", nargs=2, type=Path, metavar=("MR_FOLDER", "CHEST_PNG"))
    options = parser.parse_args()
    if options.take:
        take(*options.take)
    if options.clean and options.out == HERE:
        parser.error("--clean needs --out, so that it does not replace the demo")
    demo = make(options.out, options.clean)
    size = sum(file.stat().st_size for file in (options.out / "data").rglob("*") if file.is_file())
    print(f"{len(demo.truth)} lines, {len(demo.canaries)} planted strings, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
