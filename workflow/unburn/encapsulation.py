"""Where frames lie in pixel data, native or encapsulated (PS3.5 section A.4), without decoding."""

import io
import zlib
from math import ceil
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from pydicom.dataset import Dataset

from unburn.errors import ItemError
from unburn.headers import UNDEFINED_LENGTH
from unburn.image_pixel import Form
from unburn.syntaxes import (
    transfer_syntax,
)

MOST_DECODED, MOST_RATIO = 1 << 30, 1000  # bytes of all frames, and of each encoded byte


def pixel_stream(dataset: Dataset, path: Path) -> tuple[BinaryIO, int]:
    """What holds (7FE0,0010) Pixel Data and where it begins: the file, or the value in memory."""
    element: Any = dataset.get_item("PixelData", keep_deferred=True)
    if element.value is None:
        return open(path, "rb"), element.value_tell
    return io.BytesIO(element.value), 0


def check_frames(
    dataset: Dataset, form: Form, stream: BinaryIO, start: int
) -> list[list[tuple[int, int]]]:
    """Compare pixel data with the frames that the header promises; decode nothing.

    Returns
    -------
    as ``frame_parts`` of encapsulated pixel data, an empty list of native ones

    Raises
    ------
    ItemError
        ``undecodable`` when the stream ends before the value or its form is not the transfer
        syntax's, ``too_large`` when so few bytes cannot be so many pixels of a scanner, else as
        ``frame_parts`` and ``Form.check_length``
    """
    element: Any = dataset.get_item("PixelData", keep_deferred=True)
    encapsulated = transfer_syntax(dataset).is_encapsulated
    if encapsulated != (element.length == UNDEFINED_LENGTH):
        raise ItemError("undecodable")
    if encapsulated:
        parts = frame_parts(stream, start, form.frames, dataset)
        encoded = sum(length for part in parts for _, length in part)
        if form.bytes_native > max(MOST_DECODED, MOST_RATIO * encoded):
            raise ItemError("too_large")
        return parts
    if stream.seek(0, io.SEEK_END) - start < element.length:
        raise ItemError("undecodable")
    form.check_length(element.length)
    stream.seek(start + form.bytes_native)
    form.check_surplus(stream.read(element.length - form.bytes_native))
    return []


def frame_parts(
    stream: BinaryIO, start: int, frames: int, dataset: Dataset
) -> list[list[tuple[int, int]]]:
    """Where each frame's fragments lie in encapsulated pixel data (PS3.5 section A.4).

    Parameters
    ----------
    stream : the file or value; ``start`` is the place of the Basic Offset Table's item
    frames : how many the header promises
    dataset : may hold (7FE0,0001) Extended Offset Table

    Returns
    -------
    one list of (offset, length) in bytes for each frame

    Raises
    ------
    ItemError
        ``undecodable`` when items do not parse, ``bad_geometry`` when the frames are others
    """
    items = encapsulated_items(stream, start)
    if not items:
        raise ItemError("undecodable")
    (table_at, table_bytes), fragments = items[0], items[1:]
    if not fragments:
        raise ItemError("undecodable")
    first = fragments[0][0] - 8
    stream.seek(table_at)
    offsets = np.frombuffer(stream.read(table_bytes // 4 * 4), "<u4").astype(int)
    extended = dataset.get("ExtendedOffsetTable")
    if extended:
        offsets = np.frombuffer(extended[: len(extended) // 8 * 8], "<u8").astype(int)
    begins = {offset - 8 - first: k for k, (offset, _) in enumerate(fragments)}
    if len(offsets) == frames and all(int(offset) in begins for offset in offsets):
        firsts = [begins[int(offset)] for offset in offsets]
        if firsts == sorted(set(firsts)) and firsts[0] == 0:
            return _split(fragments, firsts)
    if len(fragments) == frames:
        return [[fragment] for fragment in fragments]
    firsts = [k for k, fragment in enumerate(fragments) if _begins_image(stream, fragment)]
    if frames == 1 and len(firsts) < 2:
        return [fragments]
    if len(firsts) == frames and firsts[0] == 0:
        return _split(fragments, firsts)
    raise ItemError("bad_geometry")


def deflate_frame(cells: bytes) -> bytes:
    """A frame as a raw deflate stream (RFC 1951) of even length."""
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    encoded = deflater.compress(cells) + deflater.flush()
    return encoded + b"\0" * (len(encoded) % 2)


def inflate_frame(encoded: bytes, form: Form) -> bytes:
    """The cells of a deflated frame; a byte that makes their length even may follow them."""
    expected = ceil(form.bytes_native / form.frames)
    if form.bits_allocated == 1:
        expected = ceil(form.rows * form.columns * form.samples / 8)
    cells = zlib.decompressobj(-zlib.MAX_WBITS).decompress(encoded, expected + 2)
    if not expected <= len(cells) <= expected + expected % 2:
        raise ItemError("bad_geometry")
    return cells


def encapsulated_items(stream: BinaryIO, start: int) -> list[tuple[int, int]]:
    """(offset, length) of the items of encapsulated pixel data, the offset table's first."""
    items = []
    at = start
    while True:
        stream.seek(at)
        head = stream.read(8)
        if head[:4] != b"\xfe\xff\x00\xe0" or len(head) < 8:
            break
        length = int.from_bytes(head[4:], "little")
        items.append((at + 8, length))
        at += 8 + length
    if items and at > stream.seek(0, io.SEEK_END):
        raise ItemError("undecodable")
    return items


def _begins_image(stream: BinaryIO, fragment: tuple[int, int]) -> bool:
    stream.seek(fragment[0])
    return stream.read(3) in (b"\xff\xd8\xff", b"\xff\x4f\xff")


def _split(fragments: list[Any], firsts: list[int]) -> list[list[Any]]:
    return [fragments[a:b] for a, b in zip(firsts, [*firsts[1:], len(fragments)], strict=True)]
