import numpy as np
import pytest

from unburn import glyphs, layouts
from unburn.layouts import Page


def page(rows=200, columns=300, channels=1, level=40.0):
    picture = np.full((rows, columns, channels), level, np.float32)
    return Page(np.random.default_rng(2), picture, glyphs.OWN)


def plain(sheet, **fixed):
    chosen = {
        "face": glyphs.OWN[0], "crisp": True, "bright": True, "faint": False, "opacity": 1.0,
        "outlined": False, "hollow": False, "shadow": False, "box": 0.0, "tilt": 0.0, **fixed,
    }  # fmt: skip
    return sheet.hand(height=14, **chosen)


def test_every_layout_writes_lines():
    for draw in dict.fromkeys(layouts.LAYOUTS):
        sheet = page(300, 400)
        draw(sheet)
        assert sheet.lines, draw.__name__


def test_ink_is_where_pixels_changed():
    sheet = page()
    assert sheet.write("HELLO", plain(sheet), 50, 60)
    changed = (sheet.picture != 40).any(2)
    assert np.array_equal(changed, layouts.owners(sheet.coverage, sheet.territory) == 1)


def test_nothing_is_written_over_a_line():
    sheet = page()
    hand = plain(sheet)
    assert sheet.write("HELLO", hand, 50, 60)
    assert sheet.write("HELLO", hand, 55, 65) is None
    assert len(sheet.lines) == 1


def test_a_line_that_does_not_fit_is_cut_short():
    sheet = page(columns=100)
    assert sheet.write("MUCH TOO LONG FOR THIS", plain(sheet), 50, 10)
    assert sheet.lines[0].quad[:, 0].max() < 100


def test_letters_of_their_grounds_shade_are_not_written():
    sheet = page()
    sheet.picture[:, 150:] = 255
    hand = plain(sheet, away=215.0)  # white letters: unseen on the right half
    assert sheet.write("HELLO HELLO HELLO", hand, 50, 60)
    assert not sheet.lines[0].bright
    assert len(np.unique(sheet.picture[sheet.coverage > 0])) == 1


@pytest.mark.parametrize(
    ("fixed", "rendering"),
    [
        ({}, ("bitmap",)),
        ({"crisp": False}, ("antialiased",)),
        ({"outlined": True}, ("bitmap", "outlined")),
        ({"box": 1.0}, ("bitmap", "boxed")),
    ],
)
def test_strata_are_what_was_drawn(fixed, rendering):
    sheet = page()
    sheet.write("R", plain(sheet, **fixed), 50, 60)
    (line,) = sheet.lines
    assert line.rendering == rendering
    assert line.kind == "single" and line.bright and line.empty
    assert line.height == 14
