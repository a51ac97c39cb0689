"""Runs beside the demo: same bytes however it is cut, faults, other submissions, no network."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from runs import (
    REPO,
    SLICES,
    SNAKEMAKE,
    ULTRASOUND,
    clean_environment,
    jobs,
    leaks,
    make_run,
    snakemake,
    tree,
    without_resources,
)
from unburn import tables

DATED = ("report.html", "provenance.json")
LAST_RULES = ("check_candidates", "release_submission", "evaluate_submission")
LAST_RULES += ("record_provenance", "report_submission", "account_for_items")
OFFLINE = ("unshare", "--net", "--map-root-user")
MAY_BE_OFFLINE = subprocess.run([*OFFLINE, "true"], capture_output=True).returncode == 0


def released_bytes(run, submission="demo"):
    """What is handed out, without the two files that carry dates, and without what it took."""
    files = tree(run / "results" / submission)
    files["metrics.json"] = without_resources(files["metrics.json"])
    return {name: data for name, data in files.items() if name not in DATED}


def two_slices(folder):
    """Two slices of the demo's MR series in a folder of their own: a submission of seconds."""
    folder.mkdir()
    for name in ("IM0007", "IM0008"):
        shutil.copy(SLICES / name, folder / name)
    return folder


@pytest.fixture
def slices(tmp_path):
    """A submission that a test may change."""
    return two_slices(tmp_path / "DOE JANE 1957")


def test_released_bytes_do_not_depend_on_cores_or_shards(tiny, tiny_run, tmp_path):
    run = tmp_path / "other"
    run.mkdir()
    shutil.copy(tiny_run / "unburn.key", run)
    make_run(run, {"lab": tiny}, plan={"shard_gib": 0.0001})
    result = snakemake(run, cores=1)
    assert result.returncode == 0, result.stderr
    shards = [run_ / "work" / "lab" / "shards" for run_ in (tiny_run, run)]
    one, several = (len(list(folder.glob("*.tsv"))) for folder in shards)
    assert one == 1 and several >= 2
    assert released_bytes(run, "lab") == released_bytes(tiny_run, "lab")


def test_a_killed_run_is_taken_up_where_it_was_and_ends_with_the_same_bytes(
    tiny, tiny_run, tmp_path
):
    run = make_run(tmp_path / "killed", {"lab": tiny})
    shutil.copy(tiny_run / "unburn.key", run / "unburn.key")
    command = [SNAKEMAKE, "--snakefile", REPO / "Snakefile", "--directory", run]
    command += ["--configfile", run / "config.yaml", "--cores", "2", "--notemp"]
    process = subprocess.Popen(
        command, stderr=subprocess.DEVNULL, env=clean_environment(), start_new_session=True
    )
    # The gate is at work: all stages before it are done.
    gate = run / "logs" / "gate" / "lab" / "00000.log"
    while not gate.exists() and process.poll() is None:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    assert not (run / "work" / "lab" / "00000" / "verdicts.tsv").exists()
    assert not (run / "results" / "lab" / "released.tsv").exists()
    assert snakemake(run, "--unlock").returncode == 0
    result = snakemake(run, "--rerun-incomplete", "--notemp")
    assert result.returncode == 0, result.stderr
    assert set(jobs(result.stderr)) == {*LAST_RULES, "all"}
    assert released_bytes(run, "lab") == released_bytes(tiny_run, "lab")
    assert not list((run / "results").rglob(".*"))


def test_nothing_that_identifies_leaves_work(tiny, tiny_run, canaries):
    assert leaks(tiny_run, [*canaries, tiny.name]) == []


def test_a_submission_that_fails_does_not_stop_the_others(slices, tmp_path):
    half = tmp_path / "ROE MAX"
    shutil.copytree(slices, half)
    broken = half / "IM0008"
    broken.write_bytes(broken.read_bytes()[:20000])
    folders = {"gone": tmp_path / "gone_SMITH", "half": half, "good": slices}
    run = make_run(tmp_path / "run", folders, gate={"max_held_back": 0.1})
    result = snakemake(run)
    screen = result.stdout + result.stderr
    (run / "screen.txt").write_text(screen)
    assert result.returncode != 0
    assert "good: 2 files found, 2 released" in screen and "gone: not finished" in screen
    assert "hint:" in screen[screen.index("gone: not finished") :]
    assert "half: 2 files found, 1 released, 1 held back" in screen
    assert "more than gate.max_held_back allows" in (run / "logs/account/half.log").read_text()
    assert all((run / "results" / label / "report.html").is_file() for label in ("half", "good"))
    assert leaks(run, ["SMITH", "JANE", "ROE MAX", "BALTHASAR"]) == [] and "Traceback" not in screen


def test_a_folder_that_changes_redoes_what_changed_and_removes_what_is_gone(slices, tmp_path):
    run = make_run(tmp_path / "run", {"lab": slices}, plan={"shard_gib": 0.0001})
    assert snakemake(run).returncode == 0
    first = run / "work" / "lab" / "00000" / "candidates.tsv"
    made = first.stat().st_mtime_ns
    shutil.copy(ULTRASOUND / "still.dcm", slices)
    result = snakemake(run)
    assert result.returncode == 0, result.stderr
    assert first.stat().st_mtime_ns == made
    assert len(tables.read(run / "work" / "lab" / "ledger.tsv")) == 3
    stray = run / "results" / "lab" / "dicom" / "stray.dcm"
    stray.write_bytes(b"x")
    for name in ("IM0007", "IM0008"):
        (slices / name).unlink()
    result = snakemake(run)
    assert result.returncode == 0, result.stderr
    assert len(tables.read(run / "work" / "lab" / "ledger.tsv")) == 1
    assert len(list((run / "results" / "lab" / "dicom").rglob("*.dcm"))) == 1


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run of two slices, made without a network where this machine allows it."""
    folder = tmp_path_factory.mktemp("finished")
    run = make_run(folder / "run", {"lab": two_slices(folder / "DOE JANE 1957")})
    result = snakemake(run, inside=OFFLINE if MAY_BE_OFFLINE else ())
    (run / "screen.txt").write_text(result.stdout + result.stderr)
    assert result.returncode == 0, result.stderr
    return run


@pytest.mark.skipif(not MAY_BE_OFFLINE, reason="network namespaces are not allowed here")
def test_no_job_needs_the_network(finished):
    assert "lab: 2 files found, 2 released" in (finished / "screen.txt").read_text()


def test_a_released_file_that_was_deleted_is_made_again_once(finished):
    before = released_bytes(finished, "lab")
    next((finished / "results/lab/dicom").rglob("*.dcm")).unlink()
    again = snakemake(finished)
    assert again.returncode == 0, again.stderr
    assert set(jobs(again.stderr)) == {*LAST_RULES[1:], "all"}
    assert released_bytes(finished, "lab") == before
    assert jobs(snakemake(finished).stderr) == []
