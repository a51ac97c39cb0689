"""Each rule alone: its inputs are there, its outputs are gone, it makes the same outputs again."""

import re
import shutil
from pathlib import Path

import pytest

from runs import REPO, jobs, snakemake, tree, without_resources
from unburn import keys

WORK, SHARD, RESULTS = "work/lab", "work/lab/00000", "results/lab"
# What each rule writes. A folder counts with all files in it.
OUTPUTS = {
    "plan_submission": [f"{WORK}/inventory.tsv", f"{WORK}/shards"],
    "extract_frames": [f"{SHARD}/frames.h5"],
    "detect_text": [f"{SHARD}/regions.h5"],
    "mask_text": [f"{SHARD}/masks.h5"],
    "crop_masks": [f"{SHARD}/fills.h5", f"{SHARD}/crops.h5"],
    "inpaint_crops": [f"{SHARD}/painted.h5"],
    "reassemble_objects": [
        *(f"{SHARD}/{name}" for name in ("candidates", "candidates.tsv", "uids.tsv"))
    ],
    "check_candidates": [f"{SHARD}/verdicts.tsv"],
    "release_submission": [
        *(f"{RESULTS}/{name}" for name in ("released.tsv", "held_back.tsv", "dicom", "masks")),
        *(f"{WORK}/{name}" for name in ("ledger.tsv", "uid_mapping.csv", "patid_mapping.csv")),
    ],
    "evaluate_submission": [f"{RESULTS}/metrics.json"],
    "record_provenance": [f"{RESULTS}/provenance.json"],
    "report_submission": [
        *(f"{RESULTS}/report.html", f"{WORK}/review.html", f"{WORK}/figures"),
    ],
    "account_for_items": [f"{WORK}/accounted"],
}
# What they write for the engine sd2; for the others nobody asks for it.
OF_BATCHES = {
    "deal_batches": [f"{WORK}/batches/00000"],
    "paint_batch": [f"{WORK}/painted/00000/00000.h5"],
    "inpaint_crops": [f"{SHARD}/painted.h5"],
}
PLANTED = "spike_controls"  # alone in test_year.py, where it has frames
DRAWS = "draw_key"  # only where the key is discarded; its output is another each time
BESIDE = ("dicom", "masks", "uid_mapping.csv", "patid_mapping.csv")  # written, not asked for
DATED = {f"{RESULTS}/provenance.json", f"{RESULTS}/report.html", f"{WORK}/review.html"}


def contents(run: Path, outputs: list[str]) -> dict[str, bytes]:
    """The bytes of every file that is an output or lies in one."""
    made = {}
    for output in outputs:
        place = run / output
        files = tree(place) if place.is_dir() else {"": place.read_bytes()}
        made |= {f"{output}/{name}".rstrip("/"): data for name, data in files.items()}
    return made


def test_every_rule_is_tested_alone():
    files = [file.read_text() for file in (REPO / "workflow" / "rules").glob("*.smk")]
    rules = [
        name for text in files for name in re.findall(r"^(?:rule|checkpoint) (\w+):", text, re.M)
    ]
    assert set(rules) == {*OUTPUTS, *OF_BATCHES, PLANTED, DRAWS}


def test_the_tiny_submission_takes_every_way(tiny_run):
    """Its masks are filled flat and painted, in lossy and lossless sources; one file is held."""
    candidates = (tiny_run / SHARD / "candidates.tsv").read_text()
    assert len(list((tiny_run / SHARD / "candidates").glob("*.dcm"))) == 4
    assert "\tclassic\t" in candidates
    assert (tiny_run / RESULTS / "held_back.tsv").read_text().count("structured_report") == 1


@pytest.mark.parametrize("rule", OUTPUTS)
def test_a_rule_alone_makes_its_outputs_from_its_inputs(rule, tiny_run, tmp_path):
    # The release asks the checkpoint for its shards; as its outputs are there, it stays idle.
    idle = {"plan_submission"} if rule == "release_submission" else set()
    check_alone(tiny_run, rule, OUTPUTS[rule], idle, tmp_path)


@pytest.mark.parametrize("rule", OF_BATCHES)
def test_a_rule_of_gpu_batches_alone_makes_its_outputs(rule, sd2_run, tmp_path):
    check_alone(sd2_run, rule, OF_BATCHES[rule], {"plan_submission", "deal_batches"}, tmp_path)


def check_alone(run, rule, outputs, idle, tmp_path):
    """Take a rule's outputs away, let it run, compare. ``idle`` rules may be planned, not run."""
    before = contents(run, outputs)
    for number, output in enumerate(outputs):
        (run / output).rename(tmp_path / str(number))
    try:
        result = snakemake(
            run,
            *(output for output in outputs if Path(output).name not in BESIDE),
            *("--notemp", "--rerun-triggers", "mtime", "--allowed-rules", *sorted({rule, *idle})),
        )
        screen = result.stdout + result.stderr
        assert result.returncode == 0, screen
        assert jobs(screen) == [rule]
        after = contents(run, outputs)
        for made in (before, after):
            metrics = f"{RESULTS}/metrics.json"
            made |= {metrics: without_resources(made[metrics])} if metrics in made else {}
        assert after.keys() == before.keys()
        assert [name for name in before if name not in DATED and after[name] != before[name]] == []
    finally:
        for number, output in enumerate(outputs):
            place = run / output
            shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
            (tmp_path / str(number)).rename(place)


def test_a_key_is_drawn_for_a_submission_and_closed(tiny_run):
    key = tiny_run / WORK / "drawn.key"
    try:
        result = snakemake(tiny_run, f"{WORK}/drawn.key", *("--notemp", "--allowed-rules", DRAWS))
        assert result.returncode == 0, result.stderr
        assert len(keys.load(key)) == keys.KEY_BYTES  # refuses one that others can read
        assert keys.load(key) != keys.load(tiny_run / "unburn.key")
    finally:
        key.unlink(missing_ok=True)
