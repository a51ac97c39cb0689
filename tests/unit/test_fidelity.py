import numpy as np
import pytest
from skimage.metrics import structural_similarity

from unburn import fidelity

ROWS, COLUMNS = np.mgrid[:96, :128]
SLOW = 120 + 40 * np.sin(ROWS / 17) * np.cos(COLUMNS / 23)


def noisy(deviation, seed=1):
    return SLOW + np.random.default_rng(seed).normal(0, deviation, SLOW.shape)


def box():
    mask = np.zeros(SLOW.shape, bool)
    mask[30:60, 20:100] = True
    return mask


def painted(picture, inside, mask):
    return np.where(mask, inside, picture)


def test_errors_count_what_is_asked_for():
    other = painted(SLOW, SLOW + 3, box())
    assert fidelity.squared_error(SLOW, other, box()) == pytest.approx(9)
    everywhere = fidelity.squared_error(SLOW, other, np.ones_like(box()))
    assert everywhere == pytest.approx(9 * box().mean())
    assert fidelity.psnr(SLOW, SLOW + 3) == pytest.approx(20 * np.log10(255 / 3))
    assert fidelity.psnr(SLOW, SLOW) == np.inf


def test_similarity_is_scikit_images_of_the_whole_frame():
    truth = noisy(8)
    other = painted(truth, SLOW, box())
    inside, frame = fidelity.similarity(truth, other, box())
    _, whole = structural_similarity(truth, other, data_range=255, full=True)
    assert inside == pytest.approx(whole[box()].mean())
    assert frame == pytest.approx(whole.mean())
    assert inside < frame < 1


def test_texture_tells_too_smooth_from_too_rough():
    truth = noisy(8)
    assert fidelity.texture(truth, truth, box()) == 1
    again = fidelity.texture(truth, painted(truth, noisy(8, seed=2), box()), box())
    assert again == pytest.approx(1, abs=0.1)
    assert fidelity.texture(truth, painted(truth, SLOW, box()), box()) < 0.1
    rough = fidelity.texture(truth, painted(truth, noisy(16, seed=2), box()), box())
    assert rough == pytest.approx(2, abs=0.2)
    assert np.isnan(fidelity.texture(np.zeros((9, 9)), np.zeros((9, 9)), np.ones((9, 9), bool)))


def test_spectral_distance_is_in_decibels_and_small_for_another_noise_of_the_same_kind():
    truth = noisy(20)
    assert fidelity.spectral_distance(truth, truth, box()) == 0
    same = fidelity.spectral_distance(truth, painted(truth, noisy(20, 2), box()), box())
    half = fidelity.spectral_distance(truth, painted(truth, noisy(10, 2), box()), box())
    smooth = fidelity.spectral_distance(truth, painted(truth, SLOW, box()), box())
    assert same < 2 < half < 8 < 20 < smooth


def test_spectrum_of_white_noise_is_flat_and_has_its_variance():
    noise = np.random.default_rng(1).normal(0, 5, (256, 256))
    found = fidelity.spectrum(noise, np.ones(noise.shape))
    assert np.abs(found / 25 - 1).max() < 0.15
    wave = 10 * np.cos(2 * np.pi * 0.25 * np.arange(256))[None].repeat(256, 0)
    assert fidelity.spectrum(wave, np.ones(noise.shape)).argmax() == fidelity.BINS // 2


def test_flicker_counts_changes_inside_and_around():
    still = [SLOW] * 3
    assert fidelity.flicker(still, box()) == (0, 0)
    moving = [painted(SLOW + 4 * (k % 2), SLOW + 2 * (k % 2), box()) for k in range(4)]
    assert fidelity.flicker(moving, box()) == pytest.approx((2, 4))
