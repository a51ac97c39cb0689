import numpy as np
import pytest

from unburn import challenge, glyphs
from unburn.errors import UserError

SOURCES = challenge.read_sources(None, "test", 3)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Frames small enough for a test."""
    monkeypatch.setattr(challenge, "SIZES", ((160, 200), (128, 128)))


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
