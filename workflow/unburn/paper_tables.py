"""The tables of the benchmark `tables`: detection, restoration, privacy, release, two tasks.

What was measured (``planted`` and its sisters) goes in, tables with intervals come out, the paper's
own figures beside ours in a column. Nothing is measured here; files and the page are those of
``paper_page``.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from unburn import intervals, judging, planted_reading, planted_tasks, tabulated
from unburn.challenge import APART
from unburn.detection import OURS
from unburn.intervals import Figure
from unburn.planted_restoration import BURNED, CLEAN, MASKS, NO_CONTEXT, PIPELINE
from unburn.restoration import BLACK_BOX, TELEA
from unburn.restoration import OURS as DEFAULT
from unburn.tabulated import Cell, Table
from unburn.weights import NAME as GENERATOR

PAPER = "arXiv 2604.11376"
AUTHORS = "reported by the authors"
CAVEAT = (
    f'Figures in the column "{AUTHORS}" are those of {PAPER}. Its frames, split, units, mask '
    "shape and weights are not public, so that they stand beside ours and are no comparison."
)
# what is written in a line that can be seen, by the kind that the renderer gives it
WRITTEN = {"text": "several letters", "marker": "markers", "single": "single letters"}
READ = ("planted", "restored")  # what readers were shown, frames as they were first
NAMES = {DEFAULT: "default (flat places exactly, else classic)"}


def mean(values: np.ndarray) -> float:
    """The mean of values, float64 (n,)."""
    return float(np.mean(values))


def median(values: np.ndarray) -> float:
    """The median of values, float64 (n,)."""
    return float(np.median(values))


RESTORED = {  # column, name, digits, statistic
    "mse": ("squared error in the mask", 1, mean),
    "psnr": ("PSNR in the mask, dB", 1, mean),
    "ssim": ("SSIM in the mask", 3, mean),
    "texture": ("texture ratio", 2, median),
    "spectral_db": ("log-spectral distance, dB", 1, mean),
    "frame_mse": ("squared error on the frame", 1, mean),
    "frame_psnr": ("PSNR on the frame, dB", 1, mean),
    "frame_ssim": ("SSIM on the frame", 3, mean),
}


@dataclass(frozen=True)
class Measured:
    """Everything that was measured, by file, and the seed of bootstraps and tests."""

    tables: Mapping[str, pd.DataFrame]
    notes: Mapping[str, Any]
    seed: int

    def table(self, name: str) -> pd.DataFrame:
        """A CSV; what is missing in it is NaN."""
        return self.tables[name]


def read(folder: Path, detectors: Sequence[str]) -> Measured:
    """Read every CSV and JSON of a folder; what was measured in parts becomes one table."""
    tables = {file.stem: pd.read_csv(file) for file in sorted(folder.glob("*.csv"))}
    for name, parts in (("found", detectors), ("read", READ)):
        for what in ("lines", "frames"):
            files = [folder / name / f"{part}_{what}.csv" for part in parts]
            tables[f"{name}_{what}"] = pd.concat(map(pd.read_csv, files), ignore_index=True)
    notes = {file.stem: json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))}
    notes["tasks"] = json.loads((folder / "tasks" / "tasks.json").read_text())
    return Measured(tables, notes, notes["set"]["seed"])


def kinds(lines: pd.DataFrame) -> pd.Series:
    """What each planted line counts as: visible, hardly visible, or one of ``APART``."""
    visible = lines["deviations"] >= judging.HARDLY_VISIBLE
    named = visible.map({True: "visible lines", False: "hardly visible lines"})
    return lines["kind"].map(APART).fillna(named)


# ------------------------------------------------------------------ detection


def scores(hits: Figure, right: Figure, f1: Figure) -> dict[str, Cell]:
    """Cells of one method."""
    return {"recall": hits, "precision": right, "F1": f1}


def harmonic(precision: float, recall: float) -> float:
    """F1 of precision and recall."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def f1_of(counts: np.ndarray, unit: np.ndarray, seed: int) -> Figure:
    """F1 of rows (found, of, right, said): what was found of what is there, right of what was said.

    Float64 (rows, 4).
    """

    def figure(rows: np.ndarray) -> float:
        found, of, right, said = rows.sum(0)
        return harmonic(right / said if said else 1.0, found / of if of else 1.0)

    return intervals.bootstrap(counts, unit, figure, seed)


def ratio(counts: np.ndarray, unit: np.ndarray, seed: int) -> Figure:
    """A share of pixels, float64 (rows, 2) of part and whole, with bounds by unit; NaN of none."""
    if not counts[:, 1].any():
        return intervals.share(0, 0)

    def figure(rows: np.ndarray) -> float:
        part, whole = rows.sum(0)
        return float(part / whole) if whole else float("nan")

    return replace(intervals.bootstrap(counts, unit, figure, seed), of=int(counts[:, 1].sum()))


def detection(measured: Measured) -> Table:
    """Recall, precision and F1 by unit and method."""
    lines = measured.table("found_lines").merge(measured.table("lines"), on=["frame", "line"])
    lines["kind"] = kinds(lines)
    lines = lines[lines["kind"] == "visible lines"]
    lines["found"] = lines["masked"] >= judging.COVERED * lines["ink_x"]
    rows: list[dict[str, Cell]] = []
    drawn_by = ""
    for method, frames in measured.table("found_frames").groupby("method", sort=False):
        own = lines[lines["method"] == method]
        by = own.groupby("frame")
        per = frames.set_index(["frame", "text"])
        unit, drawn_by = intervals.units(list(frames["group"]), list(frames["frame"]))
        there = frames["text"].to_numpy() == 1

        def of(column: pd.Series, there: np.ndarray = there, per: Any = per) -> np.ndarray:
            """A figure by frame with text, spread over all rows; 0 without text."""
            found = per.index.get_level_values("frame").map(column).to_numpy(float)
            return np.where(there, np.nan_to_num(found), 0.0)

        ink = np.stack([of(by["masked"].sum()), of(by["ink_x"].sum())], 1)
        near = frames[["masked_near_text", "masked_pixels"]].to_numpy(float)
        found = np.stack([of(by["found"].sum()), of(by["found"].count())], 1)
        regions = frames[["true_regions", "regions"]].to_numpy(float)
        said = (frames["regions"] > 0).to_numpy()
        name = {"method": str(method)}
        rows += [
            {"unit": "ink pixel", **name,
             **scores(ratio(ink, unit, measured.seed), ratio(near, unit, measured.seed),
                      f1_of(np.hstack([ink, near]), unit, measured.seed))},
            {"unit": "line", **name,
             **scores(intervals.share(*(int(n) for n in found.sum(0))),
                      intervals.share(*(int(n) for n in regions.sum(0))),
                      f1_of(np.hstack([found, regions]), unit, measured.seed))},
            {"unit": "frame", **name,
             **scores(intervals.share(int((said & there).sum()), int(there.sum())),
                      intervals.share(int((said & there).sum()), int(said.sum())),
                      f1_of(np.stack([said & there, there, said & there, said], 1).astype(float),
                            unit, measured.seed))},
        ]  # fmt: skip
    order = {"ink pixel": 0, "line": 1, "frame": 2}
    rows.sort(key=lambda row: order[str(row["unit"])])
    paper = {"recall": "0.939", "precision": "0.854", "F1": "0.892"}
    for row in rows:
        if row["unit"] == "line" and row["method"] == OURS:
            row[AUTHORS] = ", ".join(f"{name} {value}" for name, value in paper.items())
    counts = lines[lines["method"] == OURS]
    return Table(
        "detection",
        "Text detection",
        f"{len(counts)} visible lines on {counts['frame'].nunique()} frames with text, and the "
        "same frames without. Ink pixel: recall of the letters' pixels; precision is the share of "
        "masked pixels no farther from a line than half its height and 8 pixels. Line: found where "
        "90 % of its ink is masked; precision is the share of regions that hold ink, over frames "
        "with and without text. Frame: any region counts as text.",
        ("unit", "method", "recall", "precision", "F1", AUTHORS),
        tuple(rows),
        {},
        (
            CAVEAT + " The unit of theirs is not known; it stands in the row of lines.",
            "The detector has no input for the modality, so there is no row with and without it.",
            "Bounds (95 %): exact (Clopper-Pearson) for shares of lines, regions and frames; by "
            f"drawing every {drawn_by} anew for pixels and F1.",
            "Hardly visible lines, codes and handwriting are counted in the table of the release.",
        ),
    )


# ------------------------------------------------------------------ restoration


def printed_name(method: str) -> str:
    """What a method is called in tables."""
    return NAMES.get(method, method)


def not_run(measured: Measured) -> list[str]:
    """The rows of the generator where its weights are not there."""
    if measured.notes["restored"]["generator"]:
        return []
    return [GENERATOR, f"{GENERATOR}, {NO_CONTEXT}"]


ABSENT = "not run: its weights were not named (tables.sd2_weights)"


def restoration(measured: Measured) -> Table:
    """Errors and likeness by method and mask."""
    table = measured.table("restored")
    rows: list[dict[str, Cell]] = []
    drawn_by = ""
    for mask in MASKS:
        here = table[table["mask"] == mask]
        base = here[here["method"] == DEFAULT].set_index("frame")["mse"]
        for method in measured.notes["restored"]["methods"]:
            own = here[here["method"] == method]
            unit, drawn_by = intervals.units(list(own["group"]), list(own["frame"]))
            row: dict[str, Cell] = {"mask": mask, "method": printed_name(method)}
            for column, (name, _, statistic) in RESTORED.items():
                values = own[column].to_numpy(float)
                known = np.isfinite(values)
                row[name] = intervals.bootstrap(
                    values[known], unit[known], statistic, measured.seed
                )
            if method != DEFAULT:
                differences = own["mse"].to_numpy(float) - own["frame"].map(base).to_numpy(float)
                row["p"] = p_text(intervals.paired(differences, unit, measured.seed))
            if method == TELEA and mask == PIPELINE:
                row[AUTHORS] = "SSIM 0.96"
            if method == GENERATOR and mask == PIPELINE:
                row[AUTHORS] = "MSE about 912"
            rows.append(row)
        for name in not_run(measured):
            row = {"mask": mask, "method": f"{name}: {ABSENT}"}
            if name == GENERATOR and mask == PIPELINE:
                row[AUTHORS] = "MSE about 912"
            rows.append(row)
    names = [name for name, *_ in RESTORED.values()]
    return Table(
        "restoration",
        "Restoration",
        f"{table['frame'].nunique()} frames, each planted once with letters only. Exact mask: the "
        "pixels that the writing changed, grown by 2; found mask: the one that a run makes. Grey "
        "values 0 to 255. In the mask a painting is compared with the frame as it was; on the "
        "frame letters that the mask missed count too. Texture ratio: 1 is ideal, 0 too smooth; "
        "the median.",
        ("mask", "method", *names, "p", AUTHORS),
        tuple(rows),
        {name: digits for name, digits, _ in RESTORED.values()},
        (
            CAVEAT + " Whether their MSE and SSIM count the mask or the frame is not known.",
            f"Bounds (95 %) by drawing every {drawn_by} anew. p: squared error in the mask against "
            "the default, signs of the differences turned at random.",
        ),
    )


def p_text(value: float) -> str:
    """A p value as people write it."""
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


# ------------------------------------------------------------------ privacy


def order_of(measured: Measured, masks: Sequence[str] = MASKS) -> Iterator[tuple[str, str]]:
    """Every version of a frame, (method, mask), in the order of tables."""
    yield CLEAN, ""
    yield BURNED, ""
    for mask in masks:
        for method in measured.notes["restored"]["methods"]:
            yield method, mask


def privacy(measured: Measured) -> Table:
    """What readers read in every version, and whom it names."""
    lines, frames = (measured.table(name).fillna({"mask": ""}) for name in
                     ("read_lines", "read_frames"))  # fmt: skip
    rows: list[dict[str, Cell]] = []
    drawn_by = ""
    for method, mask in order_of(measured, (PIPELINE,)):
        for reader in planted_reading.READERS:
            own, whole = (
                t[(t["method"] == method) & (t["mask"] == mask) & (t["reader"] == reader)]
                for t in (lines, frames)
            )
            unit, drawn_by = intervals.units(list(own["group"]), list(own["frame"]))
            like = own["likeness"].to_numpy(float)
            rows.append(
                {"frames": f"{printed_name(method)}{', ' * bool(mask)}{mask}", "reader": reader,
                 "something read at a line's place":
                     intervals.share(int(own["legible"].sum()), len(own)),
                 "lines read": intervals.share(int((like >= planted_reading.SAME).sum()), len(own)),
                 "likeness": intervals.mean(like, unit, measured.seed),
                 "frames whose person is named":
                     intervals.share(int(whole["named"].sum()), len(whole)),
                 "named as somebody else":
                     intervals.share(int((whole["others_named"] > 0).sum()), len(whole))}
            )  # fmt: skip
    count = lines.drop_duplicates(["frame", "line"])
    return Table(
        "privacy",
        "Privacy after restoration",
        f"{len(count)} planted lines of at least {planted_reading.LEAST} Latin letters or digits, "
        f"on {count['frame'].nunique()} frames. Lines read: likeness of at least "
        f"{planted_reading.SAME} to what was planted (1 - edits / length, without case and "
        "blanks). "
        "A frame's person is named where the readings match the name or number in its header, as "
        "the gate compares them. The rows of clean frames tell what readers find by chance.",
        (
            "frames", "reader", "something read at a line's place", "lines read", "likeness",
            "frames whose person is named", "named as somebody else",
        ),
        tuple(rows),
        {},
        (
            "RapidOCR and Tesseract find lines themselves; our CTC reader is told where every line "
            "was, so that it reads what is left of a line's strokes.",
            "Made-up persons share first names: 'named as somebody else' tells how often a header "
            "matches by that.",
            f"Bounds (95 %): exact for shares, by drawing every {drawn_by} anew for likeness.",
        ),
    )  # fmt: skip


# ------------------------------------------------------------------ release


def leaks(measured: Measured) -> Table:
    """Lines that the masks of released items leave, all, by what is written and by layout."""
    lines = measured.table("released_lines").merge(
        measured.table("lines").drop(columns=["layout", "ink"]), on=["frame", "line"]
    )
    lines["written"], lines["kind"] = lines["kind"], kinds(lines)
    lines["left"] = lines["masked"] < judging.COVERED * lines["ink"]
    visible = lines[lines["kind"] == "visible lines"]
    groups = [
        ("visible lines", visible),
        *(
            (str(name), lines[lines["kind"] == name])
            for name in ("hardly visible lines", *APART.values())
        ),
        *(
            (f"visible, {name}", visible[visible["written"] == kind])
            for kind, name in WRITTEN.items()
        ),
        *((f"visible, layout {name}", own) for name, own in visible.groupby("layout")),
    ]
    rows: list[dict[str, Cell]] = []
    for name, own in groups:
        if not len(own):
            continue
        free = own[own["released"] == 1]
        read = free[free["legible"].notna()]
        rows.append(
            {"lines": name, "planted": len(own), "in released items": len(free),
             "left": int(free["left"].sum()),
             "share left": intervals.share(int(free["left"].sum()), len(free)),
             "read by Tesseract":
                 intervals.share(int((read["likeness"] >= planted_reading.SAME).sum()), len(read))}
        )  # fmt: skip
    return Table(
        "release",
        "Lines left in released items",
        "Every planted frame as a DICOM object of a patient of its own, through the workflow with "
        "gate.read: all. Left: less than 90 % of the line's ink is masked, by truth, whether or "
        f"not anybody could read it. {release_rates(measured)}",
        ("lines", "planted", "in released items", "left", "share left", "read by Tesseract"),
        tuple(rows),
        {"share left": 4, "read by Tesseract": 4},
        (
            "The gate reads with RapidOCR. Tesseract, which took no part, read the released "
            f"pictures apart: likeness of at least {planted_reading.SAME} at the line's place, of "
            f"lines of at least {planted_reading.LEAST} Latin letters or digits.",
            "Bounds (95 %) are exact, and count every line as independent of the others.",
            "Hardly visible: the ink differs by less than "
            f"{judging.HARDLY_VISIBLE} local deviations from what is around it.",
        ),
    )


def release_rates(measured: Measured) -> str:
    """One sentence: how much was released, with and without text."""
    items = measured.table("released_items")
    parts = []
    for name, own in items.groupby("submission", sort=True):
        done = own["status"] == "released"
        figure = tabulated.printed(intervals.share(int(done.sum()), len(own)), 3)
        held = own[~done]["reason_code"].value_counts().sort_index()
        why = ", ".join(f"{code} {count}" for code, count in held.items())
        what = "with text" if name == "text" else "without text"
        parts.append(
            f"{int(done.sum())} of {len(own)} {what}, {figure}{f'; held: {why}' if why else ''}"
        )
    touched = items[(items["submission"] == "clean") & (items["masked_pixels"] > 0)]
    total = int((items["submission"] == "clean").sum())
    return f"Released: {'; '.join(parts)}. Of those without text {len(touched)} of {total} were " \
        "painted somewhere."  # fmt: skip


# ------------------------------------------------------------------ tasks


def classification(measured: Measured) -> Table:
    """The modality named in every version, against the truth and against the clean frame."""
    table = measured.table("predictions").fillna({"mask": ""})
    about = measured.notes["tasks"]
    enough = about["enough"]
    rows: list[dict[str, Cell]] = []
    drawn_by = ""
    for model, mine in table.groupby("model", sort=False):
        clean = mine[mine["method"] == CLEAN].set_index("frame")
        for method, mask in order_of(measured):
            own = mine[(mine["method"] == method) & (mine["mask"] == mask)]
            unit, drawn_by = intervals.units(list(own["group"]), list(own["frame"]))
            agreed = (own["predicted"] == own["on_clean"]).to_numpy(float)
            row: dict[str, Cell] = {
                "model": str(model),
                "frames": f"{printed_name(method)}{', ' * bool(mask)}{mask}",
                "same as on the clean frame":
                    intervals.share(int(agreed.sum()), len(agreed)),
            }  # fmt: skip
            if own["drift"].notna().all():
                drift = own["drift"].to_numpy(float)
                row["feature drift"] = intervals.mean(drift, unit, measured.seed)
            if model == planted_tasks.OURS and enough:
                row |= against_truth(own, clean, unit, measured.seed)
                if method == GENERATOR and mask == PIPELINE:
                    row[AUTHORS] = "F1 0.999"
            rows.append(row)
    for name in not_run(measured):
        rows.append({"model": planted_tasks.OURS, "frames": f"{name}: {ABSENT}",
                     AUTHORS: "F1 0.999" if name == GENERATOR else ""})  # fmt: skip
    return Table(
        "classification",
        "Modality classification",
        f"A small classifier, trained here on frames without text. {split_text(about)}",
        (
            "model", "frames", *(("macro F1", "difference", "p") if enough else ()),
            "same as on the clean frame", "feature drift", AUTHORS,
        ),
        tuple(rows),
        {"feature drift": 4},
        (
            CAVEAT + " Their classes and their share of restored pixels are not known.",
            "Difference: macro F1 minus that on the clean frames; p by turning the signs of each "
            "patient's difference of right answers at random. Feature drift: 1 - cosine of the "
            "last layer's features of the frame and of the same clean frame.",
            f"Bounds (95 %): exact for shares, else by drawing every {drawn_by} anew.",
            *(f"{name}: {why}" for name, why in measured.notes["own_models"].items()),
        ),
    )  # fmt: skip


def against_truth(
    own: pd.DataFrame, clean: pd.DataFrame, unit: np.ndarray, seed: int
) -> dict[str, Cell]:
    """Macro F1 of one version, its difference to the clean frames, and a paired test."""
    truth = own["modality"].to_numpy(str)
    said, before = own["predicted"].to_numpy(str), own["on_clean"].to_numpy(str)
    classes = sorted(set(truth))
    triples = np.stack([truth, said, before], 1)
    f1 = intervals.bootstrap(
        triples, unit, lambda rows: intervals.macro_f1(rows[:, :2], classes), seed
    )
    change = intervals.bootstrap(
        triples, unit,
        lambda rows: intervals.macro_f1(rows[:, :2], classes)
        - intervals.macro_f1(rows[:, [0, 2]], classes),
        seed,
    )  # fmt: skip
    right = (said == truth).astype(float) - (before == truth).astype(float)
    return {"macro F1": f1, "difference": change, "p": p_text(intervals.paired(right, unit, seed))}


def split_text(about: Mapping[str, Any]) -> str:
    """How many frames and patients were learned from and judged."""
    parts = [
        f"{name}: {row['training_frames']} frames of {row['training_groups']} learned, "
        f"{row['judged_frames']} of {row['judged_groups']} judged"
        for name, row in about["modalities"].items()
    ]
    counts = f"Frames and their patients or series: {'; '.join(parts)}."
    if about["enough"]:
        return f"{counts} No patient is on both sides."
    return (
        f"{counts} There is no split by patient with two modalities on both sides, so that no F1 "
        "is given: only whether predictions agree with those on the clean frames."
    )


def segmentation(measured: Measured) -> Table:
    """Dice of the structures found in every version with those found on the clean frame."""
    table = measured.table("structures").fillna({"mask": ""})
    rows: list[dict[str, Cell]] = []
    drawn_by = ""
    names = ["all", *measured.notes["tasks"]["structures"][1:]]
    for model, mine in table.groupby("model", sort=False):
        box = mine[(mine["method"] == BLACK_BOX) & (mine["structure"] == "all")]
        by_mask = {mask: own.set_index("frame")["dice"] for mask, own in box.groupby("mask")}
        for method, mask in order_of(measured):
            if method == CLEAN:
                continue
            own = mine[(mine["method"] == method) & (mine["mask"] == mask)]
            row: dict[str, Cell] = {
                "model": str(model), "frames": f"{printed_name(method)}{', ' * bool(mask)}{mask}"
            }  # fmt: skip
            for name in names:
                here = own[own["structure"] == name]
                if not len(here):
                    continue
                unit, drawn_by = intervals.units(list(here["group"]), list(here["frame"]))
                dice = here["dice"].to_numpy(float)
                row[f"Dice, {name}"] = intervals.mean(dice, unit, measured.seed)
                if name == "all" and mask and method != BLACK_BOX:
                    differences = dice - here["frame"].map(by_mask[mask]).to_numpy(float)
                    row["p"] = p_text(intervals.paired(differences, unit, measured.seed))
            rows.append(row)
    rows += [
        {"model": planted_tasks.OURS, "frames": f"{name}: {ABSENT}"} for name in not_run(measured)
    ]
    return Table(
        "segmentation",
        "Segmentation",
        "A small U-Net, trained here to divide a frame into background, middle and bright "
        "structures (three classes of intensity by Otsu's method), as nobody outlined any. What it "
        "finds on a frame is compared with what it finds on the same clean frame.",
        ("model", "frames", *(f"Dice, {name}" for name in names), "p"),
        tuple(rows),
        {f"Dice, {name}": 4 for name in names},
        (
            "all: the mean over structures. p: against the black box under the same mask, signs of "
            "each patient's difference turned at random.",
            f"Bounds (95 %) by drawing every {drawn_by} anew. The authors report no segmentation.",
            *(f"{name}: {why}" for name, why in measured.notes["own_models"].items()),
        ),
    )
