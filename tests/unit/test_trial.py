import numpy as np
import pytest

from unburn import challenge, glyphs, trial
from unburn.detect import Seen
from unburn.rendering import Line
from unburn.scenes import Scene

QUAD = np.array([[10, 10], [50, 10], [50, 20], [10, 20]], np.float32)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Frames small enough for a test."""
    monkeypatch.setattr(challenge, "SIZES", ((160, 200), (128, 128)))


def made():
    picture, owner = np.zeros((40, 60), np.uint8), np.zeros((40, 60), np.uint8)
    owner[10:20, 10:50] = 1
    picture[owner > 0] = 200
    return Scene(np.stack([picture] * 2), owner, (Line("text", "random", QUAD, 10.0, 0.0),))


def test_a_sweep_measures_recall_at_each_threshold(monkeypatch):
    maps = np.zeros((2, 20, 30), np.float32)
    maps[:, 4:11, 4:26] = 0.45
    monkeypatch.setattr(trial, "look", lambda network, pictures: [Seen(1, maps)])
    rows = trial.sweep(None, [trial.of_scene(made())])
    assert {row["threshold"]: row["recall"] for row in rows} == {
        threshold: float(threshold <= 0.4) for threshold in trial.THRESHOLDS
    }
    assert rows[0]["component_precision"] == 1
    assert trial.chosen({"one": rows}) == 0.4


def test_the_threshold_must_serve_both_sets():
    def rows(last):
        return [{"threshold": t, "recall": 1.0 if t <= last else 0.9} for t in trial.THRESHOLDS]

    assert trial.chosen({"one": rows(0.6), "other": rows(0.3)}) == 0.3


def test_codes_and_handwriting_do_not_count():
    sources = challenge.read_sources(None, "test", 3)
    kinds = {}
    for number in (0, 10, 16):  # of the layouts corners, codes and handwriting
        frame = challenge.frame(1, number, sources, glyphs.OWN)
        sample = trial.of_frame(frame)
        for line, counted in zip(frame.lines, sample.counted, strict=True):
            kinds.setdefault(line.kind, set()).add(counted)
    assert kinds["code"] == kinds["handwriting"] == {False}
    assert kinds["text"] == {True}


@pytest.mark.parametrize("frames", [2])
def test_scenes_come_from_seed_and_number(frames):
    settings = trial.Settings(seed=3, frames=frames, side=128)
    recipe = trial.trial_recipe(trial.Faces.of([]), 128)
    pictures = [np.full((200, 200), 60, np.uint8)]
    first, second = (list(trial.scenes(settings, pictures, recipe)) for _ in range(2))
    assert all(np.array_equal(a.pictures, b.pictures) for a, b in zip(first, second, strict=True))
