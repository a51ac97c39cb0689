import cv2
import numpy as np
import pytest

from unburn import readers
from unburn.errors import UserError
from unburn.readers import Line


def written(rows=240, columns=320, text="PATIENT 4711", at=(20, 120), size=0.9):
    picture = np.full((rows, columns), 30, np.uint8)
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, 230, 2, cv2.LINE_AA)
    return picture


@pytest.fixture(scope="module")
def reader():
    return readers.rapidocr()


def letters(lines):
    return "".join(c for line in lines for c in line.text if c.isalnum())


def test_rapidocr_reads_a_planted_line_at_its_place(reader):
    lines = reader.read(written())
    assert letters(lines) == "PATIENT4711"
    assert all(isinstance(line, Line) and line.score > 0.8 for line in lines)
    corners = np.concatenate([line.quad for line in lines])
    assert corners.shape[1] == 2 and corners.dtype == np.float32
    assert abs(corners[:, 0].min() - 20) < 12 and abs(corners[:, 1].max() - 122) < 15


@pytest.mark.parametrize("turns", [1, 3])
def test_rapidocr_reads_a_line_that_runs_up_or_down(reader, turns):
    assert letters(reader.read(np.rot90(written(), turns))) == "PATIENT4711"


def test_rapidocr_reads_colour_and_finds_nothing_on_an_even_picture(reader):
    picture = np.dstack([written(), np.zeros((240, 320), np.uint8), np.zeros((240, 320), np.uint8)])
    assert "4711" in letters(reader.read(picture))
    assert reader.read(np.full((64, 64), 7, np.uint8)) == []


def test_rapidocr_reads_the_same_twice(reader):
    first, second = (reader.read(written()) for _ in range(2))
    assert [(a.text, a.score) for a in first] == [(b.text, b.score) for b in second]


def test_small_letters_in_a_large_frame_are_read(reader):
    picture = written(1400, 1200, at=(900, 1350), size=0.45)
    assert "4711" in letters(reader.read(picture))


@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (512, 512), (1281, 300), (3000, 2500)])
def test_parts_cover_the_frame_and_stay_small(rows, columns):
    seen = np.zeros((rows, columns), bool)
    for top, left, height, width, scale in readers.parts(rows, columns):
        assert scale <= readers.ENLARGE_MOST
        assert max(height, width) * scale <= 2 * readers.LONG_SIDE
        if scale >= 1:
            seen[top : top + height, left : left + width] = True
    assert seen.all()


def test_tiles_overlap_by_more_than_a_line():
    starts = readers._starts(3000)
    assert starts[0] == 0 and starts[-1] == 3000 - readers.LONG_SIDE
    assert max(np.diff(starts)) <= readers.LONG_SIDE - readers.OVERLAP


def test_sixteen_bits_are_refused(reader):
    with pytest.raises(ValueError, match="expected uint8, got uint16"):
        reader.read(np.zeros((8, 8), np.uint16))


def test_other_weights_stop_with_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setattr(readers, "MODELS", tmp_path)
    with pytest.raises(UserError, match="no such file") as error:
        readers.rapidocr()
    assert "install rapidocr-onnxruntime" in error.value.advice


def test_weights_are_the_pinned_ones():
    assert readers.rapidocr_weights() == readers.PINNED


def test_absent_tesseract_names_the_remedy(monkeypatch):
    monkeypatch.setattr(readers.shutil, "which", lambda name: None)
    with pytest.raises(UserError, match="not installed") as error:
        readers.tesseract()
    assert "apt-get install tesseract-ocr" in error.value.advice


@pytest.mark.skipif(readers.shutil.which("tesseract") is None, reason="needs tesseract-ocr")
def test_tesseract_reads_a_planted_line():
    assert "4711" in letters(readers.tesseract().read(written()))


def test_the_recogniser_reads_a_given_line_and_an_equal_one_once(monkeypatch):
    recogniser = readers.Recogniser()
    picture = written(200, 400)
    quad = np.array([[10, 90], [240, 90], [240, 130], [10, 130]], np.float32)
    text, score = recogniser.read_line(picture, quad)
    assert "4711" in text and score > 0.9
    turned = np.array([[10, 160], [50, 160], [50, 390], [10, 390]], np.float32)
    standing = np.zeros((400, 200), np.uint8)
    standing[160:390, 10:50] = np.rot90(picture[90:130, 10:240])
    assert "4711" in recogniser.read_line(standing, turned)[0]
    monkeypatch.setattr(recogniser, "read", None)
    assert recogniser.read_line(picture.copy(), quad) == (text, score)


@pytest.mark.parametrize("size", [(640, 640), (333, 700), (1300, 64)])
def test_a_picture_is_prepared_as_rapidocr_does_it(reader, size):
    picture = np.random.default_rng(3).integers(0, 256, (*size, 3), np.uint8)
    prepared = reader._detector.get_preprocess(max(size))(picture)
    theirs = readers.TextDetector.get_preprocess(reader._detector, max(size))(picture)
    assert prepared.dtype == theirs.dtype
    assert np.array_equal(prepared, theirs)
