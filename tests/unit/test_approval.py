"""Approval: results wait in private until a person signs for exactly these files."""

import json
import os
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest
from test_release import Made

from unburn import alone, approval, handover, mending, settings, submissions, takeover
from unburn.errors import UserError
from unburn.ledger import records
from unburn.settings import WAITING, Run
from unburn.sheet import Row

NO_TEXT = {
    **dict.fromkeys(("lines_found", "frames_with_text", "frames_searched"), 0),
    **{"masked_frames": 0, "released_frames": 0, "read": {"frames": 0, "with_text": 0}},
    **{"policy": {"kept_lines": 0, "fell_back_items": 0}},
}


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A finished submission of two items that waits; nothing is in results/."""
    monkeypatch.chdir(tmp_path)
    lab = Made(tmp_path)
    lab.results = tmp_path / "work" / WAITING / "lab"
    lab.image(series="s00001")
    lab.image(series="s00002")
    finish(lab)
    return lab


def finish(lab):
    lab.release()
    for name in ("metrics.json", "provenance.json", "report.html"):
        (lab.results / name).write_text("{}")
    (lab.work / "accounted").touch()


def a_run(lab):
    out = lab.work.parents[1] / "results"
    config = {"work": str(lab.work.parent), "results": str(lab.results.parent)}
    return Run(config, {"lab": Row("lab", lab.inputs, "lab", 2)}, out)


def approve(lab, seen=2):
    said = []
    handover.approve(a_run(lab), "lab", seen, "Ana Reviewer", said.append)
    return said


def handed_out(lab):
    target = a_run(lab).handed_out / "lab"
    return sorted(str(file.relative_to(target)) for file in target.rglob("*") if file.is_file())


def waiting(lab):
    files = lab.results.rglob("*")
    return sorted(str(file.relative_to(lab.results)) for file in files if file.is_file())


def test_required_approval_lets_results_wait_below_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sheet.tsv").write_text("submission\tpath\nlab\timages\n")
    config = {"sheet": "sheet.tsv", "gate": {"approval": "required"}, "work": "private"}
    run = settings.load(config, [])
    assert (run.config["results"], run.handed_out) == (f"private/{WAITING}", Path("results"))
    assert "approval" not in json.loads(submissions.section(run, "lab", "gate"))
    (tmp_path / "sheet.tsv").write_text("submission\tpath\tgate.approval\nlab\timages\trequired\n")
    with pytest.raises(UserError, match=r"the column 'gate.approval' sets what holds for"):
        settings.load({"sheet": "sheet.tsv"}, [])


def test_nothing_is_handed_out_before_a_signature(lab):
    handover.settle(a_run(lab))
    assert handed_out(lab) == []
    first, second = approval.sentences(a_run(lab), "lab")
    assert "2 files wait for a person's signature" in first and "nothing is there yet" in first
    assert "approve --configfile FILE --submission lab --seen N" in second


def test_a_signature_hands_out_what_waited_and_is_private(lab):
    said = approve(lab, seen=1)
    assert "1 of 2 files seen" in said[0]
    assert handed_out(lab) == waiting(lab)
    (row,) = approval.read(lab.work)
    assert (row["reviewer"], row["seen"], row["of"]) == ("Ana Reviewer", "1", "2")
    assert stat.S_IMODE((lab.work / approval.FILE).stat().st_mode) == 0o600
    assert "handed out" in approval.sentences(a_run(lab), "lab")[0]
    for file in (a_run(lab).handed_out / "lab").rglob("*"):
        assert not file.is_file() or b"Ana" not in file.read_bytes()


def test_the_summary_names_the_pages_where_they_were_handed_out(lab):
    (lab.results / "metrics.json").write_text(json.dumps({"privacy": NO_TEXT}))
    (lab.results / "report.html").touch(), (lab.work / "accounted").touch()
    run = a_run(lab)
    assert f"report: {lab.results / 'report.html'}" in submissions.summary(run)
    approve(lab)
    assert f"report: {run.handed_out / 'lab' / 'report.html'}" in submissions.summary(run)
    (run.handed_out / "lab" / "held_back.tsv").write_text("of another release")
    assert f"report: {lab.results / 'report.html'}" in submissions.summary(run)


def test_a_change_asks_for_a_new_signature_and_leaves_what_was_approved(lab):
    approve(lab)
    before = handed_out(lab)
    lab.image(series="s00003")
    finish(lab)
    handover.settle(a_run(lab))
    assert handed_out(lab) == before
    assert "what was approved before stays there" in approval.sentences(a_run(lab), "lab")[0]
    approve(lab, seen=3)
    assert handed_out(lab) == waiting(lab) != before


def test_files_that_others_took_the_place_of_ask_for_a_new_signature(lab):
    approve(lab)
    lab.verdicts[0] |= {"verdict": "hold", "reason_code": "residual_text"}
    finish(lab)
    approve(lab, seen=1)
    approved = handed_out(lab)
    lab.verdicts[0] |= {"verdict": "release", "reason_code": ""}
    finish(lab)
    handover.settle(a_run(lab))
    assert handed_out(lab) == approved


def test_what_was_deleted_after_a_signature_is_handed_out_again_by_the_next_run(lab):
    approve(lab)
    target = a_run(lab).handed_out / "lab"
    output = records(lab.results / "released.tsv")[0]["output"]
    (target / output).unlink()
    handover.settle(a_run(lab))
    assert handed_out(lab) == waiting(lab)


def test_what_was_handed_out_is_no_altered_file_to_the_next_run(lab):
    time.sleep(0.02)
    approve(lab)
    target = a_run(lab).handed_out / "lab"
    output = records(lab.results / "released.tsv")[0]["output"]
    assert (target / output).samefile(lab.results / output)
    assert mending.lost(lab.results) == mending.lost(target) == []
    assert mending.damaged(lab.work, [], lab.results) == frozenset()
    for name in handover.AFTER:  # so that without the setting nothing is made again
        assert (target / name).stat().st_mtime_ns >= (target / handover.TABLE).stat().st_mtime_ns


def test_nothing_is_handed_out_beside_another_start(lab):
    digest = approval.digest(lab.results)
    line = "\t".join(("Ana", "2026-01-31", "looked", "2", "2", digest))
    (lab.work / approval.FILE).write_text("\t".join(approval.COLUMNS) + f"\n{line}\n")
    takeover.LOCKS.mkdir(parents=True)
    for number in (0, 1):
        (takeover.LOCKS / f"{number}.output.lock").touch()
    handover.settle(a_run(lab))
    assert handed_out(lab) == []
    (takeover.LOCKS / "1.output.lock").unlink()
    handover.settle(a_run(lab))
    assert handed_out(lab) == waiting(lab)


def test_a_file_altered_while_it_waited_is_not_handed_out(lab):
    output = records(lab.results / "released.tsv")[0]["output"]
    (lab.results / output).write_bytes(b"altered")
    with pytest.raises(UserError, match="deleted or altered since it was checked"):
        approve(lab)
    assert handed_out(lab) == []


def test_a_signature_that_was_refused_does_not_count_once_the_file_is_back(lab):
    (lab.results / records(lab.results / "released.tsv")[0]["output"]).unlink()
    with pytest.raises(UserError, match="deleted or altered since it was checked"):
        approve(lab)
    assert approval.read(lab.work) == []
    finish(lab)
    handover.settle(a_run(lab))
    assert handed_out(lab) == []


def test_a_withdrawal_takes_files_away_without_waiting_for_a_signature(lab):
    approve(lab)
    target = a_run(lab).handed_out / "lab"
    theirs = records(lab.results / "released.tsv")[0]["output"]
    lab.verdicts[0] |= {"verdict": "hold", "reason_code": "residual_text"}
    finish(lab)
    handover.take_away(lab.work, lab.results, target, {theirs}, {"patient"}, set(), signed=True)
    assert handed_out(lab) == waiting(lab)
    assert len(records(target / "released.tsv")) == 1


def test_without_a_signature_a_withdrawal_takes_away_and_hands_nothing_out(lab):
    """Files that were handed out before a signature was required; they wait unsigned."""
    target = a_run(lab).handed_out / "lab"
    handover.hand_out(lab.results, target, handover.verified(lab.results))
    theirs, other = sorted(lab.released())
    lab.verdicts[0] |= {"verdict": "hold", "reason_code": "residual_text"}
    finish(lab)
    handover.take_away(lab.work, lab.results, target, {theirs}, {"patient"}, set(), signed=False)
    assert handed_out(lab) == [other, "provenance.json", "released.tsv"]
    handover.settle(a_run(lab))
    assert "metrics.json" not in handed_out(lab)


def test_of_a_patient_whom_the_submission_does_not_know_nothing_stays(lab):
    approve(lab)
    target = a_run(lab).handed_out / "lab"
    lab.image(series="s00003")
    finish(lab)
    handover.take_away(lab.work, lab.results, target, set(), {"other"}, set(), signed=True)
    assert handed_out(lab) == ["provenance.json", "released.tsv"]
    assert records(target / "released.tsv") == []


def test_an_approved_object_that_refers_to_a_withdrawn_one_goes(lab):
    approve(lab)
    target = a_run(lab).handed_out / "lab"
    first, second = sorted(lab.released())
    lab.verdicts[0] |= {"verdict": "hold", "reason_code": "residual_text"}
    lab.verdicts[1] |= {"verdict": "hold", "reason_code": "residual_text"}
    finish(lab)
    handover.take_away(lab.work, lab.results, target, set(), {"patient"}, {Path(first).stem}, True)
    assert [row["output"] for row in records(target / "released.tsv")] == [second]
    assert handed_out(lab) == [second, "provenance.json", "released.tsv"]


def test_what_was_approved_before_is_not_taken_for_what_waits(lab, monkeypatch):
    approve(lab)
    config = {"results": str(a_run(lab).handed_out), "key_file": "unburn.key"}
    off = replace(a_run(lab), config=a_run(lab).config | config, handed_out=None)
    monkeypatch.setattr(submissions, "_check_decisions", lambda run, label: None)
    with pytest.raises(UserError, match=r"there is no key file|unburn.key"):  # all is well
        submissions.check(off)
    time.sleep(0.02)
    lab.verdicts[0] |= {"verdict": "hold", "reason_code": "residual_text"}
    finish(lab)
    with pytest.raises(UserError, match="what was approved is older than the last release") as told:
        submissions.check(off)
    table = a_run(lab).handed_out / "lab" / handover.TABLE
    assert f"delete {table}" in str(told.value)


@pytest.mark.parametrize("seen", [-1, 0, 3])
def test_some_must_be_seen_and_no_more_than_there_are(lab, seen):
    with pytest.raises(UserError, match=f"2 files wait, and {seen} were seen\n.*from 1 to 2"):
        approve(lab, seen)
    assert handed_out(lab) == [] and approval.read(lab.work) == []


def test_a_line_by_somebody_who_saw_nothing_hands_nothing_out(lab):
    approval.sign(lab.work, lab.results, "Ana Reviewer", "2026-01-02", 1)
    table = lab.work / approval.FILE
    table.write_text(table.read_text().replace("\t1\t2\t", "\t0\t2\t"))
    handover.settle(a_run(lab))
    assert handed_out(lab) == []


def test_a_release_of_nothing_is_signed_with_nothing_seen(lab):
    for verdict in lab.verdicts:
        verdict |= {"verdict": "hold", "reason_code": "residual_text"}
    finish(lab)
    approve(lab, seen=0)
    assert handed_out(lab) == waiting(lab)
    assert approval.is_signed(lab.work, lab.results)


def test_the_same_files_are_signed_once_and_handed_out_again(lab):
    approve(lab, seen=1)
    output = records(lab.results / "released.tsv")[0]["output"]
    (a_run(lab).handed_out / "lab" / output).unlink()
    assert "signed already" in approve(lab)[0]
    assert len(approval.read(lab.work)) == 1
    assert handed_out(lab) == waiting(lab)


def test_approved_files_that_are_missing_while_others_wait_are_told(lab):
    approve(lab)
    output = records(lab.results / "released.tsv")[0]["output"]
    lab.image(series="s00003")
    finish(lab)
    (a_run(lab).handed_out / "lab" / output).unlink()
    handover.settle(a_run(lab))
    told = approval.sentences(a_run(lab), "lab")[0]
    assert "1 of its 2 files were deleted or altered" in told
    assert "come back with the next signature" in told


def test_approve_says_what_is_missing(lab):
    run = a_run(lab)
    with pytest.raises(UserError, match="it is not required"):
        handover.approve(replace(run, handed_out=None), "lab", 1, "Ana", print)
    os.utime(lab.results / "report.html", ns=(1, 1))  # of an earlier release
    with pytest.raises(UserError, match="it is not finished"):
        handover.approve(run, "lab", 1, "Ana", print)
    (lab.results / "report.html").unlink()
    handover.settle(run)
    assert handed_out(lab) == []
    (lab.results / "released.tsv").unlink()
    assert approval.sentences(run, "lab") == []
    (lab.work / "accounted").unlink()
    with pytest.raises(UserError, match="it is not finished"):
        handover.approve(run, "lab", 1, "Ana", print)


def test_nobody_signs_for_what_a_run_made_that_was_told_to_stop_early(lab):
    """The steps before the last are new, and nobody counted what is held back."""
    time.sleep(0.02)
    (lab.results / "report.html").write_text("{}")
    with pytest.raises(UserError, match="it is not finished"):
        approve(lab)
    (lab.work / "accounted").touch()
    time.sleep(0.02)
    (lab.results / "metrics.json").write_text("{}")
    with pytest.raises(UserError, match="it is not finished"):
        approve(lab)
    assert handed_out(lab) == []


def test_a_table_that_changes_asks_for_a_new_signature_and_a_page_does_not(lab):
    approve(lab)
    lab.other("held_back", "structured_report")
    before = handed_out(lab)
    finish(lab)
    assert not approval.is_signed(lab.work, lab.results)
    assert "wait for a person's signature" in approval.sentences(a_run(lab), "lab")[0]
    approve(lab)
    (lab.results / "report.html").write_text("of a newer version")
    (lab.work / "accounted").touch()
    handover.settle(a_run(lab))
    target = a_run(lab).handed_out / "lab"
    assert (target / "report.html").read_text() == "of a newer version"
    assert handed_out(lab) == before


def test_nobody_signs_for_what_an_interrupted_withdrawal_left(lab):
    (lab.work / submissions.WITHDRAWING).write_text("{}")
    with pytest.raises(UserError, match="withdraw --submission lab"):
        approve(lab)
    assert handed_out(lab) == []


def test_one_submission_that_cannot_be_handed_out_is_told_and_stops_no_other(lab):
    approval.sign(lab.work, lab.results, "Ana Reviewer", "2026-01-02", 1)
    run = a_run(lab)
    (lab.results / waiting(lab)[0]).unlink()
    (told,) = handover.settle(run)
    assert "a file that waits was deleted or altered" in told
    assert handed_out(lab) == []


def test_nobody_signs_while_a_run_is_under_way(lab):
    lock = takeover.LOCKS / "0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    with pytest.raises(UserError, match="a run is under way in this folder"):
        approve(lab)
    lock.unlink()
    with alone.alone(a_run(lab), "lab"), pytest.raises(UserError, match="a withdrawal from it"):
        approve(lab)
    left = a_run(lab).handed_out / "lab" / ".0123abcd.part.json"
    left.parent.mkdir(parents=True)
    left.touch()  # by an approval that was killed
    approve(lab)
    assert not left.exists()


def test_lines_written_by_hand_are_checked_and_named(lab):
    approve(lab)
    text = (lab.work / approval.FILE).read_text()
    (lab.work / approval.FILE).write_text(text + "Bob\tyesterday\tguessed\t9\t2\tabc\n")
    with pytest.raises(UserError) as error:
        approval.read(lab.work)
    for mistake in ("line 3: date", "line 3: basis", "line 3: seen, of", "line 3: files_digest"):
        assert mistake in str(error.value)
    assert "Bob" not in str(error.value)


def test_a_line_written_by_hand_counts_when_it_fits(lab):
    digest = approval.digest(lab.results)
    line = "\t".join(("Ana", "2026-01-31", "looked", "2", "2", digest))
    (lab.work / approval.FILE).write_text("\t".join(approval.COLUMNS) + f"\n{line}\n")
    assert "the next start hands it out" in approval.sentences(a_run(lab), "lab")[0]
    handover.settle(a_run(lab))
    assert handed_out(lab) == waiting(lab)
