import math
import os
import signal

import pytest

from unburn.errors import UserError
from unburn.parallel import in_order


def root_or_die(number):
    """What a decoder does to a damaged file: 3 ends the process, 4 as the system would."""
    if number in (3, 4):
        os.kill(os.getpid(), signal.SIGSEGV if number == 3 else signal.SIGKILL)
    return number * 10


def lost(number):
    return -number


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


def test_a_lack_of_memory_is_not_taken_for_a_damaged_file():
    with pytest.raises(UserError, match="memory ran out"):
        list(in_order(root_or_die, [1, 4], 1, lost))
