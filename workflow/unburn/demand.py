"""How long a job may take, from the size of its shard or submission: what a scheduler is asked for.

A scheduler ends a job at its limit, and one that asks for much waits long. The figures are a
multiple of what was measured on one core, for slower machines and file systems; where they are
too small all the same, the next attempt asks for more.
"""

import json
import math
from functools import lru_cache
from pathlib import Path

# Of decoded pixels, as they are stored; a shard holds about 2 GiB.
MINUTES_PER_GIB = {
    "frames": 15,
    "detect": 90,
    "mask": 15,
    "crop": 15,
    "inpaint": 60,
    "reassemble": 30,
    "gate": 90,
}
MINUTES_PER_THOUSAND_FILES = 1
LEAST_MINUTES = 20
GIB_OF_A_SHARD = 2  # where no plan tells


def shard_minutes(stage: str, summary: Path, shard: str) -> int:
    """Minutes for one stage of one shard; ``summary`` is the plan's ``plan.json``."""
    sizes = planned(summary).get("shard_bytes", {})
    gib = sizes.get(shard, GIB_OF_A_SHARD * 2**30) / 2**30
    return LEAST_MINUTES + math.ceil(MINUTES_PER_GIB[stage] * gib)


def submission_minutes(summary: Path) -> int:
    """Minutes for a stage that handles every file of a submission."""
    files = planned(summary).get("files", 0)
    return 2 * LEAST_MINUTES + math.ceil(MINUTES_PER_THOUSAND_FILES * files / 1000)


def control_frames(frames: int, share: float) -> int:
    """How many frames of a submission are copied at most, to plant known lines on them."""
    return int(share * frames + 1e-9)


def planned_frames(summary: Path) -> int:
    """Frames in which text is looked for; 0 where nothing was planned yet."""
    return int(planned(summary).get("frames", 0))


def planned(summary: Path) -> dict:
    """What the plan wrote down of a submission; nothing before it."""
    try:
        return _parsed(summary, summary.stat().st_mtime_ns)
    except FileNotFoundError:
        return {}


@lru_cache(maxsize=256)
def _parsed(summary: Path, mtime_ns: int) -> dict:
    """The file's content; asked for once for each job, so it is kept until the file changes."""
    return json.loads(summary.read_text(encoding="utf-8"))
