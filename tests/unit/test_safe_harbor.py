import pytest

from unburn import presets, safe_harbor
from unburn.safe_harbor import DONE, NOT_APPLICABLE, NOT_DONE

LETTERS = "ABCDEFGHIJKLMNOPQR"


def states(preset, key="keyed", faces="flag", face_items=3, **chosen):
    rows = safe_harbor.identifiers(presets.options(preset, chosen), key, faces, face_items)
    assert "".join(row.letter for row in rows) == LETTERS
    assert {row.state for row in rows} <= {DONE, NOT_DONE, NOT_APPLICABLE}
    assert all(row.what and row.how for row in rows)
    return {row.letter: row.state for row in rows}


def not_done(*args, **kwargs):
    return {letter for letter, state in states(*args, **kwargs).items() if state == NOT_DONE}


@pytest.mark.parametrize(
    ("preset", "left"),
    [("research", set("CPQR")), ("safe_harbor", set("PQR")), ("public", set("PQR"))],
)
def test_each_preset_says_what_it_leaves(preset, left):
    assert not_done(preset) == left


def test_what_the_presets_leave_can_be_chosen_but_anatomy():
    assert not_done("safe_harbor", "discard", "hold") == {"P"}
    assert not_done("public", "discard", "hold") == {"P"}


@pytest.mark.parametrize(
    ("option", "value", "letter"),
    [
        ("dates", "kept", "C"),
        ("dates", "shifted", "C"),
        ("device", "kept", "M"),
        ("institution", "kept", "B"),
        ("uids", "kept", "R"),
    ],
)
def test_an_option_that_keeps_an_identifier_is_said(option, value, letter):
    assert not_done("safe_harbor", "discard", "hold", **{option: value}) == {"P", letter}


@pytest.mark.parametrize(
    ("faces", "face_items", "state"),
    [
        ("hold", 0, DONE),
        ("flag", 0, NOT_APPLICABLE),
        ("flag", 2, NOT_DONE),
        ("ignore", 1, NOT_DONE),
    ],
)
def test_faces_are_flagged_or_held_and_never_said_to_be_removed(faces, face_items, state):
    assert states("safe_harbor", faces=faces, face_items=face_items)["Q"] == state


def test_limited_ages_are_named_where_ages_stay():
    def how(preset):
        rows = safe_harbor.identifiers(presets.PRESETS[preset], "keyed", "flag", 0)
        return next(row.how for row in rows if row.letter == "C")

    assert "ages from 90 on" in how("safe_harbor") and "ages" not in how("public")
