"""Runs of the real workflow in folders of their own, for the tests that need one."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from unburn import keys

REPO = Path(__file__).resolve().parents[1]
DEMO = REPO / "resources" / "demo"
SNAKEMAKE = Path(sys.executable).with_name("snakemake")


def make_run(run: Path, folders: Mapping[str, Path], **config: Any) -> Path:
    """Write sheet, key and settings of a run into the folder ``run`` and return it.

    The demo's folder gets the demo's key, anything else a new one.
    """
    run.mkdir(parents=True, exist_ok=True)
    rows = [f"{label}\t{folder}" for label, folder in folders.items()]
    (run / "sheet.tsv").write_text("\n".join(["submission\tpath", *rows]) + "\n")
    key = run / "unburn.key"
    if all(folder.is_relative_to(DEMO) for folder in folders.values()):
        key.write_text(keys.DEMO_KEY)
    elif not key.exists():
        keys.new(key)
    (run / "config.yaml").write_text(yaml.safe_dump({"sheet": "sheet.tsv", **config}))
    return run


def snakemake(run: Path, *arguments: str, cores: int = 2) -> subprocess.CompletedProcess[str]:
    """Run the workflow in ``run`` as a user would from anywhere; nothing is activated."""
    command = [SNAKEMAKE, "--snakefile", REPO / "Snakefile", "--directory", run]
    command += ["--configfile", run / "config.yaml", "--cores", str(cores), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=clean_environment())


def clean_environment() -> dict[str, str]:
    """The environment without what a shell with an activated environment would add."""
    here = str(SNAKEMAKE.parent)
    path = [part for part in os.environ["PATH"].split(os.pathsep) if part != here]
    dropped = {"PYTHONPATH", "VIRTUAL_ENV"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return kept | {"PATH": os.pathsep.join(path)}


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its relative path, with its bytes."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
