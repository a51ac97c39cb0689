from dataclasses import replace

import numpy as np
import pytest

from unburn import scenes
from unburn.rendering import BUNDLED_FACES, Faces, Page
from unburn.scenes import CLUTTER, PROCEDURAL, Recipe, scene

RECIPE = Recipe(Faces(BUNDLED_FACES), side=128)
FRAMES = [np.random.default_rng(1).integers(0, 255, (70, 200)).astype(np.uint8)]


def test_a_scene_is_named_by_its_seed():
    first, again = (scene(np.random.default_rng([5, 1]), FRAMES, RECIPE) for _ in range(2))
    assert np.array_equal(first.pictures, again.pictures)
    assert np.array_equal(first.owner, again.owner)
    other = scene(np.random.default_rng([5, 2]), FRAMES, RECIPE)
    assert not np.array_equal(first.pictures, other.pictures)


def test_truth_fits_the_picture():
    written = 0
    for number in range(40):
        made = scene(np.random.default_rng([6, number]), FRAMES, RECIPE)
        assert made.pictures.shape == (2, 128, 128) and made.owner.shape == (128, 128)
        assert made.pictures.dtype == np.uint8
        assert made.owner.max() <= len(made.lines)
        written += len(made.lines)
    assert written > 60


def test_text_that_a_screen_does_not_show_is_in_the_spread_picture():
    picture = np.full((64, 64), 100, np.uint8)
    picture[20:30, 10:50] = 140
    contrasts = []
    for seed in range(40):
        recipe = replace(RECIPE, deep_share=1.0, alike_share=0.0)
        pair = scenes._shown(np.random.default_rng(seed), picture, recipe)
        contrasts.append([int(one[25, 30]) - int(one[0, 0]) for one in pair])
    seen, spread = np.array(contrasts).T
    assert (seen < 10).any() and (spread > 60).all()


def test_lost_fractions_of_a_step_come_back_where_the_ground_is_uneven():
    picture = np.full((64, 64), 100, np.uint8)
    picture[:, 32:] = np.arange(64)[:, None] + 50
    fine = scenes._dithered(np.random.default_rng(1), picture)
    assert (fine[:, :30] == 100).all()
    assert (np.abs(fine - picture) <= 0.5).all() and (fine[:, 34:] % 1 != 0).mean() > 0.9


def test_noise_of_weak_signals_raises_the_dark():
    dark = np.zeros((64, 64), np.float32)
    means = [scenes._grainy(np.random.default_rng(seed), dark).mean() for seed in range(10)]
    assert min(means) >= 0 and np.sum(np.array(means) > 2) > 3


def test_letters_can_stand_alone():
    page = Page(np.zeros((128, 192), np.float32))
    for seed in range(5):
        scenes._lone(np.random.default_rng(seed), page, RECIPE)
    assert len(page.lines) > 5 and {len(line.text) for line in page.lines} == {1}


def test_no_text_means_no_ink():
    for number in range(10):
        made = scene(np.random.default_rng([7, number]), [], replace(RECIPE, text_share=0.0))
        assert not made.owner.any() and made.lines == ()


@pytest.mark.parametrize("make", [make for make, _ in PROCEDURAL])
def test_procedural_backgrounds_have_the_size_asked_for(make):
    for seed in range(3):
        made = make(np.random.default_rng(seed), 96)
        assert made.shape == (96, 96)
        assert np.isfinite(made).all()


@pytest.mark.parametrize("draw", sorted(set(CLUTTER), key=lambda draw: draw.__name__))
def test_clutter_marks_the_picture(draw):
    marked = 0
    for seed in range(5):
        picture = np.zeros((128, 128), np.float32)
        draw(np.random.default_rng(seed), picture, 200.0)
        marked += bool(picture.any())
    assert marked >= 4


def test_turning_a_page_turns_its_lines_with_it():
    page = Page(np.zeros((100, 100)))
    from unburn.rendering import Style

    page.put("LINE", "random", BUNDLED_FACES[0], Style(size=20), 10, 10)
    picture, owner, lines = scenes._turned_page(page.picture, page.owner, page.lines, 1)
    rows, columns = np.nonzero(owner)
    quad = lines[0].quad
    assert quad[:, 0].min() <= columns.min() and columns.max() < quad[:, 0].max() + 1
    assert quad[:, 1].min() <= rows.min() and rows.max() < quad[:, 1].max() + 1
    assert lines[0].angle == 90
    assert picture.shape == (100, 100)


def test_a_small_frame_goes_on_with_its_edges_and_keeps_what_is_inside():
    made = scene(np.random.default_rng([6, 3]), FRAMES, replace(RECIPE, text_share=1.0))
    picture = made.pictures[0]
    small, owner, lines = scenes._small(
        np.random.default_rng(2), picture, made.owner, list(made.lines)
    )
    assert small.shape == owner.shape == picture.shape and len(lines) == len(made.lines)
    rows, columns = (int(np.flatnonzero(owner.any(axis)).max()) + 1 for axis in (1, 0))
    assert np.array_equal(small[:rows, :columns], picture[:rows, :columns])
    assert np.array_equal(owner[:rows, :columns], made.owner[:rows, :columns])
    assert (small[-1] == small[-2]).all() and (small[:, -1] == small[:, -2]).all()
    assert not owner[-1].any() and not owner[:, -1].any()
    for line in lines:
        assert line.quad.min() >= 0 and line.quad.max() < 128


def test_made_frames_differ_in_size_and_are_named_by_their_seed():
    first, again = (scenes.made_frames(np.random.default_rng(4), 6, RECIPE) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert len({frame.shape for frame in first}) > 1
    assert all(frame.dtype == np.uint8 for frame in first)
