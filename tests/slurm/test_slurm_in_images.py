"""Slurm and Apptainer together: `snakemake --profile slurm --sdm apptainer`."""

from slurm_runs import attempts, released, screen, start

from runs import make_run


def test_jobs_of_slurm_run_in_the_image_and_release_the_same_bytes(
    slurm, cpu_image, tiny, tiny_run, tmp_path
):
    run = make_run(tmp_path / "a run", {"lab": tiny}, containers={"cpu": str(cpu_image)})
    (run / "unburn.key").write_bytes((tiny_run / "unburn.key").read_bytes())
    assert start(run, "--sdm", "apptainer").wait() == 0, screen(run)
    assert released(run) == released(tiny_run)
    jobs = attempts(run)
    assert len(jobs) >= 10 and {one.state for one in jobs} == {"COMPLETED"}
    # what Snakemake tells Slurm names no folder of a submission
    assert not any("JANE" in one.comment + one.name for one in jobs)
