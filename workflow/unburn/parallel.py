"""Work spread over processes, with results in the order of the tasks and bounded memory."""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

AHEAD = 2  # tasks in flight per process: enough to keep it busy, few enough to bound memory


def in_order(
    work: Callable[[Task], Result], tasks: Iterable[Task], threads: int
) -> Iterator[Result]:
    """Yield ``work(task)`` for each task, in order, computed by ``threads`` processes.

    ``work`` must be importable (or a ``functools.partial`` of such a function). Each process runs
    on one thread, so that results do not depend on ``threads``.
    """
    if threads <= 1:
        one_thread()
        yield from map(work, tasks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(threads, mp_context=context, initializer=one_thread) as pool:
        waiting: deque[Future[Result]] = deque()
        for task in tasks:
            waiting.append(pool.submit(work, task))
            if len(waiting) >= AHEAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def one_thread() -> None:
    """Hold this process's numeric libraries to one thread: sums keep their order."""
    import cv2

    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    cv2.setNumThreads(1)
