"""What befalls jobs on a cluster: after each, the released bytes are those of an undisturbed run.

The stage that finds text meets the fault; those after it run without Slurm.
"""

import os
import signal
import subprocess

import pytest
from slurm_runs import attempts, finish, halt, processes, screen, start, until

from runs import snakemake

REGIONS = "work/lab/00000/regions.h5"  # what the stage makes


def states(run):
    return [one.state.split()[0] for one in attempts(run, "detect_text")]


def test_a_job_that_hangs_is_ended_at_its_limit_and_the_next_attempt_has_more_time(
    slurm, run, undisturbed
):
    going = start(run, REGIONS, "--set-resources", "detect_text:runtime=3*attempt-2")
    # on a busy machine the minute can be over before there is something to stop
    until(lambda: processes(run, "detect") or "TIMEOUT" in states(run))
    for process in processes(run, "detect"):
        os.kill(process, signal.SIGSTOP)
    assert going.wait() == 0, screen(run)
    assert states(run) == ["TIMEOUT", "COMPLETED"]
    assert [one.limit for one in attempts(run, "detect_text")] == ["00:01:00", "00:04:00"]
    assert finish(run) == undisturbed


def test_a_job_beyond_its_memory_is_ended_and_the_next_attempt_has_more(slurm, run, undisturbed):
    going = start(run, REGIONS, "--set-resources", "detect_text:mem_mb=600*attempt**3")
    assert going.wait() == 0, screen(run)
    first, *_, last = attempts(run, "detect_text")
    assert (first.state, first.memory) in (("FAILED", "600M"), ("OUT_OF_MEMORY", "600M"))
    assert (last.state, last.memory) in (("COMPLETED", "4800M"), ("COMPLETED", "16200M"))
    assert finish(run) == undisturbed


def test_a_cancelled_job_is_submitted_again(slurm, run, undisturbed):
    going = start(run, REGIONS)
    halt(run, "detect")
    (job,) = attempts(run, "detect_text")
    subprocess.run(["scancel", job.job], check=True)
    assert going.wait() == 0, screen(run)
    assert states(run) == ["CANCELLED", "COMPLETED"]
    assert finish(run) == undisturbed


def test_a_node_that_fails_and_comes_back_with_its_job(slurm, run, undisturbed):
    going = start(run, REGIONS)
    stray = halt(run, "detect")
    (job,) = until(lambda: attempts(run, "detect_text"))
    pid = int((slurm.folder / "run" / f"{job.node}.pid").read_text())
    os.kill(pid, signal.SIGKILL)  # the node is silent, its job goes on
    try:
        until(lambda: len(attempts(run, "detect_text")) == 2)
        os.kill(stray, signal.SIGCONT)
        assert going.wait() == 0, screen(run)
    finally:
        slurm.up()
    assert states(run) == ["NODE_FAIL", "COMPLETED"]
    first, second = attempts(run, "detect_text")
    assert first.node != second.node
    assert until(lambda: not processes(run, "detect"))
    assert finish(run) == undisturbed


def test_what_a_killed_snakemake_left_running_damages_nothing(slurm, run, undisturbed):
    killed = start(run, REGIONS)
    stray = halt(run, "detect")
    killed.kill()
    killed.wait()
    assert snakemake(run, "--unlock").returncode == 0
    again = start(run, REGIONS)
    assert again.wait() == 0, screen(run)
    assert states(run) == ["RUNNING", "COMPLETED"]
    written = (run / REGIONS).stat()
    with open(f"/proc/{stray}/fd/2") as said:  # its log; Snakemake has begun another of that name
        os.kill(stray, signal.SIGCONT)
        assert until(lambda: states(run) == ["FAILED", "COMPLETED"])
        assert "Snakemake was started again since" in said.read()
    now = (run / REGIONS).stat()
    assert (now.st_ino, now.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    assert finish(run) == undisturbed


def test_a_full_disk_is_named_and_made_good_by_room(slurm, run, undisturbed):
    work = run / "work"
    aside = work.rename(run / "aside")
    work.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", work], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount a disk of 16 MB")
    try:
        subprocess.run(["cp", "-a", f"{aside}/.", work], check=True)
        going = start(run, REGIONS, "--retries", "0")
        process = halt(run, "detect")
        with pytest.raises(OSError), open(work / "filler", "wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        os.kill(process, signal.SIGCONT)
        assert going.wait() != 0
        assert "error: disk: it is full" in (run / "logs/detect/lab/00000.log").read_text()
        assert not (run / REGIONS).exists()
        full = start(run, REGIONS)
        assert full.wait() != 0 and "error: disk: it is full" in screen(run)
        (work / "filler").unlink()
        room = start(run, REGIONS)
        assert room.wait() == 0, screen(run)
        assert not list(work.rglob(".*.part*"))
        assert finish(run) == undisturbed
    finally:
        subprocess.run(["umount", work])
