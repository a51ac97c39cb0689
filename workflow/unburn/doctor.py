"""One screen before the first run: what is there, what is missing, what to do."""

import importlib.metadata
import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from unburn import cluster, containers, keys, settings, submissions
from unburn.errors import Mistakes, UserError, all_of
from unburn.files import sha256
from unburn.settings import REPO

LOCK = REPO / "envs" / "requirements.lock"
MODELS = REPO / "resources" / "models"


@dataclass(frozen=True)
class Finding:
    """One line of the screen.

    ``state`` is ok, missing, optional (missing, but not needed) or warning.
    """

    state: str
    what: str
    advice: str = ""


def show(configfile: Path, profile: Path | None = None) -> None:
    """Print all findings; raise a UserError when something needed is missing.

    With ``profile``, the folder of a profile for Slurm, the cluster is looked at too.
    """
    found = list(findings(configfile))
    if profile:
        found += cluster_findings(configfile, profile)
    for finding in found:
        print(f"{finding.state:9} {finding.what}")
        if finding.advice:
            print(f"{'':9}   hint: {finding.advice}")
    missing = sum(finding.state == "missing" for finding in found)
    if missing:
        things = "thing is" if missing == 1 else "things are"
        raise UserError("doctor", f"{missing} needed {things} missing", "follow the hints above")


def findings(configfile: Path) -> Iterator[Finding]:
    """Look at Python, packages, programs, weights, settings, key, folders, disk, in this order."""
    supported = (3, 11) <= sys.version_info[:2] < (3, 13)
    yield Finding(
        "ok" if supported else "missing",
        f"Python {platform.python_version()}",
        "" if supported else "use Python 3.11 or 3.12: make PYTHON=/path/to/python3.12 install",
    )
    yield from _packages()
    yield from _programs(_reads_with_tesseract(configfile))
    yield from _weights()
    yield from _run(configfile)


def locked() -> dict[str, str]:
    """Package name to version, as the lock pins them."""
    pins = re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(pins)


def unlocked() -> list[str]:
    """Packages that are not installed as the lock pins them, each with both versions."""
    wrong = []
    for name, version in locked().items():
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed = "missing"
        if installed != version:
            wrong.append(f"{name} {installed}, expected {version}")
    return wrong


def _packages() -> Iterator[Finding]:
    wrong = unlocked()
    yield Finding(
        "missing" if wrong else "ok",
        "; ".join(wrong) if wrong else f"{len(locked())} packages as locked",
        "run: make install" if wrong else "",
    )
    try:
        import torch
    except ImportError:
        yield Finding("missing", "torch", "run: make install")
        return
    cuda = f"CUDA {torch.version.cuda}" if torch.cuda.is_available() else "no GPU"
    yield Finding("ok", f"torch {torch.__version__}, {cuda} (only inpaint.engine: sd2 uses one)")


def _reads_with_tesseract(configfile: Path) -> bool:
    """Whether the settings of a submission ask for Tesseract; mistakes are told elsewhere."""
    try:
        run = settings.load_file(configfile)
    except UserError:
        return False
    return any(
        run.section(label, "detect")["tesseract"]
        or run.section(label, "gate")["reader"] == "tesseract"
        for label in run.rows
    )


def _programs(tesseract_needed: bool) -> Iterator[Finding]:
    if shutil.which("tesseract"):
        version = subprocess.run(["tesseract", "--version"], capture_output=True, text=True)
        yield Finding("ok", (version.stdout or version.stderr).splitlines()[0])
    else:
        yield Finding(
            "missing" if tesseract_needed else "optional",
            "tesseract, for the cross-check (detect.tesseract) and gate.reader: tesseract",
            "apt-get install tesseract-ocr",
        )
    for program, purpose in (("sbatch", "--profile slurm"), ("apptainer", "--sdm apptainer")):
        if shutil.which(program):
            yield Finding("ok", f"{program}, for {purpose}")
        else:
            yield Finding("optional", f"{program}, for {purpose}")


def _weights() -> Iterator[Finding]:
    from unburn.crnn import REMEDY, verified

    for name in ("detector", "lines"):
        file = MODELS / f"{name}.safetensors"
        try:
            verified(file, REMEDY)
            yield Finding("ok", f"weights {file.name}, sha256 as listed")
        except UserError as error:
            yield Finding("missing", f"weights {file.name}: {error.found}", error.advice)


def _run(configfile: Path) -> Iterator[Finding]:
    try:
        run = settings.load_file(configfile)
        yield Finding("ok", f"settings {configfile}, {len(run.rows)} submissions")
        checks = (
            submissions.check,
            submissions.check_weights,
            submissions.check_sd2,
            submissions.check_device_rules,
            submissions.check_truth,
        )
        master, *_ = all_of(*(partial(each, run) for each in checks))
        yield Finding("ok", f"key {run.config['key_file']}, id {keys.key_id(master)}")
    except UserError as error:
        for one in error.errors if isinstance(error, Mistakes) else [error]:
            yield Finding("missing", f"{one.where}: {one.found}", one.advice)
        return
    for row in run.rows.values():
        # The path can hold a name, so the submission's label stands for it.
        what = f"folder of the submission {row.submission}"
        place = f"{run.config['sheet']}, line {row.line}"
        if not submissions.is_gone(row):
            yield Finding("ok", what)
        elif submissions.is_finished(run, row.submission):
            yield Finding("warning", f"{what}; its results stay as they are")
        else:
            yield Finding(
                "missing",
                f"{what}: missing, closed or empty",
                f"correct the column path in {place}, or mount the disk; "
                "a relative path counts from the folder of the run",
            )
    for warning in submissions.overlapping(run):
        yield Finding("warning", warning)
    yield _scratch(run)
    yield from _images(run)


def _scratch(run: settings.Run) -> Finding:
    """Free space for work/ next to what the plans of unfinished submissions say they need."""
    work = Path(run.config["work"])
    free = shutil.disk_usage(work).free
    needed, unplanned = 0, 0
    for label in run.rows:
        summary = work / label / "plan.json"
        if submissions.is_finished(run, label):
            continue
        if summary.is_file():
            needed += json.loads(summary.read_text(encoding="utf-8"))["scratch_bytes"]
        else:
            unplanned += 1
    what = f"{free / 2**30:.1f} GiB free for {run.config['work']}/"
    if needed:
        what += f", about {needed / 2**30:.1f} GiB needed by what is planned"
    if unplanned:
        what += f"; submissions not planned yet, whose plan will say what they need: {unplanned}"
    if free < needed:
        return Finding("missing", what, "make room, or set work to another disk")
    return Finding("ok", what)


def _images(run: settings.Run) -> Iterator[Finding]:
    """The images, and what `--sdm apptainer` shows to jobs in them."""
    for stack in containers.needed(run):
        image = Path(run.config["containers"][stack])
        what, get = f"image containers.{stack}", "see containers/README.md"
        if not image.is_file():
            yield Finding("optional", f"{what}, for --sdm apptainer", get)
        elif (expected := containers.listed(image)) is None:
            yield Finding("warning", f"{what}, without a sha256 beside it", get)
        elif sha256(image) == expected:
            yield Finding("ok", f"{what}, sha256 as listed")
        else:
            yield Finding("missing", f"{what}: not the file whose sha256 is listed", get)
    try:
        seen = [
            # a submission's path can hold a name, so its label stands for it
            f"{bind.what if bind.guarded else bind.path}" + (" (to write)" if bind.writable else "")
            for bind in containers.binds(run)
        ]
    except UserError as error:
        yield Finding("warning", f"{error.where}: {error.found}", error.advice)
        return
    yield Finding("ok", f"binds that --sdm apptainer makes by itself: {', '.join(seen)}")


def cluster_findings(configfile: Path, profile: Path) -> Iterator[Finding]:
    """Look at a profile and its cluster."""
    try:
        run = settings.load_file(configfile)
        for line in cluster.check(cluster.read_profile(profile), cluster.asks_for_gpu(run)):
            yield Finding("ok", line)
    except UserError as error:
        yield Finding("missing", f"{error.where}: {error.found}", error.advice)
        return
