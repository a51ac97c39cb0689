"""Stored pixel values of a DICOM file, read frame by frame.

"Stored values" are the numbers that (7FE0,0010) Pixel Data encodes: after decompression, before
any rescale, window, palette or colour conversion (PS3.3 section C.7.6.3). What a decoder only
yields in another form is named by that form: YBR_FULL_422 becomes YBR_FULL, YBR_RCT and YBR_ICT
become RGB.
"""

import functools
import io
from contextlib import ExitStack
from math import ceil
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_color_lut

from unburn.codestreams import with_whole_spectrum
from unburn.encapsulation import (
    check_frames,
    inflate_frame,
    pixel_stream,
)
from unburn.errors import ItemError
from unburn.files import Closing
from unburn.headers import (
    glance,
)
from unburn.image_pixel import Form
from unburn.syntaxes import (
    DEFLATED_FRAMES,
    LOSSY,
    SEQUENTIAL,
    decoder_of,
    is_lossy,
    transfer_syntax,
)


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


def _palette(dataset: Dataset) -> np.ndarray:
    # every index a pixel can hold gets its colour as pydicom's own display gives it
    indices = np.arange(65536, dtype=np.uint16)
    coloured = apply_color_lut(indices.reshape(256, 256), dataset).reshape(-1, 3)
    if coloured.dtype == np.uint8:
        return coloured
    # 16-bit tables hold 8-bit colours, by the standard in the high byte, often in the low one
    return (coloured >> 8 if coloured.max() > 255 else coloured).astype(np.uint8)
