"""Withdraw a patient from a submission that was released: ``python -m unburn withdraw``.

All that was made of the patient goes: released files with their masks and volumes, the cleaned
files that were held back, and every line of the tables that tells of one. A tombstone stays, so
that files that still lie in the submission's folder are never released again. Nothing is computed
anew for anybody else. The originals are not needed and not touched.

What is to be done is written down first (``withdrawing.json``). While it stands, no run starts, and
``withdraw`` goes on where it was.
"""

import json
import logging
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import h5py
import numpy as np
from pydicom import dcmread

from unburn import (
    approval,
    crate,
    decisions,
    evaluate,
    gate,
    handover,
    keys,
    mending,
    nifti,
    patients,
    plan,
    preview,
    reassemble,
    release,
    report,
    reproduce,
    submissions,
    tables,
    takeover,
)
from unburn.alone import alone
from unburn.errors import UserError
from unburn.files import replacing, sha256
from unburn.ledger import (
    PICTURES,
    SHOWED,
    forgotten,
    held_back,
    records,
    shard_folders,
    shard_table,
)
from unburn.metadata import quiet
from unburn.numerals import noun
from unburn.purging import keeping_time, purge_lines, uids_in
from unburn.settings import WAITING, Run

log = logging.getLogger(__name__)

JOURNAL = submissions.WITHDRAWING
FINAL = ("released.tsv", "held_back.tsv", "metrics.json", "report.html")  # made anew, of results/
OWN_UIDS = ("study_out", "series_out", "sop_out", "frame_of_reference_out")  # of candidates.tsv
OF_A_SHARD = ("regions.h5", "masks.h5", "candidates", "candidates.tsv", "uids.tsv", "verdicts.tsv")
TEMPORARY = ("frames.h5", "fills.h5", "crops.h5", "painted.h5")


@dataclass(frozen=True)
class Withdrawal:
    """What is to go from a submission.

    ``patients`` and ``contents`` (of NIfTI volumes) are tombstones, ``items`` numbers of the
    ledger, ``outputs`` files below results/, ``uids`` the new UIDs of no other patient's objects.
    ``signed`` whether exactly what waits was signed for and handed out, so that no signature is
    needed for less of it.
    """

    patients: list[str]
    contents: list[str]
    items: list[str]
    outputs: list[str]
    uids: list[str]
    signed: bool = False


# --- who is meant


def listed_in(path: Path) -> list[str]:
    """The lines of a file that names patients, without empty ones."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UserError(
            "--from", "it is no file that can be read as text", "name a patient a line, in UTF-8"
        ) from None
    return [line.strip() for line in lines if line.strip()]


def named(
    work: Path, pseudonyms: Sequence[str], numbers: Sequence[str], listed: Sequence[str] = ()
) -> set[str]:
    """The inventory's digests of the patients that are meant.

    Parameters
    ----------
    work : of the submission
    pseudonyms : of patients
    numbers : of items in the ledger
    listed : pseudonyms or Patient IDs, from a file; an ID has no place on a command line

    Raises
    ------
    UserError
        if one is not known; by its place in the list, never by itself
    """
    inventory = {row["item"]: row["patient"] for row in records(work / "inventory.tsv")}
    by_pseudonym: dict[str, set[str]] = {}
    by_id: dict[str, set[str]] = {}
    for folder in shard_folders(work):
        for row in records(folder / "candidates.tsv"):
            who = inventory_of(inventory, row["item"])
            by_pseudonym.setdefault(row["patient_out"], set()).update(who)
            by_id.setdefault(row["patient_in"], set()).update(who)
    for known in (by_pseudonym, by_id):
        known.pop("", None)  # of what was not cleaned, and of those without an ID
    asked = [
        *(("item", by, inventory_of(inventory, by)) for by in numbers),
        *(("patient", by, by_pseudonym.get(by, set())) for by in pseudonyms),
        *(("line", by, by_pseudonym.get(by, set()) | by_id.get(by, set())) for by in listed),
    ]
    for place, (what, _, found) in enumerate(asked, 1):
        if not found - {""}:
            raise UserError(
                where=f"submission {work.name}, {what}, {place} of {len(asked)} that were named",
                found="no patient of the submission is known by it",
                advice="pseudonyms stand in released.tsv, column patient; a Patient ID goes into a "
                "file (--from); of a patient of whom nothing was cleaned, name an item of the "
                "ledger (--item)",
            )
    return {one for _, _, found in asked for one in found} - {""}


def inventory_of(inventory: Mapping[str, str], number: str) -> set[str]:
    """The patient that an item is of, none for one that names nobody."""
    return {inventory.get(number, "")}


def planned(
    work: Path, released: Collection[Path], master: bytes, who: Collection[str]
) -> Withdrawal:
    """List what belongs to patients, by the inventory's digests of them.

    ``released`` are folders of results: what waits and what was handed out before can differ.
    """
    inventory = [row for row in records(work / "inventory.tsv") if row["path"]]
    theirs = patients.belonging(
        [row["path"] for row in inventory], [row["patient"] for row in inventory], who
    )
    items = {row["item"] for row, gone in zip(inventory, theirs, strict=True) if gone}
    pseudonyms: set[str] = set()
    uids: dict[bool, set[str]] = {True: set(), False: set()}
    for folder in shard_folders(work):
        for row in records(folder / "candidates.tsv"):
            gone = row["item"] in items
            uids[gone].update(row[name] for name in OWN_UIDS)
            if gone:
                pseudonyms.add(row["patient_out"])
    outputs = {
        row["output"]
        for table in (folder / "released.tsv" for folder in released)
        for row in (records(table) if table.is_file() else ())
        if row["patient"] in pseudonyms - {""}
    }
    return Withdrawal(
        patients=[patients.digest(master, work.name, one) for one in sorted(who)],
        contents=[patients.content_digest(master, work.name, one) for one in volumes(work, items)],
        items=sorted(items, key=int),
        outputs=sorted(outputs),
        uids=sorted(uids[True] - uids[False] - {""}),
    )


def namesakes(work: Path, items: Collection[str]) -> list[str]:
    """Pseudonyms of patients who stay with a Patient ID that goes: of another issuer or none."""
    rows = [row for folder in shard_folders(work) for row in records(folder / "candidates.tsv")]
    ids = {row["patient_in"] for row in rows if row["item"] in items} - {""}
    stay = {
        row["patient_out"] for row in rows if row["item"] not in items and row["patient_in"] in ids
    }
    return sorted(stay)


def volumes(work: Path, items: Collection[str]) -> list[str]:
    """The sha256 of the NIfTI volumes among items, without what others have as well.

    Of a pair only the header's is known, and headers of many are the same.
    """
    kinds = {row["item"]: row["kind"] for row in records(work / "inventory.tsv")}
    digests: dict[bool, set[str]] = {True: set(), False: set()}
    for row in records(work / "ledger.tsv"):
        if kinds.get(row["item"]) == nifti.VOLUME and not row["input"].lower().endswith(".hdr"):
            digests[row["item"] in items].add(row["sha256"])
    return sorted(digests[True] - digests[False] - {""})


# --- what goes


def remove(folder: Path) -> None:
    """Delete a folder, if it is there; what cannot be deleted is an error."""
    if folder.exists():
        shutil.rmtree(folder)


def purge_table(path: Path, items: Collection[str]) -> None:
    """Take the lines of items out of a table."""
    purge_lines(path, lambda row: row["item"] not in items)


def purge_h5(path: Path, items: Collection[str]) -> None:
    """Write an archive of regions or masks anew, without items: HDF5 does not give room back."""
    numbers = np.array([int(item) for item in items])
    with (
        keeping_time(path),
        replacing(path) as tmp,
        h5py.File(path) as old,
        h5py.File(tmp, "w", libver="latest") as new,
    ):
        new.attrs.update(old.attrs)
        for name, found in old.items():
            if isinstance(found, h5py.Group):
                group = new.create_group(name)
                group.attrs.update(found.attrs)
                for item in (item for item in found if item not in items):
                    found.copy(item, group)
                continue
            rows = found[:]
            left = rows[~np.isin(rows["item"] if rows.dtype.names else rows, numbers)]
            new.create_dataset(name, data=left, compression=found.compression, track_times=False)


def purge_uids(folder: Path, gone: Collection[str]) -> None:
    """Take out of a shard's mapping the new UIDs ``gone``, and what no cleaned object holds."""
    left: set[str] = set()
    for file in sorted((folder / "candidates").glob("*.dcm")):
        # one that somebody made unreadable is held back below, and its UIDs come with it again
        with quiet(), suppress(Exception):
            left |= uids_in(dcmread(file, stop_before_pixels=True))
    left -= set(gone)
    purge_lines(folder / "uids.tsv", lambda row: row["id_new"] in left)


def purge_shard(folder: Path, items: Collection[str], uids: Collection[str]) -> None:
    """Take items out of all that a shard has; a shard of theirs alone goes as a whole.

    The plan's table is the last, as it says which of them are still to be taken out. Objects of
    others can refer to theirs, so mappings of other shards can hold their UIDs.
    """
    table = shard_table(folder)
    here = [row["item"] for row in records(table)]
    gone = set(here) & set(items)
    if not gone:
        if any(row["id_new"] in uids for row in records(folder / "uids.tsv")):
            purge_lines(folder / "uids.tsv", lambda row: row["id_new"] not in uids)
        return
    if gone == set(here):
        remove(folder)
        table.unlink()
        return
    for name in TEMPORARY:
        (folder / name).unlink(missing_ok=True)
    for file in (folder / "candidates").iterdir():
        if file.name.split(".")[0] in gone:
            file.unlink()
    for name in ("regions.h5", "masks.h5"):
        purge_h5(folder / name, gone)
    for name in ("candidates.tsv", "verdicts.tsv"):
        purge_table(folder / name, gone)
    purge_uids(folder, uids)
    purge_table(table, gone)


def drop_altered(folder: Path) -> None:
    """Let a shard's cleaned files that were altered since they were checked be held back.

    No release takes them (see ``mending``), and a withdrawal must not wait for a run to make them
    anew: the originals can be gone. The next run does so where it can.
    """
    files = {row["item"]: row["file"] for row in records(folder / "candidates.tsv")}

    def as_checked(row: Mapping[str, str]) -> bool:
        file = folder / "candidates" / files[row["item"]]
        return row["verdict"] != "release" or (file.is_file() and sha256(file) == row["sha256"])

    altered = {row["item"] for row in records(folder / "verdicts.tsv") if not as_checked(row)}
    if altered:
        purge_table(folder / "verdicts.tsv", altered)
        mending.mark(folder)
        log.warning("%d files were altered; they are held back till the next run", len(altered))


def purge_plan(work: Path, master: bytes, items: Collection[str]) -> None:
    """Leave of items in the inventory and in what later plans know their numbers alone.

    They are written as a plan writes them that meets the tombstone.
    """
    table = work / "inventory.tsv"
    rows = records(table)
    blank = {"bytes": 0, "mtime_ns": 0, "status": "ignored", "reason_code": "withdrawn"}
    left = [
        row
        if row["item"] not in items
        else {**dict.fromkeys(row, ""), **blank, "item": row["item"]}
        for row in rows
    ]
    tables.write(table, left, list(rows[0]))
    state = plan.State.load(work / plan.STATE)
    state.items = {
        patients.alias(master, path)
        if str(number) in items and not patients.is_alias(path)
        else path: number
        for path, number in state.items.items()
    }
    series = {row["series"] for row in left}
    state.series = {key: place for key, place in state.series.items() if place[0] in series}
    shards = [shard_table(folder) for folder in shard_folders(work)]
    state.shards = {file.stem: [sha256(file), file.stat().st_mtime_ns] for file in shards}
    state.save(work / plan.STATE)


# --- the run


def remake(run: Run, label: str) -> None:
    """Make the tables and pages of a submission again, by the commands of the rules."""
    work, results = (Path(run.config[name]) / label for name in ("work", "results"))
    of = {"submission": label, "work": work, "results": results}
    controls = run.section(label, "controls")
    showed = work / SHOWED  # of copies that are gone; its counts tell of nobody
    planted = bool(controls["share"]) and showed.is_file()

    def call(main: Callable[[Sequence[str]], None], **options: object) -> None:
        main([f"--{name.replace('_', '-')}={value}" for name, value in (of | options).items()])
        touch(main.__module__.rpartition(".")[2])

    def touch(stage: str) -> None:
        """Let a stage's benchmark be no older than its inputs: to Snakemake it is an output."""
        benchmark = Path("benchmarks") / stage / f"{label}.tsv"
        if benchmark.is_file():
            benchmark.touch()

    call(
        release.main,
        inventory=work / "inventory.tsv",
        key=run.config["key_file"],
        key_mode="keyed",
        project=run.rows[label].project,
        settings=submissions.section(run, label, "gate"),
        mending=mending.mended(work),
        threads=1,
        **({"controls": showed} if planted else {}),
    )
    call(
        evaluate.main,
        settings=submissions.section(run, label, "evaluate"),
        benchmarks="benchmarks",
        gpus=int(run.section(label, "inpaint")["device"] != "cpu"),
        controls=json.dumps(controls),
        **({"showed": showed} if planted else {}),
        out=results / "metrics.json",
    )
    (results / "provenance.json").touch()  # made by what it says; not older than released.tsv
    touch("provenance")
    call(
        report.main,
        metrics=results / "metrics.json",
        provenance=results / "provenance.json",
        settings=submissions.section(run, label, "report"),
        out=results / "report.html",
        review=work / "review.html",
        figures=work / "figures",
    )


def is_covered(run: Run, label: str) -> bool:
    """Whether exactly what waits was signed for and handed out."""
    if run.handed_out is None:
        return False
    work, waiting = (Path(run.config[name]) / label for name in ("work", "results"))
    same = approval.are_same(run.handed_out / label, waiting)
    return same and approval.is_signed(work, waiting)


def perform(run: Run, label: str, master: bytes, doing: Withdrawal) -> None:
    """Do what was written down; may be begun again at any point."""
    work, results = (Path(run.config[name]) / label for name in ("work", "results"))
    takeover.claim(work.parent, results.parent, [label])
    patients.bury(work.parent, label, doing.patients + doing.contents, keys.key_id(master))
    made = (work / name for name in ("accounted", "review.html", crate.FILE))
    for file in (*(results / name for name in FINAL), *made):
        file.unlink(missing_ok=True)
    approved = run.handed_out / label if run.handed_out else results
    for output in (*doing.outputs, crate.FILE):  # a record that somebody laid there names theirs
        for folder in (results, approved):
            (folder / output).unlink(missing_ok=True)
    left = [work / name for name in (*PICTURES, "figures")]
    for folder in (*left, *preview.copies(work.parent), work.parent / reproduce.FOLDER):
        remove(folder)
    for folder in shard_folders(work):
        purge_shard(folder, set(doing.items), set(doing.uids))
    purge_plan(work, master, set(doing.items))
    decisions.forget(work, set(doing.items))
    for folder in shard_folders(work):
        drop_altered(folder)
    remake(run, label)
    if run.handed_out:
        left_here = (records(folder / "candidates.tsv") for folder in shard_folders(work))
        stay = {row["patient_out"] for rows in left_here for row in rows}
        outputs, uids = set(doing.outputs), set(doing.uids)
        handover.take_away(work, results, approved, outputs, stay, uids, doing.signed)
    else:  # what waited for an approval that is no longer required
        remove(work.parent / WAITING / label)
    (work / "accounted").touch()


def withdraw(
    run: Run,
    label: str,
    pseudonyms: Sequence[str],
    numbers: Sequence[str],
    listed: Sequence[str],
    sure: bool,
    say: Callable[[str], None],
) -> None:
    """Withdraw patients from a submission, or go on with a withdrawal that was interrupted.

    Without ``sure``, only say what would go. ``say`` prints a line; none names a patient.
    """
    if label not in run.rows:
        raise UserError(
            "--submission", "the sheet has no such submission", "name one of its labels"
        )
    work, results = (Path(run.config[name]) / label for name in ("work", "results"))
    journal = work / JOURNAL
    if not journal.is_file():
        check(run, label)
    master = keys.load(Path(run.config["key_file"]))
    submissions.check_key(work, keys.key_id(master))
    with alone(run, label):
        interrupted = journal.is_file()
        if interrupted:
            say(f"{label}: going on with a withdrawal that was interrupted")
            doing = Withdrawal(**json.loads(journal.read_text("ascii")))
        else:
            if not (pseudonyms or numbers or listed):
                raise UserError(
                    f"submission {label}", "no patient was named", "use --patient, --item or --from"
                )
            released = [results, *([run.handed_out / label] if run.handed_out else [])]
            doing = planned(work, released, master, named(work, pseudonyms, numbers, listed))
            doing = replace(doing, signed=is_covered(run, label))
            for other in namesakes(work, doing.items):
                say(f"{label}: {other} stays, with the same Patient ID and another issuer or none")
        people = len(doing.patients)
        say(
            f"{label}: {people} {noun(people, 'patient')}, "
            f"{len(doing.items)} {noun(len(doing.items), 'file')} handed in, "
            f"{len(doing.outputs)} {noun(len(doing.outputs), 'file')} released"
        )
        if not (sure or interrupted):
            say("nothing was done; it cannot be undone, so say --yes to do it")
            return
        with replacing(journal) as tmp:
            tmp.touch(0o600)
            tmp.write_text(json.dumps(asdict(doing)), "ascii")
        perform(run, label, master, doing)
        journal.unlink()
    say(f"{label}: withdrawn; a tombstone is in {work.parent / patients.TOMBSTONES}")
    for other in sorted(others(run, label, doing)):
        say(f"{other}: has the same project and the same patient; withdraw there too")
    if interrupted and (pseudonyms or numbers or listed):
        say("only that was done; if somebody else was named now, start it again")
    say("copies that were handed out, backups and the originals are yours to delete")


def others(run: Run, label: str, doing: Withdrawal) -> set[str]:
    """Other submissions of the same project whose results hold a patient of the same pseudonym."""
    gone = {Path(output).parts[1] for output in doing.outputs}
    found = set()
    for other, row in run.rows.items():
        table = Path(run.config["results"]) / other / "released.tsv"
        linked = other != label and row.project == run.rows[label].project
        if linked and table.is_file() and gone & set(tables.read(table)["patient"]):
            found.add(other)
    return found


def is_done(folder: Path) -> bool:
    """Whether a shard has all and is as planned; a run can have broken off after a later plan."""
    if not all((folder / name).exists() for name in OF_A_SHARD):
        return False
    listed, made = (
        [row["item"] for row in records(table)]
        for table in (shard_table(folder), folder / "candidates.tsv")
    )
    return sorted(listed) == sorted(made)


def check(run: Run, label: str) -> None:
    """Refuse a submission that is not finished, or of which nobody knows what is whose.

    Raises
    ------
    UserError
        naming what can be done instead
    """
    work = Path(run.config["work"]) / label
    if forgotten(work) and run.section(label, "metadata")["key"] == "discard":
        raise UserError(
            f"submission {label}",
            "its key was discarded (metadata.key), so nobody can tell which results are whose",
            "take the patient's files out of its folder, delete the submission's folders in "
            "results/ and work/, and start the run again",
        )
    here = takeover.LOCKS.parent.is_dir()  # its locks are looked at, its benchmarks read
    if not (
        here and submissions.is_finished(run, label) and all(map(is_done, shard_folders(work)))
    ):
        raise UserError(
            f"submission {label}",
            "it is not finished, or this is not the folder of the run",
            "go to the folder of the run and finish it; or take the patient's files out of the "
            "submission's folder before you go on",
        )
    decisions.read(work)  # lines are to be taken out of it
    held_back(work / SHOWED)  # the tables are made again by it
    check_tables(work)


def check_tables(work: Path) -> None:
    """Refuse tables that an earlier version made: the release that follows needs all columns.

    Raises
    ------
    UserError
        naming the table and the columns that it lacks
    """
    made: list[tuple[Path, tuple[str, ...]]] = [(work / "inventory.tsv", plan.INVENTORY)]
    for folder in shard_folders(work):
        made.append((folder / "candidates.tsv", reassemble.COLUMNS))
        made.append((folder / "verdicts.tsv", gate.COLUMNS))
    for table, columns in made:
        if missing := set(columns) - set(tables.read(table).columns):
            raise UserError(
                f"submission {work.name}, {table.name}",
                f"an earlier version of unburn made it, without {', '.join(sorted(missing))}",
                "start the run again first",
            )
