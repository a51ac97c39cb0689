import io
import logging
import time

import pytest

from unburn import tables, watching
from unburn.progress import duration, sentence, told


def ticking(step_s):
    """A clock that goes on by a step each time somebody looks."""
    now = [-step_s]

    def look():
        now[0] += step_s
        return now[0]

    return look


def test_results_come_as_they_are_and_a_short_stage_says_nothing(caplog):
    caplog.set_level(logging.INFO)
    assert list(told(iter("abc"), [1, 2, 3], "frames")) == ["a", "b", "c"]
    assert caplog.text == ""


def test_a_long_stage_says_how_much_is_done_how_fast_and_what_is_left(caplog):
    caplog.set_level(logging.INFO)
    list(told(range(4), [10, 10, 10, 10], "frames", ticking(20)))
    # at 20, 40, 60 and 80 s: the first line is due at 30 s, the next a minute later
    assert [record.message for record in caplog.records] == ["20 of 40 frames, 0.5/s, 40 s left"]


def test_an_error_in_a_stage_passes_through():
    def failing():
        yield 1
        raise RuntimeError("x")

    with pytest.raises(RuntimeError):
        list(told(failing(), [1, 1], "frames"))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (600, "10 min"), (9000, "2.5 h")]
)
def test_times_are_written_as_people_say_them(seconds, text):
    assert duration(seconds) == text


def test_no_speed_is_made_up_before_anything_is_done():
    assert sentence(0, 40, "frames", 10) == "0 of 40 frames"


# --- on the terminal


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shards(work, *frames):
    for number, count in enumerate(frames):
        rows = [{"item": "1", "frames": str(count), "pixels": "1"}]
        tables.write(work / "shards" / f"{number:05}.tsv", rows, ("item", "frames", "pixels"))
        (work / f"{number:05}").mkdir(parents=True, exist_ok=True)


def jobs_of(*shards, rules=tuple(watching.STAGES)):
    return [(rule, "lab", f"{shard:05}") for shard in shards for rule in rules]


def test_a_submission_says_what_is_done_of_all_and_what_is_left(tmp_path):
    work = tmp_path / "lab"
    one = watching.Watched(work)
    assert one.line([("plan_submission", "lab", "")], 1) == ""  # before its plan
    shards(work, 100, 100, 200)
    other = [("check_candidates", "other", "00000")]
    assert one.line(other + jobs_of(1, 2), 10) == "lab: 1 of 3 shards checked"
    assert one.line(other + jobs_of(1, 2), 11) == ""  # nothing is new
    last = ("reassemble_objects", "check_candidates")
    half = jobs_of(1, rules=last) + jobs_of(2)
    share = 1 - sum(watching.SHARES[rule] for rule in last)
    told = one.line(half, 20)
    assert told.startswith("lab: 1 of 3 shards checked, 2 masked, 2 searched; ")
    assert f"; {10 * share:.3g} frames/s, about " in told
    assert one.line(jobs_of(2), 60) == ("lab: 2 of 3 shards checked; 2 frames/s, about 2 min left")
    assert one.line(jobs_of(2), 120).endswith("; 2 frames/s, about 40 s left")
    assert one.line(jobs_of(2), 400).endswith("; 2 frames/s, about 0 s left")
    assert one.line(other, 70) == ""  # the run's own last lines say the rest


def test_what_is_made_anew_does_not_count_as_done(tmp_path):
    work = tmp_path / "lab"
    shards(work, 100, 100)
    for number in (0, 1):
        (work / f"0000{number}" / "verdicts.tsv").touch()
    assert watching.Watched(work).line(jobs_of(0, 1), 10) == "lab: 0 of 2 shards checked"


def test_lines_are_printed_on_a_terminal_alone(tmp_path):
    shards(tmp_path / "lab", 5, 5)
    works, looks = [tmp_path / "lab"], iter([RuntimeError])

    def to_do():
        for error in looks:  # the jobs changed while they were counted
            raise error
        return jobs_of(1)

    assert watching.watch(works, to_do, io.StringIO(), 0.01) is None
    screen = Terminal()
    end = watching.watch(works, to_do, screen, 0.01)
    until = time.monotonic() + 5
    while not screen.getvalue() and time.monotonic() < until:
        time.sleep(0.01)
    end.set()
    assert screen.getvalue() == "progress: lab: 1 of 2 shards checked\n"
