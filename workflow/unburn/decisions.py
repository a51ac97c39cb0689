"""What people decided of single items: ``decisions.tsv`` in a submission's private folder.

A line says one of three things of an item. ``release`` hands out what the gate held back, for
reasons that a person who looks can overrule (``reasons.OVERRIDABLE``), which the line names, and
only the very file that was looked at, by its sha256. ``reject`` holds an item back. ``mask`` masks
a box, in one frame or in all: it belongs to the original, as the cleaned file changes with it. Of
several lines on one item all boxes count, and the last release or reject.
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from unburn import keys, tables
from unburn.errors import UserError, verb
from unburn.files import sha256
from unburn.handwritten import SHA256, rows_of, who_and_when
from unburn.ledger import records, shard_table
from unburn.reasons import OVERRIDABLE

FILE = "decisions.tsv"
DECIDED = "decided.tsv"  # what the release made of it, for the figures
KINDS = ("release", "mask", "reject")
COLUMNS = (
    *("item", "decision", "frame", "box", "reviewer", "date", "reasons"),
    *("candidate_sha256", "input_sha256"),
)
DECIDED_COLUMNS = ("item", "became", "reason_code", "boxes")
PRIVATE_FILE = 0o600
ALL_FRAMES = "all"

DRAWN = np.dtype(
    [
        ("item", "<i4"),
        ("frame", "<i4"),
        *((side, "<i4") for side in ("left", "top", "right", "bottom")),
    ]
)
NUMBER = re.compile(r"[1-9][0-9]{0,8}")
BOX = re.compile(r"(\d{1,6}),(\d{1,6}),(\d{1,6}),(\d{1,6})")


@dataclass(frozen=True)
class Box:
    """A place of an item: pixels of the stored matrix, from 0; right and bottom are outside."""

    left: int
    top: int
    right: int
    bottom: int
    frame: int | None = None  # from 0; None is every frame


@dataclass(frozen=True)
class Decision:
    """One line."""

    item: str
    kind: str  # of KINDS
    box: Box | None
    reviewer: str
    day: str
    candidate: str  # sha256 of the cleaned file that was looked at
    original: str  # sha256 of the item's input
    reasons: frozenset[str] = frozenset()  # that a release overrules

    @property
    def frame(self) -> str:
        """Its cell of the column frame: from 1, or all; empty where there is no box."""
        if self.box is None:
            return ""
        return ALL_FRAMES if self.box.frame is None else str(self.box.frame + 1)

    @property
    def place(self) -> str:
        """Its cell of the column box."""
        box = self.box
        return f"{box.left},{box.top},{box.right},{box.bottom}" if box else ""

    def row(self) -> dict[str, str]:
        """Its line of the table."""
        cells = (
            *(self.item, self.kind, self.frame, self.place, self.reviewer, self.day),
            *(";".join(sorted(self.reasons)), self.candidate, self.original),
        )
        return dict(zip(COLUMNS, cells, strict=True))


# --- the table


def box_of(frame: str, place: str) -> Box:
    """A box of its two cells.

    Raises
    ------
    ValueError
        saying what they should be
    """
    sides = BOX.fullmatch(place.replace(" ", ""))
    if sides is None:
        raise ValueError("box: expected left,top,right,bottom in pixels, as 10,5,200,30")
    left, top, right, bottom = map(int, sides.groups())
    if left >= right or top >= bottom:
        raise ValueError("box: its right must be beyond its left, its bottom beyond its top")
    if frame == ALL_FRAMES:
        return Box(left, top, right, bottom)
    if not NUMBER.fullmatch(frame):
        raise ValueError("frame: expected a number from 1, or all")
    return Box(left, top, right, bottom, int(frame) - 1)


def reasons_of(row: Mapping[str, str]) -> frozenset[str]:
    """The reasons that a line names."""
    return frozenset(filter(None, (code.strip() for code in row["reasons"].split(";"))))


def _mistakes(row: Mapping[str, str]) -> Iterable[str]:
    if not NUMBER.fullmatch(row["item"]):
        yield "item: expected its number in the ledger"
    if row["decision"] not in KINDS:
        yield f"decision: expected one of {', '.join(KINDS)}"
    elif row["decision"] == "mask":
        try:
            box_of(row["frame"], row["box"])
        except ValueError as error:
            yield str(error)
    elif row["frame"] or row["box"]:
        yield "frame, box: only a line with the decision mask has them"
    named = reasons_of(row)
    if row["decision"] == "release" and not (named and named <= OVERRIDABLE):
        yield f"reasons: expected what is overruled, of {', '.join(sorted(OVERRIDABLE))}"
    elif row["decision"] != "release" and named:
        yield "reasons: only a line with the decision release has them"
    yield from who_and_when(row)
    for name in ("candidate_sha256", "input_sha256"):
        if not SHA256.fullmatch(row[name]):
            yield f"{name}: expected 64 hex digits"


def read(work: Path) -> list[Decision]:
    """The decisions on a submission's items, in the order of the table.

    Raises
    ------
    UserError
        naming every line that is not well formed
    """
    advice = f"take the line out, and write it with: {verb('decide --help')}"
    return [
        Decision(
            item=row["item"],
            kind=row["decision"],
            box=box_of(row["frame"], row["box"]) if row["decision"] == "mask" else None,
            reviewer=row["reviewer"],
            day=row["date"],
            candidate=row["candidate_sha256"],
            original=row["input_sha256"],
            reasons=reasons_of(row),
        )
        for row in rows_of(work / FILE, COLUMNS, _mistakes, advice)
    ]


def write(work: Path, decisions: Sequence[Decision]) -> None:
    """Write the table anew, or take it away with its last line."""
    if not decisions:
        (work / FILE).unlink(missing_ok=True)
        return
    tables.write(work / FILE, [one.row() for one in decisions], COLUMNS)
    (work / FILE).chmod(PRIVATE_FILE)


def forget(work: Path, items: Collection[str]) -> None:
    """Take out the lines of items that were withdrawn."""
    left = [one for one in read(work) if one.item not in items]
    write(work, left)


def refuse_discarded(work: Path) -> None:
    """Refuse decisions where the key is discarded: no later run has the files looked at.

    Raises
    ------
    UserError
        if there are any
    """
    if (work / FILE).is_file():
        raise UserError(
            f"submission {work.name}, {FILE}",
            "with metadata.key: discard every run makes other files than those looked at, and "
            "keeps nothing that links them to originals",
            "delete that table; or take out what you do not want before you hand it on",
        )


# --- what depends on them


def digest(decisions: Iterable[Decision], master: bytes) -> str:
    """A keyed digest of what decisions say, not of who said it when; empty for none."""
    told = [(*one.row().values(),) for one in decisions]
    told = [(*row[:4], *row[6:]) for row in told]
    return keys.keyed(master, "decisions", json.dumps(told)).hex()[:16] if told else ""


def boxes_digest(decisions: Sequence[Decision], folder: Path, master: bytes) -> str:
    """What the masks of one shard, by its folder, depend on of the decisions."""
    drawn = [one for one in decisions if one.box is not None]
    table = shard_table(folder)
    here = {row["item"] for row in records(table)} if drawn and table.is_file() else set()
    return digest([one for one in drawn if one.item in here], master)


def boxes(work: Path, rows: Iterable[Mapping[str, str]]) -> dict[int, list[Box]]:
    """The boxes that people masked, by item; ``rows`` of a shard's table.

    Those of another original than the one that is there now are left out: the release holds its
    item back.
    """
    drawn: dict[str, list[Decision]] = {}
    for one in read(work):
        if one.box is not None:
            drawn.setdefault(one.item, []).append(one)
    found = {}
    for row in rows:
        if row["item"] in drawn and Path(row["path"]).is_file():
            original = sha256(Path(row["path"]))
            fitting = [one.box for one in drawn[row["item"]] if one.original == original]
            found[int(row["item"])] = [box for box in fitting if box is not None]
    return {item: fitting for item, fitting in found.items() if fitting}


def write_drawn(file: h5py.File, drawn: Mapping[int, Sequence[Box]]) -> None:
    """Say in masks.h5 which boxes its masks hold; the frame is -1 for all."""
    rows = [
        (item, -1 if box.frame is None else box.frame, box.left, box.top, box.right, box.bottom)
        for item, boxes in sorted(drawn.items())
        for box in boxes
    ]
    file.create_dataset("drawn", data=np.array(rows, DRAWN), track_times=False)


def drawn_in(masks: Path, item: str) -> set[Box]:
    """The boxes of an item that its masks hold: a line can be younger than they are."""
    with h5py.File(masks) as file:
        rows = file["drawn"][:] if "drawn" in file else np.zeros(0, DRAWN)
    mine = (map(int, row) for row in rows[rows["item"] == int(item)].tolist())
    return {
        Box(left, top, right, bottom, None if frame < 0 else frame)
        for _, frame, left, top, right, bottom in mine
    }


def counts(work: Path, released: Collection[str]) -> dict[str, object] | None:
    """Section ``decisions`` of the figures; None where nobody decided anything.

    ``released`` items of the ledger: one that a person released can be held by its series.
    """
    table = work / DECIDED
    rows = records(table) if table.is_file() else []
    if not rows:
        return None
    by: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by.setdefault(row["became"], []).append(row)
    overruled = [row for row in by.get("release", []) if row["item"] in released]
    reasons = Counter(code for row in overruled for code in row["reason_code"].split(";"))
    return {
        "items": len({row["item"] for row in rows}),
        "released": len(overruled),
        "released_by_reason": dict(sorted(reasons.items())),
        "masked": len(by.get("mask", [])),
        "boxes": sum(int(row["boxes"]) for row in by.get("mask", [])),
        "rejected": len(by.get("reject", [])),
        "not_in_force": len({row["item"] for row in by.get("not_in_force", [])}),
    }
