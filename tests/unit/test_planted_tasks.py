import numpy as np
import pytest

from unburn import planted_tasks


def test_dice():
    one = np.array([1, 1, 0, 0], bool)
    assert planted_tasks.dice(one, one) == 1
    assert planted_tasks.dice(one, ~one) == 0
    assert planted_tasks.dice(one, np.array([1, 0, 0, 0], bool)) == pytest.approx(2 / 3)
    assert planted_tasks.dice(~one & one, ~one & one) == 1


def test_structures_of_either_map_count_and_the_background_does_not():
    clean, found = np.array([[0, 1, 1, 0]]), np.array([[0, 1, 1, 2]])
    assert planted_tasks.dices(clean, found, ("background", "middle", "bright")) == {
        "middle": 1, "bright": 0, "all": 0.5,
    }  # fmt: skip
    assert planted_tasks.dices(clean * 0, clean * 0, ()) == {"all": 1}
    assert set(planted_tasks.dices(clean, clean, ())) == {"class 1", "all"}


def test_equal_features_do_not_drift():
    one = np.array([1.0, 2.0, 0.5])
    assert planted_tasks.cosine(one, 3 * one) == pytest.approx(1)
    assert planted_tasks.cosine(one, 0 * one) == 0
