import ctypes
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unburn.errors import UserError
from unburn.parallel import OWN_THREADS, in_order


def root_or_die(number):
    """What a decoder does to a damaged file: 3 ends the process, 4 as the system would."""
    if number in (3, 4):
        os.kill(os.getpid(), signal.SIGSEGV if number == 3 else signal.SIGKILL)
    return number * 10


def lost(number):
    return -number


def wait(folder):
    """Leave the number of this process in a folder, and do nothing for long."""
    (folder / str(os.getpid())).touch()
    time.sleep(300)


def test_processes_end_with_the_one_that_started_them(tmp_path):
    code = f"""
import sys; from pathlib import Path
sys.path[:0] = {sys.path!r}
from test_parallel import wait; from unburn.parallel import in_order
if __name__ == "__main__":
    list(in_order(wait, [Path({str(tmp_path)!r})] * 2, 2))
"""
    (tmp_path.parent / "parent.py").write_text(code)
    with subprocess.Popen([sys.executable, tmp_path.parent / "parent.py"]) as parent:
        until(lambda: len(list(tmp_path.iterdir())) == 2)
        parent.kill()
    workers = [int(file.name) for file in tmp_path.iterdir()]
    until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def until(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_results_come_in_the_order_of_the_tasks_on_any_number_of_processes():
    tasks = range(40)
    assert list(in_order(math.factorial, tasks, 1)) == list(in_order(math.factorial, tasks, 2))


def test_tasks_are_taken_as_they_are_needed():
    taken = []

    def tasks():
        for number in range(100):
            taken.append(number)
            yield number

    results = in_order(math.factorial, tasks(), 2)
    next(results)
    assert len(taken) < 10
    results.close()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_task_that_kills_its_process_does_not_stop_the_others(threads):
    tasks = [0, 1, 2, 3, 5, 6]
    assert list(in_order(root_or_die, tasks, threads, lost)) == [0, 10, 20, -3, 50, 60]


def test_no_task_is_lost_when_a_process_dies_while_a_result_is_looked_at():
    # the pool is found broken when the next task is handed in, not when a result is asked for
    found = []
    for result in in_order(root_or_die, [1, 2, 3, 5, 6, 7], 1, lost):
        found.append(result)
        time.sleep(0.3)
    assert found == [10, 20, -3, 50, 60, 70]


def fail_or_die(number):
    """A fault of ours beside a task that ends its process."""
    if number == 1:
        raise ValueError("DOE^JANE")
    time.sleep(0.5)
    return root_or_die(number)


def test_a_fault_is_not_taken_for_a_damaged_file_and_prints_nothing(capfd):
    results = in_order(fail_or_die, [3, 1], 1, lost)
    assert next(results) == -3
    with pytest.raises(ValueError):
        next(results)
    assert "DOE" not in capfd.readouterr().err


def environment(_):
    return os.environ["OPENBLAS_NUM_THREADS"]


def test_processes_start_with_one_thread_for_libraries_that_read_it_when_loaded(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    results = in_order(environment, range(3), 2)
    assert list(results) == ["1"] * 3
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"


def known(_):
    """Whether this process has what was set in the one that started it."""
    return getattr(sys, "known", False)


def end_me(_):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)


@pytest.mark.skipif(not OWN_THREADS.is_dir(), reason="needs Linux")
@pytest.mark.parametrize("threads", [1, 2])
def test_processes_are_copies_unless_the_stage_has_several_threads(threads):
    code = f"""
import sys; sys.path[:0] = {sys.path!r}
import signal, threading
from test_parallel import end_me, known; from unburn.parallel import in_order
if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit("as the stage does"))
    sys.known = True
    if {threads} == 2:
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    print(list(in_order(known, [0], 2)), list(in_order(end_me, [0], 2, lambda _: "ended")))
"""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert ran.stdout.split() == [f"[{threads == 1}]", "['ended']"]


def test_a_lack_of_memory_is_not_taken_for_a_damaged_file():
    with pytest.raises(UserError, match="memory ran out"):
        list(in_order(root_or_die, [1, 4], 1, lost))


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc")
def test_memory_of_a_frame_is_kept_for_the_next():
    code = f"""
import sys; sys.path[:0] = {sys.path!r}
import resource; import numpy as np; from unburn.parallel import keep_memory
keep_memory()
for time in range(50):
    if time == 1:
        first = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    frame, other = np.ones(4 << 20, np.uint8), np.ones(4 << 20, np.uint8)
    del frame, other
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - first)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 2048  # pages of 4 KiB that were new: those of one frame, not of 49
