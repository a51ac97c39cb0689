"""Work spread over processes, with results in the order of the tasks and bounded memory."""

import contextlib
import ctypes
import gc
import itertools
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, TypeVar

from unburn.errors import UserError

Task = TypeVar("Task")
Result = TypeVar("Result")

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # of mallopt(3): the largest block that is kept, and all
KEPT_BLOCK, KEPT_BYTES = 32 << 20, 256 << 20
AHEAD = 2  # tasks in flight per process: enough to keep it busy, few enough to bound memory
OWN_THREADS = Path("/proc/self/task")  # of Linux: a folder for each thread of this process


def in_order(
    work: Callable[[Task], Result],
    tasks: Iterable[Task],
    threads: int,
    crashed: Callable[[Task], Result] | None = None,
) -> Iterator[Result]:
    """Yield ``work(task)`` for each task, in order, computed by ``threads`` processes.

    ``work`` must be importable (or a ``functools.partial`` of such a function). Each process runs
    on one thread, so that results do not depend on ``threads``.

    With ``crashed``, a task that kills its process (a decoder that runs into a damaged file) gives
    ``crashed(task)``; the tasks beside it are done again. Without it, such a death is an error.
    """
    one_thread()
    keep_memory()
    if threads <= 1 and crashed is None:
        yield from map(work, tasks)
        return
    left = iter(tasks)
    # the first is taken here: making it may start threads, which `_context` must see
    todo = itertools.chain(list(itertools.islice(left, 1)), left)
    waiting: deque[Task] = deque()
    while True:
        with processes(threads, _context()) as pool:
            futures: deque[Future[Result]] = deque()
            try:
                for task in todo:
                    # noted first: a pool that broke since the last result refuses the task
                    waiting.append(task)
                    futures.append(pool.submit(work, task))
                    if len(futures) >= AHEAD * threads:
                        yield futures.popleft().result()
                        waiting.popleft()
                while futures:
                    yield futures.popleft().result()
                    waiting.popleft()
                return
            except BrokenProcessPool:
                if crashed is None:
                    raise
        # All tasks in flight are lost with the pool: do them one by one, each in a process that
        # it may kill, then go on with a new pool.
        while waiting:
            yield _alone(work, waiting.popleft(), crashed)


def processes(threads: int, context: BaseContext | None = None) -> ProcessPoolExecutor:
    """A pool of processes on one numeric thread each, which end with this one.

    They are started anew unless a ``context`` says otherwise.
    """
    context = context or multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(max(threads, 1), mp_context=context, initializer=_begin)


def _context() -> BaseContext:
    """How processes start: as copies of this one, which spares them their imports, or anew.

    A process of several threads is not copied. A lock that another thread holds would stay locked
    in the copy, and libraries that compute on several threads read how many when they are loaded.
    """
    alone = OWN_THREADS.is_dir() and len(list(OWN_THREADS.iterdir())) == 1
    return multiprocessing.get_context("fork" if alone else "spawn")


def _alone(work: Callable[[Task], Result], task: Task, crashed: Callable[[Task], Result]) -> Result:
    """Do one task in a process of its own, which may die of it."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process: Any = _context().Process(target=_send, args=(work, task, theirs))  # type: ignore[attr-defined]
    process.start()
    theirs.close()
    try:
        result, error = ours.recv()
    except EOFError:
        process.join()
        if process.exitcode == -signal.SIGKILL:
            raise UserError(
                "memory",
                "a process was killed from outside, most likely because memory ran out",
                "give the job more memory (mem_mb), or use fewer --cores",
            ) from None
        return crashed(task)
    finally:
        process.join()
    if error is not None:
        raise error
    return result


def _send(work: Callable[[Task], Result], task: Task, to: Connection) -> None:
    _begin()
    try:
        to.send((work(task), None))
    except Exception as error:  # left alone, the process would print its message
        to.send((None, error))


def _begin() -> None:
    """Prepare a process for its tasks."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a copy would answer as the stage does
    gc.freeze()  # what a copy shares with the stage stays shared
    one_thread()
    keep_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A process whose parent was killed has nobody to work for, and may hold much memory."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def one_thread() -> None:
    """Hold this process and those it starts to one numeric thread: sums keep their order."""
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    # imported here, as it reads the environment, and stages that need none start without it
    import cv2

    cv2.setNumThreads(1)
    if "torch" in sys.modules:  # loaded before, it has read the environment
        sys.modules["torch"].set_num_threads(1)


def keep_memory() -> None:
    """Let the process keep freed memory for the next frame, where the C library can (glibc).

    To give it back and ask for it anew takes a tenth of the time of a frame.
    """
    with contextlib.suppress(AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(MMAP_THRESHOLD, KEPT_BLOCK)
        library.mallopt(TRIM_THRESHOLD, KEPT_BYTES)
