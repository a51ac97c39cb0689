"""Tables of hand-made measurements: two patients of each modality, figures that are known."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from unburn import intervals, paper_page, paper_tables, planted_reading, planted_tasks
from unburn.intervals import Figure
from unburn.paper_tables import ABSENT, AUTHORS, Measured
from unburn.planted_restoration import BASELINES, BURNED, CLEAN, MASKS
from unburn.restoration import BLACK_BOX
from unburn.restoration import OURS as DEFAULT

FRAMES = 4
GROUPS = ("p1", "p2", "p3", "p4")
MODALITY = ("CT", "CT", "MR", "MR")
VERSIONS = [(CLEAN, ""), (BURNED, ""), *((m, mask) for mask in MASKS for m in BASELINES)]


DETECTORS = ("unburn", "tesseract")


def frame(rows):
    return pd.DataFrame(rows)


def shown(rows):
    """What readers were shown: the frames as they were, and their paintings."""
    return frame([row | {"shown": "restored" if row["mask"] else "planted"} for row in rows])


def parts(name, what, table, column, wanted):
    """A table in the parts that it is measured in."""
    return {f"{name}/{one}_{what}": table[table[column] == one] for one in wanted}


def lines():
    """Two visible lines a frame, and in frame 0 a hardly visible one and a code."""
    rows = [(k, n, "text", 5.0, "corners") for k in range(FRAMES) for n in (0, 1)]
    rows += [(0, 2, "text", 0.5, "corners"), (0, 3, "code", 5.0, "codes")]
    names = ("frame", "line", "kind", "deviations", "layout")
    return frame([dict(zip(names, row, strict=True)) | {"ink": 100} for row in rows])


def everything(folder):
    """Write what the rules measure: ours finds all, the other nothing; one line is left."""
    found = [
        {"method": method, "frame": row.frame, "line": row.line, "ink": 100, "masked": masked}
        for method, masked in (("unburn", 95), ("tesseract", 0))
        for row in lines().itertuples()
    ]
    frames = [
        {"method": method, "frame": k, "group": GROUPS[k], "text": text,
         "regions": said * (4 if text else 0), "true_regions": said * (3 if text else 0),
         "masked_pixels": said * 200 * text, "masked_near_text": said * 150 * text}
        for method, said in (("unburn", 1), ("tesseract", 0))
        for k in range(FRAMES)
        for text in (1, 0)
    ]  # fmt: skip
    restored = [
        {"method": m, "mask": mask, "frame": k, "group": GROUPS[k], "modality": MODALITY[k],
         "pixels": 10, **dict.fromkeys(paper_tables.RESTORED, 1.0),
         "mse": 10.0 * (1 + BASELINES.index(m))}
        for m in BASELINES for mask in MASKS for k in range(FRAMES)
    ]  # fmt: skip
    read = [
        {"method": m, "mask": mask, "frame": k, "group": GROUPS[k], "line": 0, "reader": reader,
         "legible": int(m == BURNED), "likeness": 0.9 * (m == BURNED)}
        for m, mask in VERSIONS for k in range(FRAMES) for reader in planted_reading.READERS
    ]  # fmt: skip
    named = [
        {**{c: row[c] for c in ("method", "mask", "frame", "group", "reader")},
         "named": row["legible"], "others_named": 0}
        for row in read
    ]  # fmt: skip
    released = [
        {"frame": row.frame, "line": row.line, "layout": row.layout, "released": int(row.frame < 3),
         "ink": 100, "masked": 0 if (row.frame, row.line) == (1, 0) else 100,
         "legible": 0, "likeness": 0.0}
        for row in lines().itertuples()
    ]  # fmt: skip
    items = [
        {"submission": s, "frame": k, "modality": "CT",
         "status": "held_back" if (s, k) == ("text", 3) else "released",
         "reason_code": "residual_text" if (s, k) == ("text", 3) else "", "masked_pixels": 0}
        for s in ("text", "clean") for k in range(FRAMES)
    ]  # fmt: skip
    predictions = [
        {"model": planted_tasks.OURS, "method": m, "mask": mask, "frame": k, "group": GROUPS[k],
         "modality": MODALITY[k], "predicted": "CT" if m == BURNED else MODALITY[k],
         "on_clean": MODALITY[k], "drift": 0.2 * (m == BURNED)}
        for m, mask in VERSIONS for k in range(FRAMES)
    ]  # fmt: skip
    structures = [
        {"model": planted_tasks.OURS, "method": m, "mask": mask, "frame": k, "group": GROUPS[k],
         "structure": name, "dice": 0.8 if m == BLACK_BOX else 1.0}
        for m, mask in VERSIONS for k in range(FRAMES) for name in ("all", "middle", "bright")
    ]  # fmt: skip
    for name in ("found", "read"):
        (folder / name).mkdir()
    for name, rows in {
        "lines": lines(), "restored": frame(restored),
        **parts("found", "lines", frame(found), "method", DETECTORS),
        **parts("found", "frames", frame(frames), "method", DETECTORS),
        **parts("read", "lines", shown(read), "shown", paper_tables.READ),
        **parts("read", "frames", shown(named), "shown", paper_tables.READ),
        "released_lines": frame(released), "released_items": frame(items),
        "predictions": frame(predictions), "structures": frame(structures),
    }.items():  # fmt: skip
        rows.to_csv(folder / f"{name}.csv", index=False)
    sides = {f"{a}_{b}": 2 for a in ("training", "judged") for b in ("frames", "groups")}
    notes = {
        "set": {"seed": 1, "sources": FRAMES, "frames": FRAMES, "lines": 10, "digest": "d",
                "demo_only": False, "fonts": 2,
                "modalities": {m: {"frames": 2, "groups": 2} for m in ("CT", "MR")}},
        "restored": {"methods": list(BASELINES), "generator": False},
        "own_models": {"mine": "there is no such file"},
        "tasks/tasks": {"enough": True, "structures": ["background", "middle", "bright"],
                        "modalities": {"CT": sides, "MR": sides}},
    }  # fmt: skip
    (folder / "tasks").mkdir()
    for name, note in notes.items():
        (folder / f"{name}.json").write_text(json.dumps(note))


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Measured:
    folder = tmp_path_factory.mktemp("measured")
    everything(folder)
    return paper_tables.read(folder, DETECTORS)


def row(table, **wanted):
    (one,) = [r for r in table.rows if all(r.get(k) == v for k, v in wanted.items())]
    return one


def test_detection_counts_visible_lines_regions_and_frames(measured):
    table = paper_tables.detection(measured)
    ours = row(table, unit="line", method="unburn")
    assert ours["recall"].value == 1 and ours["recall"].of == 2 * FRAMES
    assert ours["precision"].value == 0.75 and ours["precision"].of == 4 * FRAMES
    assert ours["F1"].value == pytest.approx(1.5 / 1.75)
    assert "0.939" in ours[AUTHORS]
    ink = row(table, unit="ink pixel", method="unburn")
    assert ink["recall"].value == 0.95 and ink["precision"].value == 0.75
    nothing = row(table, unit="ink pixel", method="tesseract")
    assert nothing["recall"].value == 0 and np.isnan(nothing["precision"].value)  # it masks none
    whole = row(table, unit="frame", method="unburn")
    assert whole["recall"].value == whole["precision"].value == 1
    other = row(table, unit="line", method="tesseract")
    assert other["recall"].value == 0 and other["recall"].high > 0 and other["F1"].value == 0
    assert any("no input for the modality" in note for note in table.notes)


def test_restoration_names_what_was_not_run_and_what_the_authors_say(measured):
    table = paper_tables.restoration(measured)
    errors = "squared error in the mask"
    assert [r[errors].value for r in table.rows if isinstance(r.get(errors), Figure)] == [
        10, 20, 30, 40, 10, 20, 30, 40,
    ]  # fmt: skip
    absent = [r for r in table.rows if ABSENT in str(r["method"])]
    assert len(absent) == 4  # with and without the modality, under both masks
    assert any(r.get(AUTHORS) == "MSE about 912" for r in absent)


def test_privacy_has_the_readers_chance_beside(measured):
    table = paper_tables.privacy(measured)
    for reader in planted_reading.READERS:
        assert row(table, frames=CLEAN, reader=reader)["lines read"].value == 0
        burned = row(table, frames=BURNED, reader=reader)
        assert burned["lines read"].value == 1 and burned["likeness"].value == pytest.approx(0.9)
        assert burned["frames whose person is named"].of == FRAMES


def test_lines_left_are_counted_in_released_items_alone(measured):
    table = paper_tables.leaks(measured)
    visible = row(table, lines="visible lines")
    assert (visible["planted"], visible["in released items"], visible["left"]) == (8, 6, 1)
    assert visible["share left"].value == pytest.approx(1 / 6)
    several = row(table, lines="visible, several letters")
    assert (several["planted"], several["in released items"], several["left"]) == (8, 6, 1)
    assert row(table, lines="QR codes and bar codes")["left"] == 0
    assert row(table, lines="hardly visible lines")["planted"] == 1
    assert "3 of 4 with text" in table.about and "held: residual_text 1" in table.about
    assert "4 of 4 without text" in table.about


def test_tasks_compare_with_the_truth_where_patients_are_split(measured):
    table = paper_tables.classification(measured)
    assert row(table, frames=CLEAN)["macro F1"].value == 1
    burned = row(table, frames=BURNED)
    assert burned["macro F1"].value == pytest.approx(1 / 3)
    assert burned["difference"].value == pytest.approx(-2 / 3)
    assert burned["same as on the clean frame"].value == 0.5
    assert burned["feature drift"].value == pytest.approx(0.2)
    assert "mine: there is no such file" in table.notes


def test_without_a_split_by_patient_there_is_no_f1(measured):
    notes = {**measured.notes, "tasks": {**measured.notes["tasks"], "enough": False}}
    table = paper_tables.classification(replace(measured, notes=notes))
    assert "macro F1" not in table.columns and "no split by patient" in table.about
    assert row(table, frames=BURNED)["same as on the clean frame"].value == 0.5


def test_segmentation_is_tested_against_the_black_box(measured):
    table = paper_tables.segmentation(measured)
    name = f"{paper_tables.printed_name(DEFAULT)}, {MASKS[1]}"
    assert row(table, frames=name)["Dice, all"].value == 1 and row(table, frames=name)["p"]
    assert row(table, frames=f"{BLACK_BOX}, {MASKS[1]}")["Dice, all"].value == pytest.approx(0.8)


def test_a_small_set_says_that_it_is_no_evidence():
    assert paper_page.warning({"demo_only": True, "sources": 17}, 5).startswith("Demo, not evi")
    assert paper_page.warning({"demo_only": False, "sources": 49}, 50).startswith("Demo, not evi")
    assert not paper_page.warning({"demo_only": False, "sources": 50}, 50)


def test_every_file_is_written_and_twice_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(intervals, "RESAMPLED", 50)  # most of the time that this takes
    everything(tmp_path)
    for name in ("one", "two"):
        paper_page.tabulate(tmp_path, DETECTORS, 50, tmp_path / name)
    files = sorted(file.name for file in (tmp_path / "one").iterdir())
    assert len(files) == 6 * 5 + 2
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    page = (tmp_path / "one" / "tables.html").read_text()
    assert "Demo, not evidence: 4 frames, fewer than 50" in page
    assert page.count("<svg") == 6 and "http-equiv" in page and "<script" not in page
    text = (tmp_path / "one" / "release.md").read_text()
    assert "| 0 of 1 (at most 0.9750) |" in text and "Demo, not evidence" in text
