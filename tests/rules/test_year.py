"""A facility's year on real runs: results that somebody edits, folders that go."""

import os
import shutil

import pytest

from runs import SLICES, jobs, make_run, snakemake, tree, without_resources
from unburn import tables

DATED = ("report.html", "provenance.json")
AFTER_RELEASE = {"evaluate_submission", "record_provenance", "report_submission"}
AFTER_RELEASE |= {"release_submission", "account_for_items", "all"}
OF_A_SHARD = {"extract_frames", "crop_masks", "inpaint_crops", "reassemble_objects"}


def released_bytes(run, submission):
    """What is handed out, without the files that carry dates, and without what it took."""
    files = tree(run / "results" / submission)
    files["metrics.json"] = without_resources(files["metrics.json"])
    return {name: data for name, data in files.items() if name not in DATED}


def objects(run, submission):
    """The released DICOM objects of a submission."""
    return sorted((run / "results" / submission / "dicom").rglob("*.dcm"))


@pytest.fixture(scope="module")
def labs(tmp_path_factory):
    """A finished run of two submissions of a few slices."""
    folder = tmp_path_factory.mktemp("year")
    folders = {}
    for label, numbers in {"one": (1, 2), "other": (3, 4, 5)}.items():
        folders[label] = folder / f"DOE {label}"
        folders[label].mkdir()
        for number in numbers:
            shutil.copy(SLICES / f"IM{number:04d}", folders[label])
    run = make_run(folder / "run", folders, plan={"shard_gib": 1})
    result = snakemake(run)
    assert result.returncode == 0, result.stderr
    return run


def test_a_result_that_was_edited_in_place_is_made_anew_and_nothing_else(labs):
    before, other = released_bytes(labs, "one"), released_bytes(labs, "other")
    edited = objects(labs, "one")[0]
    with open(edited, "r+b") as file:
        file.write(b"DOE JANE")
    again = snakemake(labs)
    assert again.returncode == 0, again.stderr
    made = set(jobs(again.stderr))
    assert made >= OF_A_SHARD | AFTER_RELEASE and "plan_submission" not in made
    assert "submission=one" in again.stderr and "submission=other" not in again.stderr
    assert released_bytes(labs, "one") == before and released_bytes(labs, "other") == other
    assert jobs(snakemake(labs).stderr) == []


def test_an_edit_that_keeps_its_time_is_found_at_the_next_release_and_mended_at_the_next_start(
    labs,
):
    before = released_bytes(labs, "one")
    edited, deleted = objects(labs, "one")
    time = edited.stat()
    with open(edited, "r+b") as file:
        file.write(b"DOE JANE")
    os.utime(edited, ns=(time.st_atime_ns, time.st_mtime_ns))
    deleted.unlink()  # so that the release is made again
    refused = snakemake(labs)
    assert refused.returncode != 0
    screen = refused.stdout + refused.stderr
    assert "its cleaned file changed after it was checked" in screen
    assert "hint: start the run again" in screen
    again = snakemake(labs)
    assert again.returncode == 0, again.stderr
    assert released_bytes(labs, "one") == before
    assert jobs(snakemake(labs).stderr) == []


def test_a_folder_that_is_gone_stops_no_other_and_harms_nothing_that_is_finished(labs, tmp_path):
    before = tree(labs / "results")
    rows = tables.read(labs / "sheet.tsv")
    folder = rows.path[1]
    shutil.move(folder, tmp_path / "archived")
    try:
        again = snakemake(labs)
        assert again.returncode == 0, again.stderr
        assert "the folder of the submission other is missing" in again.stderr
        assert "its results stay as they are" in again.stderr and "DOE" not in again.stderr
        assert jobs(again.stderr) == [] and tree(labs / "results") == before
    finally:
        shutil.move(tmp_path / "archived", folder)
    assert jobs(snakemake(labs).stderr) == []


def test_a_lost_result_whose_key_was_discarded_is_told_and_not_released_anew(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    shutil.copy(SLICES / "IM0001", folder)
    shutil.copy(SLICES / "IM0002", folder)
    run = make_run(tmp_path / "run", {"lab": folder}, metadata={"key": "discard"})
    assert snakemake(run).returncode == 0
    before = released_bytes(run, "lab")
    first = objects(run, "lab")[0]
    kept, time = first.read_bytes(), first.stat()
    first.unlink()
    for _ in range(2):
        refused = snakemake(run)
        assert refused.returncode != 0
        assert jobs(refused.stderr) == ["account_for_items", "all"][:1]
        assert "1 released files were deleted or altered" in refused.stdout + refused.stderr
        assert "bring them back from a copy" in refused.stdout + refused.stderr
    first.write_bytes(kept)
    os.utime(first, ns=(time.st_atime_ns, time.st_mtime_ns))
    again = snakemake(run)
    assert again.returncode == 0, again.stderr
    assert "release_submission" not in jobs(again.stderr)
    assert released_bytes(run, "lab") == before
