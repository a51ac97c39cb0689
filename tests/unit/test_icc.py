import io

import numpy as np
from PIL import Image, ImageCms
from pydicom.dataset import Dataset
from test_metadata import cleaned, image

from unburn import icc

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def named(profile=SRGB):
    """A profile with a name in its copyright, its maker and behind its last tag."""
    wide = "copyright".encode("utf-16-be")
    assert wide in profile
    text = profile.replace(wide, "Quillfeat".encode("utf-16-be"))
    return text[:48] + b"DOE^JANE" + text[56:] + b"QUILLFEATHER"


def test_text_goes_from_a_profile_and_colours_are_converted_as_before():
    profile = icc.clean(named())
    assert len(profile) == len(named())
    for text in ("DOE", "JANE", "QUILL", "Quill"):
        assert text.encode() not in profile and text.encode("utf-16-be") not in profile
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (16, 16, 3), np.uint8))
    lab = ImageCms.createProfile("LAB")
    found = [
        ImageCms.profileToProfile(
            picture, ImageCms.ImageCmsProfile(io.BytesIO(p)), lab, outputMode="LAB"
        )
        for p in (SRGB, profile)
    ]
    assert found[0].tobytes() == found[1].tobytes()
    assert icc.clean(profile) == profile


def test_what_is_no_profile_goes():
    for wrong in (b"", b"QUILLFEATHER" * 40, SRGB[:200], SRGB.replace(b"cprt", b"QUIL")):
        assert icc.clean(wrong) == b""


def placed(at, text):
    return SRGB[:at] + text + SRGB[at + len(text) :]


def test_text_in_numbers_fields_goes():
    assert icc.clean(placed(68, b"QUILLFEATHER")) == icc.clean(SRGB)  # where light is told
    table = SRGB[132 : 132 + 12 * int.from_bytes(SRGB[128:132], "big")]
    entries = {table[k : k + 4]: k for k in range(0, len(table), 12)}
    for tag in (b"rXYZ", b"desc"):
        at = entries[tag]
        offset = int.from_bytes(table[at + 4 : at + 8], "big")
        assert icc.clean(placed(offset + 4, b"JANE")) == icc.clean(SRGB)
        assert icc.clean(placed(offset, b"JANE")) == b""
    # a point of 20 bytes that says it has more
    at = 132 + entries[b"rXYZ"]
    longer = (
        SRGB[: at + 4] + len(SRGB).to_bytes(4, "big") + (40).to_bytes(4, "big") + SRGB[at + 12 :]
    )
    offset = int.from_bytes(table[entries[b"rXYZ"] + 4 :][:4], "big")
    point = SRGB[offset : offset + 20]
    cleaned_longer = icc.clean(longer + point + b"QUILLFEATHER^ROSAMUN")
    assert b"QUILL" not in cleaned_longer and point in cleaned_longer


def test_text_for_a_class_or_a_space_is_no_profile():
    for at in (0, 12, 16, 20):
        assert icc.clean(placed(at, b"JANE")) == b""


def test_a_header_keeps_a_profile_without_its_text():
    inner = Dataset()
    inner.ICCProfile = named()
    result = cleaned(image(ICCProfile=named(), OpticalPathSequence=[inner]))
    assert result.ICCProfile == result.OpticalPathSequence[0].ICCProfile == icc.clean(named())
    assert "ICCProfile" not in cleaned(image(ICCProfile=b"QUILLFEATHER" * 40))
