import numpy as np
import pytest
import torch

from unburn import tasks
from unburn.grounds import Source


def source(modality, group, level, seed=0):
    noise = np.random.default_rng(seed).normal(0, 4, (60, 80))
    picture = np.zeros((60, 80))
    picture[10:50, 10:40] = level
    picture[20:30, 15:35] = min(255, 2.2 * level)
    return Source(np.clip(picture + noise, 0, 255).astype(np.uint8), modality, group)


def test_a_frame_keeps_its_shape_in_the_square():
    square = tasks.fitted(np.full((60, 80), 255, np.uint8))
    assert square.shape == (tasks.SIDE, tasks.SIDE) and square.dtype == np.float32
    filled = np.flatnonzero(square.any(1))
    assert len(filled) == round(tasks.SIDE * 60 / 80) and square.max() == 1


def test_structures_are_three_classes_of_intensity():
    found = tasks.structures(tasks.fitted(source("CT", "a", 100).picture))
    step = tasks.SIDE / 80
    assert found[round(12 * step), round(12 * step)] == 1
    assert found[round(25 * step), round(25 * step)] == 2
    assert found[round(55 * step), round(70 * step)] == 0
    assert not tasks.structures(np.zeros((8, 8), np.float32)).any()


def test_training_learns_and_gives_the_same_weights_again(tmp_path, monkeypatch):
    monkeypatch.setattr(tasks, "STEPS", {"classifier": 3, "segmenter": 2})
    monkeypatch.setattr(tasks, "BATCH", 3)
    learned = [source("CT", "a", 40), source("CT", "b", 45, 1), source("MR", "c", 115, 2)]
    for name in "ab":
        tasks.train(learned, 3, tmp_path / name)
    for name in ("classifier", "segmenter"):
        one, two = ((tmp_path / k / f"{name}.safetensors").read_bytes() for k in "ab")
        assert one == two
    classifier, segmenter, classes = tasks.load(tmp_path / "a")
    assert classes == ["CT", "MR"]
    shown = torch.rand(2, 1, 32, 32)
    assert classifier(shown).shape == (2, 2) and segmenter(shown).shape == (2, 3, 32, 32)


@pytest.mark.parametrize(
    ("judged", "enough"),
    [
        ([source("CT", "x", 40), source("MR", "y", 40)], True),
        ([source("CT", "x", 40), source("US", "y", 40)], False),  # one modality on both sides
        ([source("CT", "a", 40), source("MR", "y", 40)], False),  # a patient on both sides
    ],
)
def test_a_macro_f1_needs_two_modalities_and_a_split_by_patient(judged, enough):
    learned = [source("CT", "a", 40), source("CT", "a", 41), source("MR", "c", 115)]
    about = tasks.about(learned, judged)
    assert about["enough"] is enough
    assert about["modalities"]["CT"]["training_frames"] == 2
    assert about["modalities"]["CT"]["training_groups"] == 1


def test_frames_are_drawn_from_every_modality_and_patient():
    learned = [source("CT", "a", 40)] * 30 + [source("CT", "b", 40), source("MR", "c", 40)]
    rng = np.random.default_rng(1)
    drawn = [tasks.drawn(rng, learned) for _ in range(400)]
    assert 0.4 < np.mean([k == 31 for k in drawn]) < 0.6
    assert 0.15 < np.mean([k == 30 for k in drawn]) < 0.35
