from types import SimpleNamespace

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import convert_color_space

from unburn import glyphs, layouts, planting, wording
from unburn.frames import display
from unburn.identifiers import identifiers
from unburn.rendering import BUNDLED_FACES


def source(stored, photometric="MONOCHROME2", bits=16, palette=None):
    return SimpleNamespace(
        photometric=photometric, bits_stored=bits, palette=palette, dtype=stored.dtype,
        signed=stored.dtype.kind == "i",
    )  # fmt: skip


def tissue(dtype, low, high, shape=(160, 200)):
    noise = np.random.default_rng(1).normal(0, 0.03, shape) + np.linspace(0.2, 0.6, shape[1])
    return np.rint(low + np.clip(noise, 0, 1) * (high - low)).astype(dtype)


def grey(form):
    shades = {
        "CT": (tissue(np.int16, -1000, 1200), "MONOCHROME2", 16),
        "inverse": (tissue(np.uint16, 0, 4095), "MONOCHROME1", 12),
        "8 bits": (tissue(np.uint8, 0, 255), "MONOCHROME2", 8),
        "even": (np.full((160, 200), 7, np.int16), "MONOCHROME2", 16),
        "zeros": (np.zeros((160, 200), np.uint8), "MONOCHROME2", 8),
    }
    stored, photometric, bits = shades[form]
    return stored, source(stored, photometric, bits)


def colour(form):
    rgb = np.stack([tissue(np.uint8, 0, 200)] * 3, axis=2)
    if form == "RGB":
        return rgb, source(rgb, "RGB", 8)
    if form == "YBR":
        stored = convert_color_space(rgb, "RGB", "YBR_FULL")
        return stored, source(stored, "YBR_FULL", 8)
    palette = np.repeat((np.arange(65536) % 256)[:, None], 3, axis=1).astype(np.uint8)
    stored = tissue(np.uint8, 0, 255)
    stored[:4, :4] = np.arange(16).reshape(4, 4) * 17
    return stored, source(stored, "PALETTE COLOR", 8, palette)


@pytest.mark.parametrize("form", ["CT", "inverse", "8 bits", "even", "zeros"])
def test_lines_stand_in_stored_values_and_can_be_seen(form):
    check(*grey(form))


@pytest.mark.parametrize("form", ["RGB", "YBR", "palette"])
def test_lines_stand_in_the_values_of_colours(form):
    check(*colour(form))


def check(stored, of):
    planted = planting.plant(stored, of, np.random.default_rng(3))
    assert planted.stored.dtype == stored.dtype and planted.stored.shape == stored.shape
    assert len(planted.lines) >= 3 and sum(planted.visible) >= len(planted.lines) - 1
    changed = (planted.stored != stored).reshape(*stored.shape[:2], -1).any(2)
    assert 0 < changed.mean() < 0.5
    before, after = (display(values, of).astype(int) for values in (stored, planted.stored))
    apart = np.abs(after - before).reshape(*stored.shape[:2], -1).max(2)
    for number, seen in enumerate(planted.visible, 1):
        ink = planted.owner == number
        assert ink.any() and (not seen or apart[ink].mean() > 10)


def test_the_same_chance_plants_the_same():
    stored, of = grey("CT")
    one, same, other = (planting.plant(stored, of, np.random.default_rng(k)) for k in (3, 3, 4))
    assert np.array_equal(one.stored, same.stored) and np.array_equal(one.owner, same.owner)
    assert not np.array_equal(one.stored, other.stored)


@pytest.mark.parametrize("side", [64, 100, 300])
def test_no_line_is_cut_short_as_a_piece_of_a_date_could_stay(side, monkeypatch):
    drawn, put = [], []
    written, write = glyphs.written, layouts.Page.write

    def noted(rng, text, *rest):
        drawn.append(text)
        return written(rng, text, *rest)

    def compared(page, text, *rest):
        done = write(page, text, *rest)
        put.extend([(text, drawn[-1])] if done else [])
        return done

    monkeypatch.setattr(glyphs, "written", noted)
    monkeypatch.setattr(layouts.Page, "write", compared)
    stored = tissue(np.int16, -1000, 1200, (side, side))
    for seed in range(12):
        planting.plant(stored, source(stored), np.random.default_rng(seed))
    assert len(put) > 12 and all(asked == last for asked, last in put)


def test_words_are_none_that_a_policy_lets_stay():
    nobody, chance = identifiers(Dataset()), np.random.default_rng(1)
    words = [layouts.telling(chance) for _ in range(300)]
    for policy in ("keep", "phi"):
        assert not [one for one in words if wording.harmless(one, nobody, policy)]


def test_values_stay_within_the_bits_of_the_file():
    stored = tissue(np.uint16, 0, 1023)
    planted = planting.plant(stored, source(stored, bits=10), np.random.default_rng(5))
    assert planted.stored.max() < 1 << 10


def test_letters_are_none_of_training_and_set_without_a_package_of_the_system():
    faces = planting.faces()
    assert len(faces) == 5
    assert all(not face.joined for face in faces if face.path.endswith(".ttf"))
    assert not {face.path for face in faces} & {face.name for face in BUNDLED_FACES}
    assert not any("DejaVu" in face.path for face in faces)
