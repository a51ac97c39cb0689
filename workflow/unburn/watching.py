"""How far the submissions of a run are, on the terminal where the workflow was started.

A line for each submission now and then: shards checked of all, frames a second since the start, and
the time left. Where the screen is no terminal (a batch job, a pipe) nothing is printed; the logs of
the stages say how far each is. What is counted are files of the private folder, by their names.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from unburn.ledger import records, shard_folders, shard_table
from unburn.progress import duration

EVERY_S = 30.0
STEPS = (  # what a shard has after a step, the last first
    ("checked", "verdicts.tsv"),
    ("reassembled", "candidates.tsv"),
    ("masked", "masks.h5"),
    ("searched", "regions.h5"),
)


@dataclass
class Watched:
    """One submission: what was there at the start, and the frames of its shards."""

    work: Path
    start: float
    finished: frozenset[str] = frozenset()  # shards that were checked when the run started
    frames: dict[str, int] = field(default_factory=dict)
    said: str = ""

    def line(self, now: float) -> str:
        """How far it is; empty before its plan, when it is done, and when nothing has changed."""
        folders = shard_folders(self.work)
        there = {
            step: {folder.name for folder in folders if (folder / name).is_file()}
            for step, name in STEPS
        }
        checked = there["checked"]
        if not folders or len(checked) == len(folders):
            return ""
        for folder in folders:
            if folder.name not in self.frames:
                self.frames[folder.name] = frames_of(shard_table(folder))
        counts = [f"{len(checked)} of {len(folders)} shards checked"]
        counts += [f"{len(there[step])} {step}" for step, _ in STEPS[1:] if there[step]]
        text = f"{self.work.name}: {', '.join(counts)}"
        new = sum(self.frames[name] for name in checked - self.finished)
        left = sum(count for name, count in self.frames.items() if name not in checked)
        if new and now > self.start:
            speed = new / (now - self.start)
            text += f"; {speed:.3g} frames/s, about {duration(left / speed)} left"
        if text == self.said:
            return ""
        self.said = text
        return text


def frames_of(table: Path) -> int:
    """How many frames with pixels a shard has, at least 1."""
    rows = records(table)
    return max(1, sum(int(row["frames"] or 1) for row in rows if row["pixels"] == "1"))


def watched(work: Path, now: float) -> Watched:
    """A submission as it is at the start."""
    done = (folder.name for folder in shard_folders(work) if (folder / "verdicts.tsv").is_file())
    return Watched(work, now, frozenset(done))


def watch(
    works: list[Path],
    screen: TextIO,
    every_s: float = EVERY_S,
    clock: Callable[[], float] = time.monotonic,
) -> threading.Event | None:
    """Print how far submissions are, beside what goes on, until the event is set.

    None, and nothing is done, where ``screen`` is no terminal.
    """
    if not screen.isatty():
        return None
    end = threading.Event()
    all_ = [watched(work, clock()) for work in works]

    def say() -> None:
        while not end.wait(every_s):
            for one in all_:
                try:
                    line = one.line(clock())
                except (OSError, ValueError, KeyError):
                    continue  # a table is being written; the next look sees it
                if line:
                    print(f"progress: {line}", file=screen, flush=True)

    threading.Thread(target=say, daemon=True).start()
    return end
