"""Controls: known lines on copies of a submission's own frames without text, as in a wet lab.

``plant`` draws frames without text, evenly over the classes of devices, and writes copies of them
with made-up lines as a shard of its own. The stages of any shard then run on it (``stages``), and
``judge`` counts which lines were masked. Each copy is a series of its own, so that pooling over a
series helps no line. Copies stay in ``work/`` and go with the job; no result is made of them.

Which frames are drawn depends on the seed, the frame and how many of its class are needed, so that
most stay when a submission grows; what is planted on one depends on the seed and the frame.
"""

import argparse
import hashlib
import json
import logging
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset

from unburn import demand, examined, judging, nifti, planting, recall, stages, tables
from unburn.elements import text_of
from unburn.encoding import replace_pixels
from unburn.errors import ItemError, command
from unburn.files import make_private, replacing, temporary
from unburn.headers import read_header
from unburn.ledger import Device, records, state
from unburn.metadata import quiet
from unburn.parallel import in_order
from unburn.plan import SHARD
from unburn.recall import Class, Line
from unburn.sources import described, open_frames
from unburn.syntaxes import transfer_syntax

log = logging.getLogger(__name__)

CALM = 0.05  # the detector's highest score in a frame; frames below it are taken first
LOOKED_AT = 4  # frames of a class for each that is wanted: some are masked without text
LINE = np.dtype(
    [("item", "<i4"), ("line", "<i4"), ("height", "<f4"), ("empty", "?"), ("visible", "?")]
)


@dataclass(frozen=True)
class Settings:
    """Section ``controls`` of the settings and the run's seed; the schema explains the values."""

    share: float
    class_frames: int
    min_recall: float
    seed: int


@dataclass(frozen=True, order=True)
class Drawn:
    """A frame without text, in the order in which frames of a class are taken."""

    suspected: bool  # faintly
    draw: bytes
    item: int
    frame: int


@dataclass
class Group:
    """A class of devices in a submission, with its frames without text."""

    modality: str
    device: str
    first: int  # item
    items: int = 0
    calm: list[Drawn] = field(default_factory=list)


# --- choosing frames


def draw(seed: int, item: int, frame: int) -> bytes:
    """What orders the frames of a class, and what is planted on one."""
    return hashlib.sha256(f"controls {seed} {item} {frame}".encode()).digest()


def calm(looked: np.ndarray, seed: int) -> list[Drawn]:
    """The frames in which nothing was found; ``looked`` as of ``examined.load``."""
    free = looked[looked["regions"] == 0]
    columns = (free[name].tolist() for name in ("suspicion", "item", "frame"))
    return [
        Drawn(not suspicion < CALM, draw(seed, item, frame), item, frame)
        for suspicion, item, frame in zip(*columns, strict=True)
    ]


def quotas(available: Mapping[Device, int], total: int, most: int) -> dict[Device, int]:
    """Deal ``total`` frames evenly over classes, at most ``most`` to each.

    What a class does not have goes to others; larger classes come first.
    """
    order = sorted(available, key=lambda device: (-available[device], device))
    room = {device: min(available[device], most) for device in order}
    dealt = dict.fromkeys(order, 0)
    while total and (waiting := [device for device in order if dealt[device] < room[device]]):
        share = max(1, total // len(waiting))
        for device in waiting[:total]:
            dealt[device] += (more := min(share, room[device] - dealt[device]))
            total -= more
    return dealt


def named(groups: Mapping[Device, Group]) -> dict[Device, str]:
    """Public names of classes: modality and a number, by the order of their first items."""
    names, counts = {}, defaultdict[str, int](int)
    for device in sorted(groups, key=lambda one: groups[one].first):
        counts[device[0]] += 1
        names[device] = f"{device[0] or 'unknown'} {counts[device[0]]}"
    return names


class Submission:
    """What the shards say: rows by item, classes, frames without text."""

    def __init__(self, shards: Path, work: Path, seed: int):
        self.work, self.rows = work, dict[int, dict[str, str]]()
        self.groups = dict[Device, Group]()
        self.folders = dict[int, Path]()
        self.frames = 0
        for table in sorted(shards.glob("*.tsv")):
            self._add(table, work / table.stem, seed)

    def _add(self, table: Path, folder: Path, seed: int) -> None:
        fitting = set()
        for row in records(table):
            if row["pixels"] != "1":
                continue
            number, device = int(row["item"]), (row["modality"], row["device"])
            self.rows[number], self.folders[number] = row, folder
            self.frames += int(row["frames"])
            group = self.groups.setdefault(device, Group(*device, first=number))
            group.items, group.first = group.items + 1, min(group.first, number)
            if min(int(row["rows"]), int(row["columns"])) >= planting.LEAST_SIDE:
                fitting.add(number)
        for one in calm(examined.load(folder / "regions.h5"), seed):
            if one.item in fitting:
                row = self.rows[one.item]
                self.groups[row["modality"], row["device"]].calm.append(one)

    def masked(self, item: int, frame: int) -> bool:
        """Whether anything of a frame is masked: a device rule or static text of its series."""
        with h5py.File(self.folders[item] / "masks.h5") as file:
            stored = file.get(f"items/{item}")
            return stored is not None and bool(stored[frame].any())

    def chosen(self, settings: Settings) -> dict[Device, list[Drawn]]:
        """The frames that become controls, by class."""
        total = demand.control_frames(self.frames, settings.share)
        available = {device: len(group.calm) for device, group in self.groups.items()}
        found = {}
        for device, wanted in quotas(available, total, settings.class_frames).items():
            order = sorted(self.groups[device].calm)[: LOOKED_AT * wanted]
            free = (one for one in order if not self.masked(one.item, one.frame))
            found[device] = [one for _, one in zip(range(wanted), free, strict=False)]
        return found


# --- copies


@dataclass(frozen=True)
class Task:
    """One control to make: its number, the original's row and frame, what was drawn."""

    number: int
    row: Mapping[str, str]
    frame: int
    drawn: bytes


@dataclass(frozen=True)
class Made:
    """A control that was made: its row of the shard's table, its ink and its lines."""

    row: dict[str, Any]
    owner: np.ndarray
    lines: list[tuple[int, int, float, bool, bool]]


def make(task: Task, folder: Path, final: Path) -> Made | None:
    """Write one control into ``folder``, which becomes ``final``; None where it cannot be made."""
    original, rng = Path(task.row["path"]), np.random.default_rng(list(task.drawn[:16]))
    volume = task.row["kind"] == nifti.VOLUME
    name = f"{task.number}{'.nii' if volume else '.dcm'}"
    try:
        with open_frames(original) as source:
            planted = planting.plant(source[task.frame], source, rng)
            if isinstance(source, nifti.Volume):
                nifti.write_plane(source, planted.stored, folder / name)
            else:
                copy_frame(original, task.frame, planted.stored, source.photometric, folder / name)
    except Exception as error:  # its text may quote the header
        log.warning("a control of item %s: not made (%s)", task.row["item"], type(error).__name__)
        (folder / name).unlink(missing_ok=True)
        return None
    size, time = state(folder / name)
    row = {
        **task.row,
        "item": task.number,
        "path": final / name,
        "bytes": size,
        "mtime_ns": time,
        "series": f"c{task.number:05d}",
        "frames": 1,
        "volumetric": 0,
        "shared_uid": 0,
    }
    lines = [
        (task.number, k, line.height, line.empty, seen)
        for k, (line, seen) in enumerate(zip(planted.lines, planted.visible, strict=True))
        if line.kind == "text"  # and no letter that was left of a line
    ]
    return Made(row, planted.owner, lines)


def copy_frame(original: Path, frame: int, stored: np.ndarray, photometric: str, out: Path) -> None:
    """Write a copy of a DICOM object that holds one frame, with other stored values.

    Its transfer syntax is that of cleaned objects; of groups by frame it has the frame's own.
    """
    with quiet():
        dataset = read_header(original)
        if "TransferSyntaxUID" not in getattr(dataset, "file_meta", ()):
            dataset.file_meta = FileMetaDataset()
            dataset.file_meta.TransferSyntaxUID = transfer_syntax(dataset)
        if "NumberOfFrames" in dataset:
            dataset.NumberOfFrames = 1
        groups = dataset.get("PerFrameFunctionalGroupsSequence")
        if groups and frame < len(groups):
            dataset.PerFrameFunctionalGroupsSequence = [groups[frame]]
        replace_pixels(dataset, [stored], photometric)
        dataset.preamble = bytes(128)
        pydicom.dcmwrite(out, dataset, enforce_file_format=True)


def device_of(row: Mapping[str, str]) -> dict[str, str]:
    """Manufacturer and model in an item's header, for people who may know."""
    try:
        header = described(Path(row["path"]), row["kind"])
    except ItemError:
        header = Dataset()
    words = {"manufacturer": "Manufacturer", "model": "ManufacturerModelName"}
    return {name: text_of(header, keyword) for name, keyword in words.items()}


def plant(
    shards: Path, work: Path, settings: Settings, threads: int, out: Path, copies: Path, truth: Path
) -> int:
    """Make the controls of a submission; return how many.

    Writes their table as a shard's to ``out``, the objects to ``copies``, what was planted and the
    classes to ``truth``.
    """
    submission = Submission(shards, work, settings.seed)
    chosen = submission.chosen(settings)
    tasks = [
        Task(number, submission.rows[one.item], one.frame, one.draw)
        for number, one in enumerate(
            (one for device in sorted(chosen) for one in chosen[device]), 1
        )
    ]
    rows, lines = [], list[tuple[int, int, float, bool, bool]]()
    with (
        replacing(truth) as tmp,
        h5py.File(tmp, "w", libver="latest") as file,
        replacing(copies) as folder,
    ):
        make_private(folder)
        owners = file.create_group("owners")
        work_on = partial(make, folder=folder, final=copies.resolve())
        for one in filter(None, in_order(work_on, tasks, threads)):
            rows.append(one.row)
            lines += one.lines
            owners.create_dataset(
                str(one.row["item"]), data=one.owner, compression="gzip", track_times=False
            )
        file.create_dataset("lines", data=np.array(lines, LINE), track_times=False)
        drawn = {device: len(frames) for device, frames in chosen.items()}
        file.create_dataset("about", data=json.dumps(described_classes(submission, drawn)))
    tables.write(out, rows, SHARD)
    return len(rows)


def described_classes(
    submission: Submission, drawn: Mapping[Device, int]
) -> dict[str, list[dict[str, Any]]]:
    """The classes of a submission with the number of their controls, and which devices they are."""
    names, groups = named(submission.groups), submission.groups
    order = sorted(groups, key=lambda device: (device[0], groups[device].first))
    classes = [
        Class(names[one], *one, groups[one].items, len(groups[one].calm), drawn.get(one, 0))
        for one in order
    ]
    devices = [
        {"class": names[one], "modality": one[0], "device": one[1]}
        | device_of(submission.rows[groups[one].first])
        for one in order
    ]
    return {"classes": [asdict(one) for one in classes], "devices": devices}


# --- judging


@dataclass(frozen=True)
class Gate:
    """Settings of the gate that say which frames are read in any series."""

    read: str
    suspicion: float


@dataclass(frozen=True)
class Judged:
    """A control that could be cleaned.

    ``name`` of its class, ``masked`` share of its pixels, ``clear`` lines that can be seen, and
    whether each of the ``faint`` ones was found.
    """

    name: str
    masked: float
    clear: list[Line]
    faint: list[bool]


def judged(shard: Path, truth: Path, covered: float, gate: Gate) -> Iterator[Judged]:
    """Every control that could be cleaned; ``shard`` is their folder."""
    verdicts = {int(row["item"]): row for row in records(shard / "verdicts.tsv")}
    rows = {int(row["item"]): row for row in records(shard / "shard.tsv")}
    cleaned = cleaned_in(shard)
    suspected = examined.suspicious(examined.load(shard / "regions.h5"), gate.suspicion)
    with h5py.File(truth) as known, h5py.File(shard / "masks.h5") as masks:
        names = {
            (one["modality"], one["device"]): one["name"]
            for one in json.loads(known["about"][()])["classes"]
        }
        lines = known["lines"][:]
        for item in sorted(cleaned & set(rows)):
            row, owner = rows[item], known[f"owners/{item}"][:]
            stored = masks.get(f"items/{item}")
            mask = np.zeros(owner.shape, bool) if stored is None else stored[0] > 0
            under = judging.ink_under(owner, mask, int(owner.max()))
            name, clear, faint = names[row["modality"], row["device"]], [], []
            for line in lines[lines["item"] == item]:
                ink, hidden = under[line["line"]]
                found = hidden >= covered * ink
                if not line["visible"]:
                    faint.append(found)
                    continue
                one = Line(
                    frame=item,
                    name=name,
                    size=judging.height(float(line["height"])),
                    empty=bool(line["empty"]),
                    found=found,
                    held=verdicts.get(item, {}).get("verdict") != "release",
                    read=gate.read == "all" or row["read_all"] == "1" or item in suspected,
                )
                clear.append(one)
            yield Judged(name, float(mask.mean()), clear, faint)


def cleaned_in(shard: Path) -> set[int]:
    """Items of which there is a candidate."""
    rows = records(shard / "candidates.tsv")
    return {int(row["item"]) for row in rows if row["status"] == "candidate"}


def judge(shard: Path, truth: Path, covered: float, gate: Gate, settings: Settings) -> Any:
    """Count what was found; return the metrics and the classes' devices."""
    found = list(judged(shard, truth, covered, gate))
    with h5py.File(truth) as file:
        about = json.loads(file["about"][()])
    metrics = recall.section(
        [Class(**one) for one in about["classes"]],
        [line for one in found for line in one.clear],
        settings.share,
        settings.min_recall,
        reason="" if any(one["frames"] for one in about["classes"]) else "no_text_free_frames",
        faint=[line for one in found for line in one.faint],
        masked=[(one.name, one.masked) for one in found],
    )
    return metrics, about["devices"]


# --- all of it


def run(
    shards: Path, given: stages.Given, covered: float, threads: int, out: Path
) -> tuple[int, Any]:
    """Plant the controls of a submission, take them through, judge; return how many, and metrics.

    Only what they showed is written, to ``out``. All else that comes of them is in a folder beside
    it that no other job has, and goes with this one.
    """
    settings = Settings(**given.settings["controls"])
    of_gate = Gate(*(given.settings["gate"][name] for name in ("read", "suspicion")))
    folder = make_private(temporary(out.parent / "controls"))
    try:
        truth = folder / "truth.h5"
        table, copies = folder / "shard.tsv", folder / "copies"
        made = plant(shards, out.parent, settings, threads, table, copies, truth)
        stages.run(folder, given, threads)
        metrics, devices = judge(folder, truth, covered, of_gate, settings)
        recall.write(out, metrics, devices)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return made, metrics


def main(argv: Sequence[str] | None = None) -> None:
    """Rule ``spike_controls``."""
    parser = argparse.ArgumentParser(prog="python -m unburn.controls")
    parser.add_argument("--shards", type=Path, required=True, help="folder of the plan's tables")
    parser.add_argument("--settings", type=json.loads, required=True, help="JSON of all sections")
    parser.add_argument("--covered", type=float, required=True, help="share of a line's ink")
    parser.add_argument("--weights", type=Path, required=True, help="of the detector")
    parser.add_argument("--reader-weights", type=Path, required=True, help="of the line reader")
    parser.add_argument("--device-rules", type=Path, nargs="*", default=[], help="of the user")
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--project", required=True)
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    given = stages.Given(
        *(args.settings, args.weights, args.reader_weights, args.device_rules),
        *(args.key, args.project),
    )
    made, metrics = run(args.shards, given, args.covered, args.threads, args.out)
    held = sum(one["held_back"] for one in metrics["by_class"])
    log.info(
        "%d controls: %d of %d lines found, %d classes held",
        *(made, metrics["found"], metrics["lines"], held),
    )


if __name__ == "__main__":
    command(main)
