"""Stored pixel values of a DICOM file: read frame by frame, put back, cleaned of hidden bytes.

"Stored values" are the numbers that (7FE0,0010) Pixel Data encodes: after decompression, before
any rescale, window, palette or colour conversion (PS3.3 section C.7.6.3). What a decoder only
yields in another form is named by that form: YBR_FULL_422 becomes YBR_FULL, YBR_RCT and YBR_ICT
become RGB.
"""

import functools
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from math import ceil
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import pydicom
from pydicom import uid
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_color_lut, get_decoder, get_encoder

from unburn.errors import ItemError

DEFERRED_BYTES = 1 << 20  # longer values stay in the file until they are asked for
LONGEST_VALUE = 0xFFFFFFFE  # PS3.5 section 7.1.2: 32-bit length, even
UNDEFINED_LENGTH = 0xFFFFFFFF

FLOAT_KEYWORDS = ("FloatPixelData", "DoubleFloatPixelData")
VIDEO = "1.2.840.10008.1.2.4.10"  # .100 to .108 and their fragmentable variants: MPEG2 to HEVC
LOSSY = {
    uid.JPEGBaseline8Bit,
    uid.JPEGExtended12Bit,
    uid.JPEGLSNearLossless,
    uid.JPEG2000,
    uid.HTJ2K,
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
        ``unreadable`` without access, ``broken`` when it cannot be parsed
    """
    try:
        dataset = pydicom.dcmread(path, force=True, defer_size=DEFERRED_BYTES, **options)
        if transfer_syntax(dataset) == uid.DeflatedExplicitVRLittleEndian:
            # a deferred offset counts inflated bytes and cannot be found in the file again
            dataset = pydicom.dcmread(path, force=True, **options)
        return dataset
    except OSError as error:
        code = "unreadable" if isinstance(error, PermissionError | FileNotFoundError) else "broken"
        raise ItemError(code) from None
    except Exception:
        raise ItemError("broken") from None


class StoredFrames:
    """The stored values of one file's frames, decoded one at a time.

    ``with StoredFrames(path) as source: source[0]`` gives the first frame: (rows, columns) for one
    sample per pixel, (rows, columns, samples) for three, in ``dtype``. The header is in
    ``dataset``; its long values stay in the file until they are asked for.

    Raises
    ------
    ItemError
        On opening: ``broken``, ``unreadable``, ``pixels_missing``, ``float_pixels``, ``video``,
        ``unsupported_syntax``, ``bad_geometry``, ``undecodable``. On a frame: ``undecodable``.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self.dataset = read_header(self.path)
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
        with ExitStack() as opened:
            self._stream, self._start = pixel_stream(self.dataset, self.path)
            opened.enter_context(self._stream)
            self._parts = check_frames(self.dataset, form, self._stream, self._start)
            self._open = opened.pop_all()

    def __enter__(self) -> "StoredFrames":
        return self

    def __exit__(self, *_: object) -> None:
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
            if self.syntax.is_encapsulated:
                encoded = self.encoded(index)
                self.form.check_image(encoded, self.syntax)
                stored, properties = self._decode(encapsulate([encoded]), 0, 1)
            elif self.form.bits_allocated == 1:
                stored, properties = self._one_bit(index)
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
        if self.syntax == uid.RLELossless or not self.syntax.is_encapsulated:
            stored = self.form.stored(stored)
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

    def _one_bit(self, index: int) -> tuple[np.ndarray, dict[str, Any]]:
        """A frame of packed bits; pydicom reads a byte too few where frames share bytes."""
        size = self.rows * self.columns * self.samples
        first = index * size
        self._stream.seek(self._start + first // 8)
        packed = np.frombuffer(self._stream.read(ceil((first % 8 + size) / 8)), np.uint8)
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
        if self.syntax == uid.RLELossless or not self.syntax.is_encapsulated:
            options["correct_unused_bits"] = False  # form.stored() also knows High Bit
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
            ``pixels_missing``, ``float_pixels``, ``bad_geometry``
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
        syntax's, else as ``frame_parts`` and ``Form.check_length``
    """
    element: Any = dataset.get_item("PixelData", keep_deferred=True)
    encapsulated = transfer_syntax(dataset).is_encapsulated
    if encapsulated != (element.length == UNDEFINED_LENGTH):
        raise ItemError("undecodable")
    if encapsulated:
        return frame_parts(stream, start, form.frames, dataset)
    if stream.seek(0, io.SEEK_END) - start < element.length:
        raise ItemError("undecodable")
    form.check_length(element.length)
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
    items = _items(stream, start)
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
    """Store frames natively in Explicit VR Little Endian, in place.

    Rows, Columns, Samples per Pixel, Bits Allocated and Pixel Representation stay those of the
    header, as the frames come from it; the SOP Instance UID stays too (pydicom's ``compress``
    and ``decompress`` would change it).

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
    form = Form.of(dataset)
    form.photometric = photometric
    expected = form.bytes_native
    if expected > LONGEST_VALUE:
        raise ItemError("not_written")
    shape = (form.rows, form.columns) + ((form.samples,) if form.samples > 1 else ())
    value = bytearray(expected + expected % 2)
    cells = np.frombuffer(value, np.uint8)
    bits = np.zeros(0, np.uint8)
    at = count = 0
    for frame in frames:
        if frame.shape != shape or frame.dtype != form.dtype or count == form.frames:
            raise ItemError("not_written")
        if form.bits_allocated == 1:
            bits = np.concatenate([bits, frame.ravel()])
            whole = bits.size // 8 * 8
            packed, bits = np.packbits(bits[:whole], bitorder="little"), bits[whole:]
        else:
            packed = np.ascontiguousarray(frame, frame.dtype.newbyteorder("<")).ravel()
            packed = packed.view(np.uint8)
        cells[at : at + packed.size] = packed
        at, count = at + packed.size, count + 1
    if count != form.frames:
        raise ItemError("not_written")
    if bits.size:
        cells[at] = np.packbits(bits, bitorder="little")[0]
    del cells
    _to_little_endian(dataset)
    wide = form.bits_allocated > 8
    dataset["PixelData"] = DataElement(0x7FE00010, "OW" if wide else "OB", bytes(value))
    dataset.PhotometricInterpretation = photometric
    dataset.BitsStored, dataset.HighBit = form.bits_stored, form.bits_stored - 1
    if form.samples > 1:
        dataset.PlanarConfiguration = 0
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths", "PixelDataProviderURL"):
        if keyword in dataset:
            delattr(dataset, keyword)
    if not hasattr(dataset, "file_meta"):
        dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian


def scrub_stream(dataset: Dataset) -> int:
    """Remove from Pixel Data, in place, what could carry text beside the stored values.

    Native: bits outside Bits Stored, bytes after the last frame. Encapsulated: fragments that
    belong to no frame, offset tables that say anything else than where the frames lie, comments,
    application and unknown segments of JPEG, JPEG-LS and JPEG 2000 (the colour marks of JFIF,
    Adobe and HP stay), bytes after the end of an image or RLE segment.

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
    cleaned, removed = (
        _scrub_encapsulated(value, form, syntax, dataset)
        if syntax.is_encapsulated
        else _scrub_native(value, form, syntax, dataset["PixelData"].VR)
    )
    if removed:
        element = dataset["PixelData"]
        element.value = cleaned
        for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
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
    items = _items(stream, 0)
    removed = sum(n for _, n in items[1:]) - sum(n for part in parts for _, n in part)
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
    for keyword, right in (
        ("ExtendedOffsetTable", places),
        ("ExtendedOffsetTableLengths", lengths),
    ):
        found.append((dataset.get(keyword) or b"", "<u8", right))
    return sum(
        len(table)
        for table, form, right in found
        if table and table != right.astype(form).tobytes()
    )


def _clean_image(encoded: bytes, form: Form, syntax: uid.UID) -> bytes:
    if syntax == uid.RLELossless:
        return clean_rle(_without_unused_bits(encoded, form), form.rows * form.columns)
    if syntax in uid.JPEG2000TransferSyntaxes:
        return clean_jpeg2000(encoded)
    return clean_jpeg(encoded)


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


# JPEG-LS data bytes after 0xFF are below 0x80, JPEG's are 0x00 or a restart marker; so one
# pattern finds the end of a scan in both (ISO/IEC 10918-1 B.1.1, 14495-1 C.1).
_SCAN_END = re.compile(rb"\xff([\xc0-\xcf\xd8-\xfe])")


# Frames (SOF), tables, restart interval, number of lines, scans; SOF55 and LSE of JPEG-LS. Other
# segments mean nothing to a decoder.
_JPEG_SEGMENTS = {*range(0xC0, 0xD0), *range(0xDA, 0xDE), 0xF7, 0xF8} - {0xC8}
_JPEG_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}


def clean_jpeg(encoded: bytes) -> bytes:
    """Take comments, application and unknown segments and trailing bytes out of a JPEG(-LS) image.

    JFIF's APP0 stays without its thumbnail, Adobe's APP14 and HP's colour transform APP8 with
    their fixed fields: they say how colours are meant.
    """
    kept = [_kept_segment(segment, marker) for marker, segment in _jpeg_segments(encoded)]
    return b"".join([b"\xff\xd8", *kept])


def jpeg_size(encoded: bytes) -> tuple[int, int, int]:
    """Rows, columns and samples that a JPEG or JPEG-LS image says itself."""
    for marker, segment in _jpeg_segments(encoded):
        if marker in _JPEG_FRAMES and len(segment) >= 10:
            rows, columns = (int.from_bytes(segment[at : at + 2], "big") for at in (5, 7))
            return rows, columns, segment[9]
    raise ItemError("undecodable")


def _jpeg_segments(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and bytes of each segment, a scan with its data, the last with what follows it."""
    if encoded[:2] != b"\xff\xd8":
        raise ItemError("undecodable")
    at = 2
    while True:
        at = encoded.find(b"\xff", at)
        if at < 0 or at + 2 > len(encoded):
            raise ItemError("undecodable")
        marker = encoded[at + 1]
        if marker == 0xFF or marker == 0x00:
            at += 1
            continue
        if marker == 0xD9:
            yield marker, encoded[at:]
            return
        if 0xD0 <= marker <= 0xD8 or at + 4 > len(encoded):
            raise ItemError("undecodable")
        end = at + 2 + int.from_bytes(encoded[at + 2 : at + 4], "big")
        if end > len(encoded) or end < at + 4:
            raise ItemError("undecodable")
        if marker == 0xDA:
            found = _SCAN_END.search(encoded, end)
            if not found:
                raise ItemError("undecodable")
            end = found.start()
        yield marker, encoded[at:end]
        at = end


def _kept_segment(segment: bytes, marker: int) -> bytes:
    body = segment[4:]
    if marker == 0xD9:
        return segment[:2] + _padding(segment[2:])
    if marker == 0xE0 and body[:5] == b"JFIF\0" and len(body) >= 14:
        return b"\xff\xe0\x00\x10" + body[:12] + b"\0\0"
    if marker == 0xEE and body[:5] == b"Adobe" and len(body) >= 12:
        return b"\xff\xee\x00\x0e" + body[:12]
    if marker == 0xE8 and body[:4] == b"mrfx" and len(body) == 5:
        return segment
    return segment if marker in _JPEG_SEGMENTS else b""


# Segments of parts 1, 2 and 15 of ISO/IEC 15444, without COM.
_JPEG2000_SEGMENTS = {*range(0x50, 0x64), *range(0x72, 0x7A)} - {0x54, 0x5A, 0x5B, 0x62}


def clean_jpeg2000(encoded: bytes) -> bytes:
    """Take comments and trailing bytes out of a JPEG 2000 codestream (ISO/IEC 15444-1 annex A).

    Comments and unknown segments of the main header are removed, those of tile-parts blanked, as
    their lengths count.
    Of a JP2 file only the codestream stays, which is all that DICOM allows (PS3.5 A.4.4).
    """
    if encoded[4:8] == b"jP  ":
        encoded = _codestream(encoded)
    if encoded[:4] != b"\xff\x4f\xff\x51":
        raise ItemError("undecodable")
    kept, at = [b"\xff\x4f"], 2
    while True:
        if encoded[at : at + 1] != b"\xff" or at + 4 > len(encoded):
            raise ItemError("undecodable")
        marker = encoded[at + 1]
        if marker == 0x90:
            break
        end = at + 2 + int.from_bytes(encoded[at + 2 : at + 4], "big")
        if marker in _JPEG2000_SEGMENTS:
            kept.append(encoded[at:end])
        at = end
    while encoded[at : at + 2] == b"\xff\x90":
        length = int.from_bytes(encoded[at + 6 : at + 10], "big")
        end = at + length if length else _last_end(encoded)
        if (length and length < 14) or end > len(encoded):
            raise ItemError("undecodable")
        kept.append(_blank_tile_comments(encoded[at:end]))
        at = end
    if encoded[at : at + 2] != b"\xff\xd9":
        raise ItemError("undecodable")
    return b"".join([*kept, b"\xff\xd9", _padding(encoded[at + 2 :])])


def jpeg2000_size(encoded: bytes) -> tuple[int, int, int]:
    """Rows, columns and samples that a JPEG 2000 codestream says itself (SIZ, annex A.5.1)."""
    if encoded[4:8] == b"jP  ":
        encoded = _codestream(encoded)
    if encoded[:4] != b"\xff\x4f\xff\x51" or len(encoded) < 42:
        raise ItemError("undecodable")
    right, bottom, left, top = (int(v) for v in np.frombuffer(encoded[8:24], ">u4"))
    return bottom - top, right - left, int.from_bytes(encoded[40:42], "big")


def _codestream(jp2: bytes) -> bytes:
    """The codestream of a JP2 file, if its boxes do not change the meaning of the samples."""
    at = 0
    while at + 8 <= len(jp2):
        length, kind = int.from_bytes(jp2[at : at + 4], "big"), jp2[at + 4 : at + 8]
        if kind == b"jp2c" and length != 1:
            return jp2[at + 8 : at + length if length else None]
        if kind == b"jp2h" and any(box in jp2[at : at + length] for box in (b"pclr", b"cdef")):
            break
        if length < 8:
            break
        at += length
    raise ItemError("undecodable")


def _last_end(encoded: bytes) -> int:
    end = encoded.rfind(b"\xff\xd9")
    if end < 0:
        raise ItemError("undecodable")
    return end


def _blank_tile_comments(part: bytes) -> bytes:
    out, at = bytearray(part), 12
    while part[at : at + 1] == b"\xff" and part[at + 1 : at + 2] != b"\x93":
        length = int.from_bytes(part[at + 2 : at + 4], "big")
        if part[at + 1] not in _JPEG2000_SEGMENTS:
            out[at + 6 : at + 2 + length] = bytes(max(length - 4, 0))
        at += 2 + length
    return bytes(out)


def clean_rle(encoded: bytes, pixels: int) -> bytes:
    """Blank the bytes of an RLE image that make no pixel (PS3.5 annex G).

    They stand in the header, after a segment's last pixel, between segments and after them.

    Parameters
    ----------
    encoded : header of 64 bytes and up to 15 segments
    pixels : of one frame; each segment encodes one byte of each
    """
    header = np.frombuffer(encoded[:64], "<u4")
    if header.size < 16 or not 1 <= header[0] <= 15:
        raise ItemError("undecodable")
    starts = [int(offset) for offset in header[1 : 1 + int(header[0])]]
    if starts != sorted(starts) or starts[0] < 64 or starts[-1] >= len(encoded):
        raise ItemError("undecodable")
    out = bytearray(encoded)
    out[4 * (1 + len(starts)) : starts[0]] = bytes(starts[0] - 4 * (1 + len(starts)))
    for start, stop in zip(starts, [*starts[1:], len(encoded)], strict=True):
        at, made = start, 0
        while made < pixels and at < stop:
            code = encoded[at]
            if code < 128:
                made, at = made + code + 1, at + code + 2
                for surplus in range(at - max(made - pixels, 0), min(at, stop)):
                    out[surplus] = 0
            elif code > 128:
                made, at = made + 257 - code, at + 2
            else:
                at += 1
        if at < stop:
            out[at:stop] = bytes(stop - at)
    return bytes(out)


def _padding(rest: bytes) -> bytes:
    # an even length needs one byte; nothing can be read from zeros
    return rest if len(rest) < 2 or not any(rest) else b""


def decoder_of(syntax: uid.UID) -> Any:
    """The decoder of a transfer syntax, or ItemError ``video`` or ``unsupported_syntax``."""
    if is_video(syntax):
        raise ItemError("video")
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise ItemError("unsupported_syntax") from None
    if not decoder.is_available:
        raise ItemError("unsupported_syntax")
    return decoder


def _items(stream: BinaryIO, start: int) -> list[tuple[int, int]]:
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


def text_of(dataset: Dataset, keyword: str) -> str:
    """An element's value as text; empty when it is missing or malformed."""
    try:
        value = dataset.get(keyword)
    except Exception:
        return ""
    return str(value).strip() if value is not None else ""


def number_of(dataset: Dataset, keyword: str, default: int | None = None) -> int:
    """An element's value as a whole number; ItemError ``bad_geometry`` when it is none."""
    try:
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
