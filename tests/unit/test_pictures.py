import os
import struct
import zlib

import cv2
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import uid

from unburn import pictures
from unburn.errors import ItemError, UserError

RAMP = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)
GREY = (RAMP % 251).astype(np.uint8)


def read(path):
    assert pictures.kind(path) == pictures.PICTURE
    return [stored for _, _, stored in pictures.frames(path)]


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "jpg", "webp", "dat"])
def test_a_picture_is_known_by_its_bytes_whatever_its_name(tmp_path, suffix):
    cv2.imwrite(str(tmp_path / "x.png"), GREY)
    path = tmp_path / f"y.{suffix}"
    if suffix == "dat":
        (tmp_path / "x.png").rename(path)
    else:
        cv2.imwrite(str(path), GREY)
    (stored,) = read(path)
    assert stored.shape[:2] == GREY.shape and stored.dtype == np.uint8


def test_depth_channels_and_frames_are_those_of_the_file(tmp_path):
    cv2.imwrite(str(tmp_path / "deep.tif"), RAMP)
    assert np.array_equal(read(tmp_path / "deep.tif")[0], RAMP)
    colour = np.dstack([GREY, GREY // 2, GREY // 3, 255 - GREY])
    cv2.imwrite(str(tmp_path / "alpha.png"), colour)
    assert np.array_equal(read(tmp_path / "alpha.png")[0], colour)
    Image.fromarray(GREY).convert("P").save(tmp_path / "palette.png")
    assert read(tmp_path / "palette.png")[0].shape == (48, 64, 3)
    Image.fromarray(GREY > 99).save(tmp_path / "bit.tif")
    assert set(np.unique(read(tmp_path / "bit.tif")[0])) == {0, 255}
    frames = [Image.fromarray(np.roll(GREY, k)) for k in range(3)]
    for suffix in ("gif", "png"):
        path = tmp_path / f"cine.{suffix}"
        frames[0].save(path, save_all=True, append_images=frames[1:])
        assert len(read(path)) == 3


def test_pages_are_read_in_blocks_and_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "BLOCK_BYTES", 2 * GREY.nbytes)
    pages = [np.roll(GREY, k) for k in range(6)]
    cv2.imwritemulti(str(tmp_path / "pages.tif"), pages)
    found = list(pictures.frames(tmp_path / "pages.tif"))
    assert [(number, count) for number, count, _ in found] == [(k, 6) for k in range(6)]
    assert all(np.array_equal(a, b) for (_, _, a), b in zip(found, pages, strict=True))


def test_pictures_that_text_leaves_traces_in_are_known(tmp_path):
    grey = Image.fromarray(GREY)
    kinds = {
        "a.png": ({}, None), "a.bmp": ({}, None), "a.gif": ({}, None), "a.tif": ({}, None),
        "b.tif": ({"compression": "tiff_lzw"}, None),
        "c.tif": ({"compression": "jpeg"}, uid.JPEGBaseline8Bit),
        "a.jpg": ({}, uid.JPEGBaseline8Bit), "a.jp2": ({}, uid.JPEG2000),
        "a.webp": ({}, uid.JPEG2000),
    }  # fmt: skip
    for name, (options, syntax) in kinds.items():
        grey.save(tmp_path / name, **options)
        assert pictures.traces(tmp_path / name) == syntax, name
    grey.save(tmp_path / "pages.tif", save_all=True, append_images=[grey], compression="jpeg")
    assert pictures.traces(tmp_path / "pages.tif") == uid.JPEGBaseline8Bit
    (tmp_path / "cut.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:9])
    assert pictures.traces(tmp_path / "cut.tif") == uid.JPEG2000


def test_the_matrix_is_the_stored_one_whatever_the_orientation_tag_says(tmp_path):
    picture = Image.fromarray(GREY)
    tags = picture.getexif()
    tags[0x0112] = 6  # turn by 90 degrees
    picture.save(tmp_path / "turned.jpg", exif=tags)
    assert read(tmp_path / "turned.jpg")[0].shape == GREY.shape


@pytest.mark.parametrize(
    "name, content, code",
    [
        ("x.png", b"", "empty_file"),
        ("x.png", os.urandom(500), "broken"),
        ("x.dcm", b"\x07" * 500, "broken"),
        ("x.zip", b"PK\x03\x04" + b"\0" * 500, "archive"),
        ("x.nii", b"\0" * 344 + b"n+1\0" + b"\0" * 100, "nifti"),
        ("x\udcff.png", b"\x89PNG", "file_name"),
    ],
)
def test_what_promises_an_image_and_is_none_has_a_reason(tmp_path, name, content, code):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ItemError, match=code):
        pictures.kind(tmp_path / name)
    assert pictures.sentence(code)


@pytest.mark.parametrize("name, content", [("note.txt", b"no picture"), ("Thumbs.db", b"")])
def test_other_files_are_no_pictures(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert pictures.kind(tmp_path / name) == pictures.OTHER


def test_a_picture_that_is_cut_off_is_undecodable_and_silent(tmp_path, capfd):
    rng = np.random.default_rng(0)
    for name in ("x.png", "x.tif", "x.jpg"):
        path = tmp_path / name
        cv2.imwrite(str(path), rng.integers(0, 255, (90, 90)).astype(np.uint8))
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        with pytest.raises(ItemError, match=r"undecodable|broken"):
            read(path)
    assert capfd.readouterr().err == ""


def test_a_picture_that_no_memory_holds_is_refused_by_its_header(tmp_path):
    header = b"IHDR" + struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    chunks = [(header, zlib.crc32(header)), (b"IDAT" + b"\0" * 9, 0)]
    packed = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", crc) for c, crc in chunks]
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
    with pytest.raises(ItemError, match="too_large"):
        read(tmp_path / "x.png")


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_pixels_that_are_no_small_whole_numbers_are_refused(tmp_path, dtype):
    Image.fromarray(RAMP.astype(dtype)).save(tmp_path / "x.tif")
    with pytest.raises(ItemError, match="depth"):
        read(tmp_path / "x.tif")


def test_dicom_is_known_with_and_without_suffix_and_preamble(tmp_path):
    data = pydicom.Dataset()
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.11", "1.2.3"
    for name, plain in (("a", False), ("b.dcm", True), ("c.png", False)):
        data.save_as(tmp_path / name, implicit_vr=True, little_endian=True)
        if not plain:
            data.file_meta = pydicom.dataset.FileMetaDataset()
            data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
            data.save_as(tmp_path / name, enforce_file_format=True)
            del data.file_meta
        assert pictures.kind(tmp_path / name) == pictures.DICOM
        assert not pictures.promises_image(tmp_path / name)


# ------------------------------------------------------------------ what was handed in


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_files_are_listed_by_name_without_what_is_hidden_or_ours(tmp_path, caplog):
    caplog.set_level("INFO")
    touch(tmp_path / "in", "b/c.png", "b/.d.png", "a.dcm", "1.2.3", "a.mask.png", ".e/f.png")
    touch(tmp_path / "in" / "out", "old.png")
    found = pictures.listed([tmp_path / "in"], tmp_path / "in" / "out")
    assert list(found.files) == ["1.2.3", "a", "b/c"]
    assert not found.given and not found.troubles
    assert "2 hidden files or folders passed over" in caplog.text
    assert "out: results go there, it is not searched" in caplog.text


def test_links_to_folders_are_told_and_links_to_files_are_followed(tmp_path):
    touch(tmp_path, "in/a.png", "away/b.png")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "away")
    (tmp_path / "in" / "c.png").symlink_to(tmp_path / "away" / "b.png")
    found = pictures.listed([tmp_path / "in"], tmp_path / "out")
    assert list(found.files) == ["a", "c"]
    ((path, sentence),) = found.troubles
    assert path.name == "link" and "not followed" in sentence


@pytest.mark.parametrize(
    "names, inputs, out, message",
    [
        (["a.png", "a.jpg"], ["."], "out", "same name: .*a.(png|jpg) and .*a.(png|jpg); nothing"),
        (["a.png", "a.jpg", "b.png", "b.bmp"], ["."], "out", "a.*; .*b.*; nothing was done"),
        (["a.tif", "a.f0001.png"], ["."], "out", "named like a frame of"),
        (["a.png"], ["."], ".", "is the folder of the pictures"),
        (["a.png"], ["."], "a.png/out", "is a file, or lies below one"),
        (["a.mask.png"], ["a.mask.png"], "out", "it is a mask by its name"),
        ([], ["nowhere"], "out", "no such file or folder"),
        ([".hidden"], ["."], "out", "no file was found"),
    ],
)
def test_what_cannot_be_named_is_refused_with_a_way_out(tmp_path, names, inputs, out, message):
    touch(tmp_path, *names)
    with pytest.raises(UserError, match=f"{message}.*\n    hint: "):
        pictures.listed([tmp_path / name for name in inputs], tmp_path / out)
