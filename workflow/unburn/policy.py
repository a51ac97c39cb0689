"""Which lines of text the policy lets stay (``mask.policy``), and what else decides about them.

``all`` keeps none. ``keep`` keeps harmless classes, ``phi`` also lines of known words; both only
what two readers agree on. A place that is masked wins over one that stays, in every frame of the
same file or series.

Beside the masks, masks.h5 says what stayed: ``policy`` (attribute), ``kept`` (each line with its
place), ``fell_back`` (items in which ``phi`` kept nothing, as their header names nobody to compare
with) and ``facts`` (item and markers, words of ``wording.FACTS`` joined by ";", kept or not).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from unburn import wording

KEPT = np.dtype(
    [("item", "<i4"), ("frame", "<i4"), ("quad", "<f4", (4, 2)), ("height", "<f4"), ("kind", "S12")]
)
FACT = np.dtype([("item", "<i4"), ("fact", "S48")])
OVERLAP = 0.25  # of a line's place that may be masked; above it all of it is

Places = dict[tuple[int, int], np.ndarray]  # regions under (item, frame)
Share = Callable[[np.ndarray, np.ndarray], float]  # of a quadrangle that a mask covers


def stays(regions: np.ndarray, comparable: Iterable[int], policy: str) -> np.ndarray:
    """Whether each region may stay, bool (regions): its class is kept and two readers agree.

    ``comparable`` are the items whose header names the patient; without a name to compare with,
    ``phi`` keeps nothing.
    """
    kinds = {kind.encode() for kind in wording.KEPT[policy]}
    items = set(comparable) if policy == "phi" else set(regions["item"].tolist())
    rows = zip(
        regions["agreed"].tolist(), regions["kind"].tolist(), regions["item"].tolist(), strict=True
    )
    return np.array(
        [agreed and kind in kinds and item in items for agreed, kind, item in rows], bool
    )


def fallen_back(regions: np.ndarray, comparable: Iterable[int], policy: str) -> np.ndarray:
    """Items with text of which nothing stays because their header names nobody, sorted."""
    if policy != "phi":
        return np.zeros(0, np.int32)
    return np.setdiff1d(regions["item"], np.array(list(comparable), np.int32)).astype(np.int32)


def settle(
    places: Sequence[tuple[int, int]],
    masked: Places,
    kept: Places,
    draw: Callable[[np.ndarray, np.ndarray], None],
    share: Share,
    shape: tuple[int, int],
) -> None:
    """Move lines from ``kept`` to ``masked`` whose place is masked in any frame of a pool.

    What is moved is masked itself, so it goes on until nothing moves. ``draw`` sets the pixels of
    a quadrangle in a mask, uint8 (rows, columns).
    """
    if not any(len(kept.get(place, ())) for place in places):
        return
    union = np.zeros(shape, np.uint8)
    for place in places:
        for region in masked.get(place, ()):
            draw(union, region["quad"])
    moving = True
    while moving:
        moving = False
        for place in places:
            here = kept.get(place)
            if here is None:
                continue
            over = np.array([share(region["quad"], union) > OVERLAP for region in here], bool)
            if over.any():
                moving = True
                before = masked.get(place, here[:0])
                masked[place] = np.concatenate([before, here[over]])
                kept[place] = here[~over]
                for region in here[over]:
                    draw(union, region["quad"])


def give_way(
    mask: np.ndarray,
    here: np.ndarray,
    cover: Callable[[np.ndarray], np.ndarray],
    share: Share,
) -> tuple[np.ndarray, np.ndarray]:
    """Mask lines of one frame that its mask covers in part; return mask and the lines that stay.

    ``cover`` gives the mask of one region, uint8 (rows, columns), grown as that of any text.
    """
    moving = True
    while moving and len(here):
        over = np.array([share(region["quad"], mask) > OVERLAP for region in here], bool)
        moving = bool(over.any())
        for region in here[over]:
            mask = mask | cover(region)
        here = here[~over]
    return mask, here


# --- masks.h5


@dataclass(frozen=True)
class Stayed:
    """What masks.h5 says: the policy, lines kept by item, items that fell back, facts by item."""

    policy: str
    kept: dict[int, np.ndarray]
    fell_back: frozenset[int]
    facts: dict[int, frozenset[str]]


def facts_of(regions: np.ndarray) -> np.ndarray:
    """The distinct facts of each item, sorted."""
    rows = np.zeros(len(regions), FACT)
    rows["item"], rows["fact"] = regions["item"], regions["fact"]
    return np.unique(rows[rows["fact"] != b""])


def write(
    file: h5py.File, policy: str, kept: Places, regions: np.ndarray, comparable: Iterable[int]
) -> None:
    """Say in masks.h5 what stayed."""
    rows = [
        tuple(region[name] for name in KEPT.names or ())
        for place in sorted(kept)
        for region in kept[place]
    ]
    file.attrs["policy"] = policy
    fell_back = fallen_back(regions, comparable, policy)
    for name, data in (
        *(("kept", np.array(rows, KEPT)), ("fell_back", fell_back)),
        ("facts", facts_of(regions)),
    ):
        file.create_dataset(name, data=data, track_times=False)


def read(masks: Path) -> Stayed:
    """Read what stayed.

    Raises
    ------
    ValueError
        if a fact is no word of the closed list
    """
    with h5py.File(masks) as file:
        policy, kept = str(file.attrs["policy"]), file["kept"][:]
        fell_back, rows = file["fell_back"][:], file["facts"][:]
    facts: dict[int, frozenset[str]] = {}
    for row in rows:
        words = frozenset(row["fact"].decode("ascii").split(";"))
        if not words <= wording.FACTS:
            raise ValueError(f"item {row['item']}: a fact outside the closed list")
        facts[int(row["item"])] = facts.get(int(row["item"]), frozenset()) | words
    by_item = {int(item): kept[kept["item"] == item] for item in np.unique(kept["item"])}
    return Stayed(policy, by_item, frozenset(fell_back.tolist()), facts)
