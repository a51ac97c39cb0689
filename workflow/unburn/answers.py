"""The judge of the answer key: what a run released, held against every planted fact.

Tag retained
    The attribute is there.
Text not null
    It has a value.
Text retained
    The planted word or value stands in it.
Text removed
    The planted value stands nowhere in it; where no attribute is named, nowhere in the file but
    its pixels and UIDs.
Date shifted
    It is the original moved by the one number of days, not 0, of all dates of this patient; under
    the option year it is the first of January of its year. Times and zones behind it stay.
UID changed
    It is a UID, and another one.
UID consistent
    It is what uid_mapping.csv says of the original, in every file and at every level.
Patient ID consistent
    It is what patid_mapping.csv says of the original, one and the same for all files of the
    patient (issuer and ID) and of nobody else.
Pixels hidden
    Of the line's ink at least 90 % has another stored value.
Pixels retained
    All stored values are equal, and the bytes of Pixel Data, if the transfer syntax is.

A fact of an object that was not released counts as neither; held-back objects are listed.
"""

import argparse
import csv
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom import Dataset

from unburn import answer_key, tables
from unburn.answer_key import ACTIONS, asked, label
from unburn.answer_kinds import KINDS
from unburn.errors import command
from unburn.files import replacing
from unburn.ledger import records
from unburn.metadata import quiet
from unburn.pixels import StoredFrames
from unburn.presets import DEMANDS, PRESETS, Options

COLUMNS = ("preset", "object", "kind", "action", "meaning", "path", "met")
HIDDEN_SHARE = 0.9  # of a line's ink
UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
HELD = {kind.name: kind.held for kind in KINDS if kind.held}


@dataclass(frozen=True)
class Released:
    """What a run made of the key: released files by old SOP Instance UID, and its mappings."""

    files: dict[str, Path]
    reasons: dict[str, str]  # of the others
    uids: dict[str, str]
    patients: dict[str, set[str]]


def read_released(run: Path, submission: str) -> Released:
    """Read tables and mappings of a submission."""
    results, work = run / "results" / submission, run / "work" / submission
    files, reasons = {}, {}
    for row in records(work / "ledger.tsv"):
        name = Path(row["input"]).name
        if row["status"] == "released":
            files[name] = results / row["output"]
        else:
            reasons[name] = row["reason_code"]
    patients = defaultdict(set)
    for old, new in _pairs(work / "patid_mapping.csv"):
        patients[old].add(new)
    return Released(files, reasons, dict(_pairs(work / "uid_mapping.csv")), dict(patients))


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield row["id_old"], row["id_new"]


# ------------------------------------------------------------------ values


def value_at(dataset: Dataset, path: str) -> str | None:
    """The value at a planted path as one text; None where the attribute is missing."""
    *way, last = path.split(".")
    for keyword, number in zip(way[::2], way[1::2], strict=True):
        items = dataset.get(keyword)
        if not items or len(items) <= int(number):
            return None
        dataset = items[int(number)]
    if "," not in last:
        return text_of(dataset.get(last)) if last in dataset else None
    group, creator, element = last.split(",")
    try:
        return text_of(dataset.private_block(int(group, 16), creator)[int(element, 16)].value)
    except KeyError:
        return None


def text_of(value: Any) -> str:
    """A value as one text, several joined by backslashes; bytes in both ways to read them."""
    if isinstance(value, bytes):
        return "\n".join(value.decode(code, "ignore") for code in ("latin-1", "utf-8"))
    if value is None:
        return ""
    return (
        "\\".join(map(str, value)) if isinstance(value, pydicom.multival.MultiValue) else str(value)
    )


def texts_of(dataset: Dataset) -> Iterator[str]:
    """Every value but pixels and UIDs, at all levels."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from texts_of(item)
        elif element.VR != "UI" and element.keyword != "PixelData":
            yield text_of(element.value)


def bytes_beside(path: Path) -> bytes:
    """Preamble and file meta information as they are stored."""
    with open(path, "rb") as file:
        head = file.read(144)
        length = int.from_bytes(head[140:144], "little") if head[132:136] == b"\2\0\0\0" else 0
        return head + file.read(length)


def days_between(old: str, new: str) -> int | None:
    """Days from one DA or DT to another that says as much; None if it does not."""
    if len(old) != len(new) or old[8:] != new[8:] or len(old) < 8:
        return None
    try:
        return (_day(new) - _day(old)).days
    except ValueError:
        return None


def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


# ------------------------------------------------------------------ judging


@dataclass
class Files:
    """An original and what was released of it, each read once."""

    original: Path
    released: Path

    def __post_init__(self) -> None:
        with quiet():
            self.dataset = pydicom.dcmread(self.released)
            held = "\n".join(texts_of(self.dataset))
        self.text = held.lower()
        self.beside = bytes_beside(self.released).lower()

    def hidden(self, frame: int, ink: np.ndarray) -> bool:
        """Whether the ink of a line has other values now."""
        with StoredFrames(self.original) as before, StoredFrames(self.released) as after:
            same = before[frame] == after[frame]
        same = same.all(-1) if same.ndim == 3 else same
        return float((~same[ink]).mean()) >= HIDDEN_SHARE

    def pixels_equal(self) -> bool:
        """Whether all stored values are as they were, and the bytes where they can be."""
        with StoredFrames(self.original) as before, StoredFrames(self.released) as after:
            equal = len(before) == len(after) and all(
                np.array_equal(before[k], after[k]) for k in range(len(before))
            )
            if before.syntax == after.syntax:
                equal &= before.dataset.PixelData == after.dataset.PixelData
        return equal


class Judge:
    """One release under some options; knows what must be the same in all files."""

    def __init__(self, options: Options, key: Path, released: Released):
        self.options, self.released = options, released
        self.objects = key / "objects"
        self.ink = dict(np.load(key / "ink.npz"))
        self.shifts: dict[str, int] = {}
        self.owners: dict[str, str] = {}

    def learn(self, facts: Sequence[Mapping[str, str]], files: Mapping[str, Files]) -> None:
        """The commonest shift of each patient's dates, and who has which new Patient ID."""
        found: dict[str, Counter[int]] = defaultdict(Counter)
        for fact in facts:
            if fact["file"] not in files or fact["meaning"] not in ("date", "patient"):
                continue
            new = value_at(files[fact["file"]].dataset, fact["path"])
            if fact["meaning"] == "date":
                days = days_between(fact["value"], new or "")
                if days is not None:
                    found[fact["patient"]][days] += 1
            elif new:
                self.owners.setdefault(new, fact["patient"])
        self.shifts = {who: days.most_common(1)[0][0] for who, days in found.items()}

    def shifted(self, fact: Mapping[str, str], new: str | None) -> bool:
        """Whether a date moved as it should."""
        if self.options.dates == "year":
            return new in (f"{fact['value'][:4]}0101", fact["value"][:4])
        days = days_between(fact["value"], new or "")
        return bool(days) and days == self.shifts.get(fact["patient"])

    def removed(self, fact: Mapping[str, str], new: str | None, files: Files) -> bool:
        """Whether a planted value is gone from its attribute, or from the whole file."""
        value = fact["value"].lower()
        if fact["path"]:
            return value not in (new or "").lower()
        spelled = (value.encode(code, "ignore") for code in ("utf-8", "latin-1"))
        return value not in files.text and not any(s and s in files.beside for s in spelled)

    def met(self, fact: Mapping[str, str], action: str, files: Files) -> bool:
        """Whether what a fact asks for was done."""
        if action == answer_key.HIDDEN:
            ink = self.ink[f"{int(fact['object']):03d}.{fact['path']}"]
            return files.hidden(int(fact["path"].split(".")[0]), ink)
        if action == answer_key.PIXELS_RETAINED:
            return files.pixels_equal()
        old = fact["value"]
        new = value_at(files.dataset, fact["path"]) if fact["path"] else None
        if action == answer_key.TAG_RETAINED:
            return new is not None
        if action == answer_key.NOT_NULL:
            return bool(new)
        if action == answer_key.RETAINED:
            return self.same(old, new or "")
        if action == answer_key.REMOVED:
            return self.removed(fact, new, files)
        if action == answer_key.SHIFTED:
            return self.shifted(fact, new)
        if action == answer_key.CHANGED:
            return bool(new) and new != old and UID.fullmatch(new or "") is not None
        if action == answer_key.CONSISTENT:
            return bool(new) and new == self.released.uids.get(old)
        assert action == answer_key.SAME_PATIENT
        known = self.released.patients.get(old, set())
        return new in known and self.owners.get(new or "") == fact["patient"]

    @staticmethod
    def same(old: str, new: str) -> bool:
        """Whether a planted word or value is still there."""
        if old.lower() in re.split(r"[\s\\]+", new.lower()) or old == new:
            return True
        try:
            return float(old) == float(new)
        except ValueError:
            return False


def read_facts(key: Path) -> list[dict[str, str]]:
    """Rows of ``facts.csv``."""
    with open(key / "facts.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def judge(
    key: Path, options: Options, released: Released, actions: Sequence[str] = ACTIONS
) -> Iterator[dict[str, object]]:
    """Every fact that asks for one of these actions: met 1, 0, or empty if it was not released."""
    facts = read_facts(key)
    judged = Judge(options, key, released)
    files = {name: Files(judged.objects / name, path) for name, path in released.files.items()}
    judged.learn(facts, files)
    for fact in facts:
        action = asked(fact["meaning"], options)
        if action in actions:
            one = files.get(fact["file"])
            met = "" if one is None else int(judged.met(fact, action, one))
            yield {**fact, "action": action, "met": met}


def of_run(key: Path, run: Path) -> Iterator[dict[str, object]]:
    """Rows of ``answers.csv``: the facts under each preset of a run."""
    for preset, options in PRESETS.items():
        for row in judge(key, options, read_released(run, label(preset))):
            yield {**row, "preset": preset}


def held(key: Path, run: Path) -> Iterator[dict[str, object]]:
    """Objects that were not released: kind, reason, and whether the policy says so."""
    kinds = {fact["file"]: fact["kind"] for fact in read_facts(key)}
    for preset in PRESETS:
        released = read_released(run, label(preset))
        for name, kind in kinds.items():
            reason = released.reasons.get(name, "")
            if reason or HELD.get(kind):
                faces = DEMANDS.get(preset, {}).get("gate.faces") == "hold" and reason == "face"
                yield {
                    "preset": preset, "kind": kind, "reason_code": reason or "released",
                    "as_the_policy_says": int(faces or reason == HELD.get(kind, "")),
                }  # fmt: skip


# ------------------------------------------------------------------ SUV


def suv(path: Path) -> np.ndarray:
    """SUVbw of a PET slice in g/ml (DICOM PS3.3 C.8.9.1; QIBA's vendor-neutral pseudo-code).

    Activity concentration, decay corrected to the series' start, times weight by dose left then.
    """
    with StoredFrames(path) as source, quiet():
        header, stored = source.dataset, source[0].astype(np.float64)
        item = header.RadiopharmaceuticalInformationSequence[0]
        started = item.RadiopharmaceuticalStartDateTime
        day, time = str(header.SeriesDate), str(header.SeriesTime)
        seconds = (_day(day) - _day(started)).days * 86400 + _clock(time) - _clock(started[8:])
        left = float(item.RadionuclideTotalDose) * 2 ** (
            -seconds / float(item.RadionuclideHalfLife)
        )
        activity = stored * float(header.RescaleSlope) + float(header.RescaleIntercept)
        return activity * float(header.PatientWeight) * 1000 / left


def _clock(text: str) -> float:
    return int(text[:2]) * 3600 + int(text[2:4]) * 60 + float(text[4:] or 0)


def suv_change(key: Path, run: Path, preset: str) -> float | None:
    """Largest relative change of SUVbw in the planted PET series; None where it cannot be had."""
    names = {fact["file"] for fact in read_facts(key) if fact["kind"] == "PET"}
    released = read_released(run, label(preset))
    largest = 0.0
    for name in names:
        if name not in released.files:
            return None
        before = suv(key / "objects" / name)
        try:
            after = suv(released.files[name])
        except (AttributeError, ValueError, TypeError):
            return None
        largest = max(largest, float(np.abs(after - before).max() / np.abs(before).max()))
    return largest


def main(argv: Sequence[str] | None = None) -> None:
    """Judge the released files of every preset."""
    parser = argparse.ArgumentParser(prog="python -m unburn.answers", description=main.__doc__)
    parser.add_argument("--key", type=Path, required=True, help="folder of unburn.answer_key")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    options = parser.parse_args(argv)
    tables.write_csv(options.out / "answers.csv", of_run(options.key, options.run), COLUMNS)
    about = {
        "suv": {preset: suv_change(options.key, options.run, preset) for preset in PRESETS},
        "held": list(held(options.key, options.run)),
    }
    with replacing(options.out / "answers.json") as tmp:
        tmp.write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    command(main)
