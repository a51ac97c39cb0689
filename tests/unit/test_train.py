import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file

from unburn import crnn, lines, train, trial
from unburn.errors import UserError
from unburn.files import sha256
from unburn.rendering import BUNDLED_FACES, Faces, Line, Style
from unburn.scenes import Recipe, Scene

REPO = Path(__file__).parents[2]
FRAMES = [np.tile(np.arange(96, dtype=np.uint8), (96, 1))]
RECIPE = Recipe(Faces(BUNDLED_FACES), side=64, sizes=(8.0, 20.0))


def made(level=255, ground=0, height=20):
    """A scene with one upright bar of ink as its only line."""
    picture = np.full((64, 64), ground, np.uint8)
    owner = np.zeros((64, 64), np.uint8)
    picture[20 : 20 + height, 8:56] = level
    owner[20 : 20 + height, 8:56] = 1
    corners = [[8, 20], [56, 20], [56, 20 + height], [8, 20 + height]]
    line = Line("x", "random", np.array(corners, np.float32), height, 0)
    return Scene(np.stack([picture] * 2), owner, (line,))


def test_targets_lie_on_the_line_and_its_core_is_smaller():
    wanted, weight = train.targets(made())
    assert wanted.shape == (2, 32, 32) and weight.shape == (32, 32)
    text, core = wanted
    assert text[12, 10] and core[14, 16]
    assert core.sum() < text.sum()
    assert not (core & ~text & 1).any()
    assert not text[:8].any()
    assert weight[14, 16] > weight[0, 0] == 1


def test_ink_of_a_line_weighs_more_than_its_ground():
    _, small = train.targets(made(height=6))
    _, large = train.targets(made(height=30))
    assert small.max() > large.max() > 1


def test_a_line_that_nobody_can_see_counts_nothing():
    wanted, weight = train.targets(made(level=102, ground=100))
    assert not wanted.any()
    assert weight[14, 16] == 0 and weight[0, 0] == 1


def test_visibility_is_measured_against_the_surroundings():
    scene = made(level=150, ground=100)
    line = scene.lines[0]
    difference, deviations = train.visibility(scene.pictures, scene.owner, 1, line)
    assert difference == 50
    assert deviations == 50  # an even ground counts as one grey value of deviation
    unseen = np.stack([np.zeros_like(scene.pictures[0]), scene.pictures[1]])
    assert train.visibility(unseen, scene.owner, 1, line) == (50, 50)


def test_loss_falls_with_the_right_answer_and_leaves_weight_0_out():
    wanted = torch.zeros(1, 2, 8, 8)
    wanted[:, :, 2:4] = 1
    weight = torch.ones(1, 8, 8)
    right, wrong = (wanted * 2 - 1) * 5, (1 - wanted * 2) * 5
    assert train.detector_loss(right, wanted, weight) < 0.1
    assert train.detector_loss(wrong, wanted, weight) > 2
    for sure in (wanted, 1 - wanted):  # text that is not seen, and what is taken for text
        unsure = torch.where(sure > 0, right * 0, right)
        mistaken = torch.where(sure > 0, -right, right)
        lost = train.detector_loss(mistaken, wanted, weight)
        assert lost > 8 * train.detector_loss(unsure, wanted, weight)
    weight[:, 6:] = 0
    spoilt = right.clone()
    spoilt[:, :, 6:] = 5
    assert train.detector_loss(spoilt, wanted, weight) < 0.1


def test_batches_are_named_by_seed_and_number():
    first = train.detector_batch(4, 1, 2, [], RECIPE)
    again = train.detector_batch(4, 1, 2, [], RECIPE)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], train.detector_batch(5, 1, 2, [], RECIPE)[0])


def test_batches_of_larger_scenes_hold_fewer():
    shapes = {train.detector_batch(number, 1, 4, [], RECIPE)[0].shape for number in range(16)}
    assert shapes == {(4, 2, 64, 64), (1, 2, 96, 96), (1, 2, 128, 128)}


def test_reader_batch_holds_the_letters_of_each_line():
    crops, sizes, letters = train.reader_batch(0, 1, 6, [], RECIPE)
    assert crops.shape[:3] == (6, 1, 32) and len(sizes) == 6
    assert sizes[:, 1].sum() == len(letters)
    assert letters.min() >= 1 and letters.max() <= len(lines.ALPHABET)
    assert (np.diff(sizes[:, 0]) >= 0).all()


def test_the_parts_of_a_reader_batch_hold_all_of_it():
    crops, sizes, letters = (
        torch.from_numpy(part) for part in train.reader_batch(0, 1, 20, [], RECIPE)
    )
    parts = list(train.by_width(crops, sizes, letters))
    assert [len(part[0]) for part in parts] == [train.WIDTH_GROUP, 20 - train.WIDTH_GROUP]
    assert torch.equal(torch.cat([part[1] for part in parts]), sizes)
    assert torch.equal(torch.cat([part[2] for part in parts]), letters)
    for narrow, size, _ in parts:
        assert size[:, 0].max() <= narrow.shape[-1]


def test_mined_places_are_where_the_network_sees_text(monkeypatch):
    def bright(network, pictures):
        return pictures[:, :, ::2, ::2].astype(np.float32) / 255

    monkeypatch.setattr(train.crnn, "probabilities", bright)
    monkeypatch.setattr(train, "views", lambda frame: frame[None])
    frame = np.zeros((128, 256), np.uint8)
    frame[70, 200] = 255
    monkeypatch.setattr(train, "MINED_WITH_TEXT", 0)
    frames = [np.zeros((64, 64), np.uint8), frame]
    assert train.mine(None, frames, RECIPE, np.random.default_rng(0)) == [(1, 70, 200)]


def test_text_that_was_written_is_no_mined_place(monkeypatch):
    def bright(network, pictures):
        return pictures[:, :, ::2, ::2].astype(np.float32) / 255

    pages = []

    def written(rng, page, recipe):
        page.put("NAME", "name", BUNDLED_FACES[0], Style(size=16, level=255.0), 20, 20)
        pages.append(page)

    monkeypatch.setattr(train.crnn, "probabilities", bright)
    monkeypatch.setattr(train, "views", lambda frame: frame[None])
    monkeypatch.setattr(train, "write", written)
    monkeypatch.setattr(train, "MINED_WITH_TEXT", 1)
    frame = np.zeros((128, 256), np.uint8)
    frame[100, 200] = 255
    places = train.mine(None, [frame], RECIPE, np.random.default_rng(0))
    assert pages[0].owner.any() and places == [(0, 100, 200)]


def test_places_reach_the_process_that_makes_scenes():
    made = train.produced(lambda number, places: (number, places), 3, 2, lambda number: [number])
    assert [next(made) for _ in range(4)] == [(3, [3]), (4, [4]), (5, [4]), (6, [6])]
    made.close()


def settings(crops, start_share=0.0):
    return train.Settings(
        seed=1, crops=crops, minutes=5, batch=2, rate=0.001, mine_every=2, start_share=start_share
    )


def test_a_run_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "VALIDATION_BATCHES", 1)
    task = replace(train.TASKS["detector"], validation_batch=1)

    def run(crops):
        train.train(
            task, settings(crops), FRAMES, FRAMES, RECIPE, None,
            tmp_path / "state", tmp_path / "curve.csv", tmp_path / "out.safetensors",
        )  # fmt: skip

    run(4)
    first = torch.load(tmp_path / "state", weights_only=True)
    run(6)
    second = torch.load(tmp_path / "state", weights_only=True)
    assert (first["step"], second["step"]) == (2, 3)
    with open(tmp_path / "curve.csv") as file:
        assert [int(row["crops"]) for row in csv.DictReader(file)] == [4, 6]
    (tmp_path / "out.safetensors").unlink()
    run(6)  # all is learnt, but the weights are gone
    assert (tmp_path / "out.safetensors").is_file()


def test_a_run_can_go_on_from_other_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "VALIDATION_BATCHES", 1)
    task = replace(train.TASKS["detector"], validation_batch=1)

    def run(name, start, share=0.0):
        train.train(
            task, settings(2, share), FRAMES, FRAMES, RECIPE, start,
            tmp_path / f"{name}.state", tmp_path / f"{name}.csv", tmp_path / name,
        )  # fmt: skip
        return torch.load(tmp_path / f"{name}.state", weights_only=True)["network"]

    run("first", None)
    run("second", tmp_path / "first")
    with safe_open(tmp_path / "second", "pt") as file:
        assert file.metadata()["start"] == sha256(tmp_path / "first")
    run("third", tmp_path / "first", 0.25)
    kept = [
        load_file(tmp_path / name)["rows.weight_ih_l0"] for name in ("first", "second", "third")
    ]
    assert not torch.allclose(kept[0], kept[1])
    assert torch.allclose(kept[2], 0.25 * kept[0] + 0.75 * kept[1], atol=1e-6)


def test_the_rate_falls_and_the_run_ends_by_minutes(tmp_path):
    network = crnn.Detector(crnn.Shape((8, 8, 8, 8), 4))
    run = train.Run(network, settings(100), tmp_path / "state", {"seed": "1"})
    assert run.done == 0
    run.seconds = 150
    assert run.done == 0.5
    run.seconds = 301
    assert run.done == 1


def test_the_state_of_a_run_from_another_seed_is_refused(tmp_path):
    network = crnn.Detector(crnn.Shape((8, 8, 8, 8), 4))
    train.Run(network, settings(100), tmp_path / "state", {"seed": "1"}).keep()
    train.Run(network, settings(200), tmp_path / "state", {"seed": "1"})
    with pytest.raises(UserError, match="state: it is of a run from another seed"):
        train.Run(network, settings(100), tmp_path / "state", {"seed": "2"})


def test_settings_are_named_in_full():
    with pytest.raises(TypeError):
        train.Settings(**json.loads('{"seed": 1}'))


def test_a_curve_is_drawn_with_every_column(tmp_path):
    (tmp_path / "curve.csv").write_text(
        "step,crops,minutes,loss,recall\n1,2,1,0.5,0.8\n2,4,2,0.4,0.9\n"
    )
    train.main(["curve", "--curve", str(tmp_path / "curve.csv"), "--out", str(tmp_path / "c.svg")])
    picture = (tmp_path / "c.svg").read_text()
    assert picture.count("<polyline") == 2
    assert "recall: 0.9 at the end" in picture


def test_the_shipped_configuration_names_every_setting():
    config = yaml.safe_load((REPO / "config" / "train.yaml").read_text())
    for section in ("detector", "reader"):
        values = {"seed": config["seed"], **config[section]}
        assert values.pop("start") == ""
        assert train.Settings(**values).crops > 0
    assert config["split_seed"] == 3  # with another one, frames of the benchmark are trained on
    assert trial.Settings(**{"seed": config["seed"], **config["trial"]}).frames > 0
    assert not set(config["fonts"]) & set(config["held_out_fonts"])
