"""Measure a release: how much was released, what text may be left, how good the pictures are.

Every privacy figure stands beside the release rate, and what comes from a sample has an upper
bound: "none found in n" is printed with the share that n frames cannot rule out.
"""

import argparse
import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path, PurePath
from typing import Any

import h5py
import numpy as np
from scipy import special

from unburn import decisions, hours, metrics, policy, recall
from unburn.errors import UserError, command
from unburn.ledger import (
    check_not_forgotten,
    painted_share,
    records,
    shard_folders,
    shard_table,
)

log = logging.getLogger(__name__)

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Settings:
    """The section ``evaluate`` of the settings."""

    truth: str  # a table of planted lines, empty when there is none
    covered: float  # share of a planted line's box that must be masked
    flag_painted_share: float  # of an item's pixels, above which a person should look at it


@dataclass(frozen=True)
class Item:
    """One item with its lines of the ledger, the plan, the candidates and the verdicts."""

    item: str
    path: str
    status: str
    reason_code: str
    modality: str
    folder: Path  # of its shard; of the submission where it is in none
    plan: Mapping[str, str] = field(default_factory=dict)
    candidate: Mapping[str, str] = field(default_factory=dict)
    verdict: Mapping[str, str] = field(default_factory=dict)

    @property
    def searched(self) -> bool:
        """Whether it has pixels in which text is looked for."""
        return self.plan.get("pixels") == "1"

    @property
    def touched(self) -> bool:
        """Whether pixels were painted."""
        return whole(self.candidate, "masked_pixels") > 0

    @property
    def painted_share(self) -> float:
        """Share of its pixels that were painted."""
        return painted_share(self.candidate)


# --- numbers


def upper_bound(found: int, of: int) -> float:
    """Exact one-sided 95 % upper bound of a share (Clopper and Pearson 1934); 1 where of is 0."""
    if found >= of:
        return 1.0
    return float(special.betaincinv(found + 1, of - found, CONFIDENCE))


def share(part: int, of: int) -> float | None:
    """A share, or None of nothing."""
    return part / of if of else None


def whole(row: Mapping[str, str], name: str) -> int:
    """A count in a table; an empty cell is 0."""
    return int(float(row.get(name) or 0))


def spread(rows: Iterable[Mapping[str, str]], name: str) -> dict[str, float | int | None]:
    """Median and 5th and 95th percentile of a column over the items that have it."""
    values = [float(row[name]) for row in rows if row.get(name)]
    values = [value for value in values if np.isfinite(value)]
    if not values:
        return {"items": 0, "median": None, "p05": None, "p95": None}
    p05, median, p95 = (float(value) for value in np.percentile(values, (5, 50, 95)))
    return {"items": len(values), "median": median, "p05": p05, "p95": p95}


# --- sections of the metrics


def release_rate(items: Sequence[Item]) -> dict[str, Any]:
    """Count items by what became of them. The rate is of released and held back together."""
    status = Counter(one.status for one in items)
    by_reason = {
        name: dict(sorted(Counter(one.reason_code for one in items if one.status == name).items()))
        for name in ("held_back", "ignored")
    }
    return {
        "found": len(items),
        "released": status["released"],
        "held_back": status["held_back"],
        "ignored": status["ignored"],
        "release_rate": share(status["released"], status["released"] + status["held_back"]),
        "held_back_by_reason": by_reason["held_back"],
        "ignored_by_reason": by_reason["ignored"],
    }


def privacy(items: Sequence[Item], work: Path) -> dict[str, Any]:
    """Count what was found, masked and read again, with bounds on what may be left."""
    lines: Counter[str] = Counter()
    searched = with_text = 0
    for folder in shard_folders(work):
        with h5py.File(folder / "regions.h5") as file:
            lines.update(kind.decode() for kind in file["regions"]["kind"].tolist())
            searched += len(file["examined"])
            with_text += int((file["examined"]["regions"] > 0).sum())
    released = [one for one in items if one.status == "released"]
    return {
        "lines_found": sum(lines.values()),
        "lines_by_class": dict(sorted(lines.items())),
        "frames_searched": searched,
        "frames_with_text": with_text,
        "masked_items": sum(one.touched for one in released),
        "masked_frames": sum(whole(one.candidate, "masked_frames") for one in released),
        "masked_pixels": sum(whole(one.candidate, "masked_pixels") for one in released),
        "bytes_removed": sum(whole(one.candidate, "scrubbed") for one in released),
        "held_for_residual_text": sum(one.reason_code == "residual_text" for one in items),
        "held_for_identifier": sum(one.reason_code == "residual_identifier" for one in items),
        "face_possible_items": sum(one.verdict.get("face") == "1" for one in released),
        "policy": stayed(released, work),
        "known_regions": known_regions(work),
    } | reading([one for one in items if one.searched and one.verdict])


def known_regions(work: Path) -> dict[str, Any]:
    """Count items whose header gave places away: ultrasound areas and device rules, by rule."""
    rules: Counter[str] = Counter()
    areas: Counter[str] = Counter()
    devices: set[int] = set()
    for folder in shard_folders(work):
        with h5py.File(folder / "masks.h5") as file:
            for item, source, rule in file["known"][:].tolist():
                if source == b"device":
                    devices.add(item)
                    rules[rule.decode("ascii")] += 1
                else:
                    areas[rule.decode("ascii")] += 1
    return {
        "ultrasound_items": areas["all"],
        "ultrasound_items_with_unusable_areas": areas["unusable"],
        "device_items": len(devices),
        "device_rules": dict(sorted(rules.items())),
    }


def over_painted(released: Iterable[Item], flag: float) -> list[Item]:
    """Released items of which more than the share ``flag`` was painted, the most painted first."""
    flagged = [one for one in released if one.painted_share > flag]
    return sorted(flagged, key=lambda one: (-one.painted_share, int(one.item)))


def stayed(released: Iterable[Item], work: Path) -> dict[str, Any]:
    """The policy in force and how many lines it let stay in released items, by class.

    A line counts once a frame. ``fell_back_items`` are those with text in which ``phi`` kept
    nothing, as their header does not name the patient.
    """
    numbers = {int(one.item) for one in released}
    names: set[str] = set()
    kept: Counter[str] = Counter()
    fell_back = marked = 0
    for folder in shard_folders(work):
        found = policy.read(folder / "masks.h5")
        names.add(found.policy)
        for number in numbers & set(found.kept):
            kept.update(kind.decode() for kind in found.kept[number]["kind"].tolist())
        fell_back += len(found.fell_back)
        marked += len(numbers & set(found.facts))
    return {
        "name": ", ".join(sorted(names)) or "all",  # without a shard nothing stayed
        "kept_lines": sum(kept.values()),
        "kept_lines_by_class": dict(sorted(kept.items())),
        "fell_back_items": fell_back,
        "items_with_markers": marked,
    }


def reading(searched: Sequence[Item]) -> dict[str, Any]:
    """What the gate read in the frames that are released, and what it did not.

    Frames that were read are no sample: text that was read in one holds its item back. The bound
    is for the unread ones.
    """
    released = [one for one in searched if one.status == "released"]
    frames = sum(whole(one.verdict, "frames") for one in released)
    read = sum(whole(one.verdict, "frames_read") for one in released)
    failed = sum(whole(one.verdict, "frames_failed") for one in released)
    sample = sampled(searched)
    bound = upper_bound(sample["sample_with_text"], sample["sample_counts_as"])
    return {
        "released_frames": frames,
        "read": {"frames": read, "with_text": failed},
        "unread": {
            "frames": frames - read,
            "share": share(frames - read, frames),
            **sample,
            "upper_bound": bound if frames > read else 0.0,
        },
        "confidence": CONFIDENCE,
    }


def sampled(searched: Iterable[Item]) -> dict[str, int]:
    """Count the frames that speak for the unread ones: read at random, without suspicion.

    Only series with unread released frames count; a radiograph that was read whole says nothing
    about the slices of a CT. Of each series another share was read (at least a frame), so all
    count as if they had been read as thinly as the thinnest: with shares f_i >= f of N_i frames,
    the chance to see none is at most (1 - p)^(f N) (Jensen's inequality), as in a sample of f N
    out of N. A failed frame counts here unless the item has suspicious frames only.
    """
    series: dict[str, list[Item]] = {}
    for one in searched:
        if one.candidate.get("status") == "candidate":
            series.setdefault(one.plan["series"], []).append(one)
    total, read, failed, thinnest = 0, 0, 0, Fraction(1)
    for members in series.values():
        rows = [one.verdict for one in members]
        left = [one.verdict for one in members if one.status == "released"]
        if sum(whole(row, "frames") - whole(row, "frames_read") for row in left) == 0:
            continue
        calm = sum(whole(row, "frames") - whole(row, "frames_suspicious") for row in rows)
        drawn = [max(0, whole(r, "frames_read") - whole(r, "frames_suspicious")) for r in rows]
        total, read = total + calm, read + sum(drawn)
        failed += sum(min(whole(r, "frames_failed"), n) for r, n in zip(rows, drawn, strict=True))
        thinnest = min(thinnest, Fraction(sum(drawn), calm))
    return {
        "sample_frames": read,
        "sample_counts_as": int(thinnest * total),
        "sample_with_text": failed,
    }


def quality(released: Sequence[Item]) -> dict[str, Any]:
    """Measure pictures inside and outside the mask, over released items with painted pixels."""
    touched = [one.candidate for one in released if one.touched]
    everything = [one.candidate for one in released if one.searched]
    masked = sum(whole(row, "masked_pixels") for row in touched)
    total = sum(whole(row, "pixels_total") for row in touched)
    return {
        "pixels_outside_masks": total - masked,
        "pixels_outside_differing": sum(whole(row, "outside_differing") for row in touched),
        "filled_flat_pixels": sum(whole(row, "flat_pixels") for row in touched),
        "painted_pixels": sum(whole(row, "painted_pixels") for row in touched),
        "synthetic_fraction": share(masked, sum(whole(row, "pixels_total") for row in everything)),
        "synthetic_fraction_of_touched": share(masked, total),
        "texture_ratio": spread(touched, "texture_ratio"),
        "seam_step": spread(touched, "seam_step"),
        "engines": dict(sorted(Counter(row["engine"] for row in touched).items())),
    }


def modality_row(modality: str, members: Sequence[Item]) -> dict[str, Any]:
    """One modality: its release rate first, then what was masked and how well."""
    released = [one for one in members if one.status == "released"]
    handled = [one for one in members if one.status != "ignored"]
    touched = [one for one in handled if one.touched]
    row: dict[str, Any] = {
        "modality": modality,
        "items": len(handled),
        "released": len(released),
        "held_back": len(handled) - len(released),
        "release_rate": share(len(released), len(handled)),
        "masked_items": len(touched),
        "masked_released": sum(one.status == "released" for one in touched),
        "released_frames": sum(whole(one.candidate, "frames") for one in released if one.searched),
        "masked_frames": sum(whole(one.candidate, "masked_frames") for one in released),
        "masked_pixels": sum(whole(one.candidate, "masked_pixels") for one in released),
    }
    measured = quality(released)
    for name in ("synthetic_fraction", "pixels_outside_differing", "texture_ratio", "seam_step"):
        row[name] = measured[name]
    return row


def by_modality(items: Sequence[Item]) -> list[dict[str, Any]]:
    """A row for each modality; files whose header could not be read have none and come last."""
    names = sorted(
        {one.modality for one in items if one.status != "ignored"}, key=lambda m: (not m, m)
    )
    return [modality_row(name, [one for one in items if one.modality == name]) for name in names]


def product_counts(results: Path, items: Sequence[Item]) -> dict[str, int]:
    """Count masks and volumes, and the complete volumetric series that have no volume."""
    rows = records(results / "released.tsv")
    volumes = {row["series"] for row in rows if row["kind"] == "nifti"}
    volumetric = {
        one.candidate["series_out"]
        for one in items
        if one.status == "released" and one.plan.get("volumetric") == "1"
    }
    slices = Counter(row["series"] for row in rows if row["output"].startswith("dicom/"))
    frames = Counter[str]()
    complete = set()
    for row in rows:
        if row["series"] in volumetric and row["output"].startswith("dicom/"):
            frames[row["series"]] += whole(row, "frames")
            if row["series_complete"] == "1":
                complete.add(row["series"])
    whole_volumes = {name for name in complete if max(frames[name], slices[name]) > 1}
    return {
        "masks": sum(row["kind"] == "mask" for row in rows),
        "volumes": sum(row["kind"] != "mask" and row["output"].endswith(".nii.gz") for row in rows),
        "complete_volumetric_series": len(whole_volumes),
        "complete_series_without_volume": len(whole_volumes - volumes),
    }


# --- planted truth


@dataclass(frozen=True)
class Line:
    """A planted line: its item, its frame (from 0) and its box in pixels of the stored matrix."""

    item: str
    frame: int
    column: int
    row: int
    width: int
    height: int
    kind: str


def read_truth(path: Path, items: Sequence[Item]) -> list[Line]:
    """Read a table of planted lines; the text in it is never looked at.

    Columns: file (relative to the submission), frame (from 1; in an object of one frame any
    number means that frame), column, row, width, height, kind (free, may be missing).

    Raises
    ------
    UserError
        if a column is missing, a file is not, or twice, in the submission, or a frame not in it
    """
    if not path.is_file():
        raise UserError("evaluate.truth", "there is no such file", "name a TSV, or leave it empty")
    rows = records(path)
    needed = {"file", "frame", "column", "row", "width", "height"}
    missing = sorted(needed - set(rows[0] if rows else needed))
    if missing:
        raise UserError(
            "evaluate.truth", f"no column {', '.join(missing)}", f"expected {', '.join(needed)}"
        )
    by_name: dict[str, list[Item]] = {}
    for one in items:
        by_name.setdefault(PurePath(one.path).name, []).append(one)
    withdrawn = any(one.reason_code == "withdrawn" for one in items)
    lines = []
    for number, row in enumerate(rows, 2):
        parts = PurePath(row["file"]).parts
        fitting = [
            one
            for one in by_name.get(parts[-1] if parts else "", [])
            if PurePath(one.path).parts[-len(parts) :] == parts
        ]
        if not fitting and withdrawn:
            continue  # its name is no longer known
        if len(fitting) != 1:
            raise UserError(
                f"evaluate.truth, line {number}",
                f"{len(fitting)} files of the submission end in this name, expected 1",
                "write the file's path relative to the submission's folder",
            )
        one = fitting[0]
        frames = whole(one.plan, "frames")
        single = frames <= 1
        if not single and row["frame"] not in map(str, range(1, frames + 1)):
            raise UserError(
                f"evaluate.truth, line {number}",
                f"its frame is not one of the file's {frames}",
                "count frames from 1",
            )
        lines.append(
            Line(
                item=one.item,
                frame=0 if single else int(row["frame"]) - 1,
                column=whole(row, "column"),
                row=whole(row, "row"),
                width=whole(row, "width"),
                height=whole(row, "height"),
                kind=row.get("kind", ""),
            )
        )
    return lines


def covered_share(mask: np.ndarray, line: Line) -> float:
    """Share of a line's box that is masked; ``mask`` is 0/1, (rows, columns) of its frame."""
    box = mask[
        max(line.row, 0) : line.row + line.height, max(line.column, 0) : line.column + line.width
    ]
    return float(box.mean()) if box.size else 0.0


def planted(lines: Sequence[Line], items: Sequence[Item], covered: float) -> dict[str, Any]:
    """Count planted lines that are masked, in released items and apart in held-back ones."""
    by_item = {one.item: one for one in items}
    found: dict[str, Counter[str]] = {"released": Counter(), "held_back": Counter()}
    total: dict[str, Counter[str]] = {"released": Counter(), "held_back": Counter()}
    for folder in sorted({by_item[line.item].folder for line in lines}):
        masks = folder / "masks.h5"
        with h5py.File(masks) as file:
            stored = file.get("items", {})
            for line in (line for line in lines if by_item[line.item].folder == folder):
                status = by_item[line.item].status
                if status not in total:
                    continue
                total[status][line.kind] += 1
                if line.item in stored:
                    share_ = covered_share(stored[line.item][line.frame], line)
                    found[status][line.kind] += share_ >= covered
    released = sum(total["released"].values())
    left = released - sum(found["released"].values())
    return {
        "lines": len(lines),
        "covered_from_share": covered,
        "released": {
            "lines": released,
            "masked": released - left,
            "left": left,
            "left_upper_bound": upper_bound(left, released),
            "by_kind": {
                kind: {"lines": total["released"][kind], "masked": found["released"][kind]}
                for kind in sorted(total["released"])
            },
        },
        "held_back": {
            "lines": sum(total["held_back"].values()),
            "masked": sum(found["held_back"].values()),
        },
    }


# --- files


def read_items(work: Path) -> list[Item]:
    """Read every item of the ledger with what the stages wrote about it."""
    plans, candidates, verdicts, folders = {}, {}, {}, {}
    for folder in shard_folders(work):
        for row in records(shard_table(folder)):
            plans[row["item"]], folders[row["item"]] = row, folder
        check_not_forgotten(folder)
        candidates.update({row["item"]: row for row in records(folder / "candidates.tsv")})
        verdicts.update({row["item"]: row for row in records(folder / "verdicts.tsv")})
    inventory = {row["item"]: row for row in records(work / "inventory.tsv")}
    return [
        Item(
            item=row["item"],
            path=row["input"],
            status=row["status"],
            reason_code=row["reason_code"],
            modality=inventory[row["item"]]["modality"],
            folder=folders.get(row["item"], work),
            plan=plans.get(row["item"], {}),
            candidate=candidates.get(row["item"], {}),
            verdict=verdicts.get(row["item"], {}),
        )
        for row in records(work / "ledger.tsv")
    ]


def evaluate(
    submission: str,
    work: Path,
    results: Path,
    settings: Settings,
    benchmarks: Path = Path("benchmarks"),
    gpus: int = 0,
    controls: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Measure one submission; see ``metrics.json``.

    ``controls`` is what they showed, as ``recall.measured`` says it. ``resources`` is of all jobs
    before this one, each with ``gpus`` GPUs where it paints on them.
    """
    items = read_items(work)
    released = [one for one in items if one.status == "released"]
    found: dict[str, Any] = {
        "submission": submission,
        "release": release_rate(items),
        "privacy": privacy(items, work),
        "quality": quality(released)
        | {
            "flagged_from_painted_share": settings.flag_painted_share,
            "flagged_items": len(over_painted(released, settings.flag_painted_share)),
        },
        "products": product_counts(results, items),
        "modalities": by_modality(items),
        "resources": hours.spent(benchmarks, submission, gpus),
    }
    if controls:
        found["controls"] = controls
    decided = decisions.counts(work, {one.item for one in released})
    if decided:
        found["decisions"] = decided
    if settings.truth:
        lines = read_truth(Path(settings.truth), items)
        in_shards = {one.item for one in items if one.plan}
        found["truth"] = planted(
            [line for line in lines if line.item in in_shards], items, settings.covered
        )
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Measure what was released of one submission."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--submission", required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--showed", type=Path, nargs="*", default=[], help="by controls")
    parser.add_argument("--controls", type=json.loads, required=True, help="JSON of controls")
    parser.add_argument("--benchmarks", type=Path, required=True)
    parser.add_argument("--gpus", type=int, required=True, help="that a job of a batch asks for")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    settings = Settings(**args.settings)
    controls = recall.measured(args.showed, args.controls["share"], args.controls["min_recall"])
    found = evaluate(
        args.submission, args.work, args.results, settings, args.benchmarks, args.gpus, controls
    )
    metrics.write(found, args.out)
    rate = found["release"]["release_rate"]
    log.info(
        "submission %s: release rate %s", args.submission, "-" if rate is None else f"{rate:.1%}"
    )


if __name__ == "__main__":
    command(main)
