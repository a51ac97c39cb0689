import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
import rle
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended

from unburn import headers, pixels
from unburn.encapsulation import deflate_frame
from unburn.encoding import replace_pixels
from unburn.errors import ItemError
from unburn.pixels import StoredFrames
from unburn.scrubbing import scrub_stream
from unburn.syntaxes import DEFLATED_FRAMES

ROWS, COLUMNS = 35, 33  # odd, so that padding and planes show


def values(dtype, bits, frames=1, samples=1, seed=0):
    """Random stored values: (frames, rows, columns[, samples])."""
    low, high = (
        (-(2 ** (bits - 1)), 2 ** (bits - 1)) if np.dtype(dtype).kind == "i" else (0, 2**bits)
    )
    shape = (frames, ROWS, COLUMNS) + ((samples,) if samples > 1 else ())
    return np.random.default_rng(seed).integers(low, high, shape, dtype)


def make(stored, photometric=None, syntax=uid.ExplicitVRLittleEndian, bits=None, planar=0, **more):
    """A dataset whose native pixel data are ``stored`` in the byte order of ``syntax``."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID, dataset.SOPInstanceUID = uid.SecondaryCaptureImageStorage, "1.2.3"
    samples = stored.shape[3] if stored.ndim == 4 else 1
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = stored.shape[:3]
    dataset.SamplesPerPixel = samples
    dataset.PhotometricInterpretation = photometric or ("RGB" if samples == 3 else "MONOCHROME2")
    if samples == 3:
        dataset.PlanarConfiguration = planar
    dataset.BitsAllocated = stored.dtype.itemsize * 8
    dataset.BitsStored = bits or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    order = "<" if syntax.is_little_endian else ">"
    cells = stored.transpose(0, 3, 1, 2) if planar else stored
    data = np.ascontiguousarray(cells).astype(stored.dtype.newbyteorder(order)).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OW" if dataset.BitsAllocated > 8 else "OB"
    return dataset


def encapsulated(stored, encoded, syntax, **more):
    """A dataset whose pixel data are the encoded frames."""
    dataset = make(stored, **more)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate(encoded)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return dataset


def save(dataset, path, **options):
    dataset.save_as(path, **({"enforce_file_format": True} | options))
    return path


def read(path):
    with StoredFrames(path) as source:
        return np.stack([source[k] for k in range(len(source))]), source.photometric


KINDS = {
    "8 bit": (values(np.uint8, 8, 3), {}),
    "7 of 8 bit": (values(np.uint8, 7), {"bits": 7}),
    "12 of 16 bit": (values(np.uint16, 12), {"bits": 12}),
    "12 of 16 bit signed": (values(np.int16, 12, 2), {"bits": 12}),
    "16 bit signed": (values(np.int16, 16), {}),
    "32 bit": (values(np.uint32, 32, 2), {}),
    "32 bit signed": (values(np.int32, 32), {}),
    "RGB": (values(np.uint8, 8, 2, 3), {}),
    "RGB by plane": (values(np.uint8, 8, 2, 3), {"planar": 1}),
    "RGB 16 bit": (values(np.uint16, 16, 1, 3), {}),
    "YBR": (values(np.uint8, 8, 1, 3), {"photometric": "YBR_FULL"}),
    "MONOCHROME1": (values(np.uint8, 8), {"photometric": "MONOCHROME1"}),
    "PALETTE": (values(np.uint8, 8), {"photometric": "PALETTE COLOR"}),
}
SYNTAXES = {
    "implicit": uid.ImplicitVRLittleEndian,
    "explicit": uid.ExplicitVRLittleEndian,
    "big endian": uid.ExplicitVRBigEndian,
    "deflated": uid.DeflatedExplicitVRLittleEndian,
}


@pytest.mark.parametrize("deferred", [True, False], ids=["from the file", "from memory"])
@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("kind", KINDS)
def test_native_values_are_read_and_put_back_exactly(tmp_path, monkeypatch, kind, syntax, deferred):
    monkeypatch.setattr(headers, "DEFERRED_BYTES", 8 if deferred else 1 << 20)
    stored, form = KINDS[kind]
    path = save(make(stored, syntax=SYNTAXES[syntax], **form), tmp_path / "a.dcm")
    with StoredFrames(path) as source:
        assert source.dtype == stored.dtype and len(source) == len(stored)
        for index in reversed(range(len(source))):
            assert np.array_equal(source[index], stored[index])
        if deferred and syntax != "deflated":
            element = source.dataset.get_item("PixelData", keep_deferred=True)
            assert element.value is None  # frames were read without loading the whole value
        changed = stored.copy()
        changed[:, :5, :4] = 1
        dataset, photometric = source.dataset, source.photometric
        replace_pixels(dataset, iter(changed), photometric)
    save(dataset, tmp_path / "b.dcm")
    again = pydicom.dcmread(tmp_path / "b.dcm")
    expected = uid.ExplicitVRLittleEndian if syntax == "big endian" else SYNTAXES[syntax]
    assert again.file_meta.TransferSyntaxUID == expected
    assert again.get("PlanarConfiguration", 0) == form.get("planar", 0)
    assert again.SOPInstanceUID == "1.2.3"
    assert again.HighBit == again.BitsStored - 1 == dataset.BitsStored - 1
    found = pydicom.pixels.pixel_array(again, raw=True).reshape(changed.shape)
    assert found.dtype == stored.dtype and np.array_equal(found, changed)
    assert read(tmp_path / "b.dcm")[1] == photometric


@pytest.mark.parametrize("rows, columns", [(16, 16), (7, 5), (3, 3)])
def test_one_bit_frames_that_share_bytes_are_read_and_put_back(tmp_path, rows, columns):
    bits = np.random.default_rng(1).integers(0, 2, (5, rows, columns), np.uint8)
    dataset = make(bits, BitsAllocated=1, BitsStored=1, HighBit=0)
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    path = save(dataset, tmp_path / "a.dcm")
    found, photometric = read(path)
    assert np.array_equal(found, bits)
    with StoredFrames(path) as source:
        header = source.dataset
    replace_pixels(header, iter(1 - bits), photometric)
    save(header, tmp_path / "b.dcm")
    assert np.array_equal(pydicom.dcmread(tmp_path / "b.dcm").pixel_array, 1 - bits)


def test_subsampled_colour_becomes_ybr_full(tmp_path):
    full = values(np.uint8, 8, 2, 3)[:, :, :32].copy()
    full[:, :, 1::2, 1:] = full[:, :, ::2, 1:]
    dataset = make(full, photometric="YBR_FULL_422")
    y, colour = full[..., 0], full[:, :, ::2, 1:]
    pairs = np.stack([y[:, :, ::2], y[:, :, 1::2], colour[..., 0], colour[..., 1]], axis=-1)
    dataset.PixelData = pairs.tobytes()
    found, photometric = read(save(dataset, tmp_path / "a.dcm"))
    assert photometric == "YBR_FULL" and np.array_equal(found, full)


def test_colour_that_is_called_subsampled_and_is_not_is_read(tmp_path):
    full = values(np.uint8, 8, 1, 3)
    found, photometric = read(save(make(full, photometric="YBR_FULL_422"), tmp_path / "a.dcm"))
    assert photometric == "YBR_FULL" and np.array_equal(found, full)


def test_a_value_below_the_highest_bits_is_found_where_high_bit_says(tmp_path):
    stored = values(np.uint16, 12)
    dataset = make(stored, bits=12, HighBit=15)
    dataset.PixelData = (stored << 4).astype("<u2").tobytes()
    assert np.array_equal(read(save(dataset, tmp_path / "a.dcm"))[0], stored)


ENCODED = {
    "RLE": (uid.RLELossless, values(np.uint16, 16, 2), {}),
    "RLE 12 of 16 bit signed": (uid.RLELossless, values(np.int16, 12), {"bits": 12}),
    "RLE colour": (uid.RLELossless, values(np.uint8, 8, 2, 3), {}),
    "JPEG-LS": (uid.JPEGLSLossless, values(np.uint16, 12, 2), {"bits": 12}),
    "JPEG-LS colour": (uid.JPEGLSLossless, values(np.uint8, 8, 2, 3), {}),
    "JPEG-LS signed": (uid.JPEGLSLossless, values(np.int16, 16, 2), {}),
    "JPEG 2000": (uid.JPEG2000Lossless, values(np.int16, 16, 2), {}),
    "JPEG 2000 RGB": (uid.JPEG2000Lossless, values(np.uint8, 8, 1, 3), {}),
    "JPEG 2000 colour": (
        uid.JPEG2000Lossless,
        values(np.uint8, 8, 2, 3),
        {"photometric": "YBR_RCT"},
    ),
}


def compress(stored, syntax, photometric="", table="basic", **form):
    """A dataset whose frames pydicom compressed; YBR_RCT by the encoder's own transformation."""
    dataset = make(stored, **form)
    if photometric:
        dataset.PhotometricInterpretation = photometric
    dataset.compress(
        syntax, generate_instance_uid=False, encapsulate_ext=table == "extended", j2k_psnr=None
    )
    return dataset


@pytest.mark.parametrize("table", ["basic", "extended"])
@pytest.mark.parametrize("kind", ENCODED)
def test_compressed_values_are_read_and_put_back_in_their_own_syntax(tmp_path, kind, table):
    syntax, stored, form = ENCODED[kind]
    path = save(compress(stored, syntax, table=table, **form), tmp_path / "a.dcm")
    with StoredFrames(path) as source:
        assert source.photometric == ("MONOCHROME2" if stored.ndim == 3 else "RGB")
        assert not source.lossy
        for index, frame in enumerate(stored):
            assert np.array_equal(source[index], frame)
        changed = stored.copy()
        changed[:, 3:9, 5:20] = 1
        replace_pixels(source.dataset, changed, source.photometric)
        save(source.dataset, tmp_path / "b.dcm")
    again = pydicom.dcmread(tmp_path / "b.dcm")
    assert again.file_meta.TransferSyntaxUID == syntax
    assert again.PhotometricInterpretation == pydicom.dcmread(path).PhotometricInterpretation
    assert ("ExtendedOffsetTable" in again) == (table == "extended")
    assert np.array_equal(
        pydicom.pixels.pixel_array(again, raw=True).reshape(stored.shape), changed
    )
    assert np.array_equal(read(tmp_path / "b.dcm")[0], changed)
    assert again.SOPInstanceUID == "1.2.3"
    assert scrub_stream(again) == 0  # nothing beside the picture


RLE_32 = {
    **{"byteorder": "<", "rows": ROWS, "columns": COLUMNS, "samples_per_pixel": 1},
    **{"bits_allocated": 32, "bits_stored": 32, "pixel_representation": 0, "number_of_frames": 1},
}


@pytest.mark.parametrize("dtype, bits", [(np.uint8, 8), (np.uint16, 12), (np.int16, 12)])
def test_deflated_frames_are_read_and_put_back(tmp_path, dtype, bits):
    stored = values(dtype, bits, 3)
    encoded = [deflate_frame(frame.tobytes() + b"\0" * (frame.nbytes % 2)) for frame in stored]
    dataset = encapsulated(stored, encoded, DEFLATED_FRAMES, bits=bits)
    path = save(dataset, tmp_path / "a.dcm")
    assert np.array_equal(read(path)[0], stored)
    with StoredFrames(path) as source:
        changed = np.where(stored > 3, stored, 1).astype(dtype)
        replace_pixels(source.dataset, changed, source.photometric)
        save(source.dataset, tmp_path / "b.dcm")
    assert np.array_equal(read(tmp_path / "b.dcm")[0], changed)
    again = pydicom.dcmread(tmp_path / "b.dcm")
    assert again.file_meta.TransferSyntaxUID == DEFLATED_FRAMES
    assert scrub_stream(again) == 0
    dataset.PixelData = encapsulate([encoded[0] + b"DOE^JANE", *encoded[1:]])
    removed, _, after = scrub(dataset, tmp_path)
    assert removed >= 8 and b"DOE" not in after


def test_deflated_frames_of_single_bits_are_read(tmp_path):
    bits = np.random.default_rng(1).integers(0, 2, (3, 7, 5), np.uint8)
    packed = [np.packbits(frame.ravel(), bitorder="little").tobytes() for frame in bits]
    dataset = make(bits, BitsAllocated=1, BitsStored=1, HighBit=0)
    dataset.file_meta.TransferSyntaxUID = DEFLATED_FRAMES
    dataset.PixelData = encapsulate([deflate_frame(one) for one in packed])
    dataset["PixelData"].is_undefined_length = True
    path = save(dataset, tmp_path / "a.dcm")
    assert np.array_equal(read(path)[0], bits)
    dataset.PixelData = encapsulate([deflate_frame(bytes(1 << 20))] * 3)
    assert code(save(dataset, tmp_path / "b.dcm")) == "bad_geometry"
    dataset.PixelData = encapsulate([b"no deflate stream "] * 3)
    assert code(save(dataset, tmp_path / "b.dcm")) == "undecodable"


def test_run_length_encoded_frames_of_single_bits_are_read(tmp_path):
    bits = np.random.default_rng(1).integers(0, 2, (3, 16, 5), np.uint8)
    packed = [np.packbits(frame.ravel(), bitorder="little").tobytes() for frame in bits]
    form = {"rows": 1, "columns": len(packed[0]), "bits_allocated": 8, "bits_stored": 8}
    encoded = [rle.encode_pixel_data(one, **(RLE_32 | form)) for one in packed]
    dataset = encapsulated(bits, encoded, uid.RLELossless)
    dataset.BitsAllocated = dataset.BitsStored = 1
    dataset.HighBit = 0
    path = save(dataset, tmp_path / "a.dcm")
    assert np.array_equal(read(path)[0], bits)
    assert scrub(dataset, tmp_path)[0] == 0
    dataset.PixelData = encapsulate([encoded[0] + b"DOE^JANE", *encoded[1:]])
    removed, _, after = scrub(dataset, tmp_path)
    assert removed == 8 and b"DOE" not in after


def test_a_sequential_jpeg_that_hides_its_spectrum_is_read(tmp_path):
    smooth = np.full((1, 40, 56), 90, np.uint8)
    encoded = jpeg(smooth[0])
    at = encoded.index(b"\xff\xda")
    end = at + 2 + int.from_bytes(encoded[at + 2 : at + 4], "big")
    assert encoded[end - 3 : end] == b"\x00\x3f\x00"
    odd = encoded[: end - 3] + bytes(3) + encoded[end:]
    path = save(encapsulated(smooth, [odd], uid.JPEGBaseline8Bit), tmp_path / "a.dcm")
    assert np.array_equal(read(path)[0], smooth)


def test_progressive_jpeg_is_read(tmp_path):
    smooth = cv2.GaussianBlur(values(np.uint8, 8)[0], (0, 0), 3)
    encoded = cv2.imencode(".jpg", smooth, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert b"\xff\xc2" in encoded
    syntax = uid.UID("1.2.840.10008.1.2.4.55")
    path = save(encapsulated(smooth[None], [encoded], syntax), tmp_path / "a.dcm")
    with StoredFrames(path) as source:
        assert source.lossy
        assert abs(source[0].astype(int) - smooth).max() <= 6


def test_a_picture_that_no_scanner_makes_is_refused_before_memory_is_taken(tmp_path):
    stored = values(np.uint8, 8)
    dataset = encapsulated(stored, [jpeg(stored[0])], uid.JPEGBaseline8Bit)
    dataset.Rows = dataset.Columns = 60_000
    assert code(save(dataset, tmp_path / "a.dcm")) == "too_large"
    # each frame could be, but a file of so few bytes does not hold so many
    dataset.Rows = dataset.Columns = 11_000
    dataset.NumberOfFrames = 20
    dataset.PixelData = encapsulate([jpeg(stored[0])] * 20)
    assert code(save(dataset, tmp_path / "b.dcm")) == "too_large"
    native = make(stored)
    native.Rows = native.Columns = 9_000  # more than there is
    assert code(save(native, tmp_path / "c.dcm")) == "bad_geometry"


def test_pixels_beyond_the_last_one_are_refused_and_padding_is_not(tmp_path):
    stored = values(np.uint16, 16)
    for keyword in ("Rows", "Columns"):
        dataset = make(stored)
        setattr(dataset, keyword, dataset[keyword].value - 1)  # sheared, or cut off below
        assert code(save(dataset, tmp_path / "a.dcm")) == "bad_geometry"
    for padding in (bytes(2 * COLUMNS), b"\xff" * 400, bytes(range(20))):
        dataset = make(stored)
        dataset.PixelData += padding
        assert np.array_equal(read(save(dataset, tmp_path / "b.dcm"))[0], stored)


def jpeg(frame, *segments):
    """A baseline JPEG of a frame, with segments put in after its start."""
    encoded = cv2.imencode(".jpg", frame)[1].tobytes()
    return encoded[:2] + b"".join(segments) + encoded[2:]


def segment(marker, body):
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def test_lossy_colour_is_read_as_the_decoder_gives_it(tmp_path):
    smooth = np.full((1, 16, 16, 3), (40, 80, 200), np.uint8)
    dataset = encapsulated(
        smooth, [jpeg(smooth[0])], uid.JPEGBaseline8Bit, photometric="YBR_FULL_422"
    )
    with StoredFrames(save(dataset, tmp_path / "a.dcm")) as source:
        assert source.lossy and source.photometric == "YBR_FULL"
        blue, green, red = 40, 80, 200  # OpenCV's order
        y = 0.299 * red + 0.587 * green + 0.114 * blue
        assert abs(source[0][8, 8, 0] - y) <= 2


@pytest.mark.parametrize("table", ["basic", "none", "extended"])
def test_frames_of_several_fragments_are_told_apart(tmp_path, table):
    stored = values(np.uint8, 8, 3)
    encoded = [jpeg(frame) for frame in stored]
    dataset = encapsulated(stored, encoded, uid.JPEGBaseline8Bit)
    if table == "extended":
        value, offsets, lengths = encapsulate_extended(encoded)
        dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = offsets, lengths
    else:
        value = encapsulate(encoded, fragments_per_frame=3, has_bot=table == "basic")
    dataset.PixelData = value
    found, _ = read(save(dataset, tmp_path / "a.dcm"))
    for frame, one in zip(found, encoded, strict=True):
        assert abs(frame.astype(int) - cv2.imdecode(np.frombuffer(one, np.uint8), 0)).max() <= 2


def code(path):
    with pytest.raises(ItemError) as error, StoredFrames(path) as source:
        for index in range(len(source)):
            source[index]
    return error.value.code


def test_faults_have_their_codes(tmp_path):
    stored = values(np.uint16, 16, 2)

    def broken(change, syntax=uid.ExplicitVRLittleEndian):
        dataset = make(stored, syntax=syntax)
        change(dataset)
        return code(save(dataset, tmp_path / "a.dcm", enforce_file_format=False))

    def drop(*keywords):
        return lambda dataset: [delattr(dataset, keyword) for keyword in keywords]

    def put(**values):
        return lambda dataset: [setattr(dataset, k, v) for k, v in values.items()]

    assert broken(drop("PixelData")) == "pixels_missing"
    assert broken(put(PixelData=b"")) == "pixels_missing"
    assert broken(drop("Rows")) == "bad_geometry"
    assert broken(put(BitsAllocated=12)) == "bad_geometry"
    assert broken(put(BitsStored=17)) == "bad_geometry"
    assert broken(put(SamplesPerPixel=2)) == "bad_geometry"
    assert broken(put(PhotometricInterpretation="HSV")) == "bad_geometry"
    assert broken(put(NumberOfFrames=3)) == "bad_geometry"
    assert broken(put(NumberOfFrames=1)) == "bad_geometry"  # a frame would be lost
    path = save(make(stored), tmp_path / "b.dcm")
    path.write_bytes(path.read_bytes().replace(b"IS\x02\x002 ", b"IS\x02\x001A"))
    assert code(path) == "bad_geometry"
    path = save(make(stored), tmp_path / "c.dcm")
    path.write_bytes(path.read_bytes()[:-9])
    assert code(path) == "undecodable"
    assert code(tmp_path / "missing.dcm") == "unreadable"
    floats = make(stored)
    del floats.PixelData
    floats.FloatPixelData = stored.astype(np.float32).tobytes()
    assert code(save(floats, tmp_path / "d.dcm")) == "float_pixels"
    for syntax, expected in {
        "1.2.840.10008.1.2.4.102": "video",
        "1.2.840.10008.1.2.4.107": "video",
        "1.2.840.10008.1.2.4.56": "unsupported_syntax",
    }.items():
        dataset = encapsulated(stored, [b"\0\0"] * 2, uid.UID(syntax))
        assert code(save(dataset, tmp_path / "e.dcm")) == expected
    dataset = encapsulated(stored, [b"\xff\xd8no image\xff\xd9"] * 2, uid.JPEGBaseline8Bit)
    assert code(save(dataset, tmp_path / "f.dcm")) == "undecodable"
    cut = [jpeg(stored[0].astype(np.uint8))[:-40]] * 2  # decoders make the rest up
    dataset = encapsulated(stored.astype(np.uint8), cut, uid.JPEGBaseline8Bit)
    assert code(save(dataset, tmp_path / "f.dcm")) == "undecodable"
    # two segments, of which the first one yields more bytes than there are pixels
    header = struct.pack("<16L", 2, 64, 64 + 2 * 100, *[0] * 13)
    segments = b"\x81\x07" * 100 + b"\x81\x07" * (-(-stored[0].size // 128))
    dataset = encapsulated(stored, [header + segments] * 2, uid.RLELossless)
    assert code(save(dataset, tmp_path / "f.dcm")) == "undecodable"
    dataset = encapsulated(stored, [b"\xff\xd8no image\xff\xd9"] * 3, uid.JPEGBaseline8Bit)
    assert code(save(dataset, tmp_path / "f.dcm")) == "bad_geometry"
    dataset = encapsulated(stored[:1], [b"\xff\xd8\xffimage\xff\xd9"] * 2, uid.JPEGBaseline8Bit)
    assert code(save(dataset, tmp_path / "f.dcm")) == "bad_geometry"  # a frame would be lost


def scrub(dataset, tmp_path):
    """Scrub a dataset read from a file; (bytes removed, pixel data before, after, decoded)."""
    path = save(dataset, tmp_path / "a.dcm")
    again = pydicom.dcmread(path)
    before = again.PixelData
    removed = scrub_stream(again)
    save(again, tmp_path / "b.dcm")
    assert np.array_equal(read(path)[0], read(tmp_path / "b.dcm")[0])
    assert scrub_stream(pydicom.dcmread(tmp_path / "b.dcm")) == 0
    return removed, before, again.PixelData


@pytest.mark.parametrize("syntax", [uid.JPEGBaseline8Bit, uid.JPEGLSLossless, uid.JPEG2000Lossless])
def test_a_compressed_frame_of_another_size_than_the_header_says_is_refused(tmp_path, syntax):
    # as many bytes as the header promises, so that the decoder is content: rows would be mixed up
    frame = values(np.uint8, 8)
    dataset = make(frame)
    if syntax == uid.JPEGBaseline8Bit:
        dataset = encapsulated(frame, [jpeg(frame[0])], syntax)
    else:
        dataset.compress(syntax, generate_instance_uid=False)
    assert read(save(dataset, tmp_path / "a.dcm"))[0].shape == frame.shape
    dataset.Rows, dataset.Columns = dataset.Columns, dataset.Rows
    assert code(save(dataset, tmp_path / "b.dcm")) == "bad_geometry"


def lossless_jpeg(value, rows, columns):
    """A lossless JPEG of 16 bits (process 14, selection value 1) of one value."""
    difference = value - 0x8000
    size = abs(difference).bit_length()
    bits = "10" + f"{difference if difference > 0 else difference + (1 << size) - 1:0{size}b}"
    bits += "0" * (rows * columns - 1)  # no difference from the pixel before
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    return b"".join(
        (
            b"\xff\xd8",
            segment(0xC4, b"\0" + bytes([1, 1] + [0] * 14) + bytes([0, size])),
            segment(0xC3, struct.pack(">BHHB3B", 16, rows, columns, 1, 1, 0x11, 0)),
            segment(0xDA, bytes([1, 1, 0, 1, 0, 0])),
            scan,
            b"\xff\xd9",
        )
    )


@pytest.mark.parametrize("value, signed", [(2049, False), (4090, True), (0xFFFA, True)])
def test_values_of_fewer_bits_are_read_from_a_lossless_jpeg(tmp_path, value, signed):
    form = np.zeros((1, 8, 8), np.int16 if signed else np.uint16)
    dataset = encapsulated(form, [lossless_jpeg(value, 8, 8)], uid.JPEGLosslessSV1, bits=12)
    expected = -6 if signed else value
    assert set(read(save(dataset, tmp_path / "a.dcm"))[0].ravel()) == {expected}


def test_bits_above_the_highest_are_refused_in_lossless_images(tmp_path):
    hidden = values(np.uint16, 12)
    hidden[0, 3, 4] |= 0x4000  # an overlay that was encoded with the picture
    for syntax in (uid.JPEGLSLossless, uid.JPEG2000Lossless):
        dataset = make(hidden)
        dataset.compress(syntax, generate_instance_uid=False)
        dataset.BitsStored, dataset.HighBit = 12, 11
        assert code(save(dataset, tmp_path / "a.dcm")) == "bad_geometry"
    small = np.zeros((1, 8, 8), np.uint16)
    image = lossless_jpeg(0x4805, 8, 8)
    dataset = encapsulated(small, [image], uid.JPEGLosslessSV1, bits=12)
    assert code(save(dataset, tmp_path / "b.dcm")) == "bad_geometry"


def test_one_bit_pixels_have_no_sign(tmp_path):
    dataset = make(np.zeros((1, 8, 8), np.uint8))
    dataset.BitsAllocated = dataset.BitsStored = dataset.PixelRepresentation = 1
    dataset.HighBit, dataset.PixelData = 0, b"\xff" * 8
    with StoredFrames(save(dataset, tmp_path / "a.dcm")) as source:
        assert source.dtype == np.uint8 and not source.signed and source[0].min() == 1


def test_no_value_of_a_header_reaches_log_or_warnings(tmp_path):
    path = save(make(values(np.uint8, 8)), tmp_path / "a.dcm")
    path.write_bytes(path.read_bytes().replace(b"IS\x02\x001 ", b"IS\x02\x00Q7"))
    program = (
        "import logging, sys; logging.basicConfig(level=logging.INFO)\n"
        "from unburn.errors import ItemError\nfrom unburn.pixels import StoredFrames\n"
        "try: StoredFrames(sys.argv[1])\n"
        "except ItemError as error: print(error.code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path],
        env={"PYTHONPATH": str(Path(pixels.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("bad_geometry\n", "")
