import cv2
import numpy as np
import pytest
from PIL import ImageFont

from unburn import glyphs
from unburn.errors import UserError

DOTS, STROKES = glyphs.OWN


def rng():
    return np.random.default_rng(5)


def test_the_dot_matrix_is_the_usual_one():
    ink = glyphs.written(rng(), "L", DOTS, 7, True)
    assert ink.coverage.tolist() == [[1, 0, 0, 0, 0]] * 6 + [[1] * 5]


@pytest.mark.parametrize("face", glyphs.OWN)
@pytest.mark.parametrize("crisp", [False, True])
def test_capitals_are_as_high_as_asked_for(face, crisp):
    ink = glyphs.written(rng(), "HELLO", face, 28, crisp)
    assert ink.height == pytest.approx(28, abs=5)  # a pen is broad
    assert ink.quad[2].tolist() == list(ink.coverage.shape[::-1])


def test_crisp_letters_are_whole_pixels():
    ink = glyphs.written(rng(), "R 12", STROKES, 20, True)
    assert set(np.unique(ink.coverage)) == {0, 1}
    assert 0 < np.unique(glyphs.written(rng(), "R 12", STROKES, 20, False).coverage)[1] < 1


def test_nothing_to_draw_gives_nothing():
    assert glyphs.written(rng(), "  ", STROKES, 20, True) is None


def test_quarter_turns_read_upwards_and_keep_the_height():
    ink = glyphs.written(rng(), "ABCDEF", DOTS, 7, True)
    up = glyphs.turned(ink, 0, 1)
    assert up.coverage.shape == ink.coverage.shape[::-1]
    assert (up.angle, up.height) == (90, 7)
    # the line begins at the lower left and runs up
    assert up.quad[0].tolist() == [0, up.coverage.shape[0]]
    assert up.quad[1].tolist() == [0, 0]


def test_tilted_letters_stay_within_their_corners():
    ink = glyphs.turned(glyphs.written(rng(), "TILTED TEXT", STROKES, 20, False), 5, 0)
    assert ink.angle == 5
    inside = cv2.fillPoly(
        np.zeros(ink.coverage.shape, np.uint8), [np.round(ink.quad).astype(np.int32)], 1
    )
    inside = cv2.dilate(inside, np.ones((3, 3), np.uint8)) > 0
    assert (ink.coverage[~inside] < glyphs.INK).all()
    # counter-clockwise: the right end is higher
    assert ink.quad[1, 1] < ink.quad[0, 1]


def test_a_font_counts_for_the_scripts_whose_letters_it_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(glyphs.features, "check", lambda name: True)  # also without libfribidi
    default = ImageFont.load_default(20)
    path = tmp_path / "own.ttf"
    path.write_bytes(default.path.getvalue())
    (tmp_path / "readme.txt").write_text("no font")
    found = glyphs.faces(tmp_path.iterdir())
    assert found[:2] == glyphs.OWN
    assert [face.path for face in found[2:]] == [str(path)]
    assert "latin" in found[2].scripts and "arabic" not in found[2].scripts


def test_fonts_whose_letters_cannot_be_joined_are_refused(tmp_path, monkeypatch):
    font = tmp_path / "some.ttf"
    font.write_bytes(ImageFont.load_default(12).path.getvalue())
    monkeypatch.setattr(glyphs.features, "check", lambda name: False)
    assert glyphs.faces([]) == glyphs.OWN
    with pytest.raises(UserError, match="cannot join letters\n    hint: apt-get install"):
        glyphs.faces([font])


def test_ean_is_the_standards_example():
    # ISO/IEC 15420: 4006381333931
    bars = "".join(map(str, glyphs.ean13("400638133393")))
    assert len(bars) == 95
    assert bars.startswith("101") and bars.endswith("101") and bars[45:50] == "01010"
    assert bars[3:10] == "0001101"  # 0 of set L
    assert bars[85:92] == "1100110"  # the check digit 1


@pytest.mark.parametrize("code", [glyphs.two_of_five("0123456789"), glyphs.code39("0123456789")])
def test_codes_begin_and_end_with_a_bar(code):
    assert code[0] == code[-1] == 1
    runs = np.diff(np.flatnonzero(np.diff(code, prepend=0, append=0)))
    assert set(runs) == {1, 3}


def test_a_qr_code_can_be_found():
    ink = glyphs.qr(rng(), 120)
    field = np.full(np.add(ink.coverage.shape, 60), 255, np.uint8)
    field[30:-30, 30:-30] = np.where(ink.coverage > 0, 0, 255)
    found, _ = cv2.QRCodeDetector().detect(field)
    assert found


def test_handwriting_is_as_high_as_asked_for():
    assert glyphs.scribble(rng(), 30).height == pytest.approx(30, abs=6)
    assert glyphs.signed(rng(), "R KNEE", 30).height == pytest.approx(30, abs=6)


def test_hollow_letters_have_an_outline_only():
    ink = glyphs.written(rng(), "I", STROKES, 60, True, weight=0.2)
    middle = ink.coverage.shape[0] // 2
    assert glyphs.hollow(ink).coverage[middle].sum() < ink.coverage[middle].sum()
