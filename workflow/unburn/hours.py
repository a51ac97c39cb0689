"""Core and GPU hours of a submission, by Snakemake's benchmark files.

There is one for each job, with its wall time, CPU time and memory, and nothing of a patient. A job
counts once, as it ran last: what is there was made by it. Tries that failed are not in them.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HOUR_S = 3600
CONTROLS = "controls"  # the stage that takes known lines through all others
DEAL_STAGE = "deal"  # of all crops that one plan led to
GPU_STAGE = "batch"  # whose jobs ask for GPUs, where the device is not the CPU


def jobs(benchmarks: Path, submission: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Stage, shard, deal or batch (empty for a job of the submission), and columns of each job."""
    for path in sorted(benchmarks.glob(f"*/{submission}.tsv")):
        yield from ((path.parent.name, "", row) for row in _rows(path))
    for path in sorted(benchmarks.glob(f"*/{submission}/*.tsv")):
        yield from ((path.parents[1].name, path.stem, row) for row in _rows(path))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with open(path, encoding="ascii", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t")


def number(text: str | None) -> float:
    """A number of a benchmark; 0 where none was taken, as of a job of less than a second."""
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def spent(benchmarks: Path, submission: str, gpus: int) -> dict[str, Any]:
    """Sum what the jobs of a submission took, all together and by stage.

    ``gpus`` is how many GPUs a job of the GPU stage asks for. ``core_hours`` is CPU time,
    ``job_hours`` wall time of the jobs one after the other. ``controls`` is what of it planted
    lines took.
    """
    stages: dict[str, dict[str, Any]] = {}
    controls = dict.fromkeys(("jobs", "core_hours", "job_hours"), 0.0) | {"jobs": 0}
    for stage, _, row in jobs(benchmarks, submission):
        total = stages.setdefault(
            stage,
            {"jobs": 0, "core_hours": 0.0, "gpu_hours": 0.0, "job_hours": 0.0, "memory_mb": 0.0},
        )
        hours = number(row["s"]) / HOUR_S
        core_hours = number(row["cpu_time"]) / HOUR_S
        if stage == CONTROLS:
            controls["jobs"] += 1
            controls["core_hours"] += core_hours
            controls["job_hours"] += hours
        total["jobs"] += 1
        total["core_hours"] += core_hours
        total["gpu_hours"] += gpus * hours if stage == GPU_STAGE else 0.0
        total["job_hours"] += hours
        total["memory_mb"] = max(total["memory_mb"], number(row["max_rss"]))
    names = ("jobs", "core_hours", "gpu_hours", "job_hours")
    return {
        **{name: sum(stage[name] for stage in stages.values()) for name in names},
        "memory_mb": max((stage["memory_mb"] for stage in stages.values()), default=0.0),
        "controls": controls,
        "by_stage": stages,
    }
