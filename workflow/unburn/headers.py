"""Headers of DICOM files, with or without preamble, and never more of them than fits in memory.

Pixels and other long values stay in the file until they are asked for.
"""

import functools
import io
import logging
import zlib
from collections.abc import Container
from pathlib import Path
from typing import Any

import pydicom
from pydicom import uid
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from unburn.errors import ItemError
from unburn.syntaxes import (
    transfer_syntax,
)

log = logging.getLogger(__name__)

DEFERRED_BYTES = 1 << 20  # longer values stay in the file until they are asked for
HEAD_BYTES, SHORT_BYTES = 1 << 16, 1 << 15  # what `glance` reads first, and its longest value
UNDEFINED_LENGTH = 0xFFFFFFFF
MOST_INFLATED = 1 << 30  # bytes of a deflated data set, which is read as a whole
BLOCK_BYTES = 1 << 20


def read_header(path: Path, **options: Any) -> Dataset:
    """Read a DICOM file, with or without preamble; long values stay in the file.

    Raises
    ------
    ItemError
        ``unreadable`` without access, ``broken`` when it cannot be parsed, ``too_large`` when it
        is a deflated one of more than ``MOST_INFLATED`` bytes
    """
    try:
        _check_deflated(Path(path))
        dataset = pydicom.dcmread(path, force=True, defer_size=DEFERRED_BYTES, **options)
        if transfer_syntax(dataset) == uid.DeflatedExplicitVRLittleEndian:
            # a deferred offset counts inflated bytes and cannot be found in the file again
            dataset = pydicom.dcmread(path, force=True, **options)
        return dataset
    except ItemError:
        raise
    except OSError as error:
        code = "unreadable" if isinstance(error, PermissionError | FileNotFoundError) else "broken"
        raise ItemError(code) from None
    except Exception:
        raise ItemError("broken") from None


class _Head(io.BytesIO):
    """The first bytes of a file, by the name of which pydicom finds the rest."""

    name = ""


def glance(path: Path, **options: Any) -> Dataset:
    """Read the header of a DICOM file from its first bytes, where native pixels follow them.

    Parsing in memory spares calls to the system at each element. What lies behind native pixels
    may be left out; pixels and other long values stay in the file.

    Raises
    ------
    ItemError
        as ``read_header``
    """
    try:
        with open(path, "rb") as file:
            head = _Head(file.read(HEAD_BYTES))
        head.name, size = str(path), len(head.getbuffer())
        dataset = pydicom.dcmread(
            head, force=True, defer_size=min(SHORT_BYTES, DEFERRED_BYTES), **options
        )
        dataset.fileobj_type = open
        pixels: Any = dataset.get_item("PixelData", keep_deferred=True)
        if pixels is None:
            whole = size < HEAD_BYTES or ("stop_before_pixels" in options and head.tell() < size)
        else:
            native = pixels.value is None and pixels.length != UNDEFINED_LENGTH
            whole = size < HEAD_BYTES or (native and pixels.value_tell <= size)
        head.close()  # so that pydicom reads deferred values from the file, not from its beginning
        if whole and transfer_syntax(dataset) != uid.DeflatedExplicitVRLittleEndian:
            return dataset
    except Exception:
        log.debug("a header goes on behind the first bytes, or is damaged")
    return read_header(path, **options)


def searchable(path: Path) -> tuple[bytes, bytes]:
    """A file's bytes in which text can be searched, in two parts.

    The second part is what places in the data set count from: the whole file, or the inflated
    data set of a deflated one, whose file meta information is the first part.
    """
    raw, start = Path(path).read_bytes(), _deflated_at(path)
    if start is None:
        return b"", raw
    return raw[:start], zlib.decompress(raw[start:], -zlib.MAX_WBITS)


def _deflated_at(path: Path) -> int | None:
    """Where the deflated data set of a file begins (PS3.5 section A.5); None in other files."""
    with open(path, "rb") as file:
        if file.read(132)[128:] != b"DICM":
            return None
        syntax = b""
        while True:
            at, head = file.tell(), file.read(8)
            if head[:2] != b"\2\0" or len(head) < 8:
                break
            long = head[4:6] in (b"OB", b"OW", b"UN", b"SQ", b"UT")
            length = int.from_bytes(file.read(4) if long else head[6:], "little")
            if head[2:4] == b"\x10\0":
                syntax = file.read(length).rstrip(b"\0 ")
            else:
                file.seek(length, io.SEEK_CUR)
    return at if syntax == uid.DeflatedExplicitVRLittleEndian.encode() else None


def _check_deflated(path: Path) -> None:
    """Refuse a deflated data set that is damaged or does not fit in memory."""
    start = _deflated_at(path)
    if start is None:
        return
    inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    with open(path, "rb") as file:
        file.seek(start)
        while not inflater.eof:
            block = inflater.unconsumed_tail or file.read(BLOCK_BYTES)
            if not block:
                raise ItemError("broken")
            size += len(inflater.decompress(block, BLOCK_BYTES))
            if size > MOST_INFLATED:
                raise ItemError("too_large")


def _raw(dataset: Dataset, keyword: str, vrs: Container[str | None]) -> tuple[bytes, bool]:
    """The bytes of an element that has one of the VRs and was not parsed; whether little endian.

    Empty for all others. To make an element of each value takes more than to read the header.
    """
    element = dataset.get_item(_tag(keyword), keep_deferred=True)
    if isinstance(element, RawDataElement) and element.VR in vrs:
        return element.value or b"", element.is_little_endian
    return b"", True


@functools.cache
def _tag(keyword: str) -> BaseTag:
    return Tag(keyword)


def number_of(dataset: Dataset, keyword: str, default: int | None = None) -> int:
    """An element's value as a whole number; ItemError ``bad_geometry`` when it is none."""
    try:
        raw, little = _raw(dataset, keyword, ("US",))
        if len(raw) == 2:
            return int.from_bytes(raw, "little" if little else "big")
        value = dataset.get(keyword)
        if value is None or value == "":
            if default is None:
                raise ItemError("bad_geometry")
            return default
        return int(value)
    except ItemError:
        raise
    except Exception:
        raise ItemError("bad_geometry") from None
