"""A facility's year on real runs: more series, patients who withdraw, results that somebody edits,
folders that go, several labs at once.
"""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from runs import (
    REPO,
    SLICES,
    clean_environment,
    jobs,
    make_run,
    small_cine,
    small_series,
    snakemake,
    tree,
    without_resources,
)
from unburn import tables
from unburn.ledger import records

ALONE = ("--notemp", "--rerun-triggers", "mtime", "--allowed-rules")
DATED = ("report.html", "provenance.json")
AFTER_RELEASE = {"evaluate_submission", "record_provenance", "report_submission"}
AFTER_RELEASE |= {"release_submission", "account_for_items", "all"}
OF_A_SHARD = {"crop_masks", "inpaint_crops", "reassemble_objects"}


def released_bytes(run, submission):
    """What is handed out, without the files that carry dates, and without what it took."""
    files = tree(run / "results" / submission)
    files["metrics.json"] = without_resources(files["metrics.json"])
    return {name: data for name, data in files.items() if name not in DATED}


def objects(run, submission):
    """The released DICOM objects of a submission."""
    return sorted((run / "results" / submission / "dicom").rglob("*.dcm"))


def states(*folders):
    """Time of writing and bytes of every file; not of that which each start writes anew."""
    return {
        file: (file.stat().st_mtime_ns, file.read_bytes())
        for folder in folders
        for file in folder.rglob("*")
        if file.is_file() and file.name != "start"
    }


def unburn(run, *words):
    """A verb, called as a user would in the folder of the run."""
    command = [sys.executable, "-m", "unburn", *words]
    environment = clean_environment() | {"PYTHONPATH": str(REPO / "workflow")}
    return subprocess.run(command, cwd=run, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def labs(tmp_path_factory):
    """A finished run of two submissions, of three patients and of one."""
    folder = tmp_path_factory.mktemp("year")
    folders = {"one": folder / "DOE one", "other": folder / "DOE other"}
    for patient in (1, 2, 3):
        small_series(folders["one"] / f"DOE {patient}", patient)
    small_cine(folders["one"] / "DOE 3 again", 3, frames=44)
    small_series(folders["other"] / "DOE 4", 4)
    run = make_run(folder / "run", folders, controls={"share": 0.02})
    result = snakemake(run)
    assert result.returncode == 0, result.stderr
    return run


def test_controls_are_planted_where_there_are_frames_enough_and_only_counts_are_left(labs):
    one, other = (
        json.loads((labs / "results" / name / "metrics.json").read_text())
        for name in ("one", "other")
    )
    found = one["controls"]
    assert (found["reason"], found["frames"], found["failed_frames"]) == ("", 1, 0)
    assert found["lines"] >= 1 and [row["class"] for row in found["by_class"]] == ["MR 1"]
    assert other["controls"]["reason"] == "too_few_frames"
    assert one["resources"]["controls"]["jobs"] == 1
    assert other["resources"]["controls"]["jobs"] == 0
    assert not list(labs.glob("work/*/.*.part"))
    assert one["release"]["found"] == len(records(labs / "work/one/ledger.tsv")) == 7
    devices = json.loads((labs / "work/one/controls.json").read_text())["devices"]
    named = {device[name] for device in devices for name in ("manufacturer", "model")} - {""}
    assert named and not [name for name in named if name in json.dumps(one)]


def test_the_rule_of_controls_alone_makes_its_output_again(labs):
    showed = labs / "work/one/controls.json"
    before, time = showed.read_bytes(), showed.stat().st_mtime_ns
    showed.unlink()
    try:
        again = snakemake(labs, "work/one/controls.json", *ALONE, "spike_controls")
        assert jobs(again.stderr) == ["spike_controls"], again.stderr
        assert showed.read_bytes() == before
    finally:
        showed.write_bytes(before)
        os.utime(showed, ns=(time, time))


def test_a_new_series_touches_a_new_shard_and_the_tables_and_pages(labs):
    before = states(labs / "work", labs / "results", labs / "benchmarks")
    small_series(labs.parent / "DOE one" / "DOE 5", 5)
    again = snakemake(labs)
    assert again.returncode == 0, again.stderr
    assert "shard=00001" in again.stderr and "shard=00000" not in again.stderr
    after = states(labs / "work", labs / "results", labs / "benchmarks")
    assert before.keys() < after.keys()
    new = {file.relative_to(labs).as_posix() for file in after.keys() - before.keys()}
    assert len([name for name in new if name.startswith("results/one/dicom/")]) == 2
    assert not [n for n in new if "other" in n or ("00001" not in n and "results" not in n)]
    touched = {file.relative_to(labs).as_posix() for file in before if before[file] != after[file]}
    tables_and_pages = {"released.tsv", "held_back.tsv", "metrics.json", "provenance.json"}
    tables_and_pages |= {"report.html", "review.html", "ledger.tsv", "inventory.tsv", "plan.json"}
    tables_and_pages |= {"plan_state.json", "accounted", "mended", "key_id", "uid_mapping.csv"}
    tables_and_pages |= {"patid_mapping.csv", "one.tsv", ".snakemake_timestamp"}
    tables_and_pages |= {"controls.json"}
    tables_and_pages |= {file.name for file in (labs / "work/one/figures").iterdir()}
    assert {name.rpartition("/")[2] for name in touched} <= tables_and_pages
    assert not [name for name in touched if "other" in name or "/00000" in name]


def test_a_withdrawn_patient_is_gone_and_does_not_come_back(labs):
    rows = {row["item"]: row for row in records(labs / "work/one/ledger.tsv")}
    theirs = [k for k, row in rows.items() if "DOE 2" in row["input"]]
    places = {row["output"]: row["patient"] for row in records(labs / "results/one/released.tsv")}
    (pseudonym,) = {places[rows[k]["output"]] for k in theirs}
    released = [*places.values()].count(pseudonym)
    others = {
        file: state
        for file, state in states(labs / "results/one/dicom", labs / "results/other").items()
        if pseudonym not in str(file)
    }
    first = unburn(labs, "withdraw", "--configfile", "config.yaml", "--submission", "one",
                   "--patient", pseudonym)  # fmt: skip
    assert first.returncode == 0, first.stderr
    assert f"2 files handed in, {released} files released" in first.stdout
    assert "--yes" in first.stdout
    done = unburn(labs, "withdraw", "--configfile", "config.yaml", "--submission", "one",
                  "--item", theirs[0], "--yes")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert states(labs / "results/one/dicom", labs / "results/other") == others
    left = [labs / name for name in ("results", "work", "logs", "benchmarks", ".snakemake")]
    for name in ("DOE 2", "DOE^2", "MRN00002", "1.2.7772", pseudonym):
        found = [f for f, (_, data) in states(*left).items() if name.encode() in data]
        assert found == [] and name not in done.stdout + done.stderr, name
    again = snakemake(labs)
    assert again.returncode == 0 and jobs(again.stderr) == [], again.stderr
    small_series(labs.parent / "DOE one" / "DOE 2" / "later", 2, files=1)
    more = snakemake(labs)
    assert more.returncode == 0, more.stderr
    assert "shard=" not in more.stderr
    assert (
        states(labs / "results/one/dicom", labs / "results/other/dicom").items() <= others.items()
    )
    ended = [row["reason_code"] for row in records(labs / "work/one/ledger.tsv")]
    assert ended.count("withdrawn") == 3


def test_two_runs_at_once_from_one_checkout_mix_nothing(labs, tmp_path):
    runs = []
    for number in (1, 2):
        folder = tmp_path / f"lab {number}"
        small_series(folder / "in" / "DOE 7", 7)  # the same patient in both
        runs.append(make_run(folder / "run", {"lab": folder / "in"}))
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda run: snakemake(run, cores=1), runs))
    assert [one.returncode for one in done] == [0, 0], done[0].stderr + done[1].stderr
    tables_ = [records(run / "results/lab/released.tsv") for run in runs]
    one, other = ({row["patient"] for row in rows} for rows in tables_)
    assert len(one) == len(other) == 1 and one != other  # two keys
    for run, foreign in zip(runs, (other, one), strict=True):
        (name,) = foreign
        kept = states(*(run / folder for folder in ("results", "work", "logs", ".snakemake")))
        assert not [file for file, (_, data) in kept.items() if name.encode() in data]
        assert jobs(snakemake(run).stderr) == []


def test_a_result_that_was_edited_in_place_is_made_anew_and_nothing_else(labs):
    before, other = released_bytes(labs, "one"), released_bytes(labs, "other")
    edited = objects(labs, "one")[0]
    with open(edited, "r+b") as file:
        file.write(b"DOE JANE")
    again = snakemake(labs)
    assert again.returncode == 0, again.stderr
    made = set(jobs(again.stderr))
    assert made >= OF_A_SHARD | AFTER_RELEASE and "plan_submission" not in made
    assert "submission=one" in again.stderr and "submission=other" not in again.stderr
    assert released_bytes(labs, "one") == before and released_bytes(labs, "other") == other
    assert jobs(snakemake(labs).stderr) == []


def test_an_edit_that_keeps_its_time_is_found_at_the_next_release_and_mended_at_the_next_start(
    labs,
):
    before = released_bytes(labs, "one")
    edited, deleted, *_ = objects(labs, "one")
    time = edited.stat()
    with open(edited, "r+b") as file:
        file.write(b"DOE JANE")
    os.utime(edited, ns=(time.st_atime_ns, time.st_mtime_ns))
    deleted.unlink()  # so that the release is made again
    refused = snakemake(labs)
    assert refused.returncode != 0
    screen = refused.stdout + refused.stderr
    assert "its cleaned file changed after it was checked" in screen
    assert "hint: start the run again" in screen
    again = snakemake(labs)
    assert again.returncode == 0, again.stderr
    assert released_bytes(labs, "one") == before
    assert jobs(snakemake(labs).stderr) == []


def test_a_folder_that_is_gone_stops_no_other_and_harms_nothing_that_is_finished(labs, tmp_path):
    before = tree(labs / "results")
    rows = tables.read(labs / "sheet.tsv")
    folder = rows.path[1]
    shutil.move(folder, tmp_path / "archived")
    try:
        again = snakemake(labs)
        assert again.returncode == 0, again.stderr
        assert "the folder of the submission other is missing" in again.stderr
        assert "its results stay as they are" in again.stderr and "DOE" not in again.stderr
        assert jobs(again.stderr) == [] and tree(labs / "results") == before
    finally:
        shutil.move(tmp_path / "archived", folder)
    assert jobs(snakemake(labs).stderr) == []


@pytest.fixture(scope="module")
def discarded(tmp_path_factory):
    """A finished run whose key was drawn for it and deleted."""
    folder = tmp_path_factory.mktemp("discarded")
    images = small_series(folder / "DOE 6", 6)
    run = make_run(folder / "run", {"lab": images}, metadata={"key": "discard"})
    result = snakemake(run)
    assert result.returncode == 0, result.stderr
    return run


def test_a_discarded_key_leaves_nothing_behind_and_a_rerun_has_nothing_to_do(discarded):
    released = tables.read(discarded / "results/lab/released.tsv")
    new = [*released.patient, *released.sop_instance_uid]
    left = tree(discarded / "work") | tree(discarded / "logs") | tree(discarded / ".snakemake")
    assert not [name for name in left if name.endswith((".key", "_mapping.csv", "uids.tsv"))]
    assert not [n for n, data in left.items() if any(uid.encode() in data for uid in new if uid)]
    again = snakemake(discarded)
    assert again.returncode == 0 and jobs(again.stdout + again.stderr) == []


def test_a_lost_result_whose_key_was_discarded_is_told_and_not_released_anew(discarded):
    before = released_bytes(discarded, "lab")
    first = objects(discarded, "lab")[0]
    kept, time = first.read_bytes(), first.stat()
    first.unlink()
    for _ in range(2):
        refused = snakemake(discarded)
        assert refused.returncode != 0
        assert jobs(refused.stderr) == ["account_for_items"]
        assert "1 released files were deleted or altered" in refused.stdout + refused.stderr
        assert "bring them back from a copy" in refused.stdout + refused.stderr
    first.write_bytes(kept)
    os.utime(first, ns=(time.st_atime_ns, time.st_mtime_ns))
    again = snakemake(discarded)
    assert again.returncode == 0, again.stderr
    assert "release_submission" not in jobs(again.stderr)
    assert released_bytes(discarded, "lab") == before


def test_one_more_file_after_a_key_was_discarded_gives_everybody_another_name(discarded):
    before = tables.read(discarded / "results/lab/released.tsv")
    shutil.copy(SLICES / "IM0003", discarded.parent / "DOE 6")
    more = snakemake(discarded)
    assert more.returncode == 0, more.stderr
    after = tables.read(discarded / "results/lab/released.tsv")
    assert len(after) > len(before) and not set(after.patient) & set(before.patient)
