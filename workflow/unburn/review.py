"""The private page for a person's review: before and after, the least certain first.

It shows originals and stays in the work folder. For each item it has the lines that
``decisions.tsv`` takes, so that what was seen and what was decided cannot part: they name the
cleaned file and the original by their sha256.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unburn import decisions, overview, pages
from unburn.certainty import Doubt, distance, outcome
from unburn.evaluate import Item, whole
from unburn.ledger import SHOWED, Device, device_of, held_back, overridable
from unburn.reasons import OVERRIDABLE, REASONS
from unburn.snapshots import Snapshot, fullest_frame, mask_of, pair

LONGEST_PX = 1024  # side of a picture, so that small letters show
PAIRS = 60  # items with pictures
CHARACTERS = 16_000_000  # of all pictures, so that the page opens quickly
ROWS = 1000  # items in the queue, held-back ones first; the ledger has all
PRIVATE_FILE = 0o600
DECIDED = ("rejected", "decision_outdated")
ANY_FRAME = "1"  # what a line for a mask names until a person does


@dataclass(frozen=True)
class Entry:
    """One item of the queue."""

    one: Item
    doubt: Doubt | None
    frame: int  # that is shown, from 0
    before: Snapshot | None
    after: Snapshot | None
    outcome: str  # what became of that frame; empty without a score
    lines: tuple[str, ...]  # for decisions.tsv, without reviewer and date
    overridable: frozenset[str]  # all reasons against it that a person can overrule
    named: bool  # by number, path and original; else nothing links it to its input

    @property
    def frames(self) -> int:
        """Frames of the object."""
        return whole(self.one.plan, "frames")

    @property
    def reason(self) -> str:
        """Why it was held back; empty for what was released."""
        return REASONS.get(self.one.reason_code, "")

    @property
    def decided(self) -> bool:
        """Whether it is held back by what a person decided, so that taking that back helps."""
        return self.one.reason_code in DECIDED

    @property
    def distance(self) -> str:
        """How far the detector was from its threshold, for sorting."""
        return f"{min(distance(self.doubt), 99):.4f}"


def frame_to_show(one: Item, doubt: Doubt | None) -> tuple[int, np.ndarray | None]:
    """The frame of which the detector was least sure, from 0, with its mask; else the fullest."""
    if doubt is None:
        return fullest_frame(one)
    return doubt.frame, mask_of(one, doubt.frame)


def cleaned(one: Item, results: Path) -> Path:
    """The cleaned object: where it was released to, or the candidate that was held back."""
    if one.status == "released":
        return results / one.candidate["output"]
    return one.folder / "candidates" / str(one.candidate.get("file"))


def lines(one: Item, reasons: frozenset[str]) -> tuple[str, ...]:
    """The lines of decisions.tsv that may be written on an item, without reviewer and date.

    ``reasons`` are all against it that a person can overrule. Empty where nothing was made of it,
    so that nothing can be decided.
    """
    looked_at, original = one.verdict.get("sha256", ""), one.candidate.get("sha256_in", "")
    if not looked_at or not original:
        return ()
    release = one.status == "held_back" and one.reason_code in OVERRIDABLE
    kinds = ("release", "reject", "mask") if release else ("reject", "mask")
    made = []
    for kind in kinds if one.searched else kinds[:-1]:
        row = dict.fromkeys(decisions.COLUMNS, "") | {
            "item": one.item,
            "decision": kind,
            "candidate_sha256": looked_at,
            "input_sha256": original,
        }
        if kind == "release":
            row["reasons"] = ";".join(sorted(reasons))
        if kind == "mask":
            row |= {"frame": ANY_FRAME, "box": "left,top,right,bottom"}
        made.append("\t".join(row.values()))
    return tuple(made)


def queue(
    items: Iterable[Item],
    results: Path,
    doubts: Mapping[str, Doubt],
    missing: Mapping[Device, str],
    decidable: bool,
) -> Iterator[Entry]:
    """The items to look at: what was held back, then what was released, the least certain first.

    ``missing`` are devices that are held back for what their controls showed. The first item of
    each series shows its pictures before any second one does. Where nothing can be decided, as the
    key is discarded, what was released is shown without anything that links it to its input.
    """
    listed = to_look_at(items, doubts)[:ROWS]
    shown = with_pictures(listed)
    size = 0
    for one in listed:
        doubt, named = doubts.get(one.item), decidable or one.status == "held_back"
        before = after = None
        frame, mask = frame_to_show(one, doubt) if one.searched else (0, None)
        words = outcome(doubt, mask is not None and bool(mask.any())) if doubt else ""
        if one.item in shown and size < CHARACTERS:
            before, after = pair(Path(one.path), cleaned(one, results), frame, mask, LONGEST_PX)
            before = before if named else None
            size += sum(picture.size for picture in (before, after) if picture)
        against = overridable(one.verdict, device_of(one.plan), missing, one.reason_code)
        possible = lines(one, against) if decidable else ()
        yield Entry(one, doubt, frame, before, after, words, possible, against, named)


def to_look_at(items: Iterable[Item], doubts: Mapping[str, Doubt]) -> list[Item]:
    """Held-back items, then released ones, each with the least certain first."""
    known = list(items)
    held = [one for one in known if one.status == "held_back"]
    released = [one for one in known if one.status == "released"]
    return overview.to_decide(held, doubts) + overview.least_certain(released, doubts)


def with_pictures(listed: Iterable[Item]) -> set[str]:
    """The numbers of at most ``PAIRS`` items that show pictures, series in turn."""
    rank: dict[tuple[str, str], int] = {}
    turns = []
    for place, one in enumerate(one for one in listed if one.searched):
        series = (one.status, one.plan.get("series", ""))
        rank[series] = rank.get(series, 0) + 1
        turns.append((rank[series], place, one.item))
    return {item for _, _, item in sorted(turns)[:PAIRS]}


def review_page(
    submission: str,
    work: Path,
    items: Sequence[Item],
    results: Path,
    doubts: Mapping[str, Doubt],
    settings: Mapping[str, Any],
) -> str:
    """The private page of a submission; ``settings`` are those of the run."""
    decidable = settings["metadata"]["key"] != "discard"
    missing = held_back(work / SHOWED)
    entries = list(queue(items, results, doubts, missing, decidable))
    return pages.render(
        "review.html.j2",
        script="review.js",
        submission=submission,
        entries=entries,
        total=len(to_look_at(items, doubts)),
        shown=sum(bool(one.before or one.after) for one in entries),
        modalities=sorted({one.one.modality or "not readable" for one in entries}),
        codes=sorted({one.one.reason_code for one in entries} - {""}),
        columns=decisions.COLUMNS,
        threshold=settings["detect"]["threshold"],
        decidable=decidable,
    )
