"""Hand out what a person signed for: ``python -m unburn approve`` and the end of a run.

Files are taken from where they wait (see ``approval``), by hard links where that can be, after
their sha256 was compared with the one signed for.
"""

import logging
import shutil
from collections.abc import Callable, Collection, Mapping
from itertools import pairwise
from pathlib import Path

from pydicom import dcmread

from unburn import approval, deciding, mending, submissions, takeover
from unburn.alone import alone
from unburn.approval import AFTER, PAGES, TABLE
from unburn.errors import UserError, explained, verb
from unburn.files import replacing, sha256
from unburn.ledger import records
from unburn.metadata import quiet
from unburn.purging import purge_lines, uids_in
from unburn.release import place, remove_unlisted
from unburn.settings import Run

log = logging.getLogger(__name__)

COUNTING = ("held_back.tsv", "metrics.json", "report.html")  # they count patients, name items


def is_complete(run: Run, label: str) -> bool:
    """Whether all that waits of a submission was made of the files that wait, and accounted for.

    A run can have broken off, or was told to stop early (``--until``): each step is no older than
    what it is made of.
    """
    work, waiting = (Path(run.config[name]) / label for name in ("work", "results"))
    if not submissions.is_finished(run, label):
        return False
    if not all((waiting / name).is_file() for name in (*PAGES, TABLE)):
        return False
    metrics, provenance, report = (waiting / name for name in AFTER)
    steps = ((waiting / TABLE,), (metrics, provenance), (report,), (work / "accounted",))
    times = [[file.stat().st_mtime_ns for file in step] for step in steps]
    return all(max(one) <= min(after) for one, after in pairwise(times))


def is_handed_out(waiting: Path, target: Path) -> bool:
    """Whether all that waits is in its place already."""
    same = (
        (target / name).is_file() and (target / name).read_bytes() == (waiting / name).read_bytes()
        for name in (*PAGES, TABLE)
    )
    return all(same) and not mending.lost(target)


def verified(waiting: Path) -> list[tuple[str, str]]:
    """The files that wait, each with its sha256.

    Raises
    ------
    UserError
        if one is not the file that the table lists
    """
    files = approval.files_of(waiting)
    for output, digest in files:
        if not (waiting / output).is_file() or sha256(waiting / output) != digest:
            raise UserError(
                f"submission {waiting.name}",
                "a file that waits was deleted or altered since it was checked",
                "start the run again, which makes it anew",
            )
    return files


def remove_left_over(target: Path) -> None:
    """Delete the half-written pages of a hand-out that was killed."""
    for left in target.iterdir():
        if takeover.LEFT_OVER.fullmatch(left.name):
            left.unlink()


def hand_out(waiting: Path, target: Path, files: Collection[tuple[str, str]]) -> None:
    """Put what waits, as ``verified``, in its place, and take away what it does not list."""
    target.mkdir(parents=True, exist_ok=True)
    (target / TABLE).unlink(missing_ok=True)
    remove_left_over(target)
    # a link shares its time with what waits; later than the table is altered (module mending)
    moment_ns = (waiting / TABLE).stat().st_mtime_ns
    for output, digest in files:
        place(waiting / output, target / output, digest, moment_ns)
    remove_unlisted(target, {output for output, _ in files})
    for name in (*PAGES, TABLE):
        with replacing(target / name) as tmp:
            shutil.copy2(waiting / name, tmp)


def take_away(
    work: Path,
    waiting: Path,
    target: Path,
    outputs: Collection[str],
    left: Collection[str],
    uids: Collection[str],
    signed: bool,
) -> None:
    """Take withdrawn patients out of what was handed out; what was approved of others stays.

    What waits takes its place, with a line of its own among the signatures, where it is the same
    without them, or where a hand-out of just that was killed. Otherwise the table keeps its time:
    it is of an earlier release than what waits.

    Parameters
    ----------
    work : of the submission
    waiting : as it was made again without them
    target : what was handed out
    outputs : files of the withdrawn patients
    left : pseudonyms of the patients that the submission still has; of nobody else a file stays
    uids : new UIDs of the withdrawn patients' objects; a file that holds one goes
    signed : whether exactly what waited had been signed for and handed out
    """
    if not target.is_dir():
        return
    remove_left_over(target)
    listed = dict(approval.files_of(waiting))

    def stays(row: Mapping[str, str]) -> bool:
        if row["output"] in outputs or row["patient"] not in left:
            return False
        alike = listed.get(row["output"]) == row["sha256"]
        return alike or not refers_to(target / row["output"], uids)

    complete = (target / TABLE).is_file()  # a hand-out that is killed leaves what no table lists
    rows = records(target / TABLE) if complete else []
    keep = {row["output"]: row["sha256"] for row in rows if stays(row)}
    if (signed and keep == listed) or approval.is_signed(work, waiting):
        files = verified(waiting)
        # before the table goes: without it nothing else tells that these were signed for
        approval.note_withdrawal(work, waiting, deciding.who() or "unknown", deciding.today())
        hand_out(waiting, target, files)
        return
    for name in COUNTING if complete else PAGES:
        (target / name).unlink(missing_ok=True)
    if complete:
        purge_lines(target / TABLE, lambda row: row["output"] in keep)
        log.warning(
            "what waits is not what was approved: %d files that were handed out stay; %s come back "
            "with the next signature",
            *(len(keep), ", ".join(COUNTING)),
        )
    remove_unlisted(target, set(keep))


def refers_to(file: Path, uids: Collection[str]) -> bool:
    """Whether an object holds one of the UIDs; so does one that cannot be read, to be safe."""
    if file.suffix != ".dcm" or not file.is_file():
        return False
    try:
        with quiet():
            return not uids_in(dcmread(file, stop_before_pixels=True)).isdisjoint(uids)
    except Exception:  # whatever its bytes make of it
        return True


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
        if not is_complete(run, label) or is_handed_out(waiting, target):
            continue
        try:
            if approval.is_signed(work, waiting):
                hand_out(waiting, target, verified(waiting))
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
    if not is_complete(run, label):
        raise UserError(f"submission {label}", "it is not finished", "start the run first")
    with alone(run, label):
        if (work / submissions.WITHDRAWING).is_file():
            raise UserError(
                f"submission {label}",
                "a withdrawal from it was interrupted",
                f"complete it first: {verb(f'withdraw --submission {label}')}",
            )
        of, name = approval.check_seen(waiting, seen), deciding.reviewer_of(reviewer)
        files = verified(waiting)  # before anybody's name stands under them
        if approval.is_signed(work, waiting):
            say(f"{label}: these files are signed already, so no line was added")
        else:
            approval.sign(work, waiting, name, deciding.today(), seen)
            say(f"{label}: signed, {seen} of {of} files seen")
        hand_out(waiting, run.handed_out / label, files)
    say(f"{label}: handed out in {run.handed_out / label}")
