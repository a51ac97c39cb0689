"""Made submissions of any size, for benchmarks: the headers are real, the people are not.

Headers come from the CT and the MR of pydicom's own test files, private elements included. A file
differs from the next of its series in UID, number, place and picture only, so that a million are
written in minutes. Pictures are real anatomy without text, made larger, with new noise in each; or
holes in the file that read as zeros and take no room, for programs that read headers alone.
"""

import argparse
import functools
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pydicom
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset

from unburn.errors import command
from unburn.parallel import in_order
from unburn.settings import REPO

TEST_FILES = Path(pydicom.__file__).parent / "data" / "test_files"
NECK = REPO / "resources" / "demo" / "source" / "neck.png"  # slices of 256 x 256, side by side
NECK_SIDE = 256
MODALITIES = ("CT", "MR")  # of the series of a patient, in turn
FIRST_PATIENT = 4_000_000  # more than slices have numbers: one of those would name the patient
SERIES_PER_FOLDER = 1000  # a folder of patients holds so many series

# Stands in the template where a file has its own value: as long as the value, nowhere else.
PLACES = {
    "patient": b"PATIENT000",
    "name": b"SYNTHETIC^PERSON^000",
    "study": b"2.25.1" + b"8" * 38,
    "series": b"2.25.2" + b"8" * 38,
    "reference": b"2.25.3" + b"8" * 38,
    "instance": b"2.25.4" + b"8" * 38,
    "number": b"77777777",
    "position": b"777777.777",
}


@dataclass(frozen=True)
class Shape:
    """What all files of a submission share.

    ``side`` rows and columns of a picture of 16 bits; ``empty`` for holes instead of pictures;
    ``flat`` for all files in one folder.
    """

    series: int
    slices: int
    side: int
    seed: int = 0
    empty: bool = False
    flat: bool = False


@dataclass(frozen=True)
class Template:
    """A header with the places of what differs, and where its pixel data begins."""

    header: bytes
    places: tuple[tuple[str, int], ...]


@functools.cache
def template(modality: str, side: int) -> Template:
    """The header of a file, up to and with the length of its pixel data."""
    dataset = pydicom.dcmread(TEST_FILES / f"{modality}_small.dcm")
    _prepare(dataset, side)
    written = io.BytesIO()
    dataset.save_as(written, enforce_file_format=True)
    header = written.getvalue()[: -2 * side * side]
    places = []
    for name, stand_in in PLACES.items():
        at = header.find(stand_in)
        while at >= 0:
            places.append((name, at))
            at = header.find(stand_in, at + 1)
    return Template(header, tuple(places))


def _prepare(dataset: Dataset, side: int) -> None:
    """Give a test file the size that is wanted, and stand-ins for what differs."""
    text = {name: stand_in.decode() for name, stand_in in PLACES.items()}
    del dataset[0xFFFCFFFC]  # Data Set Trailing Padding
    dataset.PatientID, dataset.PatientName = text["patient"], text["name"]
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = text["study"], text["series"]
    dataset.FrameOfReferenceUID = text["reference"]
    dataset.SOPInstanceUID = uid.UID(text["instance"])
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.InstanceNumber = text["number"]
    dataset.ImagePositionPatient = ["-100.0", "-100.0", text["position"]]
    dataset.SliceLocation = text["position"]
    dataset.PixelSpacing = [f"{350 / side:.6f}"] * 2
    dataset.Rows = dataset.Columns = side
    dataset.PixelData = bytes(2 * side * side)


def header(shape: Shape, series: int, number: int) -> bytes:
    """The bytes of a file before its pixels; ``number`` of the slice, from 0."""
    patient = series // len(MODALITIES)
    own = {
        "patient": f"PAT{FIRST_PATIENT + patient:07d}",
        "name": f"SYNTHETIC^P^{FIRST_PATIENT + patient:08d}",
        "study": _uid(shape, 1, patient),
        "series": _uid(shape, 2, series),
        "reference": _uid(shape, 3, series),
        "instance": _uid(shape, 4, series, number),
        "number": f"{number + 1:08d}",
        "position": f"{number * 5:06d}.000",
    }
    made = template(MODALITIES[series % len(MODALITIES)], shape.side)
    filled = bytearray(made.header)
    for name, at in made.places:
        filled[at : at + len(PLACES[name])] = own[name].encode("ascii")
    return bytes(filled)


def _uid(shape: Shape, kind: int, series: int, number: int = 0) -> str:
    """A UID of 44 characters (PS3.5 annex B.2); kind 1 study, 2 series, 3 reference, 4 instance."""
    return f"2.25.{kind:d}{shape.seed % 10**10:010d}{series:014d}{number:014d}"


def picture(shape: Shape, series: int, number: int) -> np.ndarray:
    """Anatomy without text: int16 (side, side), other noise in each slice."""
    rng = np.random.default_rng((shape.seed, series, number))
    modality = MODALITIES[series % len(MODALITIES)]
    ground = _ground(modality, shape.side, number % len(_sources(modality)))
    noise = rng.standard_normal(ground.shape, np.float32) * np.float32(10)
    return np.clip(ground + noise, 0, 4095).astype(np.int16)


@functools.cache
def _sources(modality: str) -> tuple[np.ndarray, ...]:
    """Real slices as float32."""
    if modality == "CT":
        return (pydicom.dcmread(TEST_FILES / "CT_small.dcm").pixel_array.astype(np.float32),)
    neck = np.asarray(Image.open(NECK), np.float32) * 8  # of 8 bits, as 11 bits
    rows, columns = (side // NECK_SIDE for side in neck.shape)
    tiles = neck[: rows * NECK_SIDE, : columns * NECK_SIDE]
    tiles = tiles.reshape(rows, NECK_SIDE, columns, NECK_SIDE).swapaxes(1, 2)
    return tuple(tiles.reshape(-1, NECK_SIDE, NECK_SIDE))


@functools.lru_cache(maxsize=32)
def _ground(modality: str, side: int, index: int) -> np.ndarray:
    source = _sources(modality)[index]
    return cv2.resize(source, (side, side), interpolation=cv2.INTER_CUBIC)


def paths(shape: Shape, series: int) -> Iterator[str]:
    """Where the files of a series lie, relative to the submission."""
    patient = series // len(MODALITIES)
    folder = f"{series // SERIES_PER_FOLDER:04d}/PAT{patient:07d}/S{series:07d}/"
    for number in range(shape.slices):
        name = f"IM{series:07d}{number:06d}" if shape.flat else f"IM{number:06d}"
        yield ("" if shape.flat else folder) + name


def write_series(task: tuple[Shape, Path, int]) -> int:
    """Write the files of a series; return how many."""
    shape, root, series = task
    for number, path in enumerate(paths(shape, series)):
        file = root / path
        if not number:
            file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "wb") as out:
            out.write(header(shape, series, number))
            if shape.empty:
                out.truncate(out.tell() + 2 * shape.side**2)
            else:
                out.write(picture(shape, series, number).astype("<i2").tobytes())
    return shape.slices


def write(shape: Shape, root: Path, threads: int = 1) -> int:
    """Write a submission into the folder ``root``; return the number of files."""
    root.mkdir(parents=True)
    tasks = ((shape, root, series) for series in range(shape.series))
    return sum(in_order(write_series, tasks, threads))


def main(argv: Sequence[str] | None = None) -> None:
    """Make a submission of CT and MR series."""
    parser = argparse.ArgumentParser(prog="python -m unburn.synthetic", description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--series", type=int, required=True)
    parser.add_argument("--slices", type=int, default=20, help="of a series")
    parser.add_argument("--side", type=int, default=512, help="pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--empty", action="store_true", help="holes instead of pictures")
    parser.add_argument("--flat", action="store_true", help="all files in one folder")
    parser.add_argument("--threads", type=int, default=1, help="processes")
    options = vars(parser.parse_args(argv))
    out, threads = options.pop("out"), options.pop("threads")
    write(Shape(**options), out, threads)


if __name__ == "__main__":
    command(main)
