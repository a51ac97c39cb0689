"""Hand out what a person signed for: ``python -m unburn approve`` and the end of a run.

Files are taken from where they wait (see ``approval``), by hard links where that can be, after
their sha256 was compared with the one signed for.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from unburn import approval, deciding, mending, submissions, takeover
from unburn.alone import alone
from unburn.errors import UserError, explained, verb
from unburn.files import replacing, sha256
from unburn.release import place, remove_unlisted
from unburn.settings import Run

AFTER = ("metrics.json", "provenance.json", "report.html")  # made of the table, so not older
PAGES = ("held_back.tsv", *AFTER)
TABLE = "released.tsv"  # the last that is written, the first that goes


def is_complete(waiting: Path) -> bool:
    """Whether pages and figures are those of the files that wait; a run can have broken off."""
    if not all((waiting / name).is_file() for name in (*PAGES, TABLE)):
        return False
    made_ns = (waiting / TABLE).stat().st_mtime_ns
    return all((waiting / name).stat().st_mtime_ns >= made_ns for name in AFTER)


def is_handed_out(waiting: Path, target: Path) -> bool:
    """Whether all that waits is in its place already."""
    same = (
        (target / name).is_file() and (target / name).read_bytes() == (waiting / name).read_bytes()
        for name in (*PAGES, TABLE)
    )
    return all(same) and not mending.lost(target)


def hand_out(waiting: Path, target: Path) -> None:
    """Put what waits in its place, and take away what it does not list.

    Raises
    ------
    UserError
        if a file is not the one that its table lists; then nothing was changed
    """
    files = approval.files_of(waiting)
    for output, digest in files:
        if not (waiting / output).is_file() or sha256(waiting / output) != digest:
            raise UserError(
                f"submission {waiting.name}",
                "a file that waits was deleted or altered since it was checked",
                "start the run again, which makes it anew",
            )
    target.mkdir(parents=True, exist_ok=True)
    (target / TABLE).unlink(missing_ok=True)
    for left in target.iterdir():  # by one that was killed
        if takeover.LEFT_OVER.fullmatch(left.name):
            left.unlink()
    # a link shares its time with what waits; later than the table is altered (module mending)
    moment_ns = (waiting / TABLE).stat().st_mtime_ns
    for output, digest in files:
        place(waiting / output, target / output, digest, moment_ns)
    remove_unlisted(target, {output for output, _ in files})
    for name in (*PAGES, TABLE):
        with replacing(target / name) as tmp:
            shutil.copy2(waiting / name, tmp)


def take_away(waiting: Path, target: Path) -> None:
    """Let what was handed out hold no more than what waits, after a withdrawal.

    Files that are no longer listed, or listed with other bytes, go. Where nothing else changed,
    what waits is a part of what was signed for, so its tables follow.
    """
    if not target.is_dir():
        return
    whole = (target / TABLE).is_file()  # else one that was killed left what no table lists
    listed = dict(approval.files_of(waiting))
    there = dict(approval.files_of(target)) if whole else {}
    if whole and listed.items() <= there.items():
        hand_out(waiting, target)
        return
    for name in (TABLE, *PAGES):
        (target / name).unlink(missing_ok=True)
    remove_unlisted(target, {name for name in listed if there.get(name) == listed[name]})


def settle(run: Run) -> list[str]:
    """Hand out, at the end of a run, every submission for which a person has signed.

    Beside another start, which may be making one of them anew, that one's end does so. Returns a
    sentence for each that could not be handed out; the others are.
    """
    failed: list[str] = []
    if run.handed_out is None or takeover.beside_another():
        return failed
    for label in run.rows:
        work, waiting = (Path(run.config[name]) / label for name in ("work", "results"))
        target = run.handed_out / label
        finished = submissions.is_finished(run, label) and is_complete(waiting)
        if not finished or is_handed_out(waiting, target):
            continue
        try:
            if approval.is_signed(work, waiting):
                hand_out(waiting, target)
        except (UserError, OSError) as error:
            failed.append(str(explained(error)))
    return failed


def approve(
    run: Run, label: str, seen: int, reviewer: str | None, say: Callable[[str], None]
) -> None:
    """Sign for what waits of a submission, and hand it out.

    Raises
    ------
    UserError
        if nothing waits, or a run or a withdrawal is under way
    """
    if label not in run.rows:
        raise UserError("--submission", "the sheet has no such submission", "name one of it")
    if run.handed_out is None:
        raise UserError(
            "gate.approval",
            "it is not required, so results are handed out without a signature",
            "set it to required first",
        )
    work, waiting = (Path(run.config[name]) / label for name in ("work", "results"))
    if not (submissions.is_finished(run, label) and is_complete(waiting)):
        raise UserError(f"submission {label}", "it is not finished", "start the run first")
    with alone(run, label):
        if (work / submissions.WITHDRAWING).is_file():
            raise UserError(
                f"submission {label}",
                "a withdrawal from it was interrupted",
                f"complete it first: {verb(f'withdraw --submission {label}')}",
            )
        approval.sign(work, waiting, deciding.reviewer_of(reviewer), deciding.today(), seen)
        hand_out(waiting, run.handed_out / label)
    say(f"{label}: signed, {seen} of {approval.items_in(waiting)} files seen")
    say(f"{label}: handed out in {run.handed_out / label}")
