"""A run painted by the engine sd2 with random test weights: the code that real ones run."""

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from pydicom import dcmread

from runs import REPO, SLICES, jobs, leaks, make_run, snakemake
from unburn import tables
from unburn.sources import open_frames

NAME = "sd2-tiny (random test weights)"
# a picture whose text stands on empty background alone needs no generator
ENGINES = ({NAME}, {NAME, "flat"})


def test_crops_were_painted_by_the_generator_and_nothing_else_changed(sd2_run):
    rows = tables.read(sd2_run / "work/lab/00000/candidates.tsv").to_dict("records")
    made = [row for row in rows if row["status"] == "candidate"]
    assert len(made) == 4
    assert {row["engine"] for row in made} in ENGINES
    assert all((int(row["painted_pixels"]) > 0) == (row["engine"] == NAME) for row in made)
    assert all(row["outside_differing"] == "0" for row in made)
    assert "paint_batch" in jobs((sd2_run / "screen.txt").read_text())


def test_nothing_that_is_handed_out_calls_test_weights_sd2(sd2_run):
    metrics = json.loads((sd2_run / "results/lab/metrics.json").read_text())
    assert set(metrics["quality"]["engines"]) in ENGINES
    released = tables.read(sd2_run / "results/lab/released.tsv")
    assert set(released[released["kind"] == "image"]["engine"]) in ENGINES
    provenance = json.loads((sd2_run / "results/lab/provenance.json").read_text())
    named = [w["file"] for w in provenance["weights"] if w["setting"] == "inpaint.sd2_weights"]
    assert len(named) == 5 and all(file.startswith(f"{NAME}: ") for file in named)
    report = (sd2_run / "results/lab/report.html").read_text()
    words = re.sub(r"data:[^\"]*|<[^>]*>", " ", report)  # pictures and tags
    claims = re.findall(r"(?:painted by|by an engine \() *(.{0,40})", words)
    assert claims and all(claim.startswith((NAME, "flat ")) for claim in claims)


def test_what_gpu_jobs_read_holds_no_identifier(sd2_run, canaries):
    """Their files: the tables of batches and the crops; their words: paths, settings."""
    work = sd2_run / "work/lab"
    files = [*work.glob("batches/*/*.tsv"), *work.glob("*/crops.h5")]
    files += work.glob("painted/*/*.h5")
    assert len(files) >= 4
    for file in files:
        data = file.read_bytes()
        for name in canaries:
            # pixels are packed; short names would hit them by chance
            assert len(name) < 6 or name.encode() not in data, file.name
    with h5py.File(work / "00000/crops.h5") as crops:
        labels = list(crops["patches"].dtype.names)
        texts = {text for group in crops if group != "patches" for text in crops[group]["modality"]}
    assert labels == ["item", "frame", "top", "left", "rows", "columns", "group", "index"]
    assert texts <= {b"MR", b"US"}


def test_no_identifier_leaves_the_work_folder(sd2_run, canaries):
    assert leaks(sd2_run, canaries) == []


def test_masked_pixels_are_not_in_the_crops(sd2_run):
    """Under the mask a crop repeats what stands around it in the frame."""
    work = sd2_run / "work/lab"
    shard = tables.read(work / "shards/00000.tsv")
    paths = dict(zip(shard["item"].astype(int), shard["path"], strict=True))
    with h5py.File(work / "00000/crops.h5") as crops, h5py.File(work / "00000/masks.h5") as masks:
        assert len(crops["patches"]) > 4
        for patch in crops["patches"][:]:
            item, number = int(patch["item"]), int(patch["frame"])
            with open_frames(Path(paths[item])) as source:
                frame = source[number]
            stored, place = crops[patch["group"].decode()], int(patch["index"])
            inside = stored["pixels"][place][stored["hidden"][place] > 0]
            known = frame.reshape(*frame.shape[:2], -1)[masks["items"][str(item)][number] == 0]
            found, around = (set(map(tuple, np.unique(part, axis=0))) for part in (inside, known))
            assert found <= around


@pytest.mark.parametrize(
    ("settings", "message", "advice"),
    [
        ({"sd2_weights": "nowhere"}, "there is no such file", "fetch sd2 --out nowhere"),
        ({"prompt": "a cat"}, "this prompt was not encoded yet", "--prompt"),
    ],
)
def test_a_run_that_could_not_paint_stops_before_it_begins(
    settings, message, advice, sd2_run, tiny, tmp_path
):
    weights = str(sd2_run.parent / "weights")
    inpaint = {"engine": "sd2", "sd2_weights": weights, **settings}
    result = snakemake(make_run(tmp_path / "run", {"lab": tiny}, inpaint=inpaint))
    assert result.returncode != 0 and jobs(result.stdout + result.stderr) == []
    assert message in result.stderr and advice in result.stderr
    assert "Traceback" not in result.stderr


def test_without_crops_no_gpu_is_asked_for_and_a_new_series_is_painted_alone(sd2_run, tmp_path):
    """The first deal finds nothing; what is added later is a deal of its own."""
    blank = tmp_path / "blank"
    blank.mkdir()
    image = dcmread(SLICES / "IM0006")
    image.PixelData = bytes(len(image.PixelData))
    image.save_as(blank / "IM")
    weights = str(sd2_run.parent / "weights")
    run = make_run(
        tmp_path / "run", {"lab": blank}, inpaint={"engine": "sd2", "sd2_weights": weights}
    )
    result = snakemake(run)
    screen = result.stdout + result.stderr
    assert result.returncode == 0, screen
    assert "deal_batches" in jobs(screen) and "paint_batch" not in jobs(screen)
    assert "\ngpu=" not in screen and " gpu=" not in screen
    added = dcmread(SLICES / "IM0006")
    added.SeriesInstanceUID, added.SOPInstanceUID = "1.2.3.1", "1.2.3.1.1"
    added.file_meta.MediaStorageSOPInstanceUID = added.SOPInstanceUID
    added.save_as(blank / "IM2")
    again = snakemake(run)
    screen = again.stdout + again.stderr
    assert again.returncode == 0, screen
    assert "shard=00001" in screen and "shard=00000" not in screen
    assert "deal=00001" in screen and "deal=00000" not in screen


def test_the_example_in_the_documents_leaves_out_painted_pixels(sd2_run, monkeypatch):
    text = (REPO / "config" / "README.md").read_text()
    (example,) = re.findall(r"```python\n(import highdicom.*?)```", text, re.DOTALL)
    monkeypatch.chdir(sd2_run / "results/lab")
    found = {}
    exec(example, found)
    image, row = found["image"], found["row"]
    assert len(found["real"]) == image.Rows * image.Columns - row.masked_pixels
    assert row.masked_pixels > 0 and len(found["usable"]) < len(found["released"])
