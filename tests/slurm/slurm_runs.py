"""Runs of the workflow on the Slurm of the tests, and a look at what became of their jobs."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from runs import REPO, clean_environment, snakemake, tree

HERE = Path(__file__).parent
WAIT_S = 240
PROMPT = (sys.executable, HERE / "prompt_snakemake.py")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Slurm:
    """The Slurm that ``up.sh`` started; ``folder`` is its state."""

    folder: Path

    def up(self) -> None:
        """Start what does not run of it."""
        subprocess.run([HERE / "up.sh", self.folder], check=True, capture_output=True)


@dataclass(frozen=True)
class Attempt:
    """One job as Slurm has it in its books."""

    job: str
    state: str
    memory: str
    limit: str
    node: str
    name: str
    resources: str
    comment: str


def start(
    run: Path, *arguments: str, program: Sequence[str | Path] = PROMPT, **environment: str
) -> subprocess.Popen[bytes]:
    """Start a run through the profile from the repository's root, as a user would."""
    command = [*program, "--profile", "slurm", "--directory", run, "--notemp"]
    command += ["--configfile", run / "config.yaml", "--latency-wait", "5"]
    command += ["--slurm-init-seconds-before-status-checks", "2", *arguments]
    surroundings = clean_environment() | environment
    with open(run / "screen.txt", "ab") as screen:
        return subprocess.Popen(
            command, cwd=REPO, stdout=screen, stderr=subprocess.STDOUT, env=surroundings
        )


def screen(run: Path) -> str:
    """What the runs in a folder have printed."""
    return (run / "screen.txt").read_text()


def attempts(run: Path, rule: str = "") -> list[Attempt]:
    """The jobs that were submitted for a run, in their order; with ``rule`` only those of it."""
    fields = "JobID,State,ReqMem,Timelimit,NodeList,JobName%90,AllocTRES%90,SubmitLine%9999,WorkDir"
    result = subprocess.run(
        ["sacct", "-X", "-n", "-P", "--delimiter=\t", "-S", "now-2hours", "-o", fields],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    # the comment itself is in the books only when the job has ended
    found = [
        Attempt(*row[:7], comment=re.search(r"--comment (\S+)", row[7])[1])
        for row in rows
        if row[8] == str(run)
    ]
    return [one for one in found if one.comment.startswith(f"rule_{rule}")]


def until(find: Callable[[], Found]) -> Found:
    """Wait until ``find`` finds something, and return it."""
    for _ in range(WAIT_S * 10):
        if found := find():
            return found
        time.sleep(0.1)
    raise TimeoutError


def processes(run: Path, stage: str) -> set[int]:
    """The processes that work at a stage of a run."""
    found = set()
    for folder in Path("/proc").iterdir():
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if words[1:3] == [b"-m", f"unburn.{stage}".encode()] and (
                (folder / "cwd").readlink() == run
            ):
                found.add(int(folder.name))
        except (OSError, ValueError):
            continue
    return found


def halt(run: Path, stage: str) -> int:
    """Wait for the process of a stage, and stop it in the middle: it hangs from now on."""
    process = until(lambda: processes(run, stage)).pop()
    os.kill(process, signal.SIGSTOP)
    return process


def released(run: Path) -> dict[str, bytes]:
    """The bytes that a run has released, with the table of them."""
    wanted = ("dicom/", "masks/", "nifti/", "released.tsv")
    files = tree(run / "results" / "lab")
    return {name: data for name, data in files.items() if name.startswith(wanted)}


def finish(run: Path) -> dict[str, bytes]:
    """Do the rest of a run without Slurm, and return what it has released."""
    result = snakemake(run, "--notemp")
    assert result.returncode == 0, result.stderr
    return released(run)
