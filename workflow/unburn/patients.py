"""Who a patient is, and who was withdrawn.

A withdrawal leaves tombstones in ``work/withdrawn.tsv``: the submission, a keyed digest, the day
and the key's id. Nobody reads a name from them. A later plan knows by them the patient's files:
DICOM objects by what names the patient, however they are called; NIfTI volumes, which name nobody,
by their place and by their content.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from pydicom.dataset import Dataset

from unburn import keys, tables
from unburn.elements import text_of
from unburn.errors import ItemError, UserError
from unburn.ledger import records

TOMBSTONES = "withdrawn.tsv"
COLUMNS = ("submission", "patient", "day", "key_id")
CONTENT = "file-"  # begins the digest of a volume's content
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
    raise ItemError("metadata_failed", "SOPInstanceUID")


def digest(master: bytes, submission: str, named: str) -> str:
    """The tombstone's digest, 32 hex digits; ``named`` is the inventory's digest of a patient."""
    return keys.keyed(master, "withdrawn", f"{submission}\0{named}").hex()[:32]


def content_digest(master: bytes, submission: str, sha256: str) -> str:
    """The tombstone's digest of a NIfTI volume's content."""
    return CONTENT + keys.keyed(master, "withdrawn content", f"{submission}\0{sha256}").hex()[:32]


def alias(master: bytes, path: str) -> str:
    """What stands for the path of a withdrawn file, relative to its submission, in the plan."""
    return ALIAS + keys.keyed(master, "withdrawn path", path).hex()[:32]


def is_alias(path: str) -> bool:
    """Whether a path in the plan's state stands for a withdrawn file."""
    return path.startswith(ALIAS)


def tombstones(work: Path, submission: str, key: Path) -> frozenset[str]:
    """The digests of what was withdrawn from a submission.

    ``work`` is the folder of the run, ``key`` the master key's file; it is read when there are any.

    Raises
    ------
    UserError
        if they were made with another key, by which nobody would be known again
    """
    table = work / TOMBSTONES
    rows = records(table) if table.is_file() else []
    rows = [row for row in rows if row["submission"] == submission]
    if rows and {row["key_id"] for row in rows} != {keys.key_id(keys.load(key))}:
        raise UserError(
            where=f"submission {submission}",
            found=f"patients were withdrawn under another key, so {TOMBSTONES} does not tell "
            "which files are theirs",
            advice="name that key in the setting key_file; or take their files out of the "
            f"submission's folder, and then its lines out of {TOMBSTONES}",
        )
    return frozenset(row["patient"] for row in rows)


def bury(work: Path, submission: str, found: Iterable[str], key_id: str) -> None:
    """Add tombstones, by their digests; those that are there keep their day."""
    table = work / TOMBSTONES
    rows = records(table) if table.is_file() else []
    known = {(row["submission"], row["patient"]) for row in rows}
    day = datetime.now(UTC).date().isoformat()
    rows += [
        dict(zip(COLUMNS, (submission, one, day, key_id), strict=True))
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
