"""Take stock of a submission: read every header, decide what happens, deal series into shards.

Every file below the folder gets one row in the inventory. Numbers of items, labels of series and
their shards stay when files are added later: they are kept in ``plan_state.json`` beside the
inventory. New series get a shard of their own, so that no other is worked on again.
"""

import argparse
import collections
import hashlib
import json
import logging
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from pydicom import uid
from pydicom.dataset import Dataset

from unburn import copies, dealt, keys, nifti, objects, patients, sheet, tables
from unburn.elements import text_of
from unburn.encapsulation import check_frames, pixel_stream
from unburn.errors import ItemError, UserError, command
from unburn.files import make_private, replacing, sha256
from unburn.folders import bytes_below, entries_below
from unburn.headers import glance
from unburn.image_pixel import Form
from unburn.ledger import state
from unburn.parallel import in_order
from unburn.reasons import IGNORED
from unburn.syntaxes import decoder_of, is_lossy, transfer_syntax

log = logging.getLogger(__name__)

# fmt: off
INVENTORY = (
    "item", "path", "bytes", "mtime_ns", "sha256", "status", "reason_code", "kind",
    "modality", "sop_class", "series", "shard", "patient",
)
SHARD = (
    "item", "path", "bytes", "mtime_ns", "series", "kind", "modality", "sop_class",
    "transfer_syntax", "frames", "rows", "columns", "samples", "bits_allocated", "lossy",
    "pixels", "read_all", "volumetric", "shared_uid", "subject", "volume", "device",
)
# fmt: on
CELLS = tuple(sorted({*INVENTORY, *SHARD} - {"item"}))
FLAGS = ("lossy", "pixels", "read_all", "volumetric", "shared_uid")
STATE = "plan_state.json"
COMMON = (
    *("reason_code", "kind", "modality", "sop_class", "series_key", "transfer_syntax"),
    *("orientation", "patient", "device"),
)
FILES_PER_TASK = 32
LOG_EVERY = 20_000  # files
FEWEST_SLICES = 3  # of one orientation at different places: a volume

# Scratch space: two or three views of a frame are kept, noisy ones unpacked; candidates are files
# like the originals, and of some the pixels are decoded.
VIEWS_GREY, VIEWS_COLOUR, TOUCHED_SHARE = 2, 3, 0.25
CLEARLY_LESS = 0.5  # of the estimate: below it the run would fail

ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ", b"(\xb5/\xfd")
SUFFIXES = (".dcm", ".dicom", ".dic", ".ima")
EXPLICIT_VR = re.compile(rb"A[EST]|CS|D[AST]|F[LD]|IS|L[OT]|O[BDFLVW]|PN|S[HLQSTV]|TM|U[CILNRSTV]")
SUBJECT = re.compile(r"sub-[A-Za-z0-9]+")  # the folder of a subject in BIDS
UNTABLED = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True)
class Settings:
    """Section ``plan`` of the settings."""

    shard_gib: float
    max_shards: int


@dataclass(slots=True)
class Item:
    """What is known of one file; ``path`` is below the submission's folder.

    A million of them fit in memory once, so what is found out later is set in place.
    """

    path: str
    bytes: int = 0
    mtime_ns: int = 0
    sha256: str = ""
    reason_code: str = ""
    kind: str = ""
    modality: str = ""
    sop_class: str = ""
    sop_instance: str = ""
    series_key: str = ""
    transfer_syntax: str = ""
    frames: int = 0
    rows: int = 0
    columns: int = 0
    samples: int = 0
    bits_allocated: int = 0
    lossy: bool = False
    pixels: bool = False
    read_all: bool = False
    subject: str = ""  # of a NIfTI volume and what lies beside it: digests of the place of
    volume: str = ""  # its subject's folder, and of the volume
    patient: str = ""  # digest of what names the patient, empty where nothing does
    device: str = ""  # digest of manufacturer and model
    orientation: str = ""  # of a slice, and its position, rounded
    position: str = ""
    number: int = 0
    series: str = ""
    shard: str = ""
    volumetric: bool = False
    shared_uid: bool = False  # another object has the same SOP Instance UID

    @property
    def status(self) -> str:
        """Of the inventory."""
        if not self.reason_code:
            return "planned"
        return "ignored" if self.reason_code in IGNORED else "held_back"

    @property
    def decoded_bytes(self) -> int:
        """Size of the stored values of all frames; of other objects the file's size."""
        pixels = self.frames * self.rows * self.columns * self.samples
        return max(pixels * self.bits_allocated // 8, self.bytes)

    @property
    def scratch_bytes(self) -> int:
        """Estimate of what the intermediates of this item take at most."""
        count = VIEWS_GREY if self.samples == 1 else VIEWS_COLOUR
        pixels = self.frames * self.rows * self.columns * count if self.pixels else 0
        return int(pixels + self.bytes + TOUCHED_SHARE * self.decoded_bytes)


@dataclass
class State:
    """What later plans of the same submission need to know of earlier ones."""

    items: dict[str, int] = field(default_factory=dict)  # path: number
    series: dict[str, list[str]] = field(default_factory=dict)  # key: [label, shard]
    shards: dict[str, list[Any]] = field(default_factory=dict)  # shard: [sha256, mtime_ns]
    deals: dict[str, str] = field(default_factory=dict)  # shard: that of its crops (module dealt)
    next_item: int = 1
    next_series: int = 1

    @classmethod
    def load(cls, path: Path) -> "State":
        """Read it, or start anew."""
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else cls()

    def save(self, path: Path) -> None:
        """Write it."""
        with replacing(path) as tmp:
            tmp.write_text(json.dumps(vars(self), sort_keys=True), encoding="utf-8")


# --- one file


def foreign(head: bytes, size: int) -> str:
    """What a file is by its first bytes: '' for DICOM, ``nifti``, else a reason code.

    ``head`` holds the first 352 bytes. Without the preamble of PS3.10 section 7.1 a file counts
    as DICOM when its first element is one of group 0002 or 0008 that fits the file.
    """
    if not size:
        return "empty_file"
    if head[128:132] == b"DICM":
        return ""
    if nifti.magic(head):
        return "nifti"
    if head.startswith(ARCHIVES) or head[257:262] == b"ustar":
        return "not_an_image" if b"[Content_Types].xml" in head else "archive"
    if len(head) < 12:
        return "not_an_image"
    if head.startswith(b"DICM"):
        return "broken"
    for order in nifti.ORDERS:
        group = int.from_bytes(head[:2], order)
        length = int.from_bytes(head[4:8], order)
        known = EXPLICIT_VR.fullmatch(head[4:6]) is not None
        if group in (0x0002, 0x0008) and (known or 0 < length < min(size, 1 << 16)):
            return ""
    return "not_an_image"


def look(root: Path, path: str) -> Item:
    """Read one file's header and decide by it alone; never raises for what the file holds."""
    item = Item(path)
    place = root / path
    try:
        status = os.lstat(place)
        if stat.S_ISLNK(status.st_mode):
            return replace(item, reason_code="link_outside")
        if stat.S_ISDIR(status.st_mode):  # listed only when it cannot be entered
            return replace(item, reason_code="unreadable")
        if not stat.S_ISREG(status.st_mode):
            return replace(item, reason_code="not_an_image")
        size, time = state(place)
        item = replace(item, bytes=size, mtime_ns=time)
        if UNTABLED.search(path):
            return replace(item, reason_code="file_name")
        with open(place, "rb") as file:
            code = foreign(file.read(352), status.st_size)
        if code in ("archive", "not_an_image"):
            code = _of_volume(place) or code
        if code == "not_an_image" and place.suffix.lower() in SUFFIXES:
            code = "broken"  # its name says DICOM, so somebody will miss it
        if code == "nifti":
            item = _from_volume(item, place)
        else:
            item = replace(item, reason_code=code) if code else _from_header(item, place)
        return replace(item, sha256=sha256(place)) if item.reason_code else item
    except OSError:
        return replace(item, reason_code="unreadable")


def look_all(task: tuple[Path, list[str]]) -> list[Item]:
    """``look`` at a few files; what several have in common is there once."""
    root, paths = task
    items = [look(root, path) for path in paths]
    for item in items:
        for name in COMMON:
            setattr(item, name, sys.intern(getattr(item, name)))
    return items


def _of_volume(path: Path) -> str:
    """``nifti`` for a compressed volume, a reason code for another part of one, '' for the rest."""
    suffix = path.suffix.lower()
    if suffix == ".img":
        return "nifti_voxels" if path.with_suffix(".hdr").is_file() else ""
    if suffix == ".hdr":  # Analyze 7.5 has the same header without a mark
        with open(path, "rb") as file:
            size = file.read(4)
        return (
            "nifti_type" if 348 in (int.from_bytes(size, order) for order in nifti.ORDERS) else ""
        )
    return "nifti" if nifti.is_nifti(path) else ""


def _from_volume(item: Item, path: Path) -> Item:
    """What the header of a NIfTI volume says; its voxels are not read."""
    folders = item.path.split("/")[:-1]
    subject = next((k for k in reversed(range(len(folders))) if SUBJECT.fullmatch(folders[k])), -1)
    try:
        with nifti.Volume(path) as volume:
            return replace(
                item,
                kind="nifti_volume",
                modality=objects.modality(text_of(beside := nifti.named(path), "Modality")),
                device=_device(beside),
                series_key=_key("nifti", item.path),
                subject=(own := _key("subject", *folders[: subject + 1]) if subject >= 0 else ""),
                volume=(alone := _key("volume", item.path)),
                patient=_key("patient", own or alone),
                frames=volume.frames,
                rows=volume.rows,
                columns=volume.columns,
                samples=volume.samples,
                bits_allocated=volume.bits_stored,
                pixels=True,
                volumetric=volume.frames >= FEWEST_SLICES,
            )
    except ItemError as error:
        return replace(item, reason_code=error.code)


def with_sidecars(items: list[Item]) -> list[Item]:
    """Let the files beside a planned NIfTI volume be cleaned and released with it."""
    volumes: dict[str, Item] = {}
    for item in items:
        if item.kind == "nifti_volume" and item.status == "planned":
            volumes.setdefault(nifti.stem_of(item.path), item)
    return [
        replace(
            volume,
            path=item.path,
            bytes=item.bytes,
            mtime_ns=item.mtime_ns,
            kind="nifti_sidecar",
            frames=0,
            pixels=False,
            volumetric=False,
        )
        if item.reason_code == "not_an_image"
        and item.path.lower().endswith(nifti.BESIDE)
        and (volume := volumes.get(nifti.stem_of(item.path)))
        else item
        for item in items
    ]


def _from_header(item: Item, path: Path) -> Item:
    try:
        dataset = glance(path)
        meta = getattr(dataset, "file_meta", Dataset())
        sop_class = text_of(dataset, "SOPClassUID") or text_of(meta, "MediaStorageSOPClassUID")
        if len(dataset) < 2:
            # a chance likeness of other files, or of DICOM no more than a beginning
            prefixed = bool(sop_class or getattr(dataset, "preamble", None))
            named = Path(item.path).suffix.lower() in SUFFIXES
            return replace(item, reason_code="broken" if prefixed or named else "not_an_image")
        item = replace(item, patient=_patient(dataset), device=_device(dataset))
        outcome = objects.classify(sop_class)
        study, series = (
            text_of(dataset, keyword) for keyword in ("StudyInstanceUID", "SeriesInstanceUID")
        )
        item = replace(
            item,
            reason_code=outcome.reason_code,
            kind=outcome.kind,
            modality=objects.modality(text_of(dataset, "Modality")),
            sop_class=sop_class,
            sop_instance=text_of(dataset, "SOPInstanceUID"),
            # a file that names no series is one of its own
            series_key=_key(study, series) if series else _key("", item.path),
            transfer_syntax=str(transfer_syntax(dataset)),
            pixels=outcome.pixels,
            read_all=outcome.read_all,
        )
        if outcome.kind:
            item = _with_form(item, dataset, path)
        return item
    except ItemError as error:
        return replace(item, reason_code=error.code)
    except Exception:
        return replace(item, reason_code="broken")


def _patient(dataset: Dataset) -> str:
    try:
        return _key("patient", patients.patient(dataset)[1])
    except ItemError:
        return ""


def _device(dataset: Dataset) -> str:
    """A digest of (0008,0070) Manufacturer and (0008,1090) Manufacturer's Model Name."""
    keywords = ("Manufacturer", "ManufacturerModelName")
    return _key("device", *(text_of(dataset, keyword).strip().lower() for keyword in keywords))


def _with_form(item: Item, dataset: Dataset, path: Path) -> Item:
    """Add what the Image Pixel module says, or why it cannot be used."""
    try:
        form, syntax = Form.of(dataset), uid.UID(item.transfer_syntax)
        decoder_of(syntax)
        stream, start = pixel_stream(dataset, path)
        with stream:
            check_frames(dataset, form, stream, start)
        orientation, position = _place(dataset)
        return replace(
            item,
            frames=form.frames,
            rows=form.rows,
            columns=form.columns,
            samples=form.samples,
            bits_allocated=form.bits_allocated,
            lossy=is_lossy(dataset),
            orientation=orientation,
            position=position,
        )
    except ItemError as error:
        if error.code == "pixels_missing" and not item.pixels and item.kind != "segmentation":
            return item
        return replace(item, reason_code=error.code)


def _place(dataset: Dataset) -> tuple[str, str]:
    """(0020,0037) Image Orientation and (0020,0032) Image Position of a slice, rounded."""
    try:
        orientation = [round(float(v), 3) + 0.0 for v in dataset.ImageOrientationPatient]
        position = [round(float(v), 3) + 0.0 for v in dataset.ImagePositionPatient]
    except Exception:
        return "", ""
    if len(orientation) != 6 or len(position) != 3:
        return "", ""
    return str(orientation), str(position)


def _key(*names: str) -> str:
    text = "\0".join(names).encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()[:32]


# --- all files


def paths_below(root: Path) -> Iterator[str]:
    """Every file below a folder, relative to it, in no promised order.

    Links to what is inside are left out, as it is met itself; links that lead out and folders
    that cannot be entered are named once, as one entry each.
    """
    above = len(os.path.join(root, ""))  # noqa: PTH118, of the root of the disk as well
    for entry in entries_below(str(root)):
        if entry.is_symlink():
            path = Path(entry.path)
            if path.exists() and path.resolve().is_relative_to(root):
                continue
        yield entry.path[above:]


def settle_copies(items: list[Item], root: Path, threads: int) -> list[Item]:
    """Ignore copies; mark objects that share their UID with another one (module ``copies``)."""
    codes, sharing, digests = copies.sort_out(
        [item.sop_instance if item.reason_code != "dicomdir" else "" for item in items],
        [bool(item.reason_code) for item in items],
        lambda index: root / items[index].path,
        threads,
    )
    for index, code in codes.items():
        items[index].reason_code, items[index].sha256 = code, digests[index]
    for index in sharing:
        items[index].shared_uid = True
    return items


def mark_volumes(items: list[Item]) -> list[Item]:
    """Mark the items of volumetric series: stacks of slices, and multi-frame volumes.

    A slice that is held back already counts for its series: a volume with a hole is a volume.
    """
    stacks = collections.defaultdict(set)
    holes: dict[str, int] = collections.Counter()
    for item in items:
        if item.status == "held_back" and item.sop_class in objects.SLICES:
            holes[item.series_key] += 1
        if item.status == "planned" and item.sop_class in objects.SLICES and item.position:
            stacks[_stack(item)].add(item.position)
    for item in items:
        slices = len(stacks.get(_stack(item), ())) + holes[item.series_key] if item.position else 0
        several = item.sop_class in objects.VOLUMES and item.frames > 1
        item.volumetric |= item.status == "planned" and (several or slices >= FEWEST_SLICES)
    return items


def _stack(item: Item) -> tuple[Any, ...]:
    return item.series_key, item.rows, item.columns, item.orientation


def leave_out(
    items: list[Item], withdrawn: frozenset[str], master: bytes, label: str, root: Path
) -> list[Item]:
    """Ignore what belongs to withdrawn patients, and drop all that the headers say of them.

    ``withdrawn`` holds the tombstones of the submission ``label`` in the folder ``root``. It comes
    after what is decided between files, so that for other patients all stays as it was.
    """
    contents = {one for one in withdrawn if one.startswith(patients.CONTENT)}
    moved = {
        item.volume
        for item in items
        if contents
        and item.kind == nifti.VOLUME
        and patients.content_digest(master, label, sha256(root / item.path)) in contents
    }
    theirs = moved | {
        name
        for name in {item.patient for item in items} - {""}
        if patients.digest(master, label, name) in withdrawn
    }
    paths = [item.path for item in items]
    named = [item.volume if item.volume in moved else item.patient for item in items]
    return [
        Item(patients.alias(master, item.path), reason_code="withdrawn") if gone else item
        for item, gone in zip(items, patients.belonging(paths, named, theirs), strict=True)
    ]


def number(items: list[Item], state: State) -> list[Item]:
    """Give items their numbers and series their labels: known ones keep theirs."""
    for item in items:
        if item.path not in state.items:
            state.items[item.path], state.next_item = state.next_item, state.next_item + 1
        if item.series_key and item.series_key not in state.series:
            state.series[item.series_key] = [f"s{state.next_series:05d}", ""]
            state.next_series += 1
        item.number = state.items[item.path]
        item.series = state.series[item.series_key][0] if item.series_key else ""
    return items


def deal(items: list[Item], state: State, settings: Settings) -> list[Item]:
    """Put each series with planned items into a shard: known ones where they were.

    New series go to new shards, each filled in turn: those of earlier plans are done. The room
    grows with the submission, so that there are never more than ``max_shards``; where that many
    are there, the last one takes what is new.
    """
    sizes: dict[str, int] = collections.Counter()
    for item in items:
        if item.status == "planned":
            sizes[item.series_key] += item.decoded_bytes
    filled: dict[str, int] = collections.Counter()
    for key, size in sizes.items():
        if state.series[key][1]:
            filled[state.series[key][1]] += size
    # two neighbouring shards hold more than one room, so half as many rooms are enough
    room = max(settings.shard_gib * 2**30, 2 * sum(sizes.values()) / settings.max_shards)
    done = last = max((int(shard) for _, shard in state.series.values() if shard), default=-1)
    for key, size in sizes.items():
        if state.series[key][1]:
            continue
        full = last == done or (filled[f"{last:05d}"] and filled[f"{last:05d}"] + size > room)
        if full and last + 1 < settings.max_shards:
            last += 1
        state.series[key][1] = f"{last:05d}"
        filled[f"{last:05d}"] += size
    for item in items:
        if item.status == "planned":
            item.shard = state.series[item.series_key][1]
    new = {item.shard for item in items if item.shard} - state.deals.keys()
    state.deals |= dict.fromkeys(sorted(new), dealt.name(len(set(state.deals.values()))))
    return items


# --- files


def write_shards(items: list[Item], root: Path, folder: Path, state: State) -> None:
    """Write one table for each shard.

    One whose content is as before keeps its time, so that its jobs are not run again.
    """
    members = collections.defaultdict(list)
    for item in items:
        if item.shard:
            members[item.shard].append(item)
    written: dict[str, list[Any]] = {}
    with replacing(folder) as tmp:
        make_private(tmp)
        for shard in sorted(members):
            path = tmp / f"{shard}.tsv"
            rows = sorted(members[shard], key=lambda item: (item.series, item.number))
            tables.write(path, (_row(item, root) for item in rows), SHARD)
            digest, before = sha256(path), state.shards.get(shard)
            if before and before[0] == digest:
                os.utime(path, ns=(before[1], before[1]))
            written[shard] = [digest, path.stat().st_mtime_ns]
    state.shards = written


def _row(item: Item, root: Path) -> dict[str, Any]:
    row = {name: getattr(item, name) for name in CELLS}
    row |= {name: int(row[name]) for name in FLAGS}
    path = UNTABLED.sub("?", f"{root}/{item.path}") if item.reason_code != "withdrawn" else ""
    return row | {"item": item.number, "path": path}


def write_summary(items: Sequence[Item], path: Path, deals: Mapping[str, str]) -> dict[str, Any]:
    """Write ``plan.json``: counts by outcome, decoded size and the estimate of scratch space.

    ``deals`` has the deal of each shard's crops.
    """
    planned = [item for item in items if item.status == "planned"]
    sizes: dict[str, int] = collections.Counter()
    for item in planned:
        sizes[item.shard] += item.decoded_bytes
    counts = {
        name: dict(sorted(collections.Counter(values).items()))
        for name, values in {
            "status": (item.status for item in items),
            "reason_code": (item.reason_code for item in items if item.reason_code),
            "kind": (item.kind for item in planned),
        }.items()
    }
    summary = {
        "files": len(items),
        **counts,
        "shared_uids": sum(item.shared_uid for item in planned),
        "series": len({item.series for item in planned}),
        "shards": len({item.shard for item in planned}),
        "frames": sum(item.frames for item in planned if item.pixels),
        "bytes": sum(item.bytes for item in items),
        "decoded_bytes": sum(item.decoded_bytes for item in planned),
        "scratch_bytes": sum(item.scratch_bytes for item in planned),
        "shard_bytes": sizes,
        "deals": {shard: deals[shard] for shard in sorted(sizes)},
    }
    with replacing(path) as tmp:
        tmp.write_text(json.dumps(summary, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return summary


def check_folder(root: Path, work: Path, where: str) -> None:
    """Refuse a folder that is missing, is a file, or overlaps with the work folder."""
    advice = "correct the column path; a relative path counts from the folder of the run"
    # of os.path: those of pathlib raise, and show the path, where a folder above is closed
    if not os.path.exists(root):  # noqa: PTH110
        raise UserError(
            where, "the folder in the column path does not exist, or one above it is closed", advice
        )
    if not os.path.isdir(root):  # noqa: PTH112
        raise UserError(where, "the column path names a file, not a folder", advice)
    if not os.access(root, os.R_OK | os.X_OK):
        raise UserError(
            where, "the folder cannot be read", "give this account the right to read it"
        )
    inside, outside = root.resolve(), work.resolve()
    if inside.is_relative_to(outside) or outside.is_relative_to(inside):
        raise UserError(
            where,
            "the submission's folder and the folder work/ lie in each other",
            "run in a folder of its own, or set work to another place",
        )


def check_space(needed: int, folder: Path, where: str) -> None:
    """Refuse to start where the disk has clearly less room than the run will need."""
    free = shutil.disk_usage(folder).free + bytes_below(folder)
    if free < CLEARLY_LESS * needed:
        raise UserError(
            where,
            f"about {_gib(needed)} of scratch space needed, {_gib(free)} free",
            "make room, set work to another disk, or split the submission",
        )


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB"


def take_stock(root: Path, threads: int) -> list[Item]:
    """Look at every file below a folder; the items in the order of their paths."""
    paths = paths_below(root)
    tasks = ((root, few) for few in iter(lambda: list(islice(paths, FILES_PER_TASK)), []))
    items: list[Item] = []
    for found in in_order(look_all, tasks, threads):
        items.extend(found)
        if len(items) // LOG_EVERY > (len(items) - len(found)) // LOG_EVERY:
            log.info("%d headers read", len(items))
    return sorted(items, key=lambda item: item.path)


def survey(root: Path, folder: Path, threads: int, key: Path) -> list[Item]:
    """Every file below ``root`` with what is decided of it, alone and among the others.

    ``folder`` is the private one of the submission, ``key`` the master key, by which withdrawn
    patients are known.
    """
    items = take_stock(root, threads)
    items = mark_volumes(with_sidecars(settle_copies(items, root, threads)))
    withdrawn = patients.tombstones(folder.parent, folder.name, key)
    if withdrawn:
        items = leave_out(items, withdrawn, keys.load(key), folder.name, root)
    return items


def plan(
    root: Path,
    inventory: Path,
    shards: Path,
    settings: Settings,
    threads: int,
    where: str,
    key: Path,
) -> dict[str, Any]:
    """Write inventory, shards and summary of the folder ``root``; return the summary.

    ``where`` names the submission in errors, ``key`` the master key.
    """
    folder = inventory.parent
    check_folder(root, folder.parent, where)
    root = root.resolve()
    make_private(folder)
    state = State.load(folder / STATE)
    items = survey(root, folder, threads, key)
    if not items:
        raise UserError(where, "the folder is empty", "copy the files there, or correct the path")
    items = deal(number(items, state), state, settings)
    summary = write_summary(items, folder / "plan.json", state.deals)
    check_space(summary["scratch_bytes"], folder, where)
    write_shards(items, root, shards, state)
    rows: Iterable[dict[str, Any]] = (
        _row(item, root) for item in sorted(items, key=lambda item: item.number)
    )
    tables.write(inventory, rows, INVENTORY)
    state.save(folder / STATE)
    return summary


def main(argv: Sequence[str] | None = None) -> None:
    """Read the headers of a submission and deal its series into shards."""
    parser = argparse.ArgumentParser(prog="python -m unburn.plan", description=main.__doc__)
    parser.add_argument("--sheet", type=Path, required=True, help="sheet of submissions")
    parser.add_argument("--submission", required=True, help="label in the sheet")
    parser.add_argument("--settings", type=json.loads, required=True, help="JSON of section plan")
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--inventory", type=Path, required=True, help="table of files to write")
    parser.add_argument("--shards", type=Path, required=True, help="folder of tables to write")
    parser.add_argument("--key", type=Path, required=True, help="the master key")
    options = parser.parse_args(argv)
    row = sheet.lookup(options.sheet, options.submission)
    summary = plan(
        row.path,
        options.inventory,
        options.shards,
        Settings(**options.settings),
        options.threads,
        where=f"{options.sheet}:{row.line}: submission {row.submission}",
        key=options.key,
    )
    for name in ("status", "kind", "reason_code"):
        log.info("%s: %s", name, ", ".join(f"{n} {code}" for code, n in summary[name].items()))
    log.info("%d objects share their UID with another one", summary["shared_uids"])
    log.info(
        "%d files, %d series in %d shards, %s decoded; about %s of scratch space",
        summary["files"],
        summary["series"],
        summary["shards"],
        _gib(summary["decoded_bytes"]),
        _gib(summary["scratch_bytes"]),
    )


if __name__ == "__main__":
    command(main)
