"""A submission series by series, and which items a person should look at first.

A released series goes by its pseudonymous folder. Items have numbers where they were held back, and
only there: with a discarded key nothing may tell which result an input became.
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from unburn.certainty import Doubt, distance
from unburn.evaluate import Item, share, whole


@dataclass(frozen=True)
class Series:
    """One series, as the report shows it."""

    folder: str  # pseudonymous, empty where nothing of it was released
    modality: str
    released: int  # items
    held: int
    reasons: tuple[tuple[str, int], ...]  # codes of those held back, the most frequent first
    held_items: tuple[str, ...]  # their numbers, where nothing of the series was released
    frames: int  # of released items, as all that follows
    painted_frames: int
    painted_share: float | None
    most_painted: float | None  # of one item
    engines: tuple[str, ...]
    texture: float | None  # median over painted items
    seam: float | None
    suspicious_frames: int  # of which the reader read each one
    read_frames: int
    markers: tuple[str, ...]
    files: tuple[str, ...]  # masks and volumes that belong to it
    doubt: Doubt | None  # of its least certain item

    @property
    def name(self) -> str:
        """The last part of its folder, which is its label among the pseudonyms."""
        return PurePosixPath(self.folder).name


def median(items: Iterable[Item], name: str) -> float | None:
    """The median of a measure over the items that have it."""
    values = [float(one.candidate[name]) for one in items if one.candidate.get(name)]
    return statistics.median(values) if values else None


def least_certain(items: Iterable[Item], doubts: Mapping[str, Doubt]) -> list[Item]:
    """Order items by how near the detector's scores came to its threshold, the nearest first."""
    return sorted(items, key=lambda one: (distance(doubts.get(one.item)), int(one.item)))


def to_decide(held: Iterable[Item], doubts: Mapping[str, Doubt]) -> list[Item]:
    """Order what was held back: first what has a picture to look at, the least certain first."""
    ordered = least_certain(held, doubts)
    return sorted(ordered, key=lambda one: not (one.searched and bool(one.candidate)))


def one_series(
    members: Sequence[Item],
    rows: Iterable[Mapping[str, str]],
    doubts: Mapping[str, Doubt],
) -> Series:
    """Sum up a series; ``rows`` are the lines of released.tsv that go by its pseudonym."""
    released = [one for one in members if one.status == "released"]
    held = [one for one in members if one.status == "held_back"]
    images = [one for one in released if one.searched]
    touched = [one for one in released if one.touched]
    own = [doubts[one.item] for one in members if one.item in doubts]
    outputs = sorted(one.candidate["output"] for one in released)
    lines = list(rows)
    beside = (row["output"] for row in lines if row["output"] not in outputs)
    folder = PurePosixPath(outputs[0]) if outputs else None
    masked = sum(whole(one.candidate, "masked_pixels") for one in images)
    return Series(
        folder=str(folder.parent if len(outputs) > 1 or folder.parts[0] == "dicom" else folder)
        if folder
        else "",
        modality=members[0].modality,
        released=len(released),
        held=len(held),
        reasons=tuple(Counter(one.reason_code for one in held).most_common()),
        held_items=() if released else tuple(one.item for one in held),
        frames=sum(whole(one.candidate, "frames") for one in images),
        painted_frames=sum(whole(one.candidate, "masked_frames") for one in images),
        painted_share=share(masked, sum(whole(one.candidate, "pixels_total") for one in images)),
        most_painted=max((one.painted_share for one in images), default=None),
        engines=tuple(sorted({one.candidate["engine"] for one in touched} - {""})),
        texture=median(touched, "texture_ratio"),
        seam=median(touched, "seam_step"),
        suspicious_frames=sum(whole(one.verdict, "frames_suspicious") for one in images),
        read_frames=sum(whole(one.verdict, "frames_read") for one in images),
        markers=tuple(sorted({m for row in lines for m in row["markers"].split(";") if m})),
        files=tuple(sorted(name for name in beside if name.split("/")[0] in ("masks", "nifti"))),
        doubt=min(own, key=lambda one: one.distance, default=None),
    )


def all_series(
    items: Iterable[Item], rows: Iterable[Mapping[str, str]], doubts: Mapping[str, Doubt]
) -> list[Series]:
    """Every series that was cleaned or tried, those with held items first, then the least certain.

    ``rows`` of released.tsv. The order tells nothing of that of the inputs.
    """
    members: dict[str, list[Item]] = defaultdict(list)
    for one in items:
        if one.plan.get("series") and one.status != "ignored":
            members[one.plan["series"]].append(one)
    by_pseudonym: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in rows:
        by_pseudonym[row["series"]].append(row)
    found = []
    for own in members.values():
        pseudonyms = {one.candidate["series_out"] for one in own if one.status == "released"}
        lines = [row for name in sorted(pseudonyms) for row in by_pseudonym[name]]
        found.append(one_series(own, lines, doubts))
    return sorted(
        found,
        key=lambda one: (
            one.held == 0,
            one.doubt is None,
            one.doubt.distance if one.doubt else 0.0,
            one.folder,
            one.held_items,
        ),
    )
