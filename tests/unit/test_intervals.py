import numpy as np
import pytest

from unburn import intervals


def test_shares_have_exact_bounds_and_none_has_an_upper_one():
    none = intervals.share(0, 100)
    assert none.value == none.low == 0 and none.high == pytest.approx(1 - 0.025 ** (1 / 100))
    assert intervals.share(100, 100).low == pytest.approx(0.025 ** (1 / 100))
    assert np.isnan(intervals.share(0, 0).value)


def test_patients_are_drawn_where_there_are_enough_of_them():
    groups = [f"p{k // 3}" for k in range(30)]
    numbers, name = intervals.units(groups, range(30))
    assert name == "patient" and len(set(numbers)) == 10
    numbers, name = intervals.units(["a"] * 30, range(30))
    assert name == "frame" and len(set(numbers)) == 30


def test_frames_of_one_patient_widen_the_interval():
    rng = np.random.default_rng(1)
    values = np.repeat(rng.normal(0, 1, 20), 10)
    by_frame = intervals.mean(values, np.arange(200), 1)
    by_patient = intervals.mean(values, np.arange(200) // 10, 1)
    assert by_frame.value == by_patient.value == pytest.approx(values.mean())
    assert by_patient.high - by_patient.low > 2 * (by_frame.high - by_frame.low)
    assert by_patient.low < 0 < by_patient.high


def test_what_is_unknown_is_left_out():
    found = intervals.mean(np.array([1.0, np.nan, 3.0]), np.arange(3), 1)
    assert found.value == 2 and found.of == 2


def test_a_clear_difference_is_told_from_none():
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 1, 40)
    unit = np.arange(40) // 2
    assert intervals.paired(noise - noise.mean(), unit, 1) > 0.5
    assert intervals.paired(noise + 3, unit, 1) < 0.001
    assert intervals.paired(np.zeros(40), unit, 1) == 1
    # frames of one patient do not count as many
    assert intervals.paired(np.ones(40), np.zeros(40, int), 1) == 1


def test_macro_f1():
    pairs = np.array([["a", "a"], ["a", "b"], ["b", "b"], ["b", "b"]])
    assert intervals.macro_f1(pairs, ["a", "b", "c"]) == pytest.approx((2 / 3 + 4 / 5) / 2)
