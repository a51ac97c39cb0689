"""Cleaning pixel data and lookup tables of what could carry text beside the values.

Items in which nothing was masked keep their Pixel Data byte for byte, but for this.
"""

import copy
import io
import zlib
from functools import partial
from math import ceil
from typing import Any, Literal

import numpy as np
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.multival import MultiValue
from pydicom.pixels import get_encoder

from unburn.codestreams import clean_jpeg, clean_jpeg2000, clean_rle, with_whole_spectrum
from unburn.encapsulation import deflate_frame, encapsulated_items, frame_parts, inflate_frame
from unburn.encoding import OFFSET_TABLES, TOTAL_LENGTH
from unburn.errors import ItemError
from unburn.headers import UNDEFINED_LENGTH
from unburn.image_pixel import Form
from unburn.syntaxes import DEFLATED_FRAMES, SEQUENTIAL, decoder_of, transfer_syntax
from unburn.tails import without_text

LOOKUP_TABLES = ("LUT", *(f"{c}PaletteColorLookupTable" for c in ("Red", "Green", "Blue", "Alpha")))
LOOKUP_SEQUENCES = ("ModalityLUTSequence", "VOILUTSequence")


def cut_lookup_tables(dataset: Dataset) -> int:
    """Cut an object's lookup tables, in place, to the entries that their descriptors promise.

    An entry is one or two bytes (PS3.3 sections C.7.6.3.1.6, C.11.1.1). Returns how many bytes were
    cut off. A table whose descriptor cannot be read stays, as nobody can be shown it.

    Colours that no pixel has stay: the files of a series share a palette, and would not if each
    lost others. Text in a table is for ``metadata`` to find, as in all numbers that stay.
    """
    items = [item for name in LOOKUP_SEQUENCES for item in dataset.get(name) or ()]
    return sum(map(_cut_tables_of, (dataset, *items)))


def _cut_tables_of(dataset: Dataset) -> int:
    removed = 0
    for table in LOOKUP_TABLES:
        value, form = dataset.get(f"{table}Data"), dataset.get(f"{table}Descriptor")
        if not isinstance(value, bytes) or not isinstance(form, MultiValue | list):
            continue
        entries = int(form[0]) % (1 << 16) or 1 << 16
        needed = 2 * entries if len(value) >= 2 * entries else entries + entries % 2
        if len(value) > needed:
            removed += len(value) - needed
            dataset[f"{table}Data"].value = value[:needed]
    return removed


def scrub_stream(dataset: Dataset) -> int:
    """Remove from Pixel Data, in place, what could carry text beside the stored values.

    Native: bits outside Bits Stored, bytes after the last frame, offset tables. Encapsulated: bytes
    after the last fragment, fragments that belong to no frame, offset tables that say anything else
    than where the frames lie, comments, application and unknown segments of JPEG, JPEG-LS and
    JPEG 2000 (the colour marks of JFIF, Adobe and HP stay), tables that no scan uses, bytes after
    the end of an image or RLE segment.

    Returns
    -------
    how many bytes were removed or changed; 0 leaves the value as it was, byte for byte

    Raises
    ------
    ItemError
        when the value cannot be taken apart, as ``StoredFrames``
    """
    form, syntax = Form.of(dataset), transfer_syntax(dataset)
    decoder_of(syntax)
    value = dataset.PixelData
    if TOTAL_LENGTH in dataset:
        delattr(dataset, TOTAL_LENGTH)
    if syntax.is_encapsulated:
        cleaned, removed = _scrub_encapsulated(value, form, syntax, dataset)
    else:
        cleaned, removed = _scrub_native(value, form, syntax, dataset["PixelData"].VR)
        removed += sum(len(dataset.get(keyword) or b"") for keyword in OFFSET_TABLES)
    if removed:
        dataset["PixelData"].value = cleaned
        for keyword in OFFSET_TABLES:
            if keyword in dataset:
                delattr(dataset, keyword)
    return removed


def _scrub_native(value: bytes, form: Form, syntax: uid.UID, vr: str) -> tuple[bytes, int]:
    form.check_length(len(value))
    if not syntax.is_little_endian and form.bits_allocated == 8 and vr == "OW":
        # bytes stand in swapped pairs, so the padding is not the last byte
        pairs = np.frombuffer(value[: len(value) // 2 * 2], "u2").byteswap().tobytes()
        cleaned, removed = _scrub_native(pairs, form, syntax, "OB")
        return np.frombuffer(cleaned, "u2").byteswap().tobytes() if removed else value, removed
    expected = form.bytes_native
    surplus = value[expected:]
    removed = 0 if surplus in (b"", b"\0") and len(value) % 2 == 0 else len(surplus)
    body = bytearray(value[:expected])
    if form.bits_allocated == 1:
        tail = form.pixels % 8
        if tail and body[-1] >> tail:
            body[-1] &= (1 << tail) - 1
            removed += 1
    elif form.bits_stored < form.bits_allocated:
        order: Literal["<", ">"] = "<" if syntax.is_little_endian else ">"
        cells = np.frombuffer(body, form.dtype.newbyteorder(order))
        kept = form.only_stored(cells)
        # a word that repeats the sign above High Bit holds nothing else
        removed += int((kept.view(np.uint8) != cells.view(np.uint8)).sum())
        body = bytearray(kept.tobytes())
    if not removed:
        return value, 0
    return bytes(body) + b"\0" * (expected % 2), removed


def _scrub_encapsulated(
    value: bytes, form: Form, syntax: uid.UID, dataset: Dataset
) -> tuple[bytes, int]:
    stream = io.BytesIO(value)
    parts = frame_parts(stream, 0, form.frames, dataset)
    items = encapsulated_items(stream, 0)
    removed = sum(n for _, n in items[1:]) - sum(n for part in parts for _, n in part)
    removed += len(value) - sum(items[-1])
    removed += _false_tables(value, items, parts, dataset)
    frames = []
    for part in parts:
        encoded = b"".join(value[offset : offset + length] for offset, length in part)
        cleaned = _clean_image(encoded, form, syntax)
        removed += abs(len(encoded) - len(cleaned))
        if len(encoded) == len(cleaned):
            removed += int((np.frombuffer(encoded, "u1") != np.frombuffer(cleaned, "u1")).sum())
        frames.append(cleaned)
    if not removed:
        return value, 0
    return encapsulate(frames, has_bot=sum(map(len, frames)) < UNDEFINED_LENGTH), removed


def _false_tables(
    value: bytes,
    items: list[tuple[int, int]],
    parts: list[list[tuple[int, int]]],
    dataset: Dataset,
) -> int:
    """Bytes of the offset tables that say something else than where the frames lie."""
    places = np.array([part[0][0] - items[1][0] for part in parts])
    lengths = np.array([sum(length for _, length in part) for part in parts])
    at, size = items[0]
    found = [(value[at : at + size], "<u4", places)]
    for keyword, right in zip(OFFSET_TABLES, (places, lengths), strict=True):
        found.append((dataset.get(keyword) or b"", "<u8", right))
    return sum(
        len(table)
        for table, form, right in found
        if table and table != right.astype(form).tobytes()
    )


def _clean_image(encoded: bytes, form: Form, syntax: uid.UID) -> bytes:
    if syntax == DEFLATED_FRAMES:
        return _clean_deflated(encoded, form)
    if syntax == uid.RLELossless:
        cells = ceil(form.rows * form.columns * min(form.bits_allocated, 8) / 8)
        return clean_rle(_without_unused_bits(encoded, form), cells)
    is_jpeg2000 = syntax in uid.JPEG2000TransferSyntaxes
    cleaned = clean_jpeg2000(encoded) if is_jpeg2000 else clean_jpeg(encoded)
    return without_text(cleaned, is_jpeg2000, partial(_decoded, form=form, syntax=syntax))


def _decoded(encoded: bytes, form: Form, syntax: uid.UID) -> np.ndarray:
    """The pixels of one compressed frame as its decoder gives them."""
    if syntax in SEQUENTIAL:
        encoded = with_whole_spectrum(encoded)
    pixels, _ = decoder_of(syntax).as_array(
        encapsulate([encoded]),
        index=0,
        raw=True,
        number_of_frames=1,
        pixel_keyword="PixelData",
        **form.options,
    )
    return pixels


def _clean_deflated(encoded: bytes, form: Form) -> bytes:
    """A deflated frame without unused bits and bytes after the end of its stream."""
    frame = copy.copy(form)
    frame.frames = 1
    cells, removed = _scrub_native(
        inflate_frame(encoded, form), frame, uid.ExplicitVRLittleEndian, "OB"
    )
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflater.decompress(encoded)
    return deflate_frame(cells) if removed or inflater.unused_data not in (b"", b"\0") else encoded


def _without_unused_bits(encoded: bytes, form: Form) -> bytes:
    """An RLE image without what stands outside Bits Stored, an embedded overlay for example."""
    if form.bits_stored == form.bits_allocated:
        return encoded
    try:
        cells, _ = decoder_of(uid.RLELossless).as_array(
            encapsulate([encoded]),
            index=0,
            raw=True,
            correct_unused_bits=False,
            number_of_frames=1,
            pixel_keyword="PixelData",
            **form.options,
        )
        kept = form.only_stored(cells)
        if np.array_equal(kept, cells):
            return encoded
        options = form.options | {"bits_stored": form.bits_allocated, "planar_configuration": 0}
        encoder: Any = get_encoder(uid.RLELossless)
        return encoder.encode(kept, number_of_frames=1, **options)
    except Exception:
        raise ItemError("undecodable") from None
