"""All stages of a shard, one after the other in one process: how controls are taken through.

Each stage is called by its command with what its rule gives it, so what a control meets is what
any frame meets. A process of its own for each stage of so few frames would spend most of its time
on loading libraries.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

FEW = ("frames", "crop")  # stages that read and write more than they compute
FEW_THREADS = 2


@dataclass(frozen=True)
class Given:
    """What the rules of a shard give its stages beside its own files.

    ``settings`` are sections by their names, with the seed where a stage takes it.
    """

    settings: Mapping[str, Mapping[str, Any]]
    weights: Path
    reader_weights: Path
    device_rules: Sequence[Path]
    key: Path
    project: str


def commands(folder: Path, given: Given, threads: int) -> Iterator[tuple[str, list[str]]]:
    """Name and arguments of each stage for the shard whose table is ``folder/shard.tsv``."""
    of = {
        "shard": folder / "shard.tsv",
        **{name: folder / f"{name}.h5" for name in ("frames", "regions", "masks", "fills")},
        **{name: folder / f"{name}.h5" for name in ("crops", "painted")},
        "candidates": folder / "candidates",
        "table": folder / "candidates.tsv",
        "uids": folder / "uids.tsv",
        "weights": given.weights,
        "reader-weights": given.reader_weights,
        "key": given.key,
        "project": given.project,
    }

    def told(stage: str, section: str, *names: str, **more: object) -> tuple[str, list[str]]:
        values = {name: of[name] for name in names} | more
        if section:
            values["settings"] = json.dumps(given.settings[section])
        if stage != "mask":
            values["threads"] = min(threads, FEW_THREADS) if stage in FEW else threads
        return stage, [f"--{name}={value}" for name, value in values.items()]

    yield told("frames", "", "shard", out=of["frames"])
    yield told(
        "detect", "detect", "shard", "frames", "weights", "reader-weights", out=of["regions"]
    )
    name, words = told("mask", "mask", "shard", "frames", "regions", out=of["masks"])
    rules = ["--device-rules", *map(str, given.device_rules)] if given.device_rules else []
    yield name, words + rules
    yield told("crop", "inpaint", "shard", "masks", "fills", "crops")
    yield told("inpaint", "inpaint", "crops", out=of["painted"])
    yield told(
        *("reassemble", "metadata", "shard", "regions", "masks", "fills", "painted"),
        *("key", "project", "candidates", "table", "uids"),
    )
    yield told(
        *("gate", "gate", "shard", "regions", "masks", "candidates", "table"),
        metadata=json.dumps(given.settings["metadata"]),
        out=folder / "verdicts.tsv",
    )


def run(folder: Path, given: Given, threads: int) -> None:
    """Take the shard in ``folder`` through every stage; what they write stays there."""
    # imported here: processes that a stage starts load this module, and no other stage's libraries
    from unburn import crop, detect, frames, gate, inpaint, mask, reassemble

    mains = {
        "frames": frames.main,
        "detect": detect.main,
        "mask": mask.main,
        "crop": crop.main,
        "inpaint": inpaint.main,
        "reassemble": reassemble.main,
        "gate": gate.main,
    }
    for stage, words in commands(folder, given, threads):
        log.info("%s", stage)
        mains[stage](words)
