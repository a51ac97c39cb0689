"""How far the submissions of a run are, on the terminal where the workflow was started.

A line for each submission now and then: shards checked of all, frames a second, and the time left.
Where the screen is no terminal (a batch job, a pipe) nothing is printed; the logs of the stages say
how far each is. What is counted are the jobs that Snakemake has still to run: a file that is there
can be one that is to be made anew. A frame counts by the share of its way that it has behind it.
"""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from unburn.demand import MINUTES_PER_GIB
from unburn.ledger import records, shard_folders, shard_table
from unburn.progress import duration

EVERY_S = 30.0
PLAN = "plan_submission"
STAGES = {  # rule: stage
    "extract_frames": "frames",
    "detect_text": "detect",
    "mask_text": "mask",
    "crop_masks": "crop",
    "inpaint_crops": "inpaint",
    "reassemble_objects": "reassemble",
    "check_candidates": "gate",
}
TOLD = {  # what a shard is after a rule, the last first
    "check_candidates": "checked",
    "reassemble_objects": "reassembled",
    "mask_text": "masked",
    "detect_text": "searched",
}
SHARES = {
    rule: MINUTES_PER_GIB[stage] / sum(MINUTES_PER_GIB.values()) for rule, stage in STAGES.items()
}

Job = tuple[str, str, str]  # rule, submission, shard; empty where it has none


@dataclass
class Watched:
    """One submission: the jobs that were ever due and are done, and the frames of its shards."""

    work: Path
    start: float = 0.0
    moment: float = 0.0  # when a job was last seen to be done
    due: set[Job] = field(default_factory=set)
    done: set[Job] = field(default_factory=set)
    frames: dict[str, int] = field(default_factory=dict)
    said: str = ""

    def line(self, jobs: Collection[Job], now: float) -> str:
        """How far it is; empty before its plan, when it is done, and when nothing has changed.

        ``jobs`` are still to run, of this submission and others.
        """
        own = {job for job in jobs if job[1] == self.work.name}
        left = {job for job in own if job[0] in STAGES}
        if not left or any(job[0] == PLAN for job in own):
            return ""
        for folder in shard_folders(self.work):
            if folder.name not in self.frames:
                self.frames[folder.name] = frames_of(shard_table(folder))
        self.start = self.start if self.due else now
        self.due |= left
        if self.due - left != self.done:
            self.done, self.moment = self.due - left, now
        done = {rule: len(self.frames) - sum(job[0] == rule for job in left) for rule in TOLD}
        checked = done["check_candidates"]
        counts = [f"{checked} of {len(self.frames)} shards checked"]
        counts += [
            f"{done[rule]} {word}" for rule, word in list(TOLD.items())[1:] if done[rule] > checked
        ]
        text = f"{self.work.name}: {', '.join(counts)}"
        if self._work(self.done) and self.moment > self.start:
            speed = self._work(self.done) / (self.moment - self.start)
            seconds = max(0.0, self._work(left) / speed - (now - self.moment))
            text += f"; {speed:.3g} frames/s, about {duration(seconds)} left"
        if text == self.said:
            return ""
        self.said = text
        return text

    def _work(self, jobs: Collection[Job]) -> float:
        """Frames that jobs handle, each by the share of its way that a job is."""
        return sum(SHARES[rule] * self.frames.get(shard, 0) for rule, _, shard in jobs)


def frames_of(table: Path) -> int:
    """How many frames with pixels a shard has, at least 1."""
    rows = records(table)
    return max(1, sum(int(row["frames"] or 1) for row in rows if row["pixels"] == "1"))


def watch(
    works: list[Path],
    to_do: Callable[[], Collection[Job]],
    screen: TextIO,
    every_s: float = EVERY_S,
    clock: Callable[[], float] = time.monotonic,
) -> threading.Event | None:
    """Print how far submissions are, beside what goes on, until the event is set.

    ``to_do`` says which jobs are still to run. None, and nothing is done, where ``screen`` is no
    terminal.
    """
    if not screen.isatty():
        return None
    end = threading.Event()
    all_ = [Watched(work) for work in works]

    def say() -> None:
        while not end.wait(every_s):
            for one in all_:
                try:
                    line = one.line(to_do(), clock())
                except (OSError, ValueError, KeyError, RuntimeError):
                    continue  # a table is being written, or the jobs change; the next look sees it
                if line:
                    print(f"progress: {line}", file=screen, flush=True)

    threading.Thread(target=say, daemon=True).start()
    return end
