"""How far a long stage is: a line in its log now and then, with speed and time left.

A stage of seconds says nothing. Lines hold counts and times alone.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

log = logging.getLogger(__name__)

Result = TypeVar("Result")

FIRST_S, EVERY_S = 30.0, 60.0  # seconds until the first line, and between lines
MINUTE_S, HOUR_S = 60, 3600


def told(
    results: Iterable[Result],
    sizes: Sequence[int],
    things: str,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Result]:
    """Yield results as they come and log now and then how much of all is done.

    Parameters
    ----------
    results : one for each of ``sizes``, in their order
    sizes : how many ``things`` (frames, items, crops) each result stands for
    clock : seconds
    """
    start, total, done = clock(), sum(sizes), 0
    due = start + FIRST_S
    for number, result in enumerate(results):
        yield result
        done += sizes[number]
        now = clock()
        if now >= due and done < total:
            log.info("%s", sentence(done, total, things, now - start))
            due = now + EVERY_S


def sentence(done: int, total: int, things: str, spent_s: float) -> str:
    """How much is done, how fast, and the time left at that speed."""
    text = f"{done} of {total} {things}"
    if not done or spent_s <= 0:
        return text
    speed = done / spent_s
    return f"{text}, {speed:.3g}/s, {duration((total - done) / speed)} left"


def duration(seconds: float) -> str:
    """A time as people say it: 40 s, 12 min, 3.5 h."""
    if seconds < MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < HOUR_S:
        return f"{seconds / MINUTE_S:.0f} min"
    return f"{seconds / HOUR_S:.1f} h"
