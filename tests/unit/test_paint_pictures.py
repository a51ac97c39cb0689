import logging

import cv2
import numpy as np
import pytest

from unburn import paint_pictures
from unburn.errors import UserError


def anatomy(side=128):
    """Slow structure and noise, float64 about 1000."""
    rows, columns = np.mgrid[:side, :side]
    slow = 1000 + 300 * np.sin(rows / 23) * np.cos(columns / 31)
    return slow + np.random.default_rng(1).normal(0, 20, (side, side))


BOX = np.zeros((128, 128), bool)
BOX[50:64, 20:110] = True
MASK = 255 * BOX.astype(np.uint8)


@pytest.fixture
def base(tmp_path):
    """An 8-bit colour and a 16-bit picture with their masks."""
    (tmp_path / "in/a").mkdir(parents=True)
    (tmp_path / "masks/a").mkdir(parents=True)
    colour = np.repeat((anatomy() / 8).astype(np.uint8)[..., None], 3, axis=2)
    cv2.imwrite(str(tmp_path / "in/a/b.png"), colour)
    cv2.imwrite(str(tmp_path / "in/c.d.tif"), (40 * anatomy()).astype(np.uint16))
    for name in ("a/b", "c.d"):
        cv2.imwrite(str(tmp_path / f"masks/{name}.mask.png"), MASK)
    return tmp_path


def run(base, engine="classic", inputs=("in",), out="out"):
    inputs = [base / name for name in inputs]
    return paint_pictures.folder(inputs, base / "masks", base / out, engine, "CT", 1)


def stored(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def test_pictures_are_painted_in_the_depth_they_have(base):
    assert run(base) == 0
    for name, out, dtype in (("a/b.png", "a/b.png", np.uint8), ("c.d.tif", "c.d.png", np.uint16)):
        before, after = stored(base / "in" / name), stored(base / "out" / out)
        assert after.dtype == dtype and after.shape == before.shape
        assert (after[~BOX] == before[~BOX]).all()
        assert (after[BOX] != before[BOX]).mean() > 0.5


def test_frames_of_one_file_are_painted_each_by_its_mask(base):
    pages = [(anatomy() / 8).astype(np.uint8) + k for k in range(2)]
    cv2.imwritemulti(str(base / "in/cine.tif"), pages)
    cv2.imwrite(str(base / "masks/cine.f0001.mask.png"), MASK)
    with pytest.raises(UserError, match=r"has no mask at .*cine\.f0002\.mask\.png"):
        run(base)
    assert not (base / "out").exists()
    cv2.imwrite(str(base / "masks/cine.f0002.mask.png"), 0 * MASK)
    assert run(base) == 0
    first, second = (stored(base / f"out/cine.f000{k}.png") for k in (1, 2))
    assert (first[BOX] != pages[0][BOX]).any() and (first[~BOX] == pages[0][~BOX]).all()
    assert np.array_equal(second, pages[1])


def test_what_detect_left_out_needs_no_mask_and_is_told(base, caplog):
    caplog.set_level("INFO")
    whole = (base / "in/a/b.png").read_bytes()
    (base / "in/cut.png").write_bytes(whole[: len(whole) // 2])
    (base / "in/empty.jpg").write_bytes(b"")
    cv2.imwrite(str(base / "in/float.tif"), anatomy().astype(np.float32))
    (base / "in/note.txt").write_text("no picture")
    (base / "in/scan.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 99)
    assert run(base) == 4
    for sentence in (
        "cut.png: The pixels could not be decoded",
        "empty.jpg: The file has no content",
        "float.tif: its pixels are not whole numbers of 8 or 16 bits",
        "scan.dcm: a DICOM file, whose header names people too",
        "note.txt: neither a picture nor a DICOM image",
        "2 pictures painted, 4 files not",
    ):
        assert sentence in caplog.text
    assert sorted(path.name for path in (base / "out").rglob("*.*")) == ["b.png", "c.d.png"]


def test_a_picture_without_a_mask_is_named_before_work_starts(base):
    (base / "masks/c.d.mask.png").unlink()
    with pytest.raises(UserError, match=r"c\.d\.tif: has no mask at .*c\.d\.mask\.png"):
        run(base)
    assert not (base / "out").exists()


def test_a_mask_that_does_not_fit_is_told_and_stops_no_other(base, caplog):
    caplog.set_level(logging.INFO)
    cv2.imwrite(str(base / "masks/a/b.mask.png"), np.zeros((9, 8), np.uint8))
    assert run(base) == 1
    assert "b.mask.png: 8 x 9 px for a picture of 128 x 128 px; make the mask" in caplog.text
    (base / "masks/a/b.mask.png").write_bytes(b"nothing")
    assert run(base) == 1
    assert "b.mask.png: it cannot be read as a picture; make the mask" in caplog.text
    assert [path.name for path in (base / "out").rglob("*.*")] == ["c.d.png"]


def test_a_transparent_mask_is_told_and_an_opaque_one_counts(base, caplog):
    ink = np.zeros((128, 128, 4), np.uint8)
    ink[BOX, 3] = 255  # black on nothing
    cv2.imwrite(str(base / "masks/a/b.mask.png"), ink)
    opaque = np.dstack([MASK, MASK, MASK, np.full_like(MASK, 255)])
    cv2.imwrite(str(base / "masks/c.d.mask.png"), opaque)
    assert run(base) == 1
    assert "transparent" in caplog.text and not (base / "out/a/b.png").exists()
    before, after = stored(base / "in/c.d.tif"), stored(base / "out/c.d.png")
    assert (after[BOX] != before[BOX]).mean() > 0.9 and (after[~BOX] == before[~BOX]).all()


@pytest.mark.parametrize(
    "label", [np.uint16(1), np.array([3, 0, 0], np.uint8)], ids=["16 bits", "dark blue"]
)
def test_every_value_but_zero_of_a_mask_is_painted(base, label):
    mask = np.zeros((*BOX.shape, *label.shape), label.dtype)
    mask[BOX] = label
    cv2.imwrite(str(base / "masks/c.d.mask.png"), mask)
    run(base)
    before, after = stored(base / "in/c.d.tif"), stored(base / "out/c.d.png")
    assert (after[BOX] != before[BOX]).mean() > 0.5


def test_engines_there_are_are_named(base):
    with pytest.raises(UserError, match="no engine 'magic'\n    hint: one of flat, telea, classic"):
        run(base, "magic")


def test_the_input_is_never_written_over(base):
    with pytest.raises(UserError, match="is the folder of the pictures"):
        run(base, out="in")
    with pytest.raises(UserError, match=r"b\.png would be written over"):
        run(base, inputs=["in/a/b.png"], out="in/a")


def test_a_folder_without_files_says_so(base):
    (base / "empty").mkdir()
    with pytest.raises(UserError, match="no file was found"):
        run(base, inputs=["empty"])
