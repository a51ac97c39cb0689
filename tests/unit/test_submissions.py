import json
import os
import stat
from pathlib import Path

import pytest

from unburn import keys, settings, submissions, tables
from unburn.errors import UserError
from unburn.files import sha256
from unburn.settings import Run
from unburn.sheet import Row


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "sheet.tsv").write_text("submission\tpath\nlab-1\timages\n")
    keys.new(tmp_path / "unburn.key")
    return settings.load({"sheet": "sheet.tsv"}, [])


def test_a_folder_in_two_lines_is_told_without_its_path(tmp_path):
    rows = {
        "a": Row("a", tmp_path / "doe", "a", 2),
        "b": Row("b", tmp_path / "doe" / "new", "b", 3),
        "c": Row("c", tmp_path / "other", "c", 4),
        "d": Row("d", tmp_path / "other", "c", 5),
    }
    first, second = submissions.overlapping(Run({"sheet": "sheet.tsv"}, rows))
    assert first.startswith("sheet.tsv:3: ") and "line 2" in first and "two keys" in first
    assert second.startswith("sheet.tsv:5: ") and "line 4" in second and "one key" in second
    assert "doe" not in first


def test_a_missing_folder_is_told_and_a_finished_submission_is_left_as_it_is(run, tmp_path):
    (tmp_path / "images" / "below").mkdir()
    (tmp_path / "images" / "below" / "a.dcm").touch()
    assert submissions.missing(run) == [] and submissions.asked(run) == ["lab-1"]
    (tmp_path / "images" / "below" / "a.dcm").unlink()
    (line,) = submissions.missing(run)
    assert line.startswith("sheet.tsv:2: ") and "it cannot be made" in line
    assert submissions.asked(run) == ["lab-1"]  # its plan says what to do
    for file in ("work/lab-1/accounted", "results/lab-1/released.tsv"):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).touch()
    (line,) = submissions.missing(run)
    assert "its results stay as they are" in line and "images" not in line
    assert submissions.asked(run) == []


def test_the_work_folder_is_private_before_any_job(run, tmp_path):
    submissions.check(run)
    assert stat.S_IMODE((tmp_path / "work").stat().st_mode) == 0o700


def test_a_run_without_a_key_names_the_command(run, tmp_path):
    (tmp_path / "unburn.key").unlink()
    with pytest.raises(UserError, match="-m unburn key new"):
        submissions.check(run)


def test_the_demo_key_is_refused_for_other_data(run, tmp_path):
    (tmp_path / "unburn.key").write_text(keys.DEMO_KEY)
    with pytest.raises(UserError, match=r"sheet.tsv:2: the key is the demo's"):
        submissions.check(run)


def test_another_key_than_the_ledgers_is_refused(run, tmp_path):
    master = submissions.check(run)
    (tmp_path / "work" / "lab-1").mkdir()
    (tmp_path / "work" / "lab-1" / "key_id").write_text(keys.key_id(master) + "\n")
    submissions.check(run)
    (tmp_path / "work" / "lab-1" / "key_id").write_text("0123456789abcdef\n")
    with pytest.raises(UserError, match="its ledger was made with another key"):
        submissions.check(run)


@pytest.mark.parametrize("folder", [".", "results", "work/deep"])
def test_images_and_results_may_not_lie_in_each_other(run, tmp_path, folder):
    (tmp_path / "sheet.tsv").write_text(f"submission\tpath\nlab-1\t{folder}\n")
    mixed = settings.load({"sheet": "sheet.tsv"}, [])
    with pytest.raises(UserError, match=r"sheet.tsv:2: the folder of the submission lab-1 and"):
        submissions.check(mixed)


@pytest.mark.parametrize(
    "setting", [{"key_file": "results/unburn.key"}, {"work": "results/work"}, {"results": "work"}]
)
def test_the_work_folder_and_the_key_may_not_lie_in_what_is_handed_out(run, setting):
    with pytest.raises(UserError, match=r"`(work|key_file)` lies in the folder `results`"):
        submissions.check(settings.load({"sheet": "sheet.tsv"} | setting, []))


def test_results_may_not_lie_in_the_work_folder(run):
    with pytest.raises(UserError, match="`results` lies in the folder `work`"):
        submissions.check(settings.load({"sheet": "sheet.tsv", "results": "work/out"}, []))


def test_folders_that_no_run_can_write_into_are_told_before_anything_runs(run):
    config = {"sheet": "sheet.tsv", "results": "sheet.tsv", "work": "w{x}rk"}
    with pytest.raises(UserError, match="2 to mend") as stop:
        submissions.check(settings.load(config, []))
    assert "`results` is a file" in str(stop.value)
    assert "`work` has a sign" in str(stop.value)
    config = {"sheet": "sheet.tsv", "results": "sheet.tsv", "gate": {"approval": "required"}}
    with pytest.raises(UserError, match="`results` is a file"):
        submissions.check(settings.load(config, []))


def test_all_that_is_wrong_is_told_in_one_round(run, tmp_path):
    (tmp_path / "unburn.key").unlink()
    (tmp_path / "work" / "lab-1" / "decisions.tsv").mkdir(parents=True)
    with pytest.raises(UserError, match="2 to mend") as stop:
        submissions.check(run)
    assert "-m unburn key new" in str(stop.value)
    assert "lab-1, decisions.tsv: it cannot be read as a file (Is a directory)" in str(stop.value)


def test_absent_weights_name_the_remedy(run):
    run.config["detect"]["weights"] = "absent.safetensors"
    with pytest.raises(UserError, match=r"there is no file absent.safetensors\n.*git checkout"):
        submissions.check_weights(run)


def test_an_absent_truth_is_told_before_anything_runs(run, tmp_path):
    submissions.check_truth(run)
    run.config["evaluate"]["truth"] = str(tmp_path / "absent.tsv")
    with pytest.raises(UserError, match=r"evaluate.truth: there is no file .*absent.tsv"):
        submissions.check_truth(run)


def test_device_rules_are_read_before_anything_runs(run, tmp_path):
    assert submissions.check_device_rules(run) == {}
    rules = tmp_path / "own.tsv"
    run.config["mask"]["device_rules"] = str(rules)
    with pytest.raises(UserError, match=r"there is no file .*own.tsv"):
        submissions.check_device_rules(run)
    rules.write_text("manufacturer\tmodel\trectangles\nAcme\tX\t0,0,10\n")
    with pytest.raises(UserError, match=r"own.tsv:2: rectangles: four numbers"):
        submissions.check_device_rules(run)
    rules.write_text("manufacturer\tmodel\trectangles\nAcme\tX\t0,0,10,5\n")
    assert submissions.check_device_rules(run) == {str(rules): sha256(rules)}
    assert "device_rules" not in submissions.section(run, "lab-1", "mask")


def test_contents_change_with_the_row_and_with_the_folder(run, tmp_path):
    row, master = run.rows["lab-1"], b"k" * 32
    first = submissions.contents(row, master, walk=True)
    assert submissions.contents(row, master, walk=True) == first
    file = tmp_path / "images" / "deep" / "a.dcm"
    file.parent.mkdir()
    file.write_bytes(b"first")
    second = submissions.contents(row, master, walk=True)
    file.write_bytes(b"again, in place")
    third = submissions.contents(row, master, walk=True)
    assert len({first, second, third}) == 3
    assert submissions.contents(row, b"o" * 32, walk=True) != third


def test_more_held_back_than_allowed_is_an_error_with_numbers(tmp_path, capsys):
    ledger = tmp_path / "ledger.tsv"
    status = ["released", "held_back", "held_back", "ignored"]
    tables.write(
        ledger, [{"status": s, "reason_code": ""} for s in status], ["status", "reason_code"]
    )
    arguments = ["--ledger", str(ledger), "--key-mode", "keyed", "--settings"]
    submissions.main([*arguments, json.dumps({"max_held_back": 0.7})])
    with pytest.raises(UserError, match=r"2 of 3 items are held back, 66.7%"):
        submissions.main([*arguments, json.dumps({"max_held_back": 0.5})])


def test_lost_results_of_a_discarded_key_are_told_and_of_a_kept_one_they_are_not(tmp_path):
    """Of a kept key the release makes them again, so the count is of before."""
    work = tmp_path / "lab"
    tables.write(work / "ledger.tsv", [], ["status", "reason_code"])
    tables.write(work / "shards" / "00000.tsv", [], ["item"])
    arguments = ["--ledger", str(work / "ledger.tsv"), "--unrestorable", "2", "--settings"]
    arguments += [json.dumps({"max_held_back": 1}), "--key-mode"]
    with pytest.raises(UserError, match="2 released files were deleted or altered") as error:
        submissions.main([*arguments, "discard"])
    assert "bring them back from a copy" in str(error.value)
    tables.write(work / "00000" / "candidates.tsv", [], ["item"])
    submissions.main([*arguments, "keyed"])


def test_the_summary_repeats_what_a_stage_says_to_the_user(run, tmp_path):
    log = tmp_path / "logs" / "plan" / "lab-1.log"
    log.parent.mkdir(parents=True)
    log.write_text("INFO x\nerror: submission lab-1: no folder\n    hint: mount it\nmore\n")
    text = submissions.summary(run)
    assert "lab-1: not finished" in text
    assert "error: submission lab-1: no folder" in text and "hint: mount it" in text
    assert "more" not in text


def test_a_submission_that_was_never_started_names_no_log(run):
    text = submissions.summary(run)
    assert "lab-1: not started" in text and "logs/" not in text


def test_the_summary_says_what_controls_showed(run, tmp_path):
    work, results = (Path(run.config[name]) / "lab-1" for name in ("work", "results"))
    tables.write(work / "ledger.tsv", [], ["status", "reason_code"])
    results.mkdir(parents=True)
    (results / "report.html").touch()
    privacy = dict.fromkeys(("lines_found", "frames_with_text", "frames_searched"), 0)
    privacy |= {"masked_frames": 0, "released_frames": 0, "read": {"frames": 0, "with_text": 0}}
    privacy |= {"policy": {"kept_lines": 0, "fell_back_items": 0}}
    rows = [{"class": "CT 1", "held_back": False}, {"class": "CT 2", "held_back": True}]
    controls = {"frames": 4, "found": 11, "lines": 20, "by_class": rows}
    (results / "metrics.json").write_text(json.dumps({"privacy": privacy, "controls": controls}))
    assert "controls: 11 of 20 lines" in submissions.summary(run)
    assert "held back for it: CT 2" in submissions.summary(run)


def test_a_file_that_vanishes_while_contents_are_taken_shows_no_name(run, tmp_path, monkeypatch):
    class Gone:
        path = str(tmp_path / "images" / "DOE_JANE.dcm")

        def stat(self, follow_symlinks):
            raise FileNotFoundError(self.path)

    monkeypatch.setattr(submissions, "entries_below", lambda folder: iter([Gone()]))
    assert len(submissions.contents(run.rows["lab-1"], b"k" * 32, walk=True)) == 16


def test_contents_do_not_depend_on_the_order_of_files_and_change_when_two_swap(run, tmp_path):
    row, master = run.rows["lab-1"], b"k" * 32
    one, two = tmp_path / "images" / "1.dcm", tmp_path / "images" / "2.dcm"
    one.write_bytes(b"first"), two.write_bytes(b"other")
    os.utime(one, ns=(1, 1)), os.utime(two, ns=(2, 2))
    first = submissions.contents(row, master, walk=True)
    one.unlink(), one.write_bytes(b"first"), os.utime(one, ns=(1, 1))
    assert submissions.contents(row, master, walk=True) == first
    os.utime(one, ns=(2, 2)), os.utime(two, ns=(1, 1))
    assert submissions.contents(row, master, walk=True) != first
