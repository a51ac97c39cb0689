from collections import Counter

import pytest

from unburn import canaries
from unburn.canaries import GONE, KEPT, LEFT, NESTED, TOP
from unburn.presets import PRESETS, RESEARCH


@pytest.fixture(scope="module")
def rows():
    return list(canaries.measure())


def test_every_row_of_the_table_is_handled_under_every_preset(rows):
    assert not [row for row in rows if row["outcome"] == LEFT]
    assert len(canaries.rows()) >= 614
    for preset in PRESETS:
        for depth in (TOP, NESTED):
            own = [r["outcome"] for r in rows if (r["preset"], r["depth"]) == (preset, depth)]
            assert own.count(GONE) + own.count(KEPT) == len(own) - 1
            assert own[-1] == "control stayed"  # the place itself was not thrown away


def test_what_an_option_keeps_is_told_apart(rows):
    kept = {row["name"] for row in rows if row["preset"] == "research" and row["outcome"] == KEPT}
    assert {"Study Time", "Patient's Weight"} <= kept
    assert "Study Date" not in kept and "Patient's Name" not in kept
    public = Counter(row["outcome"] for row in rows if row["preset"] == "public")
    assert KEPT not in public


@pytest.mark.parametrize("depth", [TOP, NESTED])
def test_a_program_that_does_nothing_handles_nothing(depth):
    untouched = canaries.planted(depth, True)
    rows = list(canaries.outcomes("nobody", "", None, untouched, depth, True))
    assert {row["outcome"] for row in rows[:-1]} == {LEFT}
    # what is kept by an option is only what the option is for
    kept = canaries.outcomes("nobody", "", RESEARCH, untouched, depth, True)
    assert 0 < sum(row["outcome"] == KEPT for row in kept) < 100


def test_canaries_differ():
    built = [canaries.shown(canaries.canary(n, "LO"), "LO") for n in range(700)]
    assert len(set(built)) == 700 and all(len(word) <= 16 for word in built)
