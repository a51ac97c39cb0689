"""Put frames back into a file, in its own transfer syntax where that can be written."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from pydicom import uid
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.pixels import get_encoder

from unburn.codestreams import clean_jpeg2000
from unburn.elements import text_of
from unburn.encapsulation import deflate_frame
from unburn.errors import ItemError
from unburn.image_pixel import Form
from unburn.syntaxes import (
    DEFLATED_FRAMES,
    ENCODED_SYNTAXES,
    KEPT_SYNTAXES,
    LOSSY,
    decoder_of,
    transfer_syntax,
)

LONGEST_VALUE = 0xFFFFFFFE  # PS3.5 section 7.1.2: 32-bit length, even
OFFSET_TABLES = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")
TOTAL_LENGTH = "EncapsulatedPixelDataValueTotalLength"  # type 3, of the encoding that was
WIDE_VR = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}  # value bytes whose order is the file's


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
