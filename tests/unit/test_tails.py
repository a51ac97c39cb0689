import io
import re

import numpy as np
import pytest
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from unburn import codestreams, tails
from unburn.errors import ItemError
from unburn.pixels import StoredFrames
from unburn.scrubbing import scrub_stream

NAME = b"DOE^JANE QUILLFEATHER"
PICTURE = np.random.default_rng(3).integers(0, 255, (32, 40), np.uint8)
FORMS = {
    "jpeg": (uid.JPEGBaseline8Bit, {"format": "JPEG", "quality": 90}),
    "progressive": (uid.JPEGBaseline8Bit, {"format": "JPEG", "progressive": True}),
    "restarts": (uid.JPEGBaseline8Bit, {"format": "JPEG", "restart_marker_rows": 1}),
    "jpeg 2000": (uid.JPEG2000Lossless, {"format": "JPEG2000", "irreversible": False}),
    "lossy jpeg 2000": (uid.JPEG2000, {"format": "JPEG2000", "irreversible": True}),
}


def image(form, picture=PICTURE):
    """A compressed image and its transfer syntax."""
    syntax, options = FORMS[form]
    out = io.BytesIO()
    Image.fromarray(picture).save(out, **options)
    encoded = out.getvalue()
    return (encoded[encoded.index(b"\xff\x4f\xff\x51") :] if "2000" in form else encoded), syntax


def dataset(encoded, syntax, shape=PICTURE.shape):
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    made.Rows, made.Columns = shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    made.PixelData = encapsulate([encoded])
    made["PixelData"].is_undefined_length = True
    return made


def hide(form, encoded, secret):
    """Put bytes behind the last that makes a pixel of a scan, an interval or a tile-part."""
    if "2000" not in form:
        *_, (_, stop) = codestreams.jpeg_scans(encoded)
        if form == "restarts":
            _, stop = list(codestreams.jpeg_scans(encoded))[1]
        return encoded[:stop] + secret + encoded[stop:]
    at = encoded.index(b"\xff\x90")
    length = int.from_bytes(encoded[at + 6 : at + 10], "big") or len(encoded) - 2 - at
    end = at + length
    longer = (length + len(secret)).to_bytes(4, "big")
    return encoded[: at + 6] + longer + encoded[at + 10 : end] + secret + encoded[end:]


def frame(made, path):
    made.save_as(path, enforce_file_format=True)
    with StoredFrames(path) as source:
        return source[0]


@pytest.mark.parametrize("padding", [b"", b"\0\0\0"], ids=["bare", "padded"])
@pytest.mark.parametrize("form", FORMS)
def test_text_behind_the_last_pixel_goes_and_no_pixel_changes(tmp_path, form, padding):
    encoded, syntax = image(form)
    made = dataset(hide(form, encoded, NAME + padding), syntax)
    before = frame(made, tmp_path / "a.dcm")
    assert scrub_stream(made) >= len(NAME) - 1
    assert b"QUILL" not in made.PixelData and b"JANE" not in made.PixelData
    assert np.array_equal(frame(made, tmp_path / "b.dcm"), before)


@pytest.mark.parametrize("form", FORMS)
def test_wide_letters_go_too(tmp_path, form):
    encoded, syntax = image(form)
    made = dataset(hide(form, encoded, "QUILLFEATHER".encode("utf-16-le")), syntax)
    before = frame(made, tmp_path / "a.dcm")
    scrub_stream(made)
    assert "QUILL".encode("utf-16-le") not in made.PixelData
    assert np.array_equal(frame(made, tmp_path / "b.dcm"), before)


@pytest.mark.parametrize("form", FORMS)
def test_images_without_such_bytes_stay_byte_for_byte(form):
    for seed in range(4):
        noise = np.random.default_rng(seed).integers(0, 255, (32, 40), np.uint8)
        for picture in (noise, np.zeros((32, 40), np.uint8), np.sort(noise)):
            made = dataset(*image(form, picture))
            scrub_stream(made)
            once = made.PixelData
            assert scrub_stream(made) == 0 and made.PixelData == once


def test_bytes_that_look_like_text_and_make_pixels_stay(monkeypatch):
    """Every end is tried here, as if all compressed bytes were letters."""
    monkeypatch.setattr(tails, "_LEGIBLE", re.compile(rb".{4}\Z", re.DOTALL))
    for form in FORMS:
        encoded, syntax = image(form)
        made = dataset(encoded, syntax)
        before = codestreams.clean_jpeg2000(encoded) if "2000" in form else encoded
        scrub_stream(made)
        assert before[-40:] in made.PixelData, form


def test_lengths_of_packets_stay_where_they_are_right_and_go_where_they_are_text():
    encoded, _ = image("jpeg 2000")
    clean = codestreams.clean_jpeg2000(encoded)
    at = clean.index(b"\xff\x90")
    ((begin, end),) = codestreams.tile_parts(clean)
    size = end - begin
    right = bytes([size >> 14 & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size & 0x7F])
    for content, stays in ((right, True), (NAME, False)):
        segment = b"\xff\x58" + (3 + len(content)).to_bytes(2, "big") + b"\0" + content
        longer = (end - at + len(segment)).to_bytes(4, "big")
        image_ = clean[: at + 6] + longer + clean[at + 10 : at + 12] + segment + clean[at + 12 :]
        assert (content in codestreams.clean_jpeg2000(image_)) is stays


def test_text_in_the_arrays_of_a_transformation_is_refused():
    encoded, _ = image("jpeg 2000")
    part_2 = encoded[:6] + bytes((encoded[6] | 0x80,)) + encoded[7:]
    at = part_2.index(b"\xff\x90")
    segment = b"\xff\x74" + (2 + len(NAME)).to_bytes(2, "big") + NAME
    with pytest.raises(ItemError, match="undecodable"):
        codestreams.clean_jpeg2000(part_2[:at] + segment + part_2[at:])
