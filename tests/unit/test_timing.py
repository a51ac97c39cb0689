import numpy as np
import pytest

from unburn import challenge, glyphs, timing
from unburn.detection import Bench


def bench(tmp_path):
    return Bench(4, 0.3, tmp_path, None, "test", 3, glyphs.OWN, ("rapidocr",))


def test_frames_have_the_size_asked_for_and_text(tmp_path):
    found = timing.frames(bench(tmp_path), 160, 3, 0)
    assert len(found) == 3
    for frame in found:
        assert frame.stored.shape == (160, 160) and frame.lines


def test_each_method_has_its_best_time_of_each_frame(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(timing.detection, "text", lambda *_: lambda *_: calls.append("t"))
    monkeypatch.setattr(timing.detection, "code", lambda *_: calls.append("c"))
    monkeypatch.setattr(timing.detection, "rapidocr", lambda: lambda *_: calls.append("r"))
    monkeypatch.setattr(timing, "SIDES", {96: 2})
    taken = timing.best(0, bench(tmp_path), 96)
    assert {name: len(values) for name, values in taken.items()} == dict.fromkeys(
        ("unburn", "finder of codes", "rapidocr"), 2
    )
    assert calls == ["t", "c", "r"] * 2 * (1 + timing.REPEATS)


def test_figures_are_rates_of_two_processes_and_a_ratio():
    figures = timing.figures({512: {"unburn": [0.02, 0.04], "rapidocr": [0.3, 0.3]}})
    assert figures["unburn, 512 x 512, one thread"] == "30 ms a frame"
    assert figures["unburn, 512 x 512, 2 processes"] == "66.7 frames/s"
    assert figures["times faster than rapidocr, 512 x 512"] == "10.0"
    alone = timing.figures({512: {"unburn": [0.02]}})
    assert not any("times faster" in name for name in alone)


@pytest.mark.parametrize("side", [128])
def test_frames_of_one_size_are_not_scaled(side):
    sources = challenge.read_sources(None, "test", 3)
    shapes = {
        challenge.frame(9, k, sources, glyphs.OWN, side).owner.shape for k in np.arange(12).tolist()
    }
    assert shapes == {(side, side)}
