"""What Slurm would not take is said in a sentence, and nothing is half written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from slurm_runs import attempts, screen, start

from runs import REPO


def assert_refused(run, *arguments, **environment):
    before = sorted(run.glob("work/**/*"))
    going = start(run, *arguments, **environment)
    assert going.wait() != 0
    said = screen(run)
    assert "Traceback" not in said and not attempts(run)
    assert not (run / "results").exists() and sorted(run.glob("work/**/*")) == before
    assert not list((run / ".snakemake" / "locks").glob("*"))
    return said


@pytest.fixture
def used_up(slurm, request):
    """Something without minutes: ``account lab``, the account above it, or a quality of service."""
    for minutes in (0, -1):
        command = ["sacctmgr", "-i", "modify", *request.param.split()]
        command += ["set", f"GrpTRESMins=cpu={minutes}"]
        subprocess.run(command, check=True, capture_output=True)
        if not minutes:
            yield


def test_an_unknown_partition(slurm, run):
    said = assert_refused(run, "--default-resources", "slurm_partition=nowhere")
    assert "error: slurm_partition: nowhere: the cluster has no such partition" in said
    assert "name one of cpu, gpu in slurm/config.yaml" in said


def test_an_account_that_is_none_of_mine(slurm, run):
    said = assert_refused(run, "--default-resources", "slurm_account=nobody")
    assert "error: slurm_account: nobody: you may not use this account" in said
    assert "lab" in said.split("name one of yours in slurm/config.yaml: ")[1]


@pytest.mark.parametrize(
    "used_up, asked, told",
    [
        ("account lab", (), "slurm_account: lab: its quota"),
        ("account root", (), "slurm_account: lab: the quota of root, to which it belongs,"),
        ("qos normal", ("--slurm-qos", "normal"), "qos: normal: its quota"),
    ],
    indirect=["used_up"],
)
def test_a_quota_that_is_used_up(slurm, run, used_up, asked, told):
    said = assert_refused(run, "--default-resources", "slurm_account=lab", *asked)
    assert f"error: {told} is used up: 0 of 0 minutes (cpu)" in said


def test_an_image_that_is_missing(slurm, run):
    said = assert_refused(run, "--sdm", "apptainer")
    assert "error: containers.cpu: there is no file" in said and "hint: build it" in said


def test_a_machine_without_sbatch(run, tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in Path("/usr/bin").iterdir():
        if program.name not in ("sbatch", "sinfo", "squeue", "sacct", "scontrol", "sacctmgr"):
            (programs / program.name).symlink_to(program)
    said = assert_refused(run, PATH=str(programs))
    assert "error: sbatch: there is no such program" in said and "--cores" in said


def test_the_doctor_looks_at_the_cluster(slurm, run):
    result = subprocess.run(
        [sys.executable, "-m", "unburn", "doctor", "--configfile", "config.yaml",
         "--profile", REPO / "slurm"],
        cwd=run, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(REPO / "workflow")},
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert "ok        Slurm with the partitions cpu, gpu" in result.stdout
    assert "GiB needed by what is planned" in result.stdout
