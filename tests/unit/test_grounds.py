import numpy as np
import pytest

from unburn import grounds
from unburn.grounds import Source


def rng():
    return np.random.default_rng(3)


@pytest.mark.parametrize("modality", grounds.MADE)
def test_a_ground_is_made_for_every_modality(modality):
    picture, real = grounds.ground(rng(), [], modality, 48, 64, 3)
    assert not real
    assert picture.shape == (48, 64, 3) and picture.dtype == np.float32
    assert picture.min() >= 0 and picture.max() <= 255


def test_a_true_frame_is_used_where_there_is_one():
    frame = np.tile(np.arange(100, dtype=np.uint8), (80, 1))
    picture, real = grounds.ground(rng(), [Source(frame, "MR")], "MR", 48, 64, 1)
    assert real and picture.shape == (48, 64, 1)
    assert not grounds.ground(rng(), [Source(frame, "MR")], "CT", 48, 64, 1)[1]


@pytest.mark.parametrize("name", grounds.DISTRACTORS)
@pytest.mark.parametrize("channels", [1, 3])
def test_each_distractor_shows(name, channels):
    picture = np.full((128, 128, channels), 90, np.float32)
    grounds.DISTRACTORS[name](rng(), picture)
    assert (picture != 90).any(), name


def test_a_shade_is_laid_as_far_as_pixels_are_covered():
    picture = np.zeros((1, 3, 1), np.float32)
    grounds.laid(picture, np.array([[0, 0.5, 1]], np.float32), 200)
    assert picture.ravel().tolist() == [0, 100, 200]
