"""Try a submission out before it is run: ``python -m unburn preview``.

One series of each device (manufacturer and model), size and class goes through the whole workflow,
in a run of its own below ``work/``. What its jobs took is carried over to all series of the same
kind: work by the frame, beside what a job takes to start, which a picture of no size tells. A start
varies by seconds, so a series of few frames is filled up with files of others of its kind.
One series says little of what is held back, so that share is a first look.
"""

import json
import os
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pydicom
import yaml
from pydicom.dataset import Dataset, FileMetaDataset

from unburn import demand, hours, keys, nifti, plan, settings, submissions, tables, takeover
from unburn.errors import ItemError, UserError
from unburn.files import make_private
from unburn.folders import bytes_below
from unburn.ledger import records
from unburn.metadata import quiet
from unburn.settings import Run, snakemake_in
from unburn.sheet import Row
from unburn.sources import described

FOLDER = "_preview"  # below work/; no label of a submission has an underscore
START = "a-picture-of-no-size"  # the submission of one picture of no size
ONE_SERIES_GIB = 1e-9  # a shard for each series
ENOUGH = 32  # frames, of which a start's variation of seconds is a tenth of a second each
COLUMNS = (
    *("kind", "manufacturer", "model", "modality", "rows", "columns", "sop_class"),
    *("series", "items", "frames", "tried_items", "tried_frames", "tried_held_back"),
    *("core_seconds_per_frame", "scratch_bytes_per_frame", "crops_per_frame"),
)


@dataclass(frozen=True)
class Kind:
    """What the series of one kind share."""

    manufacturer: str
    model: str
    rows: int
    columns: int
    samples: int
    sop_class: str


@dataclass
class Group:
    """All series of one kind, one of which is tried."""

    kind: Kind
    modality: str
    series: dict[str, list[plan.Item]] = field(default_factory=dict)  # by label

    @property
    def items(self) -> int:
        """How many files."""
        return sum(map(len, self.series.values()))

    @property
    def frames(self) -> int:
        """How many frames; a file without any counts as one."""
        return sum(frames_of(items) for items in self.series.values())

    @property
    def tried(self) -> list[plan.Item]:
        """The series of the middle number of frames, then files of others until it is enough."""
        order = sorted(self.series, key=lambda name: (frames_of(self.series[name]), name))
        chosen = order.pop(len(order) // 2)
        taken = list(self.series[chosen])
        for item in (item for name in order for item in self.series[name]):
            if frames_of(taken) >= ENOUGH or item.kind in nifti.KINDS:
                break
            taken.append(item)
        return taken


@dataclass(frozen=True)
class Cost:
    """What a job of a stage took: CPU and GPU seconds."""

    core_s: float = 0.0
    gpu_s: float = 0.0


@dataclass(frozen=True)
class Prediction:
    """What a run of a submission would take, and what it would hold back."""

    files: int
    series: int
    frames: int
    kinds: int
    tried_frames: int
    shards: int
    held_back: float
    of: int
    core_hours: float
    gpu_hours: float | None  # None: not measured here
    crops: int
    scratch_bytes: int


# --- what is there


def frames_of(items: Iterable[plan.Item]) -> int:
    """Frames of a series; a file without any counts as one."""
    return sum(max(1, item.frames) for item in items)


def kind_of(item: plan.Item, root: Path) -> Kind:
    """The kind of a series, by one of its files."""
    try:
        header = described(root / item.path, item.kind)
    except ItemError:
        header = Dataset()
    maker, model = (
        plan.text_of(header, keyword).strip().lower()
        for keyword in ("Manufacturer", "ManufacturerModelName")
    )
    return Kind(maker, model, item.rows, item.columns, item.samples, item.sop_class)


def survey(items: Sequence[plan.Item], root: Path) -> list[Group]:
    """Group the planned series of a submission by kind; ``items`` are numbered."""
    series: dict[str, list[plan.Item]] = defaultdict(list)
    for item in items:
        if item.status == "planned":
            series[item.series].append(item)
    groups: dict[Kind, Group] = {}
    for name, members in sorted(series.items()):
        image = max(members, key=lambda item: item.frames)  # not what lies beside a volume
        kind = kind_of(image, root)
        groups.setdefault(kind, Group(kind, image.modality)).series[name] = members
    return list(groups.values())


# --- the trial


def take(groups: Sequence[Group], root: Path, folder: Path) -> dict[str, int]:
    """Put a series of each kind into ``folder``; return the kind's number by name of file."""
    placed = {}
    for number, group in enumerate(groups):
        inside = folder / f"{number:05d}"
        inside.mkdir(parents=True)
        for count, item in enumerate(group.tried):
            name = f"{number:05d}/{count:06d}"
            original = root / item.path
            files = {name: original}
            if item.kind in nifti.KINDS:  # what lies beside a volume is known by its name
                ending = original.name[len(Path(nifti.stem_of(item.path)).name) :]
                files = {f"{number:05d}/volume{ending}": original}
                if original.suffix.lower() == ".hdr":
                    files[f"{number:05d}/volume.img"] = original.with_suffix(".img")
            for name, file in files.items():
                if item.series == group.tried[0].series:
                    link(file, folder / name)
                elif not adopt(file, root / group.tried[0].path, folder / name):
                    continue
                placed[name] = number
    return placed


def link(file: Path, target: Path) -> None:
    """Link a file, or copy it from another file system."""
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)


def adopt(file: Path, member: Path, target: Path) -> bool:
    """Write a file as one of the series of ``member``; say whether it could be done."""
    try:
        with quiet():
            dataset, head = pydicom.dcmread(file), pydicom.dcmread(member, stop_before_pixels=True)
            dataset.StudyInstanceUID = head.StudyInstanceUID
            dataset.SeriesInstanceUID = head.SeriesInstanceUID
            dataset.save_as(target)
    except Exception:  # malformed: pydicom raises many kinds
        target.unlink(missing_ok=True)
        return False
    return True


def tiny_picture(path: Path) -> None:
    """Write a radiograph of 16 x 16 pixels without text."""
    path.parent.mkdir(parents=True)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID = pydicom.uid.ComputedRadiographyImageStorage
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = "2.25.1", "2.25.2"
    dataset.StudyInstanceUID, dataset.PatientID, dataset.Modality = "2.25.3", "nobody", "CR"
    dataset.Rows = dataset.Columns = 16
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = np.arange(256, dtype=np.uint8).tobytes()
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)


def trial_config(run: Run, has_gpu: bool) -> dict[str, Any]:
    """The settings of the trial: those of the run, with its places and shards of a series."""
    config: dict[str, Any] = {}
    for dotted, value in settings.changed(run.config).items():
        group, _, name = dotted.rpartition(".")
        if name.endswith(("weights", "rules")) or group == "containers":
            value = str(Path(value).absolute()) if value else value
        (config.setdefault(group, {}) if group else config)[name] = value
    for name in ("sheet", "results", "work", "key_file"):
        config.pop(name, None)
    config["sheet"] = "sheet.tsv"
    config.setdefault("plan", {})["shard_gib"] = ONE_SERIES_GIB
    config.setdefault("gate", {}).update(max_held_back=1, approval="none")
    config.setdefault("metadata", {}).pop("key", None)  # tables are to stay, in work/
    config.setdefault("evaluate", {})["truth"] = ""
    config.setdefault("controls", {})["share"] = 0  # their share of frames is added
    if run.config["inpaint"]["engine"] == "sd2" and not has_gpu:
        config["inpaint"]["engine"] = "classic"
    return config


def trial_sheet(rows: Mapping[str, Row], folder: Path, has_gpu: bool) -> str:
    """The sheet of the trial: the submissions' samples, each with its own settings."""
    own = {
        label: {
            name: value
            for name, value in row.settings.items()
            if name not in ("metadata.key", "plan.shard_gib", "evaluate.truth", "controls.share")
            and (has_gpu or (name, value) != ("inpaint.engine", "sd2"))
        }
        for label, row in rows.items()
    }
    columns = sorted({name for values in own.values() for name in values})
    lines = [["submission", "path", "project", *columns]]
    for label, row in rows.items():
        cells = [json.dumps(own[label][name]) if name in own[label] else "" for name in columns]
        lines.append([label, str(folder / "data" / label), row.project, *cells])
    lines.append([START, str(folder / "data" / START), START, *[""] * len(columns)])
    return "".join("\t".join(line) + "\n" for line in lines)


def run_trial(folder: Path, cores: int) -> None:
    """Run the workflow on the samples.

    Raises
    ------
    UserError
        if it fails; it says why itself
    """
    run = folder / "run"
    command = [*snakemake_in(run, cores), "--notemp"]
    environment = {k: v for k, v in os.environ.items() if k != takeover.VARIABLE}
    with open(folder / "screen.txt", "w", encoding="utf-8") as screen:
        done = subprocess.run(command, stdout=screen, stderr=screen, env=environment, check=False)
    if done.returncode:
        raise UserError(
            "preview",
            "the trial failed, as a run would",
            f"read the end of {folder / 'screen.txt'}, and mend what it names",
        )


# --- what it took


def costs(benchmarks: Path, label: str, gpus: int) -> dict[str, dict[str, Cost]]:
    """What each job took, by stage and shard (empty for a job of the submission, as dealing is)."""
    found: dict[str, dict[str, Cost]] = defaultdict(dict)
    for stage, part, row in hours.jobs(benchmarks, label):
        painting = stage == hours.GPU_STAGE
        found[stage]["" if stage == hours.DEAL_STAGE else part] = Cost(
            hours.number(row["cpu_time"]), gpus * hours.number(row["s"]) if painting else 0.0
        )
    return found


def crops_in(folder: Path) -> int:
    """How many crops of a shard need painting."""
    with h5py.File(folder / "crops.h5") as file:
        return len(file["patches"])


@dataclass(frozen=True)
class Tried:
    """What came of the series of one kind that was tried."""

    items: int
    frames: int
    held: int
    core_s: float  # of all stages, beyond their starts
    scratch: int
    crops: int


def held_by_itself(row: Mapping[str, str]) -> bool:
    """Whether a file was held back, and not because of another one of its volume."""
    return row["status"] == "held_back" and row["reason_code"] != "series_held"


def outcome(
    run: Path, label: str, placed: Mapping[str, int], kinds: int
) -> tuple[list[Tried], dict[str, float], dict[str, float], float]:
    """What the trial of a submission took.

    Returns
    -------
    by kind; core seconds to start a job of each stage, for a shard and for a submission, those with
    what a further item adds under the stage's name and ``+``; GPU seconds of a crop
    """
    work, data = run / "work" / label, run.parent / "data" / label
    start = costs(run / "benchmarks", START, 0)
    took = costs(run / "benchmarks", label, 1)
    ledger = records(work / "ledger.tsv")
    shard_of = {row["item"]: row["shard"] for row in records(work / "inventory.tsv")}
    tables_of = [row for name in (work / "shards").glob("*.tsv") for row in records(name)]
    frames = defaultdict(str, {row["item"]: row["frames"] for row in tables_of})
    by_kind: dict[int, list[dict[str, str]]] = defaultdict(list)
    for row in (row for row in ledger if row["status"] != "ignored"):
        by_kind[placed[os.path.relpath(row["input"], data.resolve())]].append(row)
    per_shard = {
        stage: start[stage]["00000"].core_s for stage in took if "00000" in start.get(stage, {})
    }
    tried = []
    for number in range(kinds):
        rows = by_kind[number]
        shards = {shard_of[row["item"]] for row in rows} - {""}
        core_s = sum(
            max(0.0, took[stage][shard].core_s - fixed)
            for stage, fixed in per_shard.items()
            for shard in shards
            if shard in took[stage]
        )
        folders = [work / shard for shard in shards]
        tried.append(
            Tried(
                items=len(rows),
                frames=sum(max(1, int(frames[row["item"]] or 1)) for row in rows),
                held=sum(held_by_itself(row) for row in rows),
                core_s=core_s,
                scratch=sum(map(bytes_below, folders)),
                crops=sum(map(crops_in, folders)),
            )
        )
    whole = {}
    for stage, jobs in took.items():
        if "" in jobs:
            fixed = start[stage][""].core_s if "" in start.get(stage, {}) else 0.0
            whole[stage] = fixed
            whole[f"{stage}+"] = max(0.0, jobs[""].core_s - fixed) / max(1, len(ledger) - 1)
    gpu_s = sum(cost.gpu_s for cost in took.get(hours.GPU_STAGE, {}).values())
    crops = sum(one.crops for one in tried)
    return tried, per_shard, whole, gpu_s / crops if crops else 0.0


def predict(
    items: Sequence[plan.Item],
    groups: Sequence[Group],
    tried: Sequence[Tried],
    per_shard: Mapping[str, float],
    whole: Mapping[str, float],
    gpu_s_per_crop: float | None,
    controls: int = 0,
) -> Prediction:
    """Carry over what was tried to all series of the same kind.

    ``items`` are dealt into shards. ``gpu_s_per_crop`` is None where no GPU was at hand.
    ``controls`` are frames of which copies go through the workflow too, in one process, whose start
    is that of the stage that loads most.
    """
    planned = [item for item in items if item.status == "planned"]
    ended = Counter(item.status for item in items)
    shards = len({item.shard for item in planned})
    pairs = list(zip(groups, tried, strict=True))
    scale = [group.frames / max(1, one.frames) for group, one in pairs]
    held = ended["held_back"] + sum(g.items * one.held / max(1, one.items) for g, one in pairs)
    frames = sum(group.frames for group in groups)
    core_s = shards * sum(per_shard.values())
    core_s += max(per_shard.values(), default=0) if controls else 0
    by_frame = sum(one.core_s * factor for one, factor in zip(tried, scale, strict=True))
    core_s += by_frame * (1 + controls / max(1, frames))
    core_s += sum(
        seconds * (len(items) - 1 if stage.endswith("+") else 1) for stage, seconds in whole.items()
    )
    crops = round(sum(one.crops * factor for one, factor in zip(tried, scale, strict=True)))
    return Prediction(
        files=len(items),
        series=sum(len(group.series) for group in groups),
        frames=frames,
        kinds=len(groups),
        tried_frames=sum(one.frames for one in tried),
        shards=shards,
        held_back=held,
        of=len(planned) + ended["held_back"],
        core_hours=core_s / hours.HOUR_S,
        gpu_hours=None if gpu_s_per_crop is None else crops * gpu_s_per_crop / hours.HOUR_S,
        crops=crops,
        scratch_bytes=round(
            sum(one.scratch * factor for one, factor in zip(tried, scale, strict=True))
        ),
    )


def controls_of(groups: Sequence[Group], section: Mapping[str, Any]) -> int:
    """How many frames at most get copies with known lines, by the section ``controls``."""
    frames = demand.control_frames(sum(group.frames for group in groups), section["share"])
    devices = {(one.modality, one.kind.manufacturer, one.kind.model) for one in groups}
    return min(frames, section["class_frames"] * len(devices))


# --- files


def lines(label: str, found: Prediction) -> list[str]:
    """What to print of a submission; nothing of a header."""
    share = found.held_back / found.of if found.of else 0.0
    said = [
        f"{label}: {found.files} files, {found.series} series, {found.frames} frames, "
        f"{found.shards} shards",
        f"    tried: {found.tried_frames} frames of {found.kinds} kinds of series, by device, size "
        "and class",
        f"    held back: about {share:.1%}, {found.held_back:.0f} of {found.of} files",
        f"    core hours: about {found.core_hours:.3g}",
        f"    scratch: at most {found.scratch_bytes / 2**30:.3g} GiB, if nothing is removed before "
        "the end",
    ]
    if found.gpu_hours is not None:
        said.append(f"    GPU hours: about {found.gpu_hours:.3g}, for {found.crops} crops")
    else:
        said.append(
            f"    GPU hours: not measured, as there is no GPU here; about {found.crops} crops are "
            "to be painted"
        )
    return said


def table(groups: Sequence[Group], tried: Sequence[Tried], path: Path) -> None:
    """Write what is known of each kind; it holds values of headers and stays in work/."""
    rows = [
        {
            "kind": number,
            **{name: getattr(group.kind, name) for name in COLUMNS[1:7] if name != "modality"},
            "modality": group.modality,
            "series": len(group.series),
            "items": group.items,
            "frames": group.frames,
            "tried_items": one.items,
            "tried_frames": one.frames,
            "tried_held_back": one.held,
            "core_seconds_per_frame": f"{one.core_s / max(1, one.frames):.4f}",
            "scratch_bytes_per_frame": round(one.scratch / max(1, one.frames)),
            "crops_per_frame": f"{one.crops / max(1, one.frames):.4f}",
        }
        for number, (group, one) in enumerate(zip(groups, tried, strict=True))
    ]
    tables.write(path, rows, COLUMNS)


def copies(work: Path) -> tuple[Path, Path]:
    """What holds pictures of a preview, below the folder ``work`` of the run."""
    return work / FOLDER / "data", work / FOLDER / "run"


def gpu_at_hand(run: Run) -> bool:
    """Whether the engine could paint on a GPU here."""
    if not any(run.section(label, "inpaint")["engine"] == "sd2" for label in run.rows):
        return False
    import torch  # takes seconds

    return torch.cuda.is_available()


def preview(run: Run, cores: int, say: Callable[[str], None]) -> dict[str, Prediction]:
    """Try every submission of the sheet; ``say`` prints a line. Returns what is predicted."""
    submissions.check(run)
    has_gpu = gpu_at_hand(run)
    folder = Path(run.config["work"]).absolute() / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    make_private(folder)
    found: dict[str, tuple[list[plan.Item], list[Group], dict[str, int]]] = {}
    try:
        for label, row in run.rows.items():
            plan.check_folder(row.path, folder, f"{run.config['sheet']}:{row.line}")
            root = row.path.resolve()
            limits = plan.Settings(**run.section(label, "plan"))
            state = plan.State()
            items = plan.survey(root, folder.parent / label, cores, Path(run.config["key_file"]))
            items = plan.deal(plan.number(items, state), state, limits)
            groups = survey(items, root)
            if not groups:
                say(f"{label}: no file of it could be cleaned, so there is nothing to try")
                continue
            placed = take(groups, root, folder / "data" / label)
            found[label] = items, groups, placed
        tiny_picture(folder / "data" / START / "1.dcm")
        tried_rows = {label: run.rows[label] for label in found}
        (folder / "run").mkdir()
        keys.new(folder / "run" / "unburn.key")
        sheet = trial_sheet(tried_rows, folder, has_gpu)
        (folder / "run" / "sheet.tsv").write_text(sheet, encoding="utf-8")
        config = yaml.safe_dump(trial_config(run, has_gpu))
        (folder / "run" / "config.yaml").write_text(config, encoding="utf-8")
        run_trial(folder, cores)
        predictions = {}
        for label, (items, groups, placed) in found.items():
            tried, per_shard, whole, per_crop = outcome(folder / "run", label, placed, len(groups))
            needed = run.section(label, "inpaint")["engine"] == "sd2"
            gpu = per_crop if has_gpu else None if needed else 0.0
            controls = controls_of(groups, run.section(label, "controls"))
            predictions[label] = predict(items, groups, tried, per_shard, whole, gpu, controls)
            table(groups, tried, folder / f"{label}.tsv")
            for line in lines(label, predictions[label]):
                say(line)
            say(f"    by device, size and class: {folder / f'{label}.tsv'}")
    finally:
        for place in copies(folder.parent):
            shutil.rmtree(place, ignore_errors=True)
    return predictions
