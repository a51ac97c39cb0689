"""Which start of Snakemake may write: the latest one.

When Snakemake is killed on a cluster, its jobs go on, and the next start submits the same jobs
again. Each start draws a token and writes it into ``work/start``; its jobs get it in their
environment, and what they have written is put in place only while it is still the one in that
file. A job of a former start ends without having replaced or removed anything.

Snakemake lets two starts go on at once in one folder when they make different files, as those of
two submissions. The second one then joins the first and has the same token.
"""

import os
import re
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path

from unburn.errors import UserError

VARIABLE = "UNBURN_START"  # in the environment of jobs: token:file
FILE = "start"
LOCKS = Path(".snakemake") / "locks"  # of the folder of the run, as Snakemake has them
LEFT_OVER = re.compile(r"\.[0-9a-f]{8}\.(part.*|old)")  # the names that files.replacing makes


def beside_another() -> bool:
    """Whether another start holds, or held when it was killed, a lock beside that of this one."""
    return len(list(LOCKS.glob("*.output.lock"))) > 1


def claim(work: Path, results: Path, submissions: Iterable[str]) -> str:
    """Take over from former starts, and remove what their killed jobs had begun to write.

    Returns the value of ``VARIABLE`` for jobs. Beside another start nothing is taken or removed:
    it makes other files.
    """
    token, file = uuid.uuid4().hex, work / FILE
    if beside_another() and file.is_file():
        return f"{file.read_text('ascii')}:{file}"
    drawn = work / f".{token[:8]}.part"
    try:
        drawn.write_text(token, "ascii")
        drawn.replace(file)
    finally:
        drawn.unlink(missing_ok=True)
    for label in submissions:
        places = [results / label, work / label]
        if places[1].is_dir():
            places += [place for place in places[1].iterdir() if place.is_dir()]
        for place in filter(Path.is_dir, places):
            for path in place.iterdir():
                if LEFT_OVER.fullmatch(path.name):
                    _remove(path)
    return f"{token}:{file}"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def check() -> None:
    """Stop what works for a start that another one has taken over from.

    What was started by hand, without a token, may write.

    Raises
    ------
    UserError
        if there was a later start
    """
    token, _, file = os.environ.get(VARIABLE, "").partition(":")
    if not token:
        return
    try:
        latest = Path(file).read_text("ascii")
    except FileNotFoundError:
        latest = ""
    if latest != token:
        raise UserError(
            where="this job",
            found="Snakemake was started again since, and the later start does this work",
            advice="nothing needs to be done; scancel ends such jobs sooner",
        )
