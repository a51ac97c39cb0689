import pytest

from unburn import hours

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def job(folder, path, seconds, cpu, memory):
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{HEADER}{seconds}\t0:00:01\t{memory}\t1\t1\t1\t0\t0\t50\t{cpu}\n")


def test_jobs_are_summed_by_stage_and_only_of_the_submission(tmp_path):
    job(tmp_path, "plan/lab.tsv", 360, 36, 100)
    job(tmp_path, "detect/lab/00000.tsv", 720, 1440, 900)
    job(tmp_path, "detect/lab/00001.tsv", 720, "NA", "NA")
    job(tmp_path, "detect/lab-2/00000.tsv", 3600, 3600, 5000)
    found = hours.spent(tmp_path, "lab", gpus=1)
    assert (found["jobs"], found["memory_mb"]) == (3, 900)
    assert found["core_hours"] == pytest.approx(0.41)
    assert found["job_hours"] == pytest.approx(0.5) and found["gpu_hours"] == 0
    assert found["by_stage"]["detect"]["jobs"] == 2


def test_gpu_hours_are_those_of_painting_batches(tmp_path):
    job(tmp_path, "deal/lab/00000.tsv", 3600, 1, 1)  # needs no GPU
    job(tmp_path, "batch/lab/00000-00000.tsv", 1800, 900, 1)
    assert hours.spent(tmp_path, "lab", gpus=2)["gpu_hours"] == pytest.approx(1.0)
    assert hours.spent(tmp_path, "lab", gpus=0)["gpu_hours"] == 0


def test_what_controls_took_is_in_the_sums_and_apart(tmp_path):
    job(tmp_path, "detect/lab/00000.tsv", 720, 1440, 900)
    job(tmp_path, "controls/lab.tsv", 72, 108, 100)
    found = hours.spent(tmp_path, "lab", gpus=0)
    assert (found["jobs"], found["by_stage"]["detect"]["jobs"]) == (2, 1)
    assert found["core_hours"] == pytest.approx(0.43)
    assert found["controls"] == pytest.approx({"jobs": 1, "core_hours": 0.03, "job_hours": 0.02})


def test_without_a_benchmark_nothing_was_counted(tmp_path):
    found = hours.spent(tmp_path, "lab", gpus=1)
    assert (found["jobs"], found["core_hours"], found["by_stage"]) == (0, 0, {})
