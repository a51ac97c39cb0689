import pytest

from unburn import numerals
from unburn.numerals import NARROW_SPACE


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "–"),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.5, "50.0 %"),
        (0.0299, "2.99 %"),
        (0.000299, "0.030 %"),
        (0.000001, "< 0.001 %"),
        (0.9996, "99.96 %"),
        (0.9999999, "99.999 %"),
    ],
)
def test_percent_never_rounds_a_rest_away(share, text):
    assert numerals.percent_text(share) == text.replace(" ", NARROW_SPACE)


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (0, "0 s"),
        (0.00765, "27.5 s"),
        (0.0001, "0.36 s"),
        (1 / 60, "1 min"),
        (0.999, "59.9 min"),
        (1.25, "1.25 h"),
        (99.96, "100 h"),
        (123456.7, "123 457 h"),
    ],
)
def test_a_time_has_the_unit_in_which_it_reads_best(hours, text):
    assert numerals.hours_text(hours) == text.replace(" ", NARROW_SPACE)


def test_counts_stand_in_groups_of_three_with_their_noun():
    assert numerals.count_text(1234567) == f"1{NARROW_SPACE}234{NARROW_SPACE}567"
    assert numerals.things(1, "file") == "1 file"
    assert numerals.things(0, "file") == "0 files"
    assert numerals.things(2, "copy", "copies") == "2 copies"


def test_measures_of_nothing_are_a_dash():
    nothing = {"median": None, "p05": None, "p95": None}
    assert numerals.spread_text(nothing) == numerals.number_text(None) == "–"
    assert numerals.score_text(None) == "–"
    assert numerals.spread_text({"median": 1, "p05": 0.5, "p95": 1.254}) == "1.00 (0.50 to 1.25)"
