"""Runs beside the demo: same bytes however it is cut, faults, other submissions, no network."""

import shutil
import signal
import subprocess
import time

import pytest
from runs import DEMO, REPO, SNAKEMAKE, clean_environment, make_run, snakemake, tree

from unburn import tables

DATED = ("report.html", "provenance.json")
SMALL = DEMO / "data" / "NOTREAL_BALTHASAR_19580923" / "MR"


def released_bytes(run, submission="demo"):
    """What is handed out, without the two files that carry dates."""
    files = tree(run / "results" / submission)
    return {name: data for name, data in files.items() if name not in DATED}


@pytest.fixture
def slices(tmp_path):
    """Two slices of the demo's MR series in a folder of their own: a submission of seconds."""
    folder = tmp_path / "DOE JANE 1957"
    folder.mkdir()
    for name in ("IM0001", "IM0002"):
        shutil.copy(SMALL / name, folder / name)
    return folder


def test_released_bytes_do_not_depend_on_cores_or_shards(demo_run, tmp_path):
    run = make_run(
        tmp_path / "other",
        {"demo": DEMO / "data"},
        evaluate={"truth": str(DEMO / "truth.tsv")},
        plan={"shard_gib": 0.0001},
    )
    result = snakemake(run, cores=1)
    assert result.returncode == 0, result.stderr
    shards = [run_ / "work" / "demo" / "shards" for run_ in (demo_run, run)]
    one, several = (len(list(folder.glob("*.tsv"))) for folder in shards)
    assert one == 1 and several > 2
    assert released_bytes(run) == released_bytes(demo_run)


def test_a_killed_run_is_taken_up_again_and_ends_with_the_same_bytes(demo_run, tmp_path):
    run = make_run(
        tmp_path / "killed",
        {"demo": DEMO / "data"},
        evaluate={"truth": str(DEMO / "truth.tsv")},
    )
    command = [SNAKEMAKE, "--snakefile", REPO / "Snakefile", "--directory", run]
    command += ["--configfile", run / "config.yaml", "--cores", "2"]
    process = subprocess.Popen(
        command, stderr=subprocess.DEVNULL, env=clean_environment(), start_new_session=True
    )
    limit = time.monotonic() + 120
    while not list(run.glob("work/demo/*/regions.h5")) and time.monotonic() < limit:
        time.sleep(0.2)
    subprocess.run(["pkill", "-KILL", "-s", str(process.pid)], check=False)
    process.send_signal(signal.SIGKILL) if process.poll() is None else None
    process.wait()
    assert not (run / "results" / "demo" / "released.tsv").exists()
    assert snakemake(run, "--unlock").returncode == 0
    result = snakemake(run, "--rerun-incomplete")
    assert result.returncode == 0, result.stderr
    assert released_bytes(run) == released_bytes(demo_run)
    leftovers = [file for file in run.rglob(".*.part*")]
    assert not [file for file in leftovers if "results" in file.parts]


def test_a_failing_submission_does_not_stop_the_others(slices, tmp_path):
    run = make_run(tmp_path / "run", {"gone": tmp_path / "gone_SMITH", "good": slices})
    result = snakemake(run)
    screen = result.stdout + result.stderr
    assert result.returncode != 0
    assert "good: 2 files found" in screen and "gone: not finished" in screen
    assert "hint:" in screen[screen.index("gone: not finished") :]
    assert "SMITH" not in screen and "Traceback" not in screen
    assert (run / "results" / "good" / "report.html").is_file()


def test_adding_a_series_leaves_the_first_shard_alone(slices, tmp_path):
    run = make_run(tmp_path / "run", {"lab": slices}, plan={"shard_gib": 0.0001})
    assert snakemake(run).returncode == 0
    first = (run / "work" / "lab" / "00000" / "candidates.tsv").stat().st_mtime_ns
    shutil.copy(DEMO / "data" / "FAKENAME_DULCINEA_19610704" / "US" / "still.dcm", slices)
    result = snakemake(run)
    assert result.returncode == 0, result.stderr
    assert (run / "work" / "lab" / "00000" / "candidates.tsv").stat().st_mtime_ns == first
    assert len(tables.read(run / "work" / "lab" / "ledger.tsv")) == 3


def test_a_file_that_is_not_listed_is_removed_on_the_next_run(slices, tmp_path):
    run = make_run(tmp_path / "run", {"lab": slices})
    assert snakemake(run).returncode == 0
    stray = run / "results" / "lab" / "dicom" / "stray.dcm"
    stray.write_bytes(b"x")
    (slices / "IM0002").unlink()
    result = snakemake(run)
    assert result.returncode == 0, result.stderr
    assert not stray.exists()
    assert len(tables.read(run / "work" / "lab" / "ledger.tsv")) == 1


def test_too_much_held_back_ends_in_an_error_after_everything_is_written(slices, tmp_path):
    broken = slices / "IM0002"
    broken.write_bytes(broken.read_bytes()[:20000])
    run = make_run(tmp_path / "run", {"lab": slices}, gate={"max_held_back": 0.1})
    result = snakemake(run)
    assert result.returncode != 0
    assert "more than gate.max_held_back allows" in result.stdout + result.stderr
    assert (run / "results" / "lab" / "report.html").is_file()


@pytest.mark.skipif(
    subprocess.run(["unshare", "--net", "--map-root-user", "true"], capture_output=True).returncode
    != 0,
    reason="network namespaces are not allowed here",
)
def test_no_job_needs_the_network(slices, tmp_path):
    run = make_run(tmp_path / "run", {"lab": slices})
    command = ["unshare", "--net", "--map-root-user", SNAKEMAKE, "--snakefile", REPO / "Snakefile"]
    command += ["--directory", run, "--configfile", run / "config.yaml", "--cores", "2"]
    result = subprocess.run(command, capture_output=True, text=True, env=clean_environment())
    assert result.returncode == 0, result.stderr
    assert "lab: 2 files found, 2 released" in result.stdout + result.stderr
