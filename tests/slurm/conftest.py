"""A real Slurm on this machine, and runs that faults can befall."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from slurm_runs import HERE, Slurm, released

from runs import SLICES, ULTRASOUND, make_run, snakemake


@pytest.fixture(scope="session")
def slurm(tmp_path_factory) -> Slurm:
    """Start Slurm with two nodes and stop it at the end; skip with a sentence where that fails.

    ``SLURM_FOLDER`` names one that up.sh has started already; it is left running.
    """
    if running := os.environ.get("SLURM_FOLDER"):
        yield Slurm(Path(running))
        return
    result = subprocess.run([HERE / "install.sh"], capture_output=True, text=True)
    if result.returncode:
        pytest.skip(result.stderr.strip().splitlines()[-1])
    folder = tmp_path_factory.mktemp("slurm")
    result = subprocess.run([HERE / "up.sh", folder], capture_output=True, text=True)
    try:
        assert result.returncode == 0, result.stdout + result.stderr
        yield Slurm(folder)
    finally:
        subprocess.run([HERE / "down.sh", folder])


@pytest.fixture(scope="session")
def started(tmp_path_factory) -> Path:
    """A run of two pictures, planned and decoded: what remains takes seconds."""
    images = tmp_path_factory.mktemp("faults") / "DOE JANE 1957"
    images.mkdir()
    for file in (SLICES / "IM0006", ULTRASOUND / "still.dcm"):
        shutil.copy(file, images)
    run = make_run(tmp_path_factory.mktemp("faults") / "started", {"lab": images})
    for target in (["--until", "plan_submission"], ["--notemp", "work/lab/00000/frames.h5"]):
        result = snakemake(run, *target)
        assert result.returncode == 0, result.stderr
    return run


@pytest.fixture
def run(started, tmp_path) -> Path:
    """A copy of the run that was started."""
    return shutil.copytree(started, tmp_path / "run", symlinks=True)


@pytest.fixture(scope="session")
def undisturbed(started, tmp_path_factory) -> dict[str, bytes]:
    """What the run releases when nothing happens to it."""
    run = shutil.copytree(started, tmp_path_factory.mktemp("faults") / "undisturbed", symlinks=True)
    result = snakemake(run, "--notemp")
    assert result.returncode == 0, result.stderr
    files = released(run)
    assert {name.split("/")[0] for name in files} == {"dicom", "masks", "released.tsv"}
    return files
