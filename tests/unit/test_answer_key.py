import csv
from collections import Counter
from itertools import islice

import numpy as np
import pydicom
import pytest

from unburn import answer_key, answer_kinds
from unburn.answer_key import ACTIONS, MEANINGS, asked
from unburn.answers import value_at
from unburn.presets import PRESETS


@pytest.fixture(scope="module")
def some():
    return list(islice(answer_key.objects(4), 6))


def test_the_same_seed_makes_the_same_objects_and_facts(some):
    again = list(islice(answer_key.objects(4), 6))
    assert [made.facts for made in some] == [made.facts for made in again]
    assert all(a.dataset == b.dataset for a, b in zip(some, again, strict=True))
    other = next(answer_key.objects(5))
    assert other.dataset.PatientName != some[0].dataset.PatientName


def test_facts_say_what_stands_in_the_object(some):
    for made in some:
        for fact in made.facts:
            if fact.meaning in ("word", "identifier", "date", "uid", "reference") and fact.path:
                assert fact.value.lower() in (value_at(made.dataset, fact.path) or "").lower()


def test_every_action_is_asked_for_and_twenty_kinds_are_released():
    for options in PRESETS.values():
        assert {asked(meaning, options) for meaning in MEANINGS} <= {*ACTIONS, ""}
    everything = {a for options in PRESETS.values() for m in MEANINGS if (a := asked(m, options))}
    assert everything == set(ACTIONS)
    released = [kind for kind in answer_kinds.KINDS if not kind.held]
    assert len(released) >= 20 and len({kind.sop_class for kind in released}) == len(released)


def test_ink_is_where_the_text_was_drawn(some):
    radiograph = next(made for made in some if made.kind.name == "CR")
    stored = radiograph.dataset.pixel_array
    burned = [fact for fact in radiograph.facts if fact.meaning == "burned in"]
    assert len(burned) == len(radiograph.ink) == 3
    for ink in radiograph.ink.values():
        assert ink.sum() > 100 and (stored[ink] > 0.4 * 4095).all()


def test_two_patients_share_a_number_of_different_issuers():
    people = answer_key.people(np.random.default_rng(1), 10)
    numbers = Counter(person.number for person in people)
    assert sorted(numbers.values()) == [1] * 8 + [2]
    assert len({person.issuer for person in people}) == 10
    assert any(person.age > "089Y" for person in people)
    assert any(not person.name.isascii() for person in people)


def test_what_is_written_can_be_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(answer_key, "KINDS", answer_kinds.KINDS[:2])
    about = answer_key.write(4, tmp_path / "key")
    with open(tmp_path / "key" / "facts.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert about["objects"] == 2 and about["facts"] == len(rows)
    assert [row["kind"] for row in rows if row["meaning"] == "patient"] == ["CT", "MR"]
    assert pydicom.dcmread(tmp_path / "key" / "objects" / "000.dcm").Modality == "CT"
    answer_key.prepare_run(tmp_path / "key" / "objects", tmp_path / "run", 4)
    sheet = (tmp_path / "run" / "sheet.tsv").read_text()
    assert all(f"\t{preset}\n" in sheet for preset in PRESETS)
    assert (tmp_path / "run" / "unburn.key").stat().st_mode & 0o077 == 0
