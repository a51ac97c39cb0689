"""Decisions of people: the table, the verb that writes it, and what becomes of items."""

import json
import shutil
from dataclasses import replace

import h5py
import pytest
from test_release import MASTER, SHARD, Made

from unburn import (
    deciding,
    decisions,
    evaluate,
    metrics,
    overrides,
    reasons,
    release,
    tables,
)
from unburn.decisions import Box
from unburn.errors import UserError
from unburn.files import sha256
from unburn.ledger import SHOWED, records
from unburn.settings import Run
from unburn.sheet import Row


def a_run(lab, key="keyed"):
    """The run that a submission made in a test belongs to."""
    config = {
        "work": str(lab.work.parent),
        "results": str(lab.results.parent),
        "metadata": {"key": key, "preset": "research"},
        "gate": {"faces": "hold"},
    }
    return Run(config, {"lab": Row("lab", lab.inputs, "lab", 2)})


def decide(lab, kind, *items, drawn=None, key="keyed"):
    said = []
    run = a_run(lab, key)
    deciding.decide(run, "lab", list(items), kind, drawn, "Ana Reviewer", said.append)
    return said


@pytest.fixture
def lab(tmp_path):
    """Items 1 released, 2 held for text, 3 undecodable, 4 held for an identifier."""
    lab = Made(tmp_path)
    lab.image(series="s00001")
    lab.image(series="s00002", verdict="hold")
    lab.image(series="s00003", status="held_back", reason_code="undecodable", verdict="")
    lab.image(series="s00004", verdict="hold")
    lab.verdicts[-1]["reason_code"] = "residual_identifier"
    put(lab)
    return lab


def put(lab):
    """Write the tables, with what a box is checked by."""
    lab.write()
    rows = [row | {"rows": 20, "columns": 24} for row in lab.rows]
    lab.write_table(lab.work / "shards" / "00000.tsv", rows, (*SHARD, "rows", "columns"))


def released_anew(lab):
    found = lab.release()
    put(lab)
    return found


# --- the table


def test_nothing_is_decided_without_a_table(tmp_path):
    assert decisions.read(tmp_path) == []
    assert decisions.counts(tmp_path, set()) is None
    assert decisions.digest([], MASTER) == ""


def test_every_line_that_is_not_well_formed_is_named_and_never_quoted(tmp_path):
    work = tmp_path / "lab"
    work.mkdir()
    good = ("2", "release", "", "", "Ana", "2026-01-31", "residual_text", "a" * 64, "b" * 64)
    lines = [
        good,
        ("SECRET", *good[1:]),
        ("2", "keep", *good[2:]),
        ("2", "mask", "0", "1,1,5,5", *good[4:6], "", *good[7:]),
        ("2", "mask", "all", "9,1,5,5", *good[4:]),
        ("2", "release", "1", "", "", "31.1.2026", "broken", "abc", "b" * 64),
        ("2", "release"),
    ]
    text = "\n".join("\t".join(line) for line in (decisions.COLUMNS, *lines))
    (work / decisions.FILE).write_text(text + "\n")
    with pytest.raises(UserError) as error:
        decisions.read(work)
    told = str(error.value)
    for expected in (
        "submission lab, decisions.tsv: 12 to mend",
        "line 3: item: expected its number in the ledger",
        "line 4: decision: expected one of release, mask, reject",
        "line 5: frame: expected a number from 1, or all",
        "line 6: box: its right must be beyond its left",
        "line 6: reasons: only a line with the decision release has them",
        "line 7: reasons: expected what is overruled, of controls_failed, controls_missed, face",
        "line 7: frame, box: only a line with the decision mask has them",
        "line 7: reviewer: it is empty",
        "line 7: date: expected year-month-day",
        "line 7: candidate_sha256: expected 64 hex digits",
        "line 8: 2 cells under 9 columns",
        "-m unburn decide --help",
    ):
        assert expected in told
    assert "SECRET" not in told and "Ana" not in told


def test_a_table_without_its_columns_is_refused(tmp_path):
    (tmp_path / decisions.FILE).write_text("item,decision\n2,release\n")
    with pytest.raises(UserError, match="its first line must be the columns item, decision"):
        decisions.read(tmp_path)


def test_the_digest_is_of_what_was_decided_not_of_who_decided_it(lab):
    decide(lab, "release", "2")
    once = decisions.digest(decisions.read(lab.work), MASTER)
    table = lab.work / decisions.FILE
    table.write_text(table.read_text().replace("Ana Reviewer", "Ben"))
    assert decisions.digest(decisions.read(lab.work), MASTER) == once
    decide(lab, "reject", "2")
    assert decisions.digest(decisions.read(lab.work), MASTER) != once


def test_a_box_concerns_its_own_shard_alone(lab):
    decide(lab, "mask", "1", drawn=Box(0, 0, 5, 5))
    on = decisions.read(lab.work)
    other = lab.work / "shards" / "00001.tsv"
    tables.write(other, [{"item": "9"}], ["item"])
    assert decisions.boxes_digest(on, lab.shard, MASTER)
    assert decisions.boxes_digest(on, lab.work / "00001", MASTER) == ""
    decide(lab, "release", "2")
    again = decisions.boxes_digest(decisions.read(lab.work), lab.shard, MASTER)
    assert again == decisions.boxes_digest(on, lab.shard, MASTER)


# --- the verb


def test_decide_writes_a_private_line_and_says_what_to_do(lab):
    said = decide(lab, "release", "2")
    assert "release of 1 item written" in said[0]
    assert said[1:] == [
        "this overrules residual_text: item 2",
        "start the run again to let it count",
    ]
    (row,) = records(lab.work / decisions.FILE)
    assert row["candidate_sha256"] == sha256(lab.shard / "candidates" / "2.dcm")
    assert row["input_sha256"] == sha256(lab.inputs / "Doe_Jane_2")
    assert row["reviewer"] == "Ana Reviewer"
    assert (lab.work / decisions.FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("kind", "item", "why"),
    [
        ("release", "1", "the gate did not hold it back"),
        ("release", "3", "there is no cleaned file of it"),
        ("release", "4", "nobody can release it (residual_identifier)"),
        ("reject", "99", "there is no such item"),
    ],
)
def test_decide_refuses_what_nobody_may_do(lab, kind, item, why):
    with pytest.raises(UserError) as error:
        decide(lab, kind, "2", item)
    assert f"item {item}: {why}" in str(error.value)
    assert not (lab.work / decisions.FILE).exists()


def test_decide_names_the_reason_of_what_was_not_cleaned(lab):
    lab.other("held_back", "structured_report")  # in no shard
    lab.release()
    put(lab)
    with pytest.raises(UserError) as error:
        decide(lab, "release", "3", "5", "6")
    for told in ("3: {} (undecodable)", "5: {} (structured_report)"):
        assert f"item {told.format('there is no cleaned file of it to decide on')}" in str(
            error.value
        )
    assert "item 6: there is no such item\n" in str(error.value)


@pytest.mark.parametrize("drawn", [Box(0, 0, 25, 5), Box(0, 0, 5, 21), Box(0, 0, 5, 5, 1)])
def test_decide_refuses_a_box_outside_of_the_picture(lab, drawn):
    with pytest.raises(UserError, match="outside of its 1 frames, 24 wide and 20 high") as told:
        decide(lab, "mask", "1", drawn=drawn)
    assert "nothing was written; correct the box" in str(told.value)


@pytest.mark.parametrize(("word", "why"), [("2-1", "ends before it begins"), ("x", "no number")])
def test_decide_refuses_what_names_no_item(lab, word, why):
    with pytest.raises(UserError, match=why):
        decide(lab, "reject", word)


@pytest.mark.parametrize("name", ["=cmd|'/c calc'!A0", "+1", "-1", "@sum", "\t=1", "a\tb", " "])
def test_nobody_decides_under_a_name_that_a_table_or_a_spreadsheet_takes_for_more(name):
    with pytest.raises(UserError, match=r"--reviewer: it (begins with|is empty, or has signs)"):
        deciding.reviewer_of(name)
    assert deciding.reviewer_of("Ana-Lena O'Neil +1 =") == "Ana-Lena O'Neil +1 ="


@pytest.mark.parametrize("login", ["=1+1", " @sum", "a\x1b[2Jb", ""])
def test_a_login_that_no_table_should_hold_is_nobodys_name(login, monkeypatch):
    monkeypatch.setattr(deciding.getpass, "getuser", lambda: login)
    assert deciding.who() == ""


def test_decide_refuses_a_file_that_changed_since_it_was_checked(lab):
    (lab.shard / "candidates" / "2.dcm").write_bytes(b"altered")
    with pytest.raises(UserError, match="not the one that was checked"):
        decide(lab, "release", "2")


def test_decide_refuses_where_the_key_is_discarded(lab):
    with pytest.raises(UserError, match="every run makes other files"):
        decide(lab, "release", "2", key="discard")
    decide(lab, "release", "2")
    with pytest.raises(UserError, match="delete that table"):
        decisions.refuse_discarded(lab.work)


def test_decide_goes_by_the_ledger_where_the_gate_was_not_the_last_word(lab):
    lab.release()
    put(lab)
    ledger = lab.work / "ledger.tsv"
    rows = records(ledger)

    def held(code):
        rows[0] |= {"status": "held_back", "reason_code": code}
        tables.write(ledger, rows, list(rows[0]))

    held("controls_missed")
    decide(lab, "release", "1")
    for code, why in (
        ("rejected", "take it back with --clear"),
        ("conflicting_instance", r"nobody can release it \(conflicting_instance\)"),
    ):
        held(code)
        with pytest.raises(UserError, match=why):
            decide(lab, "release", "1")


def test_decide_refuses_where_the_originals_are_gone(lab):
    shutil.rmtree(lab.inputs)
    with pytest.raises(UserError, match="its originals are gone"):
        decide(lab, "reject", "1")


def test_what_was_decided_can_be_taken_back(lab):
    decide(lab, "reject", "1-2")
    assert decide(lab, "clear", "1")[0].startswith("lab: 1 line taken out")
    assert [one.item for one in decisions.read(lab.work)] == ["2"]
    decide(lab, "clear", "2")
    assert not (lab.work / decisions.FILE).exists()


# --- what becomes of items


def test_a_person_releases_what_the_gate_held_for_text_and_no_more(lab):
    assert released_anew(lab) == {
        "1": "released",
        "2": "residual_text",
        "3": "undecodable",
        "4": "residual_identifier",
    }
    decide(lab, "release", "2")
    table = lab.work / decisions.FILE
    line = table.read_text().splitlines()[-1].split("\t")
    for item in ("3", "4"):  # by hand, as the verb refuses them
        seen = lab.shard / "candidates" / f"{item}.dcm"
        line[0], line[7] = item, sha256(seen)
        table.write_text(table.read_text() + "\t".join(line) + "\n")
    assert released_anew(lab) == {
        "1": "released",
        "2": "released",
        "3": "undecodable",
        "4": "residual_identifier",
    }
    found = decisions.counts(lab.work, {"1", "2"})
    assert found["released_by_reason"] == {"residual_text": 1}
    assert (found["items"], found["not_in_force"]) == (3, 2)


def test_who_releases_is_told_all_that_it_overrules_and_the_lines_name_it(tmp_path):
    lab = Made(tmp_path)
    for found in ("residual_text", "residual_text;face"):
        lab.image(verdict="hold")
        lab.verdicts[-1] |= {"reason_code": "residual_text", "overridable": found}
        lab.rows[-1] |= {"device": "a"}
    put(lab)
    showed = {"held_back": [["CT", "a", "controls_missed"]]}
    (lab.work / SHOWED).write_text(json.dumps(showed))
    said = decide(lab, "release", "1", "2")
    assert said[1:4] == [
        "this overrules controls_missed: items 1, 2",
        "this overrules face: item 2",
        "this overrules residual_text: items 1, 2",
    ]
    named = [row["reasons"] for row in records(lab.work / decisions.FILE)]
    assert named == ["controls_missed;residual_text", "controls_missed;face;residual_text"]


@pytest.mark.parametrize("later", ["face", "controls_failed"])
def test_a_release_is_refused_when_another_reason_comes_up_later(lab, later, caplog):
    decide(lab, "release", "2")
    lab.rows[1]["device"] = "a"
    lab.verdicts[1]["overridable"] = "residual_text;face" if later == "face" else "residual_text"
    missing = {} if later == "face" else {("CT", "a"): later}
    put(lab)
    items = release.read_items(lab.work / "inventory.tsv", lab.work)
    on = decisions.read(lab.work)
    found, _ = overrides.apply(release.hold_devices(items, missing), on)
    assert (found["2"].status, found["2"].reason_code) == ("held_back", "residual_text")
    assert "item 2: a decision on it no longer fits" in caplog.text
    seen = [replace(on[0], reasons=on[0].reasons | {later})]
    found, outcomes = overrides.apply(release.hold_devices(items, missing), seen)
    assert found["2"].status == "released"
    assert outcomes[0]["reason_code"] == ";".join(sorted(("residual_text", later)))


def test_a_release_of_a_changed_file_is_refused_and_said_by_number(lab, caplog):
    decide(lab, "release", "2")
    table = lab.work / decisions.FILE
    row = decisions.read(lab.work)[0]
    table.write_text(table.read_text().replace(row.candidate, "0" * 64))
    assert released_anew(lab)["2"] == "residual_text"
    assert "item 2: a decision on it no longer fits" in caplog.text
    assert decisions.counts(lab.work, set())["not_in_force"] == 1


def test_a_person_holds_back_what_the_gate_released(lab):
    decide(lab, "reject", "1")
    assert released_anew(lab)["1"] == "rejected"
    table = lab.work / decisions.FILE
    row = decisions.read(lab.work)[0]
    table.write_text(table.read_text().replace(row.candidate, "0" * 64))
    assert released_anew(lab)["1"] == "decision_outdated"  # more care was asked for than the gate's


def test_the_last_of_two_decisions_counts(lab):
    decide(lab, "release", "2")
    decide(lab, "reject", "2")
    assert released_anew(lab)["2"] == "rejected"


def test_boxes_that_no_mask_holds_or_of_another_original_hold_their_item_back(lab):
    decide(lab, "mask", "1", drawn=Box(0, 0, 5, 5))
    assert decisions.boxes(lab.work, lab.rows) == {1: [Box(0, 0, 5, 5)]}
    assert released_anew(lab)["1"] == "decision_outdated"  # no mask holds it yet
    write = lab.write

    def with_boxes():
        write()
        with h5py.File(lab.shard / "masks.h5", "a") as file:
            decisions.write_drawn(file, {1: [Box(0, 0, 5, 5), Box(1, 1, 2, 2, 0)]})

    lab.write = with_boxes
    assert released_anew(lab)["1"] == "released"
    table = lab.work / decisions.FILE
    row = decisions.read(lab.work)[0]
    table.write_text(table.read_text().replace(row.original, "0" * 64))
    assert decisions.boxes(lab.work, lab.rows) == {}
    assert released_anew(lab)["1"] == "decision_outdated"


def test_a_released_part_lets_its_volume_go_but_only_whole(tmp_path):
    lab = Made(tmp_path)
    for verdict in ("hold", "hold", "hold"):
        lab.image(volumetric=1, verdict=verdict)
    for row in lab.verdicts[2:]:
        row["reason_code"] = "series_held"
    put(lab)
    with pytest.raises(UserError, match="another part of its volume is held back"):
        decide(lab, "release", "3")
    decide(lab, "release", "1")
    assert released_anew(lab) == {
        "1": "series_held",
        "2": "residual_text",
        "3": "series_held",
    }
    assert decisions.counts(lab.work, set())["released"] == 0  # held by the rest of its volume
    decide(lab, "release", "2")
    assert set(released_anew(lab).values()) == {"released"}


def a_volume(tmp_path):
    """Two slices: text was read in the first, the second waits for it."""
    lab = Made(tmp_path)
    for code in ("residual_text", "series_held"):
        lab.image(volumetric=1, verdict="hold")
        lab.verdicts[-1]["reason_code"] = code
    put(lab)
    return lab


def test_a_released_part_lets_no_part_go_that_a_person_rejected_before(tmp_path):
    lab = a_volume(tmp_path)
    decide(lab, "release", "1")
    decide(lab, "reject", "2")
    lines = decisions.read(lab.work)
    decisions.write(lab.work, [lines[0], replace(lines[1], candidate="0" * 64)])
    assert released_anew(lab) == {"1": "series_held", "2": "decision_outdated"}


def test_a_released_part_lets_nothing_go_of_a_device_that_is_held_back(tmp_path):
    lab = a_volume(tmp_path)
    for row in lab.rows:
        row["device"] = "a"
    put(lab)
    (lab.work / SHOWED).write_text(json.dumps({"held_back": [["CT", "a", "controls_missed"]]}))
    decide(lab, "release", "1")
    items = release.read_items(lab.work / "inventory.tsv", lab.work)
    held = release.hold_devices(items, {("CT", "a"): "controls_missed"})
    found, _ = overrides.apply(held, decisions.read(lab.work))
    found = release.settle(found, "series")
    assert [one.reason_code for one in found.values()] == ["series_held", "controls_missed"]


def test_nothing_is_released_without_the_box_that_was_asked_for(lab):
    decide(lab, "mask", "2", drawn=Box(0, 0, 5, 5))
    decide(lab, "release", "2")
    assert released_anew(lab)["2"] == "residual_text"  # no mask holds the box yet


def test_a_rejection_counts_for_its_file_whatever_was_decided_of_another(lab):
    decide(lab, "reject", "1")
    rejected = decisions.read(lab.work)[0]
    release = replace(rejected, kind="release", reasons=frozenset({"residual_text"}))
    of_another = replace(release, candidate="0" * 64)
    decisions.write(lab.work, [rejected, of_another])
    assert released_anew(lab)["1"] == "rejected"
    decisions.write(lab.work, [rejected, release, of_another])
    assert released_anew(lab)["1"] == "released"


def test_lines_of_withdrawn_items_go(lab):
    decide(lab, "reject", "1-2")
    decisions.forget(lab.work, {"1"})
    assert [one.item for one in decisions.read(lab.work)] == ["2"]


def test_decisions_are_counted_in_the_figures_without_a_name(lab):
    decide(lab, "release", "2")
    decide(lab, "reject", "1")
    released_anew(lab)
    settings = evaluate.Settings("", 0.9, 0.25)
    found = evaluate.evaluate("lab", lab.work, lab.results, settings)
    assert found["decisions"]["released_by_reason"] == {"residual_text": 1}
    assert found["decisions"]["rejected"] == 1
    assert metrics.mistakes(found) == []
    assert "Ana" not in json.dumps(found)
    for file in lab.results.rglob("*"):
        assert not file.is_file() or b"Ana Reviewer" not in file.read_bytes()


def test_what_a_person_can_overrule_is_a_reason_to_hold_back():
    assert set(reasons.HELD_BACK) >= reasons.OVERRIDABLE
    structural = {"undecodable", "gate_failed", "pixels_differ", "residual_identifier"}
    assert structural.isdisjoint(reasons.OVERRIDABLE)
