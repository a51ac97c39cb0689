"""A person's signature before results are handed out (``gate.approval: required``).

Results wait in a private folder, complete as they would be handed out. ``approvals.tsv`` in a
submission's private folder holds who signed, when, how many files were seen of how many, and a
digest of both tables, of which one lists every released file with its sha256: what differs by a
byte asks for a new signature. Pages do not: they carry the time at which they were made, and the
same files have new ones with every version that words or draws something otherwise.

A withdrawal from what was signed and handed out leaves a line of its own: fewer of the same files.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from unburn import mending, tables
from unburn.errors import UserError, verb
from unburn.files import sha256
from unburn.handwritten import SHA256, rows_of, who_and_when
from unburn.ledger import records
from unburn.settings import Run

FILE = "approvals.tsv"
COLUMNS = ("reviewer", "date", "basis", "seen", "of", "files_digest")
BASES = (LOOKED, WITHDRAWAL) = ("looked", "withdrawal")  # what a line stands on
PRIVATE_FILE = 0o600
PRODUCTS = ("mask", "nifti")  # kinds in released.tsv that are made of items
AFTER = ("metrics.json", "provenance.json", "report.html")  # made of the table, so not older
PAGES = ("held_back.tsv", *AFTER)
TABLE = "released.tsv"  # the last that is written, the first that goes
SIGNED = (TABLE, "held_back.tsv")


def _mistakes(row: Mapping[str, str]) -> Iterable[str]:
    yield from who_and_when(row)
    if row["basis"] not in BASES:
        yield f"basis: expected one of {', '.join(BASES)}"
    counted = row["seen"].isdecimal() and row["of"].isdecimal()
    if not counted or int(row["seen"]) > int(row["of"]):
        yield "seen, of: expected two numbers, the first no larger than the second"
    if not SHA256.fullmatch(row["files_digest"]):
        yield "files_digest: expected 64 hex digits"


def read(work: Path) -> list[dict[str, str]]:
    """The signatures of a submission.

    Raises
    ------
    UserError
        naming every line that is not well formed
    """
    advice = f"take the line out, and sign with: {verb('approve --help')}"
    return rows_of(work / FILE, COLUMNS, _mistakes, advice)


def files_of(results: Path) -> list[tuple[str, str]]:
    """The files that ``released.tsv`` lists, each with its sha256, sorted."""
    table = tables.read(results / TABLE)
    return sorted(zip(table["output"], table["sha256"], strict=True))


def digest(results: Path) -> str:
    """What a signature is bound to: both tables, and by them all files; empty without one."""
    if not all((results / name).is_file() for name in SIGNED):
        return ""
    lines = "".join(f"{sha256(results / name)}  {name}\n" for name in SIGNED)
    return hashlib.sha256(lines.encode()).hexdigest()


def are_same(results: Path, others: Path) -> bool:
    """Whether a signature for one folder of results is one for the other, too."""
    return digest(results) == digest(others)


def items_in(results: Path) -> int:
    """How many items are released, without the masks and volumes made of them."""
    rows = records(results / TABLE)
    return sum(row["kind"] not in PRODUCTS for row in rows)


def is_signed(work: Path, results: Path) -> bool:
    """Whether the last line is for exactly what waits in ``results``.

    An earlier one was for what other files took the place of, with a signature of their own. One
    of somebody who looked at none of the files is none.
    """

    def counts(row: Mapping[str, str]) -> bool:
        return row["basis"] == WITHDRAWAL or bool(int(row["seen"])) or not int(row["of"])

    last = [row["files_digest"] for row in read(work)[-1:] if counts(row)]
    return last == [digest(results)]


def check_seen(results: Path, seen: int) -> int:
    """How many items are released.

    Raises
    ------
    UserError
        if more were seen than there are, or none of them
    """
    of = items_in(results)
    if not min(1, of) <= seen <= of:
        raise UserError(
            "--seen",
            f"{of} files wait, and {seen} were seen",
            f"from {min(1, of)} to {of}: a signature says that somebody looked",
        )
    return of


def sign(work: Path, results: Path, reviewer: str, day: str, seen: int) -> None:
    """Add a signature for the files that wait, of which ``seen`` were looked at."""
    of = check_seen(results, seen)
    _add(work, (reviewer, day, LOOKED, str(seen), str(of), digest(results)))


def note_withdrawal(work: Path, results: Path, who: str, day: str) -> None:
    """Add a line for what is left of files that were signed for and handed out."""
    if not is_signed(work, results):
        _add(work, (who, day, WITHDRAWAL, "0", str(items_in(results)), digest(results)))


def _add(work: Path, cells: Iterable[str]) -> None:
    tables.write(work / FILE, [*read(work), dict(zip(COLUMNS, cells, strict=True))], COLUMNS)
    (work / FILE).chmod(PRIVATE_FILE)


def sentences(run: Run, label: str) -> list[str]:
    """What a person is to know and do where results wait for a signature; [] where none do."""
    if run.handed_out is None:
        return []
    work, waiting = (Path(run.config[name]) / label for name in ("work", "results"))
    if not (waiting / TABLE).is_file():
        return []
    target = run.handed_out / label
    there = (target / TABLE).is_file()
    lost = mending.lost(target)
    whole = there and not lost and all((target / name).is_file() for name in PAGES)
    if whole and are_same(target, waiting):
        return [f"approval: signed; handed out in {target}"]
    if is_signed(work, waiting):
        return [f"approval: signed; the next start hands it out in {target}"]
    older = "what was approved before stays there" if there else "nothing is there yet"
    if lost:
        older += (
            f", but {len(lost)} of its {len(files_of(target))} files were deleted or altered; "
            "those that still wait come back with the next signature"
        )
    return [
        f"approval: {items_in(waiting)} files wait for a person's signature before they enter "
        f"{target}; {older}",
        "look at both pages, then say how many files you saw: "
        f"{verb(f'approve --configfile FILE --submission {label} --seen N')}",
    ]
