"""Write down what a person decided of items: ``python -m unburn decide``.

Only well-formed lines that fit the files that are there get into ``decisions.tsv``; the next start
of the run acts on them. What nobody may release is refused here already, by its reason.
"""

import getpass
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from unburn import decisions, reasons, submissions
from unburn.decisions import Box, Decision
from unburn.errors import UserError
from unburn.files import sha256
from unburn.ledger import (
    SHOWED,
    check_not_forgotten,
    device_of,
    held_back,
    overridable,
    records,
    shard_folders,
    shard_table,
)
from unburn.numerals import noun
from unburn.settings import Run

BY_PEOPLE = ("rejected", "decision_outdated")  # reasons that are decisions themselves
FORMULA = ("=", "+", "-", "@")  # a spreadsheet that opens the table runs what begins so


@dataclass(frozen=True)
class Seen:
    """An item as it lies in its shard: its lines of the plan, the candidates and the verdicts."""

    folder: Path
    plan: Mapping[str, str]
    candidate: Mapping[str, str]
    verdict: Mapping[str, str]
    held: str  # why the last release held it back; empty where it did not
    overridable: frozenset[str]  # all reasons against it that a person can overrule

    @property
    def file(self) -> Path:
        """Its cleaned file."""
        return self.folder / "candidates" / Path(self.candidate["file"]).name


def who() -> str:
    """The name under which somebody is logged in here; empty where nobody knows.

    One that no table should hold is none.
    """
    try:
        name = getpass.getuser().strip()
    except (OSError, KeyError):
        return ""
    return name if name.isprintable() and not name.startswith(FORMULA) else ""


def today() -> str:
    """The day, in UTC."""
    return datetime.now(UTC).date().isoformat()


def reviewer_of(named: str | None) -> str:
    """Who decides: who was named, or who is logged in.

    Raises
    ------
    UserError
        if that is nobody, or no table can hold it
    """
    reviewer = (named or who()).strip()
    if not reviewer or not reviewer.isprintable():
        raise UserError("--reviewer", "it is empty, or has signs that no table holds", "name one")
    if reviewer.startswith(FORMULA):
        raise UserError(
            "--reviewer",
            f"it begins with one of {' '.join(FORMULA)}, which a spreadsheet takes for a formula",
            "begin the name with a letter",
        )
    return reviewer


def numbers(words: Sequence[str]) -> list[str]:
    """Items named one by one or as first-last.

    Raises
    ------
    UserError
        if a word is neither, or no range of any item
    """
    found: dict[str, None] = {}
    for word in words:
        first, dash, last = word.partition("-")
        if not decisions.NUMBER.fullmatch(first) or (dash and not decisions.NUMBER.fullmatch(last)):
            raise UserError("--item", "it is no number", "name items as 7, or as 7-12")
        if int(last or first) < int(first):
            raise UserError("--item", "a range ends before it begins", "name items as 7-12")
        found |= dict.fromkeys(map(str, range(int(first), int(last or first) + 1)))
    return list(found)


def planned(work: Path) -> set[str]:
    """The items of a submission; empty before its plan was made."""
    table = work / "inventory.tsv"
    return {row["item"] for row in records(table)} if table.is_file() else set()


def codes(work: Path) -> dict[str, str]:
    """Why the last release held back or ignored each item, by its ledger."""
    table = work / "ledger.tsv"
    return {row["item"]: row["reason_code"] for row in records(table)} if table.is_file() else {}


def lying(work: Path, items: Iterable[str], held: Mapping[str, str]) -> dict[str, Seen]:
    """Those of the items that are in a shard and were checked; ``held`` as of ``codes``."""
    wanted, missing = set(items), held_back(work / SHOWED)
    found: dict[str, Seen] = {}
    for folder in shard_folders(work):
        rows = {row["item"]: row for row in records(shard_table(folder)) if row["item"] in wanted}
        if not rows:
            continue
        check_not_forgotten(folder)
        if not (folder / "verdicts.tsv").is_file():
            continue
        of_candidates = {row["item"]: row for row in records(folder / "candidates.tsv")}
        of_verdicts = {row["item"]: row for row in records(folder / "verdicts.tsv")}
        found |= {
            item: Seen(
                folder,
                row,
                of_candidates.get(item, {}),
                of_verdicts.get(item, {}),
                held.get(item, ""),
                overridable(of_verdicts.get(item, {}), device_of(row), missing, held.get(item, "")),
            )
            for item, row in rows.items()
        }
    return found


def objection(seen: Seen | None, kind: str, box: Box | None, code: str) -> str:
    """Why a decision on an item cannot be taken; empty when it can. ``code`` of the ledger."""
    if seen is None or seen.candidate.get("status") != "candidate" or not seen.file.is_file():
        return "there is no cleaned file of it to decide on" + (f" ({code})" if code else "")
    if sha256(seen.file) != seen.verdict.get("sha256"):
        return "its cleaned file is not the one that was checked; start the run first"
    if kind == "release":
        return _not_released(seen)
    if kind == "mask" and box is not None:
        return _not_masked(seen.plan, box)
    return ""


def _not_released(seen: Seen) -> str:
    code = seen.verdict.get("reason_code", "")
    if seen.held not in BY_PEOPLE:
        code = seen.held or code
    if not code:
        back = "; take it back with --clear" if seen.held else ""
        return f"the gate did not hold it back{back}"
    if code == "series_held":
        return "another part of its volume is held back; decide on that one"
    return "" if code in reasons.OVERRIDABLE else f"nobody can release it ({code})"


def _not_masked(plan: Mapping[str, str], box: Box) -> str:
    if plan["pixels"] != "1":
        return "it has no picture"
    frames, rows, columns = (int(plan[name] or 1) for name in ("frames", "rows", "columns"))
    if box.right > columns or box.bottom > rows or (box.frame or 0) >= frames:
        return f"the box is outside of its {frames} frames, {columns} wide and {rows} high"
    return ""


def decide(
    run: Run,
    label: str,
    items: Sequence[str],
    kind: str,
    box: Box | None,
    reviewer: str | None,
    say: Callable[[str], None],
) -> None:
    """Write down a decision on items; with ``kind`` clear take back what was decided of them.

    Raises
    ------
    UserError
        naming every item on which this cannot be decided; then nothing is written
    """
    if label not in run.rows:
        raise UserError("--submission", "the sheet has no such submission", "name one of it")
    work = Path(run.config["work"]) / label
    known = decisions.read(work)
    wanted = numbers(items)
    if kind == "clear":
        left = [one for one in known if one.item not in wanted]
        decisions.write(work, left)
        gone = len(known) - len(left)
        say(f"{label}: {gone} {noun(gone, 'line')} taken out of {work / decisions.FILE}")
        return
    if run.section(label, "metadata")["key"] == "discard":
        raise UserError(
            f"submission {label}",
            "with metadata.key: discard every run makes other files than those looked at",
            "take out what you do not want before you hand it on",
        )
    if submissions.is_gone(run.rows[label]):
        raise UserError(
            f"submission {label}",
            "its originals are gone, so no run makes anything anew",
            "bring them back, or take out by hand what you do not want",
        )
    name, held = reviewer_of(reviewer), codes(work)
    found = lying(work, wanted, held)
    there = planned(work)
    against = {
        item: objection(found.get(item), kind, box, held.get(item, ""))
        if item in there
        else "there is no such item"
        for item in wanted
    }
    refused = [f"item {item}: {why}" for item, why in against.items() if why]
    if refused:
        raise UserError(
            f"submission {label}",
            "\n    ".join([f"{len(refused)} of {len(wanted)} cannot be decided on", *refused]),
            f"nothing was written; {'correct the box, or ' if box else ''}leave those out. "
            "held_back.tsv and the ledger have the numbers",
        )
    new = [
        Decision(
            item,
            kind,
            box,
            name,
            today(),
            found[item].verdict["sha256"],
            found[item].candidate["sha256_in"],
            found[item].overridable if kind == "release" else frozenset(),
        )
        for item in wanted
    ]
    decisions.write(work, [*known, *new])
    say(
        f"{label}: {kind} of {len(new)} {noun(len(new), 'item')} written to {work / decisions.FILE}"
    )
    for code in sorted(frozenset().union(*(one.reasons for one in new))):
        of = [one.item for one in new if code in one.reasons]
        say(f"this overrules {code}: {noun(len(of), 'item')} {', '.join(of)}")
    say("start the run again to let it count")
