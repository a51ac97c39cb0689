import numpy as np
import pytest

from unburn import challenge, glyphs
from unburn.challenge import Page
from unburn.errors import UserError

SOURCES = challenge.read_sources(None, "test", 3)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Frames small enough for a test."""
    monkeypatch.setattr(challenge, "SIZES", ((160, 200), (128, 128)))


def page(rows=200, columns=300, channels=1, level=40.0):
    picture = np.full((rows, columns, channels), level, np.float32)
    return Page(np.random.default_rng(2), picture, glyphs.OWN)


def plain(sheet, **fixed):
    chosen = {
        "face": glyphs.OWN[0], "crisp": True, "bright": True, "faint": False, "opacity": 1.0,
        "outlined": False, "hollow": False, "shadow": False, "box": 0.0, "tilt": 0.0, **fixed,
    }  # fmt: skip
    return sheet.hand(height=14, **chosen)


def test_a_frame_is_made_from_seed_and_number_alone():
    first = challenge.frame(1, 4, SOURCES, glyphs.OWN)
    assert first.digest() == challenge.frame(1, 4, SOURCES, glyphs.OWN).digest()
    assert first.digest() != challenge.frame(2, 4, SOURCES, glyphs.OWN).digest()


@pytest.mark.parametrize("number", (0, 1, 3, 4, 5, 7, 10))
def test_truth_and_pixels_of_frames_agree(number):
    frame = challenge.frame(7, number, SOURCES, glyphs.OWN)
    assert frame.owner.shape == frame.stored.shape[:2]
    assert int(frame.stored.max()) < 2**frame.bits
    numbers = set(np.unique(frame.owner)) - {0}
    assert numbers <= set(range(1, len(frame.lines) + 1))
    assert bool(frame.lines) is (frame.subject == "text")
    for k, line in enumerate(frame.lines, 1):
        if k not in numbers:
            continue
        rows, columns = np.nonzero(frame.owner == k)
        low, high = line.quad.min(0) - 3, line.quad.max(0) + 3
        assert low[0] <= columns.min() and columns.max() <= high[0]
        assert low[1] <= rows.min() and rows.max() <= high[1]


def test_every_layout_writes_lines():
    for draw in dict.fromkeys(challenge.LAYOUTS):
        sheet = page(300, 400)
        draw(sheet)
        assert sheet.lines, draw.__name__


def test_ink_is_where_pixels_changed():
    sheet = page()
    assert sheet.write("HELLO", plain(sheet), 50, 60)
    changed = (sheet.picture != 40).any(2)
    assert np.array_equal(changed, challenge.owners(sheet.coverage, sheet.territory) == 1)


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


def test_text_free_frames_hold_no_ink():
    frames = [challenge.frame(3, number, SOURCES, glyphs.OWN) for number in (3, 5, 9, 11)]
    assert [frame.subject for frame in frames] == ["text-free", "distractors"] * 2
    assert not any(frame.owner.any() or frame.lines for frame in frames)


def test_a_split_without_frames_is_explained(tmp_path):
    table = tmp_path / "frames.csv"
    table.write_text("path,group,split\nx.png,a,training\n")
    with pytest.raises(UserError, match="no frame for test"):
        challenge.read_sources(table, "test", 3)
    table.write_text("path,group,split\nx.png,a,test\n")
    with pytest.raises(UserError, match="cannot be read"):
        challenge.read_sources(table, "test", 3)
