"""The environments of envs/: what pip makes of them, and a run in them where conda is."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from runs import REPO, make_run, snakemake, tree

needs_conda = pytest.mark.skipif(
    shutil.which("conda") is None, reason="conda is not installed, so --sdm conda was not run"
)


def test_pip_finds_every_version_and_they_fit_together(tmp_path):
    # those of gpu.yaml are the same, see tests/workflow/test_environments.py
    environment = yaml.safe_load((REPO / "envs" / "cpu.yaml").read_text())
    (pins,) = [part["pip"] for part in environment["dependencies"] if isinstance(part, dict)]
    (tmp_path / "pins").write_text("\n".join(pins))
    result = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed",
         "--report", tmp_path / "report", "-r", tmp_path / "pins"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    chosen = {
        re.sub(r"[-_.]+", "-", one["metadata"]["name"]).lower(): one["metadata"]["version"]
        for one in json.loads((tmp_path / "report").read_text())["install"]
    }
    for pin in pins:
        name, version = pin.split("==")
        assert chosen[re.sub(r"[-_.]+", "-", name)].split("+")[0] == version, pin


@needs_conda
def test_a_run_with_conda_releases_the_same_bytes(tiny, tiny_run, tmp_path):
    run = make_run(tmp_path / "run", {"lab": tiny})
    shutil.copy(tiny_run / "unburn.key", run / "unburn.key")
    result = snakemake(run, "--sdm", "conda")
    assert result.returncode == 0, result.stderr
    made = tree(run / "results" / "lab" / "dicom")
    assert made and made == tree(tiny_run / "results" / "lab" / "dicom")
