"""Slurm and Apptainer together: `snakemake --profile slurm --sdm apptainer`."""

import json
import shutil

from slurm_runs import attempts, released, screen, start

from runs import make_run, small_cine


def test_jobs_of_slurm_run_in_the_image_and_release_the_same_bytes(
    slurm, cpu_image, tiny, tiny_run, tmp_path
):
    images = shutil.copytree(tiny, tmp_path / tiny.name)
    small_cine(images / "cine", 8, frames=94)  # with these there are frames enough for controls
    run = make_run(tmp_path / "a run", {"lab": images}, containers={"cpu": str(cpu_image)})
    (run / "unburn.key").write_bytes((tiny_run / "unburn.key").read_bytes())
    assert start(run, "--sdm", "apptainer").wait() == 0, screen(run)
    same = released(tiny_run)
    del same["released.tsv"]  # it lists the series of the cine, too
    assert same.items() <= released(run).items()
    metrics = json.loads((run / "results" / "lab" / "metrics.json").read_text())
    controls = metrics["controls"]
    assert (controls["reason"], controls["frames"], controls["failed_frames"]) == ("", 1, 0)
    assert controls["lines"] >= 1 and len(attempts(run, "spike_controls")) == 1
    jobs = attempts(run)
    assert len(jobs) >= 10 and {one.state for one in jobs} == {"COMPLETED"}
    # what Snakemake tells Slurm names no folder of a submission
    assert not any("JANE" in one.comment + one.name for one in jobs)
