import math

from unburn.parallel import in_order


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
