"""Stored pixel values of a DICOM file: read frame by frame, put back, cleaned of hidden bytes.

"Stored values" are the numbers that (7FE0,0010) Pixel Data encodes: after decompression, before
any rescale, window, palette or colour conversion (PS3.3 section C.7.6.3). What a decoder only
yields in another form is named by that form: YBR_FULL_422 becomes YBR_FULL, YBR_RCT and YBR_ICT
become RGB.
"""

import functools
import io
import logging
import re
import zlib
from collections.abc import Container, Iterable, Iterator
from contextlib import ExitStack
from math import ceil
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pydicom
from pydicom import uid
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.pixels import apply_color_lut, get_decoder, get_encoder
from pydicom.tag import BaseTag, Tag

from unburn.codestreams import (
    clean_jpeg2000,
    jpeg2000_size,
    jpeg_size,
    with_whole_spectrum,
)
from unburn.elements import text_of
from unburn.errors import ItemError
from unburn.files import Closing

log = logging.getLogger(__name__)

DEFERRED_BYTES = 1 << 20  # longer values stay in the file until they are asked for
HEAD_BYTES, SHORT_BYTES = 1 << 16, 1 << 15  # what `glance` reads first, and its longest value
LONGEST_VALUE = 0xFFFFFFFE  # PS3.5 section 7.1.2: 32-bit length, even
UNDEFINED_LENGTH = 0xFFFFFFFF

OFFSET_TABLES = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")
TOTAL_LENGTH = "EncapsulatedPixelDataValueTotalLength"  # type 3, of the encoding that was
FLOAT_KEYWORDS = ("FloatPixelData", "DoubleFloatPixelData")
# Sizes that are refused before memory is taken: no scanner or film digitiser makes such pictures,
# and a few bytes of JPEG 2000 or deflate can promise them.
MOST_PIXELS = 1 << 27  # of a frame
MOST_DECODED, MOST_RATIO = 1 << 30, 1000  # bytes of all frames, and of each encoded byte
MOST_INFLATED = 1 << 30  # bytes of a deflated data set, which is read as a whole
BLOCK_BYTES = 1 << 20

VIDEO = "1.2.840.10008.1.2.4.10"  # .100 to .108 and their fragmentable variants: MPEG2 to HEVC
# Supplement 244, which pydicom 3.0 does not know; PS3.5 section A.4.13.
DEFLATED_FRAMES = uid.UID("1.2.840.10008.1.2.8.1")
uid.UID_dictionary.setdefault(
    str(DEFLATED_FRAMES),
    ("Deflated Image Frame Compression", "Transfer Syntax", "", "", "DeflatedImageFrame"),
)
# Retired progressive JPEG (processes 6 and 8, 10 and 12): any decoder of JPEG reads it.
PROGRESSIVE = {uid.UID(f"1.2.840.10008.1.2.4.{k}") for k in (53, 55)}
LOSSY = {  # and (0028,2114) Lossy Image Compression Method, PS3.3 section C.7.6.1.1.5.1
    uid.JPEGBaseline8Bit: "ISO_10918_1",
    uid.JPEGExtended12Bit: "ISO_10918_1",
    **dict.fromkeys(PROGRESSIVE, "ISO_10918_1"),
    uid.JPEGLSNearLossless: "ISO_14495_1",
    uid.JPEG2000: "ISO_15444_1",
    uid.HTJ2K: "ISO_15444_15",
}
SEQUENTIAL = {uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit}
# What painted pictures are written in again; all others become Explicit VR Little Endian, also
# big endian, which the standard has retired.
KEPT_SYNTAXES = {
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian,
}
ENCODED_SYNTAXES = {
    uid.RLELossless,
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
    DEFLATED_FRAMES,
}
PHOTOMETRIC = {
    1: {"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"},
    3: {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"},
}
WIDE_VR = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}  # value bytes whose order is the file's


def is_video(syntax: str) -> bool:
    """Whether a transfer syntax holds a video stream (PS3.5 section 8.2.5 and later)."""
    return re.fullmatch(re.escape(VIDEO) + r"[0-8](\.1)?", syntax) is not None


def transfer_syntax(dataset: Dataset) -> uid.UID:
    """(0002,0010) Transfer Syntax UID, or the native one that the reader recognised."""
    stated = getattr(dataset, "file_meta", {}).get("TransferSyntaxUID")
    if stated:
        return uid.UID(stated)
    implicit, little = dataset.original_encoding
    if not little:
        return uid.ExplicitVRBigEndian
    return uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian


def is_lossy(dataset: Dataset) -> bool:
    """Whether the pixels went through a lossy codec, now or before (0028,2110)."""
    return transfer_syntax(dataset) in LOSSY or text_of(dataset, "LossyImageCompression") == "01"


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


class StoredFrames(Closing):
    """The stored values of one file's frames, decoded one at a time.

    ``with StoredFrames(path) as source: source[0]`` gives the first frame: (rows, columns) for one
    sample per pixel, (rows, columns, samples) for three, in ``dtype``. The header is in
    ``dataset``; its long values stay in the file until they are asked for.

    Raises
    ------
    ItemError
        On opening: ``broken``, ``unreadable``, ``pixels_missing``, ``float_pixels``, ``video``,
        ``unsupported_syntax``, ``bad_geometry``, ``undecodable``. On a frame: ``undecodable``,
        ``bad_geometry``.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self.dataset = glance(self.path)
        self.syntax = transfer_syntax(self.dataset)
        self.lossy = is_lossy(self.dataset)
        self._last: tuple[int, np.ndarray] | None = None
        self._properties: dict[str, Any] = {}
        form = Form.of(self.dataset)
        self.form = form
        self.frames, self.rows, self.columns = form.frames, form.rows, form.columns
        self.samples, self.signed, self.dtype = form.samples, form.signed, form.dtype
        self.bits_stored = form.bits_stored
        self._decoder = decoder_of(self.syntax)
        # decoded to the cells of the file, in which High Bit says where the value stands
        self._cells = self.syntax in (uid.RLELossless, DEFLATED_FRAMES) or (
            not self.syntax.is_encapsulated
        )
        with ExitStack() as opened:
            self._stream, self._start = pixel_stream(self.dataset, self.path)
            opened.enter_context(self._stream)
            self._parts = check_frames(self.dataset, form, self._stream, self._start)
            self._open = opened.pop_all()

    def close(self) -> None:
        """Close the file."""
        self._open.close()

    def __len__(self) -> int:
        return self.frames

    @property
    def photometric(self) -> str:
        """(0028,0004) Photometric Interpretation of the values that ``self[k]`` yields."""
        if not self._properties:
            self[0]
        found = str(self._properties["photometric_interpretation"])
        return "YBR_FULL" if found == "YBR_FULL_422" else found

    @functools.cached_property
    def palette(self) -> np.ndarray | None:
        """Colour of each stored index modulo 65536: uint8, (65536, 3); None without a palette.

        Raises
        ------
        ItemError
            ``undecodable`` when it is a PALETTE COLOR image and its tables cannot be read
        """
        if self.form.photometric != "PALETTE COLOR":
            return None
        try:
            return _palette(self.dataset)
        except Exception:
            raise ItemError("undecodable") from None

    def __getitem__(self, index: int) -> np.ndarray:
        if not 0 <= index < self.frames:
            raise IndexError(index)
        if self._last is not None and self._last[0] == index:
            return self._last[1].copy()
        try:
            if self.syntax == DEFLATED_FRAMES:
                stored, properties = self._inflated(index)
            elif self.syntax == uid.RLELossless and self.form.bits_allocated == 1:
                stored, properties = self._one_bit(self._packed(index), 0, 0)
            elif self.syntax.is_encapsulated:
                encoded = self.encoded(index)
                self.form.check_image(encoded, self.syntax)
                if self.syntax in SEQUENTIAL:
                    encoded = with_whole_spectrum(encoded)
                stored, properties = self._decode(encapsulate([encoded]), 0, 1)
            elif self.form.bits_allocated == 1:
                stored, properties = self._one_bit(self._stream, self._start, index)
            else:
                self._stream.seek(self._start)
                stored, properties = self._decode(self._stream, index, self.frames)
        except ItemError:
            raise
        except BaseException as error:
            # the panic of a decoder in Rust is no Exception
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            raise ItemError("undecodable") from None
        if self._cells:
            stored = self.form.stored(stored)
        elif self.syntax not in LOSSY:
            stored = self.form.within(stored)
        if stored.shape[:2] != (self.rows, self.columns):
            raise ItemError("bad_geometry")
        stored = np.ascontiguousarray(stored, self.dtype)
        self._last, self._properties = (index, stored), properties
        return stored.copy()

    def encoded(self, index: int) -> bytes:
        """The compressed bytes of one frame, its fragments joined (encapsulated syntaxes only)."""
        pieces = []
        for offset, length in self._parts[index]:
            self._stream.seek(offset)
            pieces.append(self._stream.read(length))
        return b"".join(pieces)

    def _inflated(self, index: int) -> tuple[np.ndarray, dict[str, Any]]:
        """A frame that is deflated by itself."""
        frame = io.BytesIO(inflate_frame(self.encoded(index), self.form))
        if self.form.bits_allocated == 1:
            return self._one_bit(frame, 0, 0)
        return self._decode(frame, 0, 1)

    def _packed(self, index: int) -> BinaryIO:
        """A frame of packed bits whose bytes are run-length encoded (PS3.5 section 8.2.2)."""
        count = ceil(self.rows * self.columns * self.samples / 8)
        options = self.form.options | {"rows": 1, "columns": count, "samples_per_pixel": 1}
        options |= {"bits_allocated": 8, "bits_stored": 8, "planar_configuration": 0}
        packed, _ = self._decoder.as_array(
            encapsulate([self.encoded(index)]),
            index=0,
            raw=True,
            number_of_frames=1,
            pixel_keyword="PixelData",
            **options,
        )
        return io.BytesIO(packed.tobytes())

    def _one_bit(
        self, stream: BinaryIO, start: int, index: int
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """A frame of packed bits; pydicom reads a byte too few where frames share bytes."""
        size = self.rows * self.columns * self.samples
        first = index * size
        stream.seek(start + first // 8)
        packed = np.frombuffer(stream.read(ceil((first % 8 + size) / 8)), np.uint8)
        bits = np.unpackbits(packed, bitorder="little")[first % 8 :][:size]
        properties = {"photometric_interpretation": self.form.photometric}
        if self.samples == 1:
            return bits.reshape(self.rows, self.columns), properties
        if self.form.planar:
            planes = bits.reshape(self.samples, self.rows, self.columns)
            return planes.transpose(1, 2, 0), properties
        return bits.reshape(self.rows, self.columns, self.samples), properties

    def _decode(self, source: Any, index: int, frames: int) -> tuple[np.ndarray, dict[str, Any]]:
        options: dict[str, Any] = self.form.options
        if self._cells or self.syntax not in LOSSY:
            options["correct_unused_bits"] = False  # see Form.stored and Form.within
        return self._decoder.as_array(
            source,
            index=index,
            raw=True,
            number_of_frames=frames,
            pixel_keyword="PixelData",
            pixel_vr=self.dataset.get_item("PixelData", keep_deferred=True).VR or "OW",
            **options,
        )


class Form:
    """What the Image Pixel module says about the stored values (PS3.3 section C.7.6.3)."""

    rows: int
    columns: int
    samples: int
    frames: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    planar: int
    photometric: str

    @classmethod
    def of(cls, dataset: Dataset) -> "Form":
        """Read and check the module.

        Raises
        ------
        ItemError
            ``pixels_missing``, ``float_pixels``, ``bad_geometry``, ``too_large``
        """
        form = cls()
        if "PixelData" not in dataset:
            floats = any(keyword in dataset for keyword in FLOAT_KEYWORDS)
            raise ItemError("float_pixels" if floats else "pixels_missing")
        if not _pixel_bytes(dataset):
            raise ItemError("pixels_missing")
        form.rows = number_of(dataset, "Rows")
        form.columns = number_of(dataset, "Columns")
        form.samples = number_of(dataset, "SamplesPerPixel", 1)
        form.frames = number_of(dataset, "NumberOfFrames", 1) or 1
        form.bits_allocated = number_of(dataset, "BitsAllocated")
        form.bits_stored = number_of(dataset, "BitsStored", form.bits_allocated)
        form.high_bit = number_of(dataset, "HighBit", form.bits_stored - 1)
        signed = number_of(dataset, "PixelRepresentation", 0)
        form.signed = bool(signed) and form.bits_allocated > 1
        form.planar = number_of(dataset, "PlanarConfiguration", 0) if form.samples > 1 else 0
        usual = "MONOCHROME2" if form.samples == 1 else "RGB"
        form.photometric = text_of(dataset, "PhotometricInterpretation") or usual
        sound = (
            min(form.rows, form.columns, form.frames) > 0
            and form.photometric in PHOTOMETRIC.get(form.samples, ())
            and form.bits_allocated in (1, 8, 16, 32)
            and 1 <= form.bits_stored <= form.bits_allocated
            and form.planar in (0, 1)
        )
        if not sound:
            raise ItemError("bad_geometry")
        if form.rows * form.columns > MOST_PIXELS:
            raise ItemError("too_large")
        if not form.bits_stored - 1 <= form.high_bit < form.bits_allocated:
            form.high_bit = form.bits_stored - 1
        if form.photometric == "YBR_FULL_422" and not transfer_syntax(dataset).is_encapsulated:
            # some scanners name it so and store every sample: the length tells
            full = form.pixels * 3 * form.bits_allocated // 8
            if _pixel_bytes(dataset) in (full, full + full % 2):
                form.photometric = "YBR_FULL"
        return form

    @property
    def dtype(self) -> np.dtype:
        """Of the stored values, in this machine's byte order; one-bit pixels are uint8."""
        bits = max(self.bits_allocated, 8)
        return np.dtype(f"{'int' if self.signed else 'uint'}{bits}")

    @property
    def pixels(self) -> int:
        """Pixels of all frames."""
        return self.frames * self.rows * self.columns

    @property
    def bytes_native(self) -> int:
        """Bytes of all frames when stored natively, before padding to an even length."""
        samples = 2 if self.photometric == "YBR_FULL_422" else self.samples
        return ceil(self.pixels * samples * self.bits_allocated / 8)

    @property
    def options(self) -> dict[str, Any]:
        """The module as pydicom's decoders and encoders take it."""
        return {
            "rows": self.rows,
            "columns": self.columns,
            "samples_per_pixel": self.samples,
            "bits_allocated": self.bits_allocated,
            "bits_stored": self.bits_stored,
            "pixel_representation": int(self.signed),
            "photometric_interpretation": self.photometric,
            "planar_configuration": self.planar,
        }

    def check_length(self, length: int) -> None:
        """Refuse native data too short for its frames, or with room for another whole frame.

        A frame more than the header says would be lost without a word if it were cut off.
        """
        if length < self.bytes_native or length - self.bytes_native > max(
            self.bytes_native / self.frames - 1, 1
        ):
            raise ItemError("bad_geometry")

    def check_surplus(self, surplus: bytes) -> None:
        """Refuse pixels after the last one: a row or column more than the header says.

        With a wrong number of columns a picture is sheared: nobody finds text in it, and whoever
        mends the header reads it. Padding is short or of one value.
        """
        line = min(self.rows, self.columns) * self.samples * self.bits_allocated / 8
        if len(surplus) >= line and len(set(surplus)) > 1:
            raise ItemError("bad_geometry")

    def check_image(self, encoded: bytes, syntax: uid.UID) -> None:
        """Refuse a compressed frame whose own size or samples are not the header's.

        Decoders hand out as many bytes, so 64 x 128 would be shown as 128 x 64: nobody finds text
        in that, but a viewer that believes the image shows it. Nor one that is cut off: decoders
        make the rest up. All these codecs end with the same mark (ITU-T T.81 B.2.1, T.800 A.4.4).
        """
        if syntax == uid.RLELossless:
            return
        if b"\xff\xd9" not in encoded:
            raise ItemError("undecodable")
        stated = jpeg2000_size if syntax in uid.JPEG2000TransferSyntaxes else jpeg_size
        if stated(encoded) != (self.rows, self.columns, self.samples):
            raise ItemError("bad_geometry")

    def stored(self, cells: np.ndarray) -> np.ndarray:
        """Take the stored value out of each cell: Bits Stored below High Bit (PS3.5 8.1.1).

        ``cells`` is (..) of ``dtype``; unused bits of the result repeat the sign, or are 0.
        """
        if self.bits_allocated == 1 or self.bits_stored == self.bits_allocated:
            return cells
        native = cells.astype(self.dtype)
        native <<= self.bits_allocated - 1 - self.high_bit
        native >>= self.bits_allocated - self.bits_stored
        return native

    def within(self, values: np.ndarray) -> np.ndarray:
        """Decoded values of a lossless image, signed ones with their sign, if they fit Bits Stored.

        Higher bits, such as an overlay that was encoded with the picture, are looked at by no stage
        and cannot be taken out of a compressed image: ItemError ``bad_geometry``.
        """
        unused = self.bits_allocated - self.bits_stored
        if not unused:
            return values
        native = values.astype(self.dtype)
        stored = (native << unused) >> unused
        unsigned = native & ((1 << self.bits_stored) - 1)
        if not ((native == stored) | (native == unsigned)).all():
            raise ItemError("bad_geometry")
        return stored

    def only_stored(self, cells: np.ndarray) -> np.ndarray:
        """Cells whose unused bits repeat the sign, or are 0; the others as they are."""
        shift = self.high_bit + 1 - self.bits_stored
        return (self.stored(cells) << shift).astype(cells.dtype)


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


def replace_pixels(dataset: Dataset, frames: Iterable[np.ndarray], photometric: str) -> None:
    """Store frames in the file's own transfer syntax where it can be written, in place.

    Lossy ones, and those without an encoder, become Explicit VR Little Endian, but lossy YBR_FULL
    becomes RLE by plane: ultrasound may have it so only (PS3.3 C.8.5.6.1). Rows, Columns, Samples
    per Pixel, Bits Allocated and Pixel Representation stay those of the header, as the frames come
    from it; the SOP Instance UID stays too (pydicom's ``compress`` and ``decompress`` would change
    it).

    Parameters
    ----------
    dataset : of the file, its header still as it was read
    frames : stored values, (rows, columns[, samples]) in the dtype of ``StoredFrames``
    photometric : (0028,0004) of these values, as ``StoredFrames.photometric``

    Raises
    ------
    ItemError
        ``not_written`` when the frames do not fit the header or one value (4 GiB)
    """
    form, syntax = Form.of(dataset), transfer_syntax(dataset)
    reversible = form.photometric == "YBR_RCT" and syntax in ENCODED_SYNTAXES
    form.photometric, form.high_bit = photometric, form.bits_stored - 1
    if form.bytes_native > LONGEST_VALUE:
        raise ItemError("not_written")
    if syntax in LOSSY:
        _declare_lossy(dataset, syntax)
        syntax = uid.RLELossless if photometric == "YBR_FULL" else syntax
    frames, encoded = _checked(frames, form), None
    if syntax in ENCODED_SYNTAXES:
        frames = list(frames)
        encoded = _encoded(frames, form, syntax, reversible)
    extended = "ExtendedOffsetTable" in dataset
    _to_little_endian(dataset)
    for keyword in (*OFFSET_TABLES, TOTAL_LENGTH, "PixelDataProviderURL"):
        if keyword in dataset:
            delattr(dataset, keyword)
    if encoded is None:
        value = _native(frames, form)
        vr = "OW" if form.bits_allocated > 8 else "OB"
        syntax = syntax if syntax in KEPT_SYNTAXES else uid.ExplicitVRLittleEndian
    else:
        vr = "OB"
        if extended:
            value, dataset.ExtendedOffsetTable, lengths = encapsulate_extended(encoded)
            dataset.ExtendedOffsetTableLengths = lengths
        else:
            value = encapsulate(encoded)
        photometric = "YBR_RCT" if reversible else photometric
    dataset["PixelData"] = DataElement(0x7FE00010, vr, value)
    dataset["PixelData"].is_undefined_length = encoded is not None
    dataset.PhotometricInterpretation = photometric
    dataset.BitsStored, dataset.HighBit = form.bits_stored, form.high_bit
    if form.samples > 1:
        by_plane = syntax == uid.RLELossless and photometric == "YBR_FULL"
        dataset.PlanarConfiguration = form.planar if encoded is None else int(by_plane)
    if not hasattr(dataset, "file_meta"):
        dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax


def _checked(frames: Iterable[np.ndarray], form: Form) -> Iterator[np.ndarray]:
    """The frames, if they are as many and of the form that the header says."""
    shape = (form.rows, form.columns) + ((form.samples,) if form.samples > 1 else ())
    count = 0
    for frame in frames:
        count += 1
        if frame.shape != shape or frame.dtype != form.dtype:
            raise ItemError("not_written")
        yield frame
    if count != form.frames:
        raise ItemError("not_written")


def _native(frames: Iterable[np.ndarray], form: Form) -> bytes:
    """Frames as little endian cells, by pixel or by plane as the header says; of even length."""
    if form.bits_allocated == 1:
        value = np.packbits(np.concatenate([f.ravel() for f in frames]), bitorder="little")
        return value.tobytes() + b"\0" * (value.size % 2)
    cells = bytearray()
    for frame in frames:
        by_plane = frame.transpose(2, 0, 1) if form.samples > 1 and form.planar else frame
        cells += np.ascontiguousarray(by_plane, frame.dtype.newbyteorder("<")).data.cast("B")
    return bytes(cells) + b"\0" * (len(cells) % 2)


def _encoded(
    frames: list[np.ndarray], form: Form, syntax: uid.UID, reversible: bool
) -> list[bytes] | None:
    """Frames encoded without loss; None where the encoder cannot, or does not give them back."""
    if syntax == DEFLATED_FRAMES:
        return [deflate_frame(_native([frame], form)) for frame in frames]
    # the encoders ask for the kind of colour only to allow it: but for YBR_RCT they keep samples
    kind = "YBR_RCT" if reversible else "MONOCHROME2" if form.samples == 1 else "RGB"
    options = form.options | {"photometric_interpretation": kind, "planar_configuration": 0}
    encoder: Any = get_encoder(syntax)
    images = []
    try:
        for frame in frames:
            image = encoder.encode(frame, number_of_frames=1, **options)
            images.append(clean_jpeg2000(image) if syntax == uid.JPEG2000Lossless else image)
            back, _ = decoder_of(syntax).as_array(
                encapsulate(images[-1:]),
                index=0,
                raw=True,
                number_of_frames=1,
                pixel_keyword="PixelData",
                **options,
            )
            if not np.array_equal(back, frame):
                return None
    except Exception:
        return None
    return images


def _declare_lossy(dataset: Dataset, syntax: uid.UID) -> None:
    """Say by what pixels were compressed, which is not seen any more afterwards.

    Not how far, where the header does not say it: the ratio depends on what the mask hides.
    """
    dataset.LossyImageCompression = "01"
    if not text_of(dataset, "LossyImageCompressionMethod"):
        dataset.LossyImageCompressionMethod = LOSSY[syntax]


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


def decoder_of(syntax: uid.UID) -> Any:
    """The decoder of a transfer syntax, or ItemError ``video`` or ``unsupported_syntax``."""
    if is_video(syntax):
        raise ItemError("video")
    if syntax == DEFLATED_FRAMES:
        syntax = uid.ExplicitVRLittleEndian  # once they are inflated
    elif syntax in PROGRESSIVE:
        syntax = uid.JPEGExtended12Bit
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise ItemError("unsupported_syntax") from None
    if not decoder.is_available:
        raise ItemError("unsupported_syntax")
    return decoder


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


def _to_little_endian(dataset: Dataset) -> None:
    """Parse every element, at all levels, so that none is written in the file's old encoding.

    Words of binary values are turned round; pydicom leaves their bytes as they are.
    """
    big = not dataset.original_encoding[1]
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                _to_little_endian(item)
        elif big and element.VR in WIDE_VR and isinstance(element.value, bytes):
            size = WIDE_VR[element.VR]
            whole = len(element.value) // size * size
            swapped = np.frombuffer(element.value[:whole], f">u{size}").astype(f"<u{size}")
            element.value = swapped.tobytes() + element.value[whole:]
    dataset.set_original_encoding(False, True, dataset.original_character_set)


def _pixel_bytes(dataset: Dataset) -> int:
    element: Any = dataset.get_item("PixelData", keep_deferred=True)
    return element.length if element.value is None else len(element.value)


def _palette(dataset: Dataset) -> np.ndarray:
    # every index a pixel can hold gets its colour as pydicom's own display gives it
    indices = np.arange(65536, dtype=np.uint16)
    coloured = apply_color_lut(indices.reshape(256, 256), dataset).reshape(-1, 3)
    if coloured.dtype == np.uint8:
        return coloured
    # 16-bit tables hold 8-bit colours, by the standard in the high byte, often in the low one
    return (coloured >> 8 if coloured.max() > 255 else coloured).astype(np.uint8)


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
