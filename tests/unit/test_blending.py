import numpy as np
import pytest
from test_inpaint import anatomy, box

from unburn import blending


def test_measures_know_a_seam_and_a_blur():
    picture = anatomy()
    assert 0.8 < blending.texture_ratio(picture, box()) < 1.2
    assert abs(blending.seam_step(picture, box())) < 4
    stepped = picture + 200 * box()
    assert 170 < blending.seam_step(stepped, box()) < 205
    assert np.isnan(blending.texture_ratio(np.zeros((64, 64)), box(64, 20, 10, 8, 20)))
    assert np.isnan(blending.seam_step(picture, np.zeros((128, 128), bool)))


def test_places_are_measured_beside_what_is_around_each():
    rng = np.random.default_rng(3)
    strength = np.full((200, 200), 1.0)  # air, with a square of tissue
    strength[100:, 100:] = 30.0
    noise = rng.normal(0, 1, strength.shape)
    large, small = box(200, 20, 20, 60, 160), box(200, 140, 140, 20, 20)
    ratios = [blending.texture_ratio(strength * noise, mask) for mask in (large, small)]
    together = blending.texture_ratio(strength * noise, large | small)
    assert ratios == pytest.approx([1, 1], abs=0.15)
    assert together == pytest.approx(np.average(ratios, weights=[60 * 160, 20 * 20]))
