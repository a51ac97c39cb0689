"""The independent check: a reader that is not the detector looks at every candidate.

A candidate is released only when its frames that had to be read show no text, no identifier of
its original header is in what was read or in its bytes, and no pixel outside the mask differs.
What cannot be checked is held back. What was read stays in the process that read it.

Text that the policy lets stay (``mask.policy``) is read like any other. It holds nothing back where
it stands at a place that was kept, in that frame or another of the file or series (the detector
may have missed it in some), and its wording, as read here, is one that may stay.
"""

import argparse
import functools
import hashlib
import json
import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom

from unburn import frames, identifiers, marks, metadata, nifti, policy, tables, wording
from unburn.errors import UserError, command
from unburn.examined import load, suspicious, unexamined
from unburn.faces import may_show_face
from unburn.files import sha256
from unburn.headers import UNDEFINED_LENGTH, glance, read_header, searchable
from unburn.ledger import painted_share, records, unchanged
from unburn.mask import draw
from unburn.parallel import in_order
from unburn.presets import RESEARCH, Options
from unburn.progress import told
from unburn.readers import READERS, Line, Reader
from unburn.sources import Frames, described, open_frames

log = logging.getLogger(__name__)

NOTHING_KEPT = np.zeros(0, policy.KEPT)
COLUMNS = (
    *("item", "verdict", "reason_code", "overridable", "face"),
    *("frames", "frames_suspicious", "frames_read", "frames_failed", "sha256"),
)
CHUNK = 16  # frames that one job reads; fixed, so that results do not depend on the processes
# Anatomy that RapidOCR takes for text, it takes for letters of a sixth of the picture and more:
# 21 of 29 false readings from 0.5 on, on 917 text-free frames in two views, none above 0.79; the
# other 8 stay below 0.63.
LARGE, LARGE_THRESHOLD = 1 / 6, 0.8
SAME_PX = 2  # corners of one line differ by so much between frames
KEPT_INSIDE = 0.7  # of a line's place that must lie in kept ones,
KEPT_AROUND = 0.5  # grown by this share of their height: readers draw boxes differently
BYTES_OUTSIDE, BYTES_INSIDE = 4, 8  # shorter tokens hit pixel data by chance
PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


@dataclass(frozen=True)
class Settings:
    """Section ``gate`` of the settings and the run's seed; the schema explains the values.

    ``max_held_back`` is `release`'s and is not used here. ``options`` say what of the header stays.
    """

    reader: str
    read: str
    sample: float
    threshold: float
    min_characters: int
    suspicion: float
    unit: str
    faces: str
    max_painted_share: float
    max_held_back: float | None
    seed: int
    options: Options = RESEARCH


@dataclass(frozen=True)
class Item:
    """One candidate: its number, files, series, and what the tables say about it."""

    number: int
    series: str
    frames: int
    original: Path
    candidate: Path
    searched: bool  # has pixels in which text is looked for
    read_all: bool
    volumetric: bool
    masked_frames: int
    unchanged: bool  # the original is still the one that the candidate was made from
    kind: str = ""
    policy: str = "all"
    kept: Mapping[int, np.ndarray] = field(default_factory=dict)  # policy.KEPT, by frame
    pooled: np.ndarray = field(default_factory=lambda: NOTHING_KEPT)  # of its file or series


@dataclass(frozen=True)
class Job:
    """A part of the reading: one item and some of its frames; ``whole`` adds its bytes."""

    item: Item
    frames: tuple[int, ...]
    whole: bool


@dataclass
class Found:
    """What reading found in one item. ``error`` means that a part could not be checked."""

    read: int = 0
    failed: int = 0
    identifier: bool = False
    error: bool = False

    def add(self, other: "Found") -> None:
        """Add what another job found in the same item."""
        self.read += other.read
        self.failed += other.failed
        self.identifier |= other.identifier
        self.error |= other.error


@dataclass
class Survey:
    """What the pictures of one series showed.

    ``alarms`` are groups of items in whose common pictures text was read, ``failed`` items that
    could not be decoded or read. ``face``: a volume in it could show one.
    """

    face: bool = False
    alarms: list[frozenset[int]] = field(default_factory=list)
    failed: set[int] = field(default_factory=set)


@dataclass
class Moments:
    """Maximum, minimum and standard deviation over frames of one size, one at a time."""

    count: int = 0
    maximum: np.ndarray = field(default_factory=lambda: np.zeros(0))
    minimum: np.ndarray = field(default_factory=lambda: np.zeros(0))
    total: np.ndarray = field(default_factory=lambda: np.zeros(0))
    squares: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def add(self, picture: np.ndarray) -> None:
        """Add a frame, uint8 (rows, columns[, 3])."""
        if self.count == 0:
            self.maximum, self.minimum = picture.copy(), picture.copy()
            self.total, self.squares = np.zeros(picture.shape), np.zeros(picture.shape)
        np.maximum(self.maximum, picture, out=self.maximum)
        np.minimum(self.minimum, picture, out=self.minimum)
        cv2.accumulate(picture, self.total)  # exact in 64 bits
        cv2.accumulateSquare(picture, self.squares)
        self.count += 1

    def summary(self) -> list[np.ndarray]:
        """Maximum, minimum and standard deviation (stretched to 0..255) as uint8; asked for once.

        Nothing for a single frame, which is read, or not, as itself.
        """
        if self.count < 2:
            return []
        mean, deviation = self.total, self.squares  # in place: of large frames each copy counts
        mean /= self.count
        deviation /= self.count
        deviation -= np.square(mean, out=mean)
        np.sqrt(np.maximum(deviation, 0, out=deviation), out=deviation)
        if deviation.max() > 0:
            deviation *= 255 / deviation.max()
        return [self.maximum, self.minimum, np.rint(deviation, out=deviation).astype(np.uint8)]


def legible(line: Line, shape: tuple[int, ...], threshold: float, min_characters: int) -> bool:
    """Whether a line counts as text that was read: enough letters and digits, sure enough.

    ``shape`` (rows, columns) of the picture. A line higher than ``LARGE`` of its shorter side must
    be read with ``LARGE_THRESHOLD``.
    """
    if sum(c.isalnum() for c in line.text) < min_characters:
        return False
    sides = np.linalg.norm(line.quad - np.roll(line.quad, 1, axis=0), axis=1)
    large = min(sides[0] + sides[2], sides[1] + sides[3]) / 2 > LARGE * min(shape[:2])
    return line.score >= (max(threshold, LARGE_THRESHOLD) if large else threshold)


def shows_text(lines: Iterable[Line], shape: tuple[int, ...], settings: Settings) -> bool:
    """Whether any line of a picture counts as text that was read."""
    return any(legible(x, shape, settings.threshold, settings.min_characters) for x in lines)


def kept_places(kept: np.ndarray, shape: tuple[int, ...], around: float) -> np.ndarray:
    """Where lines were kept: uint8 (rows, columns); grown by a share of their height."""
    places = np.zeros(shape[:2], np.uint8)
    for region in kept:
        draw(places, region["quad"], around * float(region["height"]))
    return places


def may_stay(line: Line, places: np.ndarray, header: identifiers.Identifiers, kept_by: str) -> bool:
    """Whether a line stands at a kept place and is of a wording that the policy lets stay.

    ``places`` of `kept_places`; ``kept_by`` the policy.
    """
    own = np.zeros(places.shape, np.uint8)
    draw(own, line.quad, 0)
    inside = places[own > 0]
    return (
        inside.size > 0
        and float(inside.mean()) >= KEPT_INSIDE
        and wording.harmless(line.text, header, kept_by)
    )


def without(picture: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """A picture in which kept lines are levelled with what is around them.

    ``picture`` uint8 (rows, columns[, 3]); returns a new one where something was kept.
    """
    if not len(kept):
        return picture
    level = picture.copy()
    for region in kept:
        place = kept_places(region[None], picture.shape, KEPT_AROUND)
        ring = kept_places(region[None], picture.shape, 2 * KEPT_AROUND) - place
        around = picture[ring > 0]
        level[place > 0] = np.median(around, axis=0) if len(around) else 0
    return level


def only_kept(items: Iterable[Item], examined: np.ndarray) -> dict[int, set[int]]:
    """Frames by item in which every region that was found was kept.

    ``examined`` as in `examined.load`.
    """
    found = {
        (item, frame): number
        for item, frame, number in zip(
            examined["item"].tolist(),
            examined["frame"].tolist(),
            examined["regions"].tolist(),
            strict=True,
        )
    }
    return {
        item.number: {
            frame
            for frame, kept in item.kept.items()
            if len(kept) >= found.get((item.number, frame), 0)
        }
        for item in items
    }


def to_read(
    items: Sequence[Item],
    suspected: Mapping[int, set[int]],
    settings: Settings,
    harmless: Mapping[int, set[int]] | None = None,
) -> dict[int, set[int]]:
    """Choose the frames that are read one by one.

    All of them with ``read`` "all" and for items that ask for it. Else those that the detector
    suspects, and of the rest of each series a share ``sample``, at least one frame unless it is 0.
    A mask in more frames than it suspects is not the detector's (static text, known regions):
    then all frames of the item are read. Frames that are suspected for nothing but kept lines
    (``harmless``) do not count there. Frames with kept lines are read, so that each is verified.
    """
    chosen: dict[int, set[int]] = {}
    rest: dict[str, list[tuple[bytes, int, int]]] = defaultdict(list)
    for item in items:
        everything = set(range(item.frames)) if item.searched else set()
        mine = (suspected.get(item.number, set()) | set(item.kept)) & everything
        telling = mine - (harmless or {}).get(item.number, set())
        if settings.read == "all" or item.read_all or item.masked_frames > len(telling):
            mine = everything
        chosen[item.number] = set(mine)
        rest[item.series] += [
            (_draw(settings.seed, item.number, frame), item.number, frame)
            for frame in everything - mine
        ]
    for left in rest.values():
        number = math.ceil(settings.sample * len(left))
        for _, item_number, frame in sorted(left)[:number]:
            chosen[item_number].add(frame)
    return chosen


def _draw(seed: int, item: int, frame: int) -> bytes:
    """A draw that depends on nothing but the seed and the frame."""
    return hashlib.sha256(f"{seed} {item} {frame}".encode()).digest()


def split_pixels(raw: bytes, dataset: pydicom.Dataset) -> tuple[bytes, bytes]:
    """Split a DICOM file's bytes into those outside and those inside of its pixel data.

    ``dataset`` was read from these bytes and nothing was changed in it.
    """
    spans = []
    for keyword in PIXEL_KEYWORDS:
        if keyword in dataset:
            element: Any = dataset.get_item(keyword, keep_deferred=True)
            start, length = int(element.value_tell), int(element.length)
            spans.append((start, len(raw) if length == UNDEFINED_LENGTH else start + length))
    outside, at = [], 0
    for start, stop in sorted(spans):
        outside.append(raw[at:start])
        at = stop
    return b"\0".join([*outside, raw[at:]]), b"\0".join(raw[a:b] for a, b in sorted(spans))


# --- in the worker processes


@functools.cache
def _reader(name: str) -> Reader:
    return READERS[name]()


def pictures(stored: np.ndarray, source: Frames) -> list[np.ndarray]:
    """The 8-bit pictures in which a frame is read.

    The one that people see; of deeper pixels also the views in which every step shows.
    """
    shown = [frames.display(stored, source)]
    if source.bits_stored > 8:
        more = frames.views(stored, source.photometric, source.bits_stored, source.palette)
        shown += list(more[1:])
    return shown


def survey(settings: Settings, items: Sequence[Item]) -> Survey:
    """Read maximum, minimum and deviation over the frames of one series.

    Frames of one size are taken together, those of a multi-frame file by themselves. Kept lines
    are left out, as those of different frames would run into each other; the frames that have
    them are read one by one.
    """
    result = Survey(any(map(heads, items)))
    groups: dict[tuple[int, ...], Moments] = defaultdict(Moments)
    members: dict[tuple[int, ...], set[int]] = defaultdict(set)
    for item in items:
        try:
            with open_frames(item.candidate) as source:
                own = item.number if source.frames > 1 else 0
                key: tuple[int, ...] = (own, source.rows, source.columns, source.samples)
                members[key].add(item.number)
                for frame in range(source.frames):
                    shown = frames.display(source[frame], source)
                    groups[key].add(without(shown, item.kept.get(frame, NOTHING_KEPT)))
        except Exception as error:
            log.warning("item %d: not checked (%s)", item.number, type(error).__name__)
            result.failed.add(item.number)
    of_number = {item.number: item for item in items}
    for key in list(groups):
        try:
            # the sums are given back before reading, which takes memory of its own
            reader, summary = _reader(settings.reader), groups.pop(key).summary()
            one = next((of_number[n] for n in sorted(members[key]) if of_number[n].unchanged), None)
            header = (
                _wanted(one.original, one.kind, settings.options)
                if one and len(one.pooled)
                else None
            )
            read = ((left_over(reader.read(p), p, one, header), p.shape) for p in summary)
            if any(shows_text(lines, shape, settings) for lines, shape in read):
                result.alarms.append(frozenset(members[key]))
        except Exception as error:
            log.warning("a series' pictures: not checked (%s)", type(error).__name__)
            result.failed |= members[key]
    return result


def examine(settings: Settings, job: Job) -> Found:
    """Read some frames of one candidate and search its bytes; any failure is a finding."""
    found = Found()
    item = job.item
    try:
        wanted = _wanted(item.original, item.kind, settings.options)
        if job.whole:
            found.identifier = _in_bytes(wanted, item.candidate, item.kind)
            if found.identifier:
                places = _places(wanted, item.candidate, item.kind)
                log.warning("item %d: an identifier is left in %s", item.number, places)
        if job.frames:
            reader = _reader(settings.reader)
            with open_frames(job.item.candidate) as source:
                for frame in job.frames:
                    named = shown = False
                    for picture in pictures(source[frame], source):
                        lines = reader.read(picture)
                        text = "\n".join(line.text for line in lines)
                        named |= identifiers.found_in_text(wanted, text)
                        left = left_over(lines, picture, item, wanted)
                        shown |= shows_text(left, picture.shape, settings)
                    found.read += 1
                    found.failed += named or shown
                    found.identifier |= named
                    if named:
                        log.warning(
                            "item %d: an identifier was read in frame %d", item.number, frame
                        )
    except Exception as error:
        log.warning("item %d: not checked (%s)", job.item.number, type(error).__name__)
        found.error = True
    return found


@functools.lru_cache(maxsize=2)  # of a multi-frame file one for all of its jobs
def _wanted(original: Path, kind: str, options: Options) -> identifiers.Identifiers:
    return identifiers.identifiers(described(original, kind), options)


def left_over(
    lines: Sequence[Line],
    picture: np.ndarray,
    item: Item | None,
    header: identifiers.Identifiers | None,
) -> list[Line]:
    """The lines of a picture of an item that are not such as may stay; all without a header."""
    if item is None or header is None or not len(item.pooled):
        return list(lines)
    places = kept_places(item.pooled, picture.shape, KEPT_AROUND)
    return [line for line in lines if not may_stay(line, places, header, item.policy)]


def _in_bytes(wanted: identifiers.Identifiers, candidate: Path, kind: str) -> bool:
    if kind == nifti.SIDECAR:
        outside, inside = candidate.read_bytes(), b""
    elif kind == nifti.VOLUME:
        outside, inside = nifti.parts(candidate)
    else:
        before, data_set = searchable(candidate)
        outside, inside = split_pixels(data_set, glance(candidate))
        outside = marks.without_own(before + b"\0" + outside)
    return identifiers.found_in_bytes(wanted, outside, BYTES_OUTSIDE) or identifiers.found_in_bytes(
        wanted, inside, BYTES_INSIDE
    )


def _places(wanted: identifiers.Identifiers, candidate: Path, kind: str) -> str:
    """Where an identifier is left, by keywords, never its value."""
    if kind in (nifti.VOLUME, nifti.SIDECAR):
        return "the volume's header" if kind == nifti.VOLUME else "the file beside the volume"
    found = identifiers.found_in_attributes(wanted, read_header(candidate), BYTES_OUTSIDE)
    return ", ".join(found) or "bytes that are no attribute's value"


def heads(item: Item) -> bool:
    """Whether a volumetric item's original could show a face; yes when it cannot be told."""
    if not item.volumetric:
        return False
    try:
        header = described(item.original, item.kind)
        if item.kind == nifti.VOLUME and "BodyPartExamined" not in header:
            return True  # nobody says what it shows
        return may_show_face(header)
    except Exception:
        return True


# --- the verdicts


def reason(
    differing: int, found: Found, missed: bool, alarmed: bool, over_painted: bool = False
) -> str:
    """Reason code that holds one candidate by itself, or an empty string.

    ``alarmed``: text was read in a picture made of the whole series and in none of its frames.
    """
    if missed:
        return "not_examined"
    if differing:
        return "pixels_differ"
    if found.error:
        return "gate_failed"
    if found.identifier:
        return "residual_identifier"
    if found.failed or alarmed:
        return "residual_text"
    return "over_painted" if over_painted else ""


def overridable(found: Found, alarmed: bool, over_painted: bool, face: bool) -> str:
    """All reasons that a person can overrule, of which ``reason`` gives one; joined by ``;``."""
    holds = {
        "residual_text": bool(found.failed) or alarmed,
        "over_painted": over_painted,
        "face": face,
    }
    return ";".join(code for code, so in holds.items() if so)


def by_series(
    items: Sequence[Item], reasons: Mapping[int, str], faces: set[str], settings: Settings
) -> dict[int, str]:
    """Let the verdict of a volume be that of all its items.

    ``reasons`` has the code of every planned item, candidates or not; ``faces`` the series that
    could show one.
    """
    result = dict(reasons)
    held = {item.series for item in items if item.volumetric and reasons[item.number]}
    for item in items:
        if result[item.number]:
            continue
        if settings.faces == "hold" and item.series in faces:
            result[item.number] = "face"
        elif settings.unit == "series" and item.volumetric and item.series in held:
            result[item.number] = "series_held"
    return result


def jobs(items: Sequence[Item], chosen: Mapping[int, set[int]]) -> list[Job]:
    """Cut the reading into jobs of at most ``CHUNK`` frames; the first of an item has its bytes."""
    made = []
    for item in items:
        order = sorted(chosen[item.number])
        chunks = [tuple(order[k : k + CHUNK]) for k in range(0, len(order), CHUNK)] or [()]
        made += [Job(item, chunk, k == 0) for k, chunk in enumerate(chunks)]
    return made


def load_items(
    shard: Path, masks: Path, candidates: Path, table: Path
) -> tuple[list[Item], dict[int, dict[str, str]]]:
    """Read the planned items and, by number, their rows of the candidates' table."""
    stayed = policy.read(masks)
    rows = {int(row["item"]): row for row in records(table)}
    items = []
    for row in records(shard):
        number = int(row["item"])
        if number not in rows:
            raise UserError(
                where=f"{table}",
                found=f"no line for item {number}",
                advice="remove the table and run again",
            )
        items.append(
            Item(
                number=number,
                series=row["series"],
                frames=int(rows[number]["frames"] or row["frames"] or 1),
                original=Path(row["path"]),
                candidate=candidates / (rows[number].get("file") or f"{number}.dcm"),
                searched=row["pixels"] == "1",
                read_all=row["read_all"] == "1",
                volumetric=row["volumetric"] == "1",
                masked_frames=int(rows[number]["masked_frames"] or 0),
                unchanged=unchanged(row),
                kind=row["kind"],
                policy=stayed.policy,
                kept=_by_frame(stayed.kept.get(number, NOTHING_KEPT)),
            )
        )
    return pooled(items), rows


def pooled(items: Sequence[Item]) -> list[Item]:
    """Give every item the places of lines that were kept in its file, or its series of files."""
    pools: dict[object, list[Item]] = defaultdict(list)
    for item in items:
        pools[item.number if item.frames > 1 else item.series].append(item)
    kept: dict[int, np.ndarray] = {}
    for pool in pools.values():
        parts = [lines for item in pool for lines in item.kept.values()]
        if parts:
            kept |= dict.fromkeys((item.number for item in pool), _distinct(np.concatenate(parts)))
    return [replace(item, pooled=kept.get(item.number, item.pooled)) for item in items]


def _distinct(kept: np.ndarray) -> np.ndarray:
    """One of all kept lines whose corners differ by rounding only."""
    corners = np.round(kept["quad"] / SAME_PX).reshape(len(kept), -1)
    return kept[np.sort(np.unique(corners, axis=0, return_index=True)[1])]


def _by_frame(kept: np.ndarray) -> dict[int, np.ndarray]:
    return {int(frame): kept[kept["frame"] == frame] for frame in np.unique(kept["frame"])}


def unexplained(found: Mapping[int, Found], alarms: Sequence[frozenset[int]]) -> set[int]:
    """Items in whose common pictures text was read, while none of their frames shows it."""
    return {
        number for group in alarms if not any(found[n].failed for n in group) for number in group
    }


def verdicts(
    items: Sequence[Item],
    rows: Mapping[int, Mapping[str, str]],
    found: Mapping[int, Found],
    missed: set[int],
    alarmed: set[int],
    max_painted_share: float = 1.0,
) -> dict[int, str]:
    """Reason code of every planned item by itself, before series are looked at; "" is none.

    ``rows`` of candidates.tsv, ``missed`` items not searched whole, ``alarmed`` of ``unexplained``.
    An original that is not the planned file any more names other identifiers, so it is held too.
    """
    return {
        item.number: reason(
            int(rows[item.number]["outside_differing"] or 1),  # not counted is not equal
            found[item.number],
            item.number in missed,
            item.number in alarmed,
            painted_share(rows[item.number]) > max_painted_share,
        )
        if rows[item.number]["status"] == "candidate" and item.unchanged
        else rows[item.number]["reason_code"] or "changed_input"
        for item in items
    }


def gate(
    shard: Path,
    regions: Path,
    masks: Path,
    candidates: Path,
    table: Path,
    settings: Settings,
    threads: int,
    out: Path,
) -> None:
    """Check all candidates of a shard and write a verdict for every planned item."""
    _reader(settings.reader)  # one that is missing stops here with a sentence
    _wanted.cache_clear()  # controls check several shards in one process
    items, rows = load_items(shard, masks, candidates, table)
    examined_frames = load(regions)
    present = [item for item in items if rows[item.number]["status"] == "candidate"]
    files = {item.number: item.candidate for item in present if item.candidate.is_file()}
    checked = dict(zip(files, in_order(sha256, files.values(), threads), strict=True))
    frames_of = {item.number: item.frames for item in present if item.searched}
    suspected = suspicious(examined_frames, settings.suspicion)
    chosen = to_read(present, suspected, settings, only_kept(present, examined_frames))

    series: dict[str, list[Item]] = defaultdict(list)
    for item in present:
        if item.searched:
            series[item.series].append(item)
    found: dict[int, Found] = defaultdict(Found)
    alarms: list[frozenset[int]] = []
    faces: set[str] = set()
    surveys = told(
        in_order(partial(survey, settings), series.values(), threads),
        [sum(item.frames for item in members) for members in series.values()],
        "frames surveyed",
    )
    for label, result in zip(series, surveys, strict=True):
        faces |= {label} if result.face else set()
        alarms += result.alarms
        for number in result.failed:
            found[number].error = True
    for number in frozenset[int]().union(*alarms):
        chosen[number] = set(range(frames_of[number]))
    work = jobs(present, chosen)
    examined = in_order(partial(examine, settings), work, threads)
    sizes = [len(job.frames) for job in work]
    for job, one in zip(work, told(examined, sizes, "frames read"), strict=True):
        found[job.item.number].add(one)

    missed = unexamined(frames_of, examined_frames)
    alarmed = unexplained(found, alarms)
    alone = verdicts(items, rows, found, missed, alarmed, settings.max_painted_share)
    final = by_series(items, alone, faces, settings)
    tables.write(
        out,
        [
            {
                "item": item.number,
                "verdict": "hold" if final[item.number] else "release",
                "reason_code": final[item.number],
                "overridable": overridable(
                    found[item.number],
                    item.number in alarmed,
                    painted_share(rows[item.number]) > settings.max_painted_share,
                    settings.faces == "hold" and item.series in faces,
                ),
                "face": int(item.series in faces),
                "frames": item.frames if item.searched else 0,
                "frames_suspicious": len(suspected.get(item.number, set()) | set(item.kept)),
                "frames_read": found[item.number].read,
                "frames_failed": found[item.number].failed,
                "sha256": checked.get(item.number, ""),  # what the verdict is about
            }
            for item in items
        ],
        COLUMNS,
    )
    log.info(
        "%d items: %d released, %d held back; %d of %d frames read one by one",
        len(items),
        sum(not code for code in final.values()),
        sum(bool(code) for code in final.values()),
        sum(one.read for one in found.values()),
        sum(frames_of.values()),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("shard", "regions", "masks", "candidates", "table", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--metadata", type=json.loads, required=True)
    parser.add_argument("--threads", type=int, default=1)
    options: Any = parser.parse_args(argv)
    kept = metadata.Settings(**options.metadata).options
    gate(
        options.shard,
        options.regions,
        options.masks,
        options.candidates,
        options.table,
        Settings(**options.settings, options=kept),
        options.threads,
        options.out,
    )


if __name__ == "__main__":
    command(main)
