"""Files that a user hands to a verb: what they are called, and the frames they hold.

A picture or DICOM file ``a/b.png`` is known as ``a/b``; what is made of it begins with that name.
Matrices are as stored: an EXIF orientation is not applied, palettes are looked up.
"""

import contextlib
import glob
import logging
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageSequence
from pydicom import uid

from unburn import plan
from unburn.errors import ItemError, UserError
from unburn.headers import read_header
from unburn.image_pixel import FLOAT_KEYWORDS
from unburn.reasons import REASONS

log = logging.getLogger(__name__)

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp")
MASK = ".mask.png"  # ends the names of masks, which are never taken for pictures
NUMBERED = re.compile(r"\.f\d{4,}$")
SHOWN = 10  # pairs of files of the same name
LINK = "a link to a folder, which is not followed; name that folder itself"
BLOCK_BYTES = 64 << 20  # of frames that are decoded at once
JPEG, TIFF = (b"\xff\xd8\xff",), (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # first bytes,
EXACT = (b"\x89PNG", b"BM", b"GIF8", b"P5", b"P6")  # and those of pictures as they were drawn
TIFF_JPEG = {"jpeg", "tiff_jpeg"}  # Pillow's names of what TIFF is packed with
TIFF_EXACT = {"raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "lzma", "zstd"}
TOO_LARGE = "MAX_IMAGE"  # in what OpenCV says of pictures beyond 2^20 pixels a side, 2^30 in all
PICTURE, DICOM, OTHER = "picture", "dicom", "other"
SENTENCES = {  # beside those of reasons.py
    OTHER: "neither a picture nor a DICOM image",
    "depth": "its pixels are not whole numbers of 8 or 16 bits; convert it",
    "nifti": "a NIfTI volume; clean it by the workflow",
    "too_large": "it has more than 2^20 rows or columns, or 2^30 pixels; cut it into parts",
}


@dataclass(frozen=True)
class Inputs:
    """What was handed in.

    ``files`` by name, sorted; ``given`` those that the user named one by one; ``troubles`` what
    cannot be entered, with a sentence.
    """

    files: dict[str, Path]
    given: frozenset[Path]
    troubles: tuple[tuple[Path, str], ...]


def listed(inputs: Sequence[Path], out: Path) -> Inputs:
    """List files and what lies below folders; hidden files, masks and ``out`` are passed over.

    Raises
    ------
    UserError
        if there is nothing, if two would have the same name, or if ``out`` is one of the folders
    """
    if any(path.is_file() for path in (out, *out.parents)):
        raise UserError("--out", "is a file, or lies below one", "name a folder")
    files: dict[str, Path] = {}
    troubles: list[tuple[Path, str]] = []
    clashes: list[str] = []
    for given in inputs:
        if given.is_dir():
            if out.resolve() == given.resolve():
                raise UserError("--out", "is the folder of the pictures", "name another folder")
            found = _below(given, out, troubles)
        elif given.is_file():
            if given.name.endswith(MASK):
                raise UserError(str(given), "it is a mask by its name", "name the picture")
            found = [Path(given.name)]
        else:
            raise UserError(str(given), "there is no such file or folder", "check --input")
        for below in found:
            path = given / below if given.is_dir() else given
            name = name_of(below)
            if name in files:
                clashes.append(f"{path} and {files[name]}")
            files.setdefault(name, path)
    if clashes:
        more = f", and {len(clashes) - SHOWN} more pairs" if len(clashes) > SHOWN else ""
        raise UserError(
            "--input",
            f"what is made of two files would have the same name: "
            f"{'; '.join(clashes[:SHOWN])}{more}; nothing was done",
            "rename one of each pair, or run them into different folders",
        )
    for name, path in files.items():
        whole = NUMBERED.sub("", name)
        if whole != name and whole in files:
            raise UserError(
                str(path), f"it is named like a frame of {files[whole]}", "rename one of them"
            )
    if not files and not troubles:
        raise UserError("--input", "no file was found", "name pictures or a folder of them")
    given_files = frozenset(path for path in inputs if not path.is_dir())
    return Inputs(dict(sorted(files.items())), given_files, tuple(troubles))


def name_of(below: Path) -> str:
    """The name of a file below its folder: without the suffix of a picture or DICOM file."""
    known = below.suffix.lower() in (*SUFFIXES, *plan.SUFFIXES)
    return str(below.with_suffix("")) if known else str(below)


def _below(folder: Path, out: Path, troubles: list[tuple[Path, str]]) -> list[Path]:
    """Files below a folder, relative to it."""
    found, hidden = [], 0

    def closed(error: OSError) -> None:
        troubles.append((Path(error.filename), "the folder cannot be entered"))

    for here, folders, names in os.walk(folder, onerror=closed):
        entered = []
        for name in sorted(folders):
            path = Path(here, name)
            if name.startswith("."):
                hidden += 1
            elif path.is_symlink():
                troubles.append((path, LINK))
            elif path.resolve() == out.resolve():
                log.info("%s: results go there, it is not searched", path)
            else:
                entered.append(name)
        folders[:] = entered
        hidden += sum(name.startswith(".") for name in names)
        shown = [name for name in names if name[0] != "." and not name.endswith(MASK)]
        found += [Path(here, name).relative_to(folder) for name in shown]
    if hidden:
        log.info("%s: %d hidden files or folders passed over", folder, hidden)
    return sorted(found)


def frame_name(name: str, number: int, count: int) -> str:
    """Name of a file's frame, counted from 0, of so many."""
    return name if count == 1 else f"{name}.f{number + 1:04}"


def remove_masks(name: str, out: Path) -> None:
    """Take away the masks of a file that was not read to its end, below ``out``."""
    last = (out / name).name
    for mask in (out / name).parent.glob(glob.escape(last) + "*" + MASK):
        if NUMBERED.sub("", mask.name.removesuffix(MASK)) == last:
            mask.unlink()


def sentence(code: str) -> str:
    """What to say of a file that was not read, by ``OTHER`` or the code of an ItemError."""
    return SENTENCES.get(code) or REASONS[code]


def kind(path: Path) -> str:
    """Whether a file is a ``PICTURE``, a ``DICOM`` file or ``OTHER``, by its first bytes.

    Raises
    ------
    ItemError
        with the reason why it cannot be read, where its name or bytes promise an image
    """
    if plan.UNTABLED.search(str(path)):
        raise ItemError("file_name")  # OpenCV dies of names that are not UTF-8
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            head = file.read(352)
    except OSError:
        raise ItemError("unreadable") from None
    code = plan.foreign(head, size)
    if head[128:132] != b"DICM":
        with _quiet():
            if size and cv2.haveImageReader(str(path)):
                return PICTURE
    if code in ("not_an_image", "empty_file"):
        if path.suffix.lower() in (*SUFFIXES, *plan.SUFFIXES):
            raise ItemError("broken" if size else code)
        return OTHER
    if code:
        raise ItemError(code)
    return DICOM


def traces(path: Path) -> uid.UID | None:
    """The transfer syntax in which text leaves such traces around it as in a picture; None: none.

    What is not known to be exact counts as JPEG 2000, whose traces keep to no blocks.
    """
    if _is(path, EXACT):
        return None
    if _is(path, JPEG):
        return uid.JPEGBaseline8Bit
    packed = _tiff_packing(path) if _is(path, TIFF) else {"unknown"}
    if packed <= TIFF_EXACT:
        return None
    return uid.JPEGBaseline8Bit if packed <= TIFF_EXACT | TIFF_JPEG else uid.JPEG2000


def _tiff_packing(path: Path) -> set[str]:
    """Pillow's names of how the pages of a TIFF file are packed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of large pages and odd tags: only headers are read
        try:
            with Image.open(path) as file:
                pages = ImageSequence.Iterator(file)
                return {page.info.get("compression", "unknown") for page in pages}
        except Exception:
            return {"unknown"}


def _is(path: Path, beginnings: tuple[bytes, ...]) -> bool:
    with open(path, "rb") as file:
        return file.read(4).startswith(beginnings)


def promises_image(path: Path) -> bool:
    """Whether a DICOM file's header speaks of an image; reports and indexes do not."""
    header = read_header(path)
    return any(keyword in header for keyword in ("Rows", "PixelData", *FLOAT_KEYWORDS))


def frames(path: Path) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield (number, how many, stored) for each frame of a picture.

    ``stored`` is uint8 or uint16 as in the file, (rows, columns) or (rows, columns, samples),
    blue first, alpha last, as OpenCV keeps them.

    Raises
    ------
    ItemError
        ``undecodable``, ``depth`` or ``too_large``
    """
    count = frame_count(path)
    if _is(path, JPEG) and _cut_off(path):
        raise ItemError("undecodable")
    try:
        # OpenCV gives the second frame of an animated PNG only together with the first
        first, step = 0, 1 if _is(path, TIFF) else count
        while first < count:
            with _quiet():
                read, block = cv2.imreadmulti(
                    str(path), start=first, count=step, flags=cv2.IMREAD_UNCHANGED
                )
            if not read or len(block) != step:
                raise ItemError("undecodable")
            for number, stored in enumerate(block, first):
                if stored.dtype not in (np.uint8, np.uint16):
                    raise ItemError("depth")
                yield number, count, stored
            first += step
            step = min(max(1, BLOCK_BYTES // block[0].nbytes), count - first)
    except cv2.error as error:
        raise _failure(error) from None


def _cut_off(path: Path) -> bool:
    """Whether a JPEG file ends before its picture does; OpenCV makes the rest up."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of large pictures
        try:
            with Image.open(path) as file:
                file.load()
        except Image.DecompressionBombError:
            return False  # larger than Pillow reads
        except OSError:
            return True
    return False


def frame_count(path: Path) -> int:
    """How many frames a picture says that it holds; none is decoded.

    Raises
    ------
    ItemError
        as ``frames``
    """
    try:
        with _quiet():
            count = cv2.imcount(str(path), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise _failure(error) from None
    if not count:
        raise ItemError("undecodable")
    return count


def _failure(error: cv2.error) -> ItemError:
    return ItemError("too_large" if TOO_LARGE in str(error) else "undecodable")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the codecs from writing to the screen: they print what they find, tags among it."""
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(null)
        os.close(saved)
