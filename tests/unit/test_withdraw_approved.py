"""A withdrawal takes a patient out of decisions, of what waits and of what was handed out."""

from pathlib import Path

import pytest
from test_withdraw import Year, check_gone

from unburn import approval, crate, decisions, handover, reproduce, settings, withdraw
from unburn.errors import UserError
from unburn.files import sha256
from unburn.ledger import records
from unburn.settings import WAITING


def decided(item, original):
    return decisions.Decision(item, "reject", None, "Ana", "2026-01-31", "0" * 64, original)


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """The year of `test_withdraw`, with an approval required and given."""
    monkeypatch.chdir(tmp_path)
    made = Year(tmp_path)
    made.results = tmp_path / "work" / WAITING / "lab"
    made.finish()
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text() + "gate:\n  approval: required\n")
    run = settings.load_file(config)
    handover.approve(run, "lab", 5, "Ana", print)
    return made


def test_a_patient_goes_from_what_was_handed_out_too(lab):
    out = lab.folder / "results" / "lab"
    before = {name: (out / name).read_bytes() for name in lab.released()}
    roe = {name: data for name, data in before.items() if "/other/" in name}
    assert 0 < len(roe) < len(before)
    lab.withdraw("patient")
    check_gone(lab, roe)
    there = {str(file.relative_to(out)) for file in out.rglob("*") if file.is_file()}
    assert {name for name in there if "/" in name} == roe.keys()
    assert {row["output"] for row in records(out / "released.tsv")} == roe.keys()
    first, second = approval.read(lab.work)
    assert (first["basis"], second["basis"], second["seen"]) == ("looked", "withdrawal", "0")
    assert approval.is_signed(lab.work, lab.results)
    (out / sorted(roe)[0]).unlink()
    handover.settle(settings.load_file(lab.folder / "config.yaml"))
    assert {name for name in roe if (out / name).is_file()} == roe.keys()  # put back, as before


def test_a_withdrawal_killed_while_it_hands_out_is_taken_up_and_others_stay(lab, monkeypatch):
    out = lab.folder / "results" / "lab"
    roe = {name: (out / name).read_bytes() for name in lab.released() if "/other/" in name}

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(handover, "place", killed)
        with pytest.raises(KeyboardInterrupt):
            lab.withdraw("patient")
    assert not (out / handover.TABLE).exists()  # what tells that it is not complete
    lab.withdraw()
    check_gone(lab, roe)
    assert {row["output"] for row in records(out / "released.tsv")} == roe.keys()
    assert {name: (out / name).read_bytes() for name in roe} == roe
    assert [line["basis"] for line in approval.read(lab.work)] == ["looked", "withdrawal"]
    assert approval.is_signed(lab.work, lab.results)


def test_what_was_approved_of_others_stays_listed_while_other_files_wait(lab):
    """Of both patients a file was approved that waits no more."""
    out = lab.folder / "results" / "lab"
    roe, *_, doe = sorted(name for name in lab.released() if name.startswith("dicom/"))
    before = {row["output"]: row for row in records(out / "released.tsv")}
    moment = (out / "released.tsv").stat().st_mtime_ns
    hold = {"verdict": "hold", "reason_code": "residual_text"}
    for row in lab.candidates:
        if row["output"] in (doe, roe):
            lab.verdicts[int(row["item"]) - 1] |= hold
    lab.finish()
    assert not {doe, roe} & lab.released().keys()
    lab.withdraw("patient")
    kept = {name: row for name, row in before.items() if row["patient"] == "other"}
    assert roe in kept and len(kept) == 3
    assert {row["output"]: row for row in records(out / "released.tsv")} == kept
    there = {file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file()}
    assert there == {*kept, "released.tsv", "provenance.json"}
    for name, row in kept.items():
        assert sha256(out / name) == row["sha256"]
    assert (out / "released.tsv").stat().st_mtime_ns == moment  # of an earlier release
    assert not approval.is_signed(lab.work, lab.results) and len(approval.read(lab.work)) == 1
    told = approval.sentences(settings.load_file(lab.folder / "config.yaml"), "lab")
    assert "what was approved before stays there" in told[0]


def test_what_people_and_verbs_wrote_down_of_a_patient_goes(lab):
    decisions.write(lab.work, [decided("1", "1" * 64), decided("5", "5" * 64)])
    (lab.work / crate.FILE).write_text("Doe of before")
    kept = lab.work.parent / reproduce.FOLDER / "results"
    kept.mkdir(parents=True)
    (kept / "a.dcm").write_text("Doe of before")
    lab.withdraw("patient")
    assert [one.item for one in decisions.read(lab.work)] == ["5"]
    assert [row["item"] for row in records(lab.work / decisions.DECIDED)] == ["5"]
    assert b"Doe of before" not in lab.left()
    assert not Path(kept).exists()


def test_what_a_killed_approval_left_of_a_patient_goes_with_its_pages(lab):
    out = lab.folder / "results" / "lab"
    of_before = out / "dicom" / "patient" / "of_before.dcm"
    of_before.parent.mkdir(parents=True, exist_ok=True)
    of_before.write_text("Doe of before")
    (out / crate.FILE).write_text("Doe of before")
    (out / ".0123abcd.part.json").write_text("Doe of before")
    (out / handover.TABLE).unlink()  # the first step of what puts files there
    lab.withdraw("patient")
    assert [file for file in out.rglob("*") if file.is_file()] == []


def test_a_table_of_decisions_that_cannot_be_read_ends_a_withdrawal_before_it_begins(lab):
    before = lab.released()
    (lab.work / decisions.FILE).write_text("item\n")
    with pytest.raises(UserError, match="its first line must be the columns"):
        lab.withdraw("patient")
    assert lab.released() == before
    assert not (lab.work / withdraw.JOURNAL).exists()
