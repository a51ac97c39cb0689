import json

import numpy as np
import pandas as pd
import pytest

from unburn import challenge, glyphs, planted
from unburn.planted import Bench

BENCH = Bench(seed=5, frames=None, split="test", split_seed=3, count=3, plantings=2,
              faces=glyphs.OWN)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    planted.make(BENCH, 1, folder)
    return folder


def test_a_frame_differs_from_its_source_only_near_its_lines(made):
    one = planted.load(made / "planted.h5", 1)
    changed = one.clean.astype(int) != one.burned
    near = np.zeros(changed.shape, bool)
    for quad in one.quads:
        low, high = np.floor(quad.min(0) - 12).astype(int), np.ceil(quad.max(0) + 12).astype(int)
        near[max(0, low[1]) : high[1], max(0, low[0]) : high[0]] = True
    assert changed.any() and near[changed].all()
    assert changed[one.owner > 0].mean() > 0.95


def test_what_was_written_is_what_is_read(made):
    lines, frames = (pd.read_csv(made / f"{name}.csv") for name in ("lines", "frames"))
    about = json.loads((made / "set.json").read_text())
    assert about["frames"] == len(frames) == 6 and about["lines"] == len(lines)
    assert about["demo_only"] and about["modalities"]["CR/DX"]["frames"] == 1
    for number in planted.frames_of(made / "planted.h5"):
        one, (again, _) = planted.load(made / "planted.h5", number), planted.plant(BENCH, number)
        assert np.array_equal(one.burned, again.burned) and one.texts == again.texts
        assert np.array_equal(np.unique(one.owner[one.owner > 0]) - 1,
                              lines[lines.frame == number].line)  # fmt: skip
    assert planted.frames_of(made / "planted.h5", 1) == [3, 4, 5]


def test_the_header_s_person_stands_in_the_picture(made):
    named = 0
    for number in planted.frames_of(made / "planted.h5"):
        one = planted.load(made / "planted.h5", number)
        named += f"ID {one.number}" in one.texts or one.name in one.texts
    assert named == 6


def test_an_overlay_is_small_beside_its_picture():
    page = planted.Overlay(np.random.default_rng(1), np.zeros((320, 400, 1), np.float32), ())
    assert max(page.height() for _ in range(200)) <= 320 * planted.HIGHEST
    tiny = planted.Overlay(np.random.default_rng(1), np.zeros((64, 64, 1), np.float32), ())
    assert tiny.height(low=9) == planted.LEAST_PX


def test_all_layouts_have_their_turn():
    count = 40
    names = {planted.layout_of(1, place, count).__name__ for place in range(count)}
    assert names == {layout.__name__ for layout in planted.layouts.LAYOUTS}
    overlays = {planted.layout_of(0, place, count) for place in range(count)}
    assert overlays == set(planted.OVERLAYS)


def test_small_frames_are_enlarged_by_a_whole_number():
    assert planted.on_screen(np.zeros((100, 140), np.uint8)).shape == (300, 420)
    assert planted.on_screen(np.zeros((256, 140 * 2), np.uint8)).shape == (256, 280)


def test_the_demo_has_two_patients():
    groups = {one.group for one in challenge.read_sources(None, "test", 3)}
    assert groups == {"chest", "neck"}
