"""Who a patient is, and who was withdrawn.

A withdrawal leaves a tombstone in ``work/withdrawn.tsv``: the submission, a keyed digest of what
names the patient, and the day. Nobody reads a name from it, and a later plan knows the patient's
files by it, however they are called.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from pydicom.dataset import Dataset

from unburn import keys, tables
from unburn.elements import text_of
from unburn.errors import ItemError
from unburn.ledger import records

TOMBSTONES = "withdrawn.tsv"
COLUMNS = ("submission", "patient", "day")
ALIAS = "withdrawn\0"  # no path has a zero byte
NO_ID = frozenset(("", "anon", "anonymous", "anonymized", "anonymised", "unknown", "none", "null"))
_NO_MEANING = re.compile(r"[\W_0]")  # in a Patient ID that stands for none


def patient(dataset: Dataset) -> tuple[str, str]:
    """Return the Patient ID as it stands, and the text that names the patient to keyed hashes.

    Issuer and ID together name a patient. An object without an ID, or with one that stands for
    none (0000, UNKNOWN), is a patient of its study's own (of its series', of its own), so that two
    people without an ID never become one.
    """
    number = text_of(dataset, "PatientID")
    if _NO_MEANING.sub("", number).lower() not in NO_ID:
        return number, f"id\0{text_of(dataset, 'IssuerOfPatientID')}\0{number}"
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        if uid := text_of(dataset, keyword):
            return "", f"study\0{uid}"
    raise ItemError("metadata_failed")


def digest(master: bytes, submission: str, named: str) -> str:
    """The tombstone's digest, 32 hex digits; ``named`` is the inventory's digest of a patient."""
    return keys.keyed(master, "withdrawn", f"{submission}\0{named}").hex()[:32]


def alias(master: bytes, path: str) -> str:
    """What stands for the path of a withdrawn file, relative to its submission, in the plan."""
    return ALIAS + keys.keyed(master, "withdrawn path", path).hex()[:32]


def is_alias(path: str) -> bool:
    """Whether a path in the plan's state stands for a withdrawn file."""
    return path.startswith(ALIAS)


def tombstones(work: Path, submission: str) -> frozenset[str]:
    """The digests of a submission's withdrawn patients; ``work`` is the folder of the run."""
    table = work / TOMBSTONES
    if not table.is_file():
        return frozenset()
    rows = tables.read(table)
    return frozenset(rows["patient"][rows["submission"] == submission])


def bury(work: Path, submission: str, found: Iterable[str]) -> None:
    """Add tombstones of patients, by their digests; those that are there keep their day."""
    table = work / TOMBSTONES
    rows = records(table) if table.is_file() else []
    known = {(row["submission"], row["patient"]) for row in rows}
    day = datetime.now(UTC).date().isoformat()
    rows += [
        dict(zip(COLUMNS, (submission, one, day), strict=True))
        for one in sorted(found)
        if (submission, one) not in known
    ]
    tables.write(table, rows, COLUMNS)


def belonging(
    paths: Sequence[str], patients: Sequence[str], withdrawn: Collection[str]
) -> list[bool]:
    """Whether each file belongs to a withdrawn patient.

    Parameters
    ----------
    paths : of the files, below one folder
    patients : digest of each file's patient, empty where the file names none
    withdrawn : digests of the withdrawn ones

    A file that names nobody (a note, a broken image) goes with the others of its folder, or of the
    nearest folder around it in which any names somebody, if all of those are withdrawn.
    """
    others: set[PurePosixPath] = set()  # folders that hold files of patients who stay
    theirs: set[PurePosixPath] = set()
    for path, name in zip(paths, patients, strict=True):
        if name:
            (theirs if name in withdrawn else others).update(PurePosixPath(path).parents)

    def alone(path: str) -> bool:
        around = PurePosixPath(path).parents
        nearest = next((folder for folder in around if folder in theirs or folder in others), None)
        return nearest is not None and nearest not in others

    return [
        name in withdrawn if name else alone(path)
        for path, name in zip(paths, patients, strict=True)
    ]
