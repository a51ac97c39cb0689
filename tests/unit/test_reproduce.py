"""Making a release again: what must be alike first, and what the comparison says."""

import copy
import dataclasses
import hashlib
import json

import pytest
import yaml

from unburn import decisions, keys, patients, plan, provenance, reproduce, settings, tables
from unburn.errors import UserError

RECORD = provenance.provenance(settings.defaults(), "0123456789abcdef")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.dcm").write_bytes(b"a")
    (tmp_path / "sheet.tsv").write_text("submission\tpath\tgate.read\nlab\timages\tall\n")
    keys.new(tmp_path / "unburn.key")
    return settings.load({"sheet": "sheet.tsv", "detect": {"threshold": 0.4}}, [])


def table(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, [{"output": n, "sha256": d, "input_hmac": n} for n, d in files.items()])
    return folder


def write(folder, rows):
    tables.write(folder / "released.tsv", rows, ("output", "sha256", "input_hmac"))


def told(recorded, now):
    said = []
    reproduce.check(recorded, now, said.append)
    return said


def test_the_same_record_has_nothing_to_say():
    assert [line for line in told(RECORD, RECORD) if "checkout" not in line] == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"key_id": "f" * 16}, "the key has the id ffffffffffffffff, expected 0123456789abcdef"),
        ({"settings": {"gate": {"read": "all"}}}, "the setting gate.read is another"),
    ],
)
def test_another_key_or_setting_ends_it_with_its_name(change, expected):
    now = copy.deepcopy(RECORD)
    for name, value in change.items():
        now[name] = value if isinstance(value, str) else copy.deepcopy(now[name])
        if isinstance(value, dict):
            now[name]["gate"]["read"] = "all"
    with pytest.raises(UserError) as error:
        told(RECORD, now)
    assert expected in str(error.value) and "nothing was run" in str(error.value)


def test_weights_that_are_others_or_gone_end_it():
    now = copy.deepcopy(RECORD)
    now["weights"][0]["sha256"] = "0" * 64
    gone = now["weights"].pop()
    with pytest.raises(UserError) as error:
        told(RECORD, now)
    assert "are others" in str(error.value)
    assert f"the weights {gone['setting']} ({gone['file']}) are not there" in str(error.value)


def test_other_code_and_libraries_are_said_and_do_not_end_it():
    now = copy.deepcopy(RECORD)
    now["code"]["mask"], now["libraries"]["numpy"], now["python"] = "x", "0.1", "3.99.0"
    now["lock"] = "0" * 64
    said = "\n".join(told(RECORD, now))
    assert "the code of the stages: mask is another" in said
    assert "the libraries: numpy is another" in said
    assert "Python is 3.99.0" in said
    assert "envs/requirements.lock is another" in said


def test_a_library_that_is_not_as_locked_is_said(monkeypatch):
    monkeypatch.setattr(reproduce.doctor, "unlocked", lambda: ["numpy 0.1, expected 2.0"])
    assert "not as envs/requirements.lock pins it: numpy 0.1, expected 2.0" in told(RECORD, RECORD)


def test_approval_does_not_matter_for_bytes():
    now = copy.deepcopy(RECORD)
    now["settings"]["gate"]["approval"] = "required"
    told(RECORD, now)


def test_files_are_compared_by_their_digests(tmp_path):
    before = table(tmp_path / "a", one="1", two="2", three="3")
    found = reproduce.compare(before, table(tmp_path / "b", one="1", two="x", four="4"))
    assert (found.identical, found.differing) == (["one"], ["two"])
    assert (found.missing, found.added, found.same) == (["three"], ["four"], False)
    assert reproduce.compare(before, before).same


def test_the_second_run_has_the_same_settings_numbers_and_decisions(run, tmp_path):
    work = tmp_path / "work" / "lab"
    work.mkdir(parents=True)
    state = plan.State(items={"a.dcm": 7}, next_item=9, shards={"00000": ["x", 1]})
    state.save(work / plan.STATE)
    (work / decisions.FILE).write_text("decided\n")
    (work.parent / patients.TOMBSTONES).write_text("withdrawn\n")
    folder = tmp_path / "work" / reproduce.FOLDER
    reproduce.prepare(run, "lab", folder)
    monkey = yaml.safe_load((folder / "config.yaml").read_text())
    assert monkey["detect"]["threshold"] == 0.4 and monkey["gate"]["approval"] == "none"
    assert monkey["key_file"] == str(tmp_path / "unburn.key")
    assert (folder / "sheet.tsv").read_text().splitlines()[1].split("\t") == [
        *("lab", str(tmp_path / "images"), "lab", '"all"')
    ]
    assert folder.stat().st_mode & 0o777 == 0o700
    again = plan.State.load(folder / "work" / "lab" / plan.STATE)
    assert (again.items, again.next_item, again.shards) == ({"a.dcm": 7}, 9, {})
    assert (folder / "work" / "lab" / decisions.FILE).read_text() == "decided\n"
    assert (folder / "work" / patients.TOMBSTONES).read_text() == "withdrawn\n"


def test_paths_that_a_row_sets_lead_to_the_same_files(run, tmp_path):
    row = dataclasses.replace(run.rows["lab"], settings={"mask.device_rules": "rules.tsv"})
    run.rows["lab"] = row
    folder = tmp_path / "work" / reproduce.FOLDER
    reproduce.prepare(run, "lab", folder)
    (cell,) = (folder / "sheet.tsv").read_text().splitlines()[1].split("\t")[3:]
    assert json.loads(cell) == str(tmp_path / "rules.tsv")


def recorded(run, tmp_path):
    """A record of the run's own settings and key, beside a table of one file."""
    results = table(tmp_path / "results" / "lab")
    master = keys.load(tmp_path / "unburn.key")
    told = hashlib.sha256((tmp_path / "images" / "a.dcm").read_bytes()).hexdigest()
    digest = keys.keyed(keys.project_key(master, "lab"), "input", told).hex()
    write(results, [{"output": "dicom/a.dcm", "sha256": "1", "input_hmac": digest}])
    key_id = keys.key_id(master)
    values = json.loads(reproduce.submissions.all_settings(run, "lab"))
    made = provenance.provenance(values, key_id)
    (results / "provenance.json").write_text(json.dumps(made))
    return results / "provenance.json"


@pytest.mark.parametrize(("again", "same"), [("1", True), ("2", False)])
def test_reproduce_says_identical_or_which_files_differ(run, tmp_path, monkeypatch, again, same):
    record = recorded(run, tmp_path)

    def made_again(folder, cores):
        table(folder / "results" / "lab", **{"dicom/a.dcm": again})

    monkeypatch.setattr(reproduce, "run_again", made_again)
    said = []
    assert reproduce.reproduce(run, record, "lab", 1, False, said.append) is same
    text = "\n".join(said)
    assert ("lab: identical, all 1 files" in text) is same
    assert ("1 files differ:\n    dicom/a.dcm" in text) is not same
    assert not (tmp_path / "work" / reproduce.FOLDER).exists()


def test_what_is_missing_is_said(run, tmp_path):
    record = recorded(run, tmp_path)

    def error(path=record):
        with pytest.raises(UserError) as found:
            reproduce.reproduce(run, path, "lab", 1, False, print)
        return str(found.value)

    assert "it is no record of a release" in error(tmp_path / "sheet.tsv")
    (tmp_path / "unburn.key").rename(tmp_path / "gone.key")
    told = error()
    assert "unburn.key: there is no key file" in told and "bring that key back" in told
    assert "key new" not in told
    (tmp_path / "gone.key").rename(tmp_path / "unburn.key")
    (tmp_path / "images" / "a.dcm").write_bytes(b"another")
    assert "sheet.tsv:2: 1 of 1 originals of the release are not in the folder" in error()
    (tmp_path / "images" / "a.dcm").unlink()
    assert "sheet.tsv:2: the folder of the submission lab is missing" in error()
    told_by_it = json.loads(record.read_text()) | {"key_id": "discarded"}
    record.write_text(json.dumps(told_by_it))
    assert "its key was discarded" in error()


def test_the_submission_is_the_folder_s_unless_named(tmp_path):
    record = tmp_path / "results" / "lab7" / "provenance.json"
    assert reproduce.label_of(record, None, ["lab7", "lab8"]) == "lab7"
    assert reproduce.label_of(record, "lab8", ["lab7", "lab8"]) == "lab8"
    assert reproduce.label_of(tmp_path / "copy" / "provenance.json", None, ["lab7"]) == "lab7"
