"""What becomes of items by the decisions of people, before series are put together.

Nothing here opens what the gate closed but a decision on the very file that it looked at, which
names every reason against it, all of them such as a person can overrule. A decision that no longer
fits is said in the log, by the item's number, and counted; where it asked for more caution than the
gate, the item is held back.
"""

import logging
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from unburn import tables
from unburn.decisions import DECIDED, DECIDED_COLUMNS, PRIVATE_FILE, Box, Decision, drawn_in
from unburn.reasons import OVERRIDABLE

if TYPE_CHECKING:
    from unburn.release import Item, Items

log = logging.getLogger(__name__)

Outcome = dict[str, object]  # a line of DECIDED


def by_item(decisions: Sequence[Decision]) -> dict[str, list[Decision]]:
    """Decisions by item, in their order."""
    found: dict[str, list[Decision]] = {}
    for one in decisions:
        found.setdefault(one.item, []).append(one)
    return found


def decided(one: "Item", on_it: Sequence[Decision]) -> tuple["Item", list[tuple[str, str, int]]]:
    """One item after the decisions on it, and what they became: (became, reason code, boxes)."""
    became = []
    boxes = [each for each in on_it if each.kind == "mask"]
    masked = drawn_in(one.folder / "masks.h5", one.item) if boxes else set()
    bare = not all(_holds(each, one, masked) for each in boxes)
    if boxes:
        became.append(("not_in_force", "", 0) if bare else ("mask", "", len(boxes)))
    if bare:
        one = _outdated(one)
    counts = _that_counts(on_it, one.checked)
    if counts is None:
        return one, became
    fits = bool(one.checked) and counts.candidate == one.checked
    if counts.kind == "reject":
        became.append(("reject" if fits else "not_in_force", "", 0))
        one = one.held("rejected") if fits else _outdated(one)
    elif one.status == "held_back":
        seen = one.reason_code in OVERRIDABLE and one.overridable <= counts.reasons
        may = fits and not bare and seen
        overruled = ";".join(sorted(one.overridable)) if may else ""
        became.append(("release" if may else "not_in_force", overruled, 0))
        one = replace(one, status="released", reason_code="") if may else one
    elif not fits:
        became.append(("not_in_force", "", 0))
    return one, became


def _that_counts(on_it: Sequence[Decision], checked: str) -> Decision | None:
    """The last release or rejection; after a release of another file, the last of this one."""
    whole = [each for each in on_it if each.kind != "mask"]
    here = [each for each in whole if each.candidate == checked]
    return next(reversed(here if here and whole[-1].kind == "release" else whole), None)


def _outdated(one: "Item") -> "Item":
    """Hold back an item that nothing of its own holds back."""
    return one.held("decision_outdated") if one.passed else one


def _holds(drawn: Decision, one: "Item", masked: Set[Box]) -> bool:
    """Whether a box was drawn on this very original, and is in the masks that were painted."""
    return drawn.original == one.candidate.get("sha256_in") and drawn.box in masked


def apply(items: "Items", decisions: Sequence[Decision]) -> tuple["Items", list[Outcome]]:
    """All items after the decisions of people, and the lines of ``DECIDED``.

    The gate holds back a volume whose part it holds back. Where a person releases such a part, the
    rest waits for the rule of volumes alone, which is applied next.
    """
    items, outcomes = dict(items), []
    lifted = set()
    for item, on_it in by_item(decisions).items():
        if item not in items or items[item].status == "ignored":
            found: list[tuple[str, str, int]] = [("not_in_force", "", 0)]
        else:
            items[item], found = decided(items[item], on_it)
            if items[item].volumetric and any(each[0] == "release" for each in found):
                lifted.add(items[item].series)
        if any(each[0] == "not_in_force" for each in found):
            log.warning("item %s: a decision on it no longer fits, look at it again", item)
        outcomes += [dict(zip(DECIDED_COLUMNS, (item, *each), strict=True)) for each in found]
    for name, one in items.items():
        if one.series in lifted and one.reason_code == "series_held" and one.candidate:
            items[name] = replace(one, status="released", reason_code="")
    return items, outcomes


def write(work: Path, outcomes: Sequence[Mapping[str, object]]) -> None:
    """Note in the private folder what became of decisions; nothing where there are none."""
    if outcomes:
        tables.write(work / DECIDED, outcomes, DECIDED_COLUMNS)
        (work / DECIDED).chmod(PRIVATE_FILE)
    else:
        (work / DECIDED).unlink(missing_ok=True)
