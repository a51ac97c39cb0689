import json

import cv2
import numpy as np
import pytest

from unburn import crop, engines, inpaint, paint_pictures
from unburn.blending import texture_ratio
from unburn.engines import Settings, paint_content
from unburn.patches import Content, Patch, Reader, Writer

SETTINGS = {"engine": "classic", "flat_tolerance": 0.02, "noise": True, "seed": 1}
ENGINES = sorted(engines.ENGINES)


def anatomy(side=128, noise=20.0, seed=1):
    """Slow structure and noise, float64 about 1000."""
    rows, columns = np.mgrid[:side, :side]
    slow = 1000 + 300 * np.sin(rows / 23) * np.cos(columns / 31)
    return slow + np.random.default_rng(seed).normal(0, noise, (side, side))


def box(side=128, top=50, left=20, height=14, width=90):
    mask = np.zeros((side, side), bool)
    mask[top : top + height, left : left + width] = True
    return mask


def content(picture, mask, dtype=np.uint16, **more):
    """A crop as ``crop.cut`` makes it: blanked, with the limits of its surroundings."""
    stored = picture.astype(dtype).reshape(*mask.shape, -1)
    blanked = crop.blank(stored, mask, (0,) * stored.shape[2])
    limits = (int(blanked[~mask].min()), int(blanked[~mask].max()))
    return Content(blanked, mask, mask.copy(), limits, **more)


def paint(source, **settings):
    return paint_content(source, Settings(**{**SETTINGS, **settings}))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32])
def test_engines_change_only_what_is_masked_and_stay_within_the_surroundings(engine, dtype):
    picture = anatomy() / (8 if dtype == np.uint8 else 1) - (1000 if dtype == np.int16 else 0)
    source = content(picture, box(), dtype)
    painted = paint(source, engine=engine)
    assert painted.dtype == dtype
    assert (painted[~box()] == source.pixels[~box()]).all()
    inside = painted[box()]
    assert source.limits[0] <= inside.min() and inside.max() <= source.limits[1]
    assert np.abs(inside - picture[box()][:, None]).mean() < 0.25 * np.ptp(picture)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_painted_does_not_depend_on_what_was_hidden(engine):
    mask = np.zeros((150, 200), bool)
    mask[10:24, 5:90] = True
    mask[70:100, 60:160] = True
    picture = np.tile(anatomy(), (2, 2))[:150, :200].astype(np.uint16)
    painter = paint_pictures.painter({**SETTINGS, "engine": engine})
    results = []
    for seed in (1, 2):
        hidden = np.random.default_rng(seed).integers(0, 65535, picture.shape).astype(np.uint16)
        stored = np.where(mask, hidden, picture)
        results.append(paint_pictures.paint_picture(stored, mask, "CT", painter))
    assert np.array_equal(*results)
    assert (results[0][~mask] == picture[~mask]).all()


def test_16_bit_values_are_not_reduced_to_8():
    ramp = np.tile(np.linspace(0, 60000, 128), (128, 1))
    for engine in ("classic", "telea"):
        painted = paint(content(ramp, box()), engine=engine, noise=False)[..., 0]
        assert np.abs(painted[box()] - ramp[box()]).mean() < (30 if engine == "classic" else 1500)
        assert len(np.unique(painted[box()])) > 80


def test_thick_masks_are_filled_harmonically_and_never_overshoot():
    picture = anatomy(noise=0)
    mask = box(top=30, height=32)
    filled = engines.fill_classic(np.where(mask, 0, picture), mask, mask)
    ring = engines.surroundings(mask, mask)
    assert picture[ring].min() <= filled[mask].min()
    assert filled[mask].max() <= picture[ring].max()
    middle = np.abs(engines._laplacian(np.ones((128, 128), bool)) @ filled.ravel())
    assert middle.reshape(128, 128)[32:60, 22:108].max() < 1e-3


def test_large_masks_are_solved_from_coarse_to_fine(monkeypatch):
    picture, mask = anatomy(noise=0), box(top=30, height=60)
    usable = np.ones((128, 128), bool)
    direct = engines.solve(picture, mask, usable, 1.0)
    monkeypatch.setattr(engines, "DIRECT_PIXELS", 500)
    stepwise = engines.solve(picture, mask, usable, 1.0)
    assert np.abs(stepwise - direct).max() < 0.02 * np.ptp(picture)
    assert (stepwise == picture)[~mask].all()


def test_values_of_other_masks_and_beyond_the_frame_are_not_used():
    mask = box()
    source = content(anatomy(), mask)
    hidden = mask.copy()
    hidden[100:] = True
    hidden[64:70, 30:60] = True
    results = []
    for value in (0, 1500):
        pixels = source.pixels.copy()
        pixels[hidden & ~mask] = value
        other = Content(pixels, mask, hidden, source.limits)
        unit = (pixels - 500.0) / 1000
        rng = np.random.default_rng(1)
        results.append(engines.paint(unit, mask, other.hidden, "classic", True, rng)[mask])
    assert np.array_equal(*results)


def test_texture_is_like_that_of_the_surroundings():
    fine = anatomy(noise=20)
    coarse = anatomy(noise=0) + 4 * cv2.GaussianBlur(
        anatomy(seed=2) - anatomy(noise=0), (0, 0), 1.5
    )
    for picture in (fine, coarse):
        painted = paint(content(picture, box(height=24)))[..., 0]
        assert 0.6 < texture_ratio(painted, box(height=24)) < 1.5
        smooth = paint(content(picture, box(height=24)), noise=False)[..., 0]
        assert texture_ratio(smooth, box(height=24)) < 0.3


def test_grey_pixels_stored_as_colour_stay_grey():
    grey = (anatomy() / 8).astype(np.uint8)
    painted = paint(content(np.repeat(grey[..., None], 3, axis=2), box(), np.uint8))
    assert np.ptp(painted, axis=2).max() == 0


def test_an_empty_place_gets_the_noise_of_its_ring_and_none_from_beyond():
    black = np.zeros((128, 128))
    black[:35] = anatomy()[:35]  # 15 px above the mask; noise is looked for up to 12 px away
    black[35:42] = 900
    painted = paint(content(black, box()), engine="flat")[..., 0]
    assert (painted[box()] == 0).all()
    noisy = 1000 + np.random.default_rng(1).normal(0, 20, (128, 128))
    painted = paint(content(noisy, box()), engine="flat")[..., 0].astype(float)
    error = ((painted - noisy)[box()] ** 2).mean()
    assert error < 2 * 20**2  # its own noise and that of the truth, which no fill can know
    assert abs(painted[box()].mean() - 1000) < 5 and 0.75 < painted[box()].std() / 20 < 1.1


def test_air_beside_anatomy_stays_without_noise():
    frame = anatomy(noise=60)
    frame[:70] = 0  # air, down to 6 px under the mask; then skin and tissue
    source = content(frame, box())
    assert not crop.is_flat(source.pixels, engines.surroundings(box(height=20), box()), 20)
    painted = paint(source)[..., 0]
    assert (painted[box()] == 0).mean() > 0.95 and painted[box()].max() < 60


def test_noise_moves_with_the_surroundings_of_a_mask_that_stays():
    """A cine with static text: what is painted changes no more than what stands around it."""
    picture, mask = anatomy(noise=0), box()
    ring = engines.surroundings(mask, mask, 12)

    def change(first, second):
        one, two = (paint(content(p, mask))[..., 0].astype(float) for p in (first, second))
        steps = (two - one)[mask], (second - first)[ring]
        return [float(np.sqrt((step**2).mean())) for step in steps]

    noises = [np.random.default_rng(seed).normal(0, 20, picture.shape) for seed in (1, 2)]
    inside, around = change(picture + noises[0], picture + noises[1])
    assert 0.5 * around < inside <= around
    far = picture + noises[0]
    far[100:] += 1  # beyond the reach of the mask: nothing changes near it
    inside, around = change(picture + noises[0], far)
    assert around == 0 and inside < 1
    inside, around = change(*(np.roll(picture + noises[0], by, axis=1) for by in (0, 2)))
    assert inside <= 1.05 * around


def test_a_mesh_of_thin_lines_is_filled_without_a_matrix_as_large_as_the_frame():
    mask = np.zeros((600, 600), bool)
    mask[40:560:40, 40:560] = mask[40:560, 40:560:40] = True
    picture = np.tile(np.linspace(0, 1, 600), (600, 1))
    filled = engines.fill_classic(np.where(mask, 0, picture), mask, mask)
    assert np.abs(filled - picture)[mask].max() < 0.01


def test_seeds_come_from_the_crop_and_the_settings():
    source = content(anatomy(), box())
    assert np.array_equal(paint(source), paint(source))
    assert not np.array_equal(paint(source), paint(source, seed=2))
    other = content(anatomy(), box(), modality="MR")
    assert not np.array_equal(paint(source), paint(other))


def test_the_padding_value_is_never_painted_into_tissue():
    picture = anatomy()
    picture[:, :60] = -2000
    source = content(picture, box(), np.int16)
    low = int(picture[:, 60:].min())
    source = Content(
        source.pixels, source.mask, source.hidden, (low, source.limits[1]), padding=(-2000, -2000)
    )
    painted = paint(source)[..., 0]
    assert painted[box()].min() >= low
    inside = Content(source.pixels, source.mask, source.hidden, source.limits, padding=(900, 999))
    found = engines.avoid(np.array([899.0, 950.0, 1000.0]), inside)
    assert found.tolist() == [899, 1000, 1000]


def test_a_crop_of_which_nothing_is_known_stays_blank():
    everything = np.ones((64, 64), bool)
    source = Content(np.full((64, 64, 1), 9, np.uint8), everything, everything, (0, 255))
    for engine in ENGINES:
        assert (paint(source, engine=engine) == 9).all()


# --- files


def crops(path, count=3):
    with Writer(path) as writer:
        for seed in range(count):
            for item in (1, 2):
                source = content(anatomy(seed=seed), box())
                writer.add(Patch(item, seed, 5, 6, 128, 128, source))
    return path


def run(source, out, threads=1, **settings):
    arguments = ["--crops", source, "--out", out, "--threads", threads]
    inpaint.main([*map(str, arguments), "--settings", json.dumps({**SETTINGS, **settings})])
    return out.read_bytes()


def test_main_paints_every_crop_once_and_keeps_the_table(tmp_path):
    source = crops(tmp_path / "crops.h5")
    run(source, tmp_path / "painted.h5")
    with Reader(source) as before, Reader(tmp_path / "painted.h5") as after:
        assert np.array_equal(before.table, after.table)
        assert len(list(after.contents())) == 3
        for group, index in after.contents():
            one, two = before.content(group, index), after.content(group, index)
            assert (one.pixels != two.pixels)[one.mask].mean() > 0.5
            assert np.array_equal(two.pixels, paint(one))


def test_main_gives_the_same_bytes_with_two_processes(tmp_path):
    source = crops(tmp_path / "crops.h5")
    assert run(source, tmp_path / "1.h5") == run(source, tmp_path / "2.h5", threads=2)


@pytest.mark.parametrize("engine", ["classic", "telea"])
def test_a_coloured_line_along_a_mask_does_not_tint_it(engine):
    pixels = np.full((64, 64, 3), 0.4)
    pixels[19] = (0.9, 0.9, 0.1)
    mask = np.zeros((64, 64), bool)
    mask[20:40, 8:56] = True
    pixels[mask] = 0
    painted = engines.paint(pixels, mask, mask, engine, False, np.random.default_rng(1))
    assert np.abs(painted[mask] - 0.4).max() < 0.05
    assert np.array_equal(painted[~mask], pixels[~mask])
