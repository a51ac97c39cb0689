"""What unburn costs by the size of a submission: time, memory, scratch space, bytes moved.

`plan` takes headers whose pixels are holes, so that a million files fit on a laptop; `clean` runs
the whole workflow on pictures without text. Submissions and runs are made for it and removed.
"""

import argparse
import contextlib
import json
import logging
import re
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from unburn import hours, keys, tables
from unburn.errors import UserError, command
from unburn.files import replacing
from unburn.folders import entries_below
from unburn.settings import snakemake_in
from unburn.synthetic import Shape, write

log = logging.getLogger(__name__)

MIB = 1 << 20
SAMPLE_S = 0.2  # between two looks at memory
SCRATCH_S = 2.0  # between two looks at scratch space
LABEL = "made"  # the submission
PEER_FRAMES = 10  # given to RapidOCR's detector alone
DONE = "Nothing to be done"


@dataclass(frozen=True)
class Cost:
    """What a program took with all that it started; ``memory`` the most at once, of all."""

    wall_s: float
    cpu_s: float
    memory_mib: float
    read_mib: float
    written_mib: float


# --- measuring


@contextlib.contextmanager
def every(seconds: float, look: Callable[[], None]) -> Iterator[None]:
    """Call ``look`` again and again, in a thread, until the block ends."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(seconds):
            look()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def memory_mib(pid: int) -> float:
    """Resident memory of a process and of all below it; what they share counts in each.

    Of one that has ended it is 0.
    """
    total = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += one.memory_info().rss
    return total / MIB


def measured(words: Sequence[str], folder: Path) -> tuple[Cost, str]:
    """Run a program in a folder; return what it took and what it printed.

    Raises
    ------
    UserError
        if it failed
    """
    peak = 0.0

    def look() -> None:
        nonlocal peak
        peak = max(peak, memory_mib(started.pid))

    before, moved, begin = _cpu_s(), _moved_mib(), time.perf_counter()
    with (
        subprocess.Popen(
            words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as started,
        every(SAMPLE_S, look),
    ):
        printed = started.communicate()[0]
    wall = time.perf_counter() - begin
    if started.returncode:
        raise UserError(
            "benchmark scale",
            f"a program ended with {started.returncode}",
            "its last lines: " + " | ".join(printed.splitlines()[-3:]),
        )
    read, written = (after - now for after, now in zip(_moved_mib(), moved, strict=True))
    return Cost(wall, _cpu_s() - before, peak, read, written), printed


def _cpu_s() -> float:
    """CPU seconds of all programs that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _moved_mib() -> tuple[float, float]:
    """What this process and those it has waited for have read and written, from caches too."""
    counts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counts["rchar"]) / MIB, int(counts["wchar"]) / MIB


def disk_mib(folder: Path) -> float:
    """Size of the files below a folder, each once: released ones can have two names."""
    sizes: dict[int, int] = {}
    for entry in entries_below(str(folder)):
        with contextlib.suppress(OSError):
            state = entry.stat(follow_symlinks=False)
            sizes[state.st_ino] = state.st_size
    return sum(sizes.values()) / MIB


# --- runs


def prepare(run: Path, shape: Shape, threads: int, shard_gib: float | None = None) -> Path:
    """Make a submission and a run of it; return the folder of the submission."""
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    images = run / "images"
    write(shape, images, threads)
    (run / "sheet.tsv").write_text(f"submission\tpath\n{LABEL}\timages\n")
    keys.new(run / "unburn.key")
    config: dict[str, Any] = {"sheet": "sheet.tsv", "key_file": "unburn.key"}
    config |= {"results": "out/results", "work": "out/work"}
    if shard_gib is not None:
        config["plan"] = {"shard_gib": shard_gib}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    return images


def snakemake(run: Path, cores: int, *more: str) -> tuple[Cost, str]:
    """Run the workflow."""
    return measured([*snakemake_in(run, cores), *more], run)


def plan(shape: Shape, run: Path, cores: int) -> dict[str, Any]:
    """Cost of the plan of a submission of headers, and of a dry-run after it."""
    prepare(run, shape, cores)
    planned, _ = snakemake(run, cores, "--until", "plan_submission")
    ((_, _, job),) = hours.jobs(run / "benchmarks", LABEL)
    dry, printed = snakemake(run, cores, "--dry-run")
    return {
        "files": shape.series * shape.slices,
        "cores": cores,
        "plan": asdict(planned),
        "plan_memory_mib": hours.number(job["max_rss"]),
        "dry_run": asdict(dry),
        "jobs": total_jobs(printed),
    }


def total_jobs(printed: str) -> int:
    """How many jobs a dry-run would start."""
    found = re.findall(r"^total\s+(\d+)", printed, re.MULTILINE)
    return int(found[-1]) if found else 0


def clean(shape: Shape, run: Path, cores: int, shard_gib: float | None) -> dict[str, Any]:
    """Cost of a whole run, of its jobs, and of a second run that has nothing to do."""
    images = prepare(run, shape, cores, shard_gib)
    frames = shape.series * shape.slices
    out, peak = run / "out", 0.0

    def look() -> None:
        nonlocal peak
        peak = max(peak, disk_mib(out))

    with every(SCRATCH_S, look):
        first, _ = snakemake(run, cores)
    ledger = tables.read(out / "work" / LABEL / "ledger.tsv")
    results = disk_mib(out / "results")
    second, printed = snakemake(run, cores)
    if DONE not in printed:
        raise UserError("benchmark scale", "a second run did something", "look at its reasons")
    return {
        "frames": frames,
        "released": int((ledger.status == "released").sum()),
        "cores": cores,
        "decoded_mib": frames * 2 * shape.side**2 / MIB,
        "first": asdict(first),
        "second": asdict(second),
        "scratch_mib": peak - results,
        "scratch_left_mib": disk_mib(out) - results,
        "stages": stages(run / "benchmarks"),
        "peer_s": peer_s(sorted(images.rglob("IM*"))[:PEER_FRAMES]),
    }


def stages(benchmarks: Path) -> dict[str, dict[str, float]]:
    """Of each stage: jobs, wall seconds, those of starting them, the largest job's memory.

    Starting is what the interpreter takes to import the stage, the best of two.
    """
    found: dict[str, dict[str, float]] = {}
    for stage, _, row in hours.jobs(benchmarks, LABEL):
        total = found.setdefault(stage, {"jobs": 0, "s": 0.0, "start_s": 0.0, "memory_mib": 0.0})
        total["jobs"] += 1
        total["s"] += hours.number(row["s"])
        total["memory_mib"] = max(total["memory_mib"], hours.number(row["max_rss"]))
    for stage, total in found.items():
        words = [sys.executable, "-c", f"import unburn.{stage}"]
        best = min(measured(words, benchmarks)[0].wall_s for _ in range(2))
        total["start_s"] = min(best * total["jobs"], total["s"])
    return found


def peer_s(files: Sequence[Path]) -> float:
    """Seconds a frame of RapidOCR's detector alone, on one thread, reading not counted."""
    from unburn import detection
    from unburn.frames import display
    from unburn.sources import open_frames

    find, pictures = detection.rapidocr(), []
    for path in files:
        with open_frames(path) as source:
            pictures.append(display(source[0], source))
    find(pictures[0][None], pictures[0])  # warm
    begin = time.perf_counter()
    for picture in pictures:
        find(picture[None], picture)
    return (time.perf_counter() - begin) / len(pictures)


# --- main


def main(argv: Sequence[str] | None = None) -> None:
    """Measure a plan of headers, or the cleaning of pictures."""
    parser = argparse.ArgumentParser(prog="python -m unburn.scaling", description=main.__doc__)
    parser.add_argument("what", choices=("plan", "clean"))
    parser.add_argument("--frames", type=int, required=True, help="files, each of one frame")
    parser.add_argument("--slices", type=int, required=True, help="files of a series")
    parser.add_argument("--side", type=int, required=True, help="pixels")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--cores", type=int, required=True)
    parser.add_argument("--shard-mib", type=int, default=0, help="0: as the settings say")
    parser.add_argument("--run", type=Path, required=True, help="folder to work in; removed")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    o = parser.parse_args(argv)
    shape = Shape(max(1, o.frames // o.slices), o.slices, o.side, o.seed, empty=o.what == "plan")
    try:
        found = (
            plan(shape, o.run.resolve(), o.cores)
            if o.what == "plan"
            else clean(shape, o.run.resolve(), o.cores, o.shard_mib / 1024 or None)
        )
    finally:
        shutil.rmtree(o.run, ignore_errors=True)
    with replacing(o.out) as tmp:
        tmp.write_text(json.dumps({**found, "shard_mib": o.shard_mib}, indent=1) + "\n")


if __name__ == "__main__":
    command(main)
