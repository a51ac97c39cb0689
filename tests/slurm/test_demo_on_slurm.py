"""The bundled demo, by the command of the README, on a Slurm with two nodes."""

import re
from pathlib import Path

import pytest
from slurm_runs import attempts, screen, start

import tiny_sd2
from runs import DEMO, SLICES, SNAKEMAKE, leaks, make_run, snakemake


@pytest.fixture(scope="module")
def demo(slurm, tmp_path_factory) -> Path:
    run = make_run(
        tmp_path_factory.mktemp("slurm") / "demo",
        {"demo": DEMO / "data"},
        evaluate={"truth": str(DEMO / "truth.tsv")},
    )
    assert start(run).wait() == 0, screen(run)
    return run


def test_the_demo_runs_through_slurm(demo):
    assert "demo: 25 files found, 20 released, 2 held back, 3 ignored" in screen(demo)
    assert len((demo / "results/demo/released.tsv").read_text().splitlines()) > 20


def test_every_stage_was_a_job_that_succeeded_at_once(demo):
    jobs = attempts(demo)
    assert {one.state for one in jobs} == {"COMPLETED"}
    rules = [re.match("rule_([a-z_]+?)(_wildcards|$)", one.comment)[1] for one in jobs]
    assert len(rules) == len(set(rules)) >= 10  # one shard
    local = {"record_provenance", "account_for_items", "draw_key"}
    assert "plan_submission" in rules and not local & set(rules)


def test_slurm_is_told_labels_only(demo, canaries):
    for one in attempts(demo):
        assert re.fullmatch(r"unburn_[0-9a-f-]{36}", one.name)
        assert re.fullmatch(r"rule_[a-z_]+_wildcards_demo(_\d{5})?", one.comment)
        assert "gres/gpu" not in one.resources
    assert leaks(demo, canaries) == []


def test_each_shard_has_its_log_and_slurm_keeps_none_of_jobs_that_succeeded(demo):
    for stage in ("frames", "detect", "mask", "crop", "inpaint", "reassemble", "gate"):
        assert (demo / "logs" / stage / "demo" / "00000.log").is_file()
    assert not list((demo / ".snakemake" / "slurm_logs").rglob("*.log"))


def test_a_gpu_is_asked_for_by_the_rule_that_paints_alone(slurm, tmp_path):
    weights = tiny_sd2.write(tmp_path / "weights")
    settings = {"engine": "sd2", "sd2_weights": str(weights), "steps": 1}
    run = make_run(tmp_path / "run", {"lab": SLICES}, inpaint=settings)
    result = snakemake(run, "--notemp", "work/lab/batches/00000")
    assert result.returncode == 0, result.stderr
    partition = "paint_batch:slurm_partition=gpu"
    asked = ("work/lab/00000/painted.h5", "--set-resources", partition)
    going = start(run, *asked, program=[SNAKEMAKE])  # with the plugin's own waiting, for once
    assert going.wait() == 0, screen(run)
    (painting,) = attempts(run, "paint_batch")
    (gathering,) = attempts(run, "inpaint_crops")
    assert "gres/gpu=1" in painting.resources and "gres/gpu" not in gathering.resources
