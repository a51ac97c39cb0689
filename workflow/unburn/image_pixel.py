"""What a header says about the stored values: the Image Pixel module (PS3.3 section C.7.6.3)."""

from math import ceil
from typing import Any

import numpy as np
from pydicom import uid
from pydicom.dataset import Dataset

from unburn.codestreams import jpeg2000_size, jpeg_size
from unburn.elements import text_of
from unburn.errors import ItemError
from unburn.headers import number_of
from unburn.syntaxes import transfer_syntax

FLOAT_KEYWORDS = ("FloatPixelData", "DoubleFloatPixelData")
# Sizes that are refused before memory is taken: no scanner or film digitiser makes such pictures,
# and a few bytes of JPEG 2000 or deflate can promise them.
MOST_PIXELS = 1 << 27  # of a frame
PHOTOMETRIC = {
    1: {"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"},
    3: {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"},
}


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


def _pixel_bytes(dataset: Dataset) -> int:
    element: Any = dataset.get_item("PixelData", keep_deferred=True)
    return element.length if element.value is None else len(element.value)
