"""Runs and images that several tests look at: each is made once a session."""

import csv
import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest

import images
from runs import DEMO, make_run, make_tiny, snakemake


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory) -> Path:
    """A finished run of the demo, in a folder with a space in its name, on two cores."""
    run = make_run(
        tmp_path_factory.mktemp("demo") / "run of the demo",
        {"demo": DEMO / "data"},
        evaluate={"truth": str(DEMO / "truth.tsv")},
    )
    result = snakemake(run, cores=2)
    (run / "screen.txt").write_text(result.stdout + result.stderr)
    assert result.returncode == 0, result.stderr
    return run


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """A submission of half a minute; tests that change it take a copy."""
    return make_tiny(tmp_path_factory.mktemp("tiny") / "DOE JANE 1957")


@pytest.fixture(scope="session")
def tiny_run(tiny, tmp_path_factory) -> Path:
    """A finished run of the tiny submission, on two cores; every intermediate file was kept."""
    run = make_run(tmp_path_factory.mktemp("tiny") / "run", {"lab": tiny})
    result = snakemake(run, "--notemp", cores=2)
    (run / "screen.txt").write_text(result.stdout + result.stderr)
    assert result.returncode == 0, result.stderr
    return run


@pytest.fixture(scope="session")
def sd2_run(tiny, tmp_path_factory) -> Path:
    """The tiny submission painted by the engine sd2 with random test weights, on the CPU."""
    import tiny_sd2  # loads torch and diffusers, which other tests need not wait for

    folder = tmp_path_factory.mktemp("sd2")
    weights = tiny_sd2.write(folder / "weights")
    inpaint = {"engine": "sd2", "sd2_weights": str(weights), "steps": 2, "device": "cpu"}
    run = make_run(folder / "run", {"lab": tiny}, inpaint=inpaint)
    result = snakemake(run, "--notemp")
    (run / "screen.txt").write_text(result.stdout + result.stderr)
    assert result.returncode == 0, result.stderr
    return run


@pytest.fixture(scope="session")
def canaries() -> list[str]:
    """Every identifying string that was planted in the demo."""
    with open(DEMO / "canaries.tsv", encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file, delimiter="\t")]


@pytest.fixture(scope="session")
def apptainer():
    """Make sure that Apptainer is there and may run; skip with a sentence where it cannot."""
    result = subprocess.run([images.INSTALL], capture_output=True, text=True)
    if result.returncode:
        pytest.skip(result.stderr.strip().splitlines()[-1])
    if shutil.which("mmdebstrap") is None:
        pytest.skip("mmdebstrap is missing, which makes the base of the images")
    if os.getuid() == 0:
        # as udev sets it where it runs; an ordinary user builds the images
        Path("/dev/fuse").chmod(0o666)
        try:
            pwd.getpwnam(images.BUILDER)
        except KeyError:
            subprocess.run(["useradd", "--create-home", images.BUILDER], check=True)
        # in a sandbox, root lacks capabilities that Apptainer would ask for
        os.environ["APPTAINER_NO_PRIVS"] = "1"
    probe = subprocess.run(
        [*images.as_builder(), "unshare", "--user", "--map-root-user", "true"], capture_output=True
    )
    if probe.returncode:
        pytest.skip("this machine allows no user namespaces, without which no image can be built")


@pytest.fixture(scope="session")
def cpu_image(apptainer):
    """The image of all stages but one."""
    return images.image("cpu")


@pytest.fixture(scope="session")
def gpu_image(apptainer):
    """The image of the GPU rule, with the CPU build of torch."""
    return images.image("gpu")
