"""Files through plan and reassemble alone: what a run would make of them, without detector or gate.

Benchmarks of headers and pixels need outputs of many hard files, once as they are and once with
pixels painted. A rehearsal plans a folder as a run does, marks nothing or one small square in the
first frame of each picture as text, and lets ``reassemble`` make its candidates.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from unburn import metadata, patches, plan, reassemble
from unburn.errors import ItemError
from unburn.ledger import records, shard_folders, shard_table
from unburn.parallel import in_order
from unburn.pixels import StoredFrames
from unburn.settings import defaults

SQUARE_PX = 8  # side of what is painted, where the frame has room
KEY = hashlib.sha256(b"the key of unburn's benchmarks").digest()


@dataclass(frozen=True)
class Rehearsed:
    """One file: what ``plan`` takes it for, and its candidate or the reason why there is none."""

    original: Path
    kind: str
    transfer_syntax: str
    painted: bool  # whether pixels of it were
    candidate: Path | None
    reason_code: str


def metadata_settings(preset: str) -> metadata.Settings:
    """The defaults of the section metadata with a preset."""
    return metadata.Settings(**defaults()["metadata"] | {"preset": preset})


def square(original: Path) -> tuple[np.ndarray, patches.Content] | None:
    """A mask (rows, columns) of the first frame and what to paint there; None if it is unreadable.

    Each stored value under the mask has its last bit turned, which fits any bit depth or palette.
    """
    try:
        with StoredFrames(original) as source:
            frame = source[0]
    except ItemError:
        return None
    side = min(SQUARE_PX, *frame.shape[:2])
    mask = np.zeros(frame.shape[:2], bool)
    mask[:side, :side] = True
    values = frame[:side, :side].reshape(side, side, -1) ^ 1
    whole = np.ones((side, side), bool)
    content = patches.Content(values, whole, whole, (int(values.min()), int(values.max())))
    return mask, content


def write_squares(rows: list[dict[str, str]], inputs: reassemble.Inputs) -> None:
    """Masks and exact fills of a shard: one square in the first frame of each picture."""
    with h5py.File(inputs.masks, "w") as masks, patches.Writer(inputs.fills) as fills:
        for row in rows:
            found = square(Path(row["path"])) if row["pixels"] == "1" else None
            if found is None:
                continue
            mask, content = found
            side = len(content.mask)
            item, shape = int(row["item"]), (int(row["frames"]), *mask.shape)
            data = masks.create_dataset(f"items/{item}", shape, np.uint8, compression="gzip")
            data[0] = mask
            fills.add(patches.Patch(item, 0, 0, 0, side, side, content))


def rehearse(
    root: Path, out: Path, preset: str, painted: bool, threads: int
) -> Iterator[Rehearsed]:
    """Every file below ``root``; candidates are written below ``out``.

    Each file stands alone: two with the same SOP Instance UID are no conflict here.
    """
    root, state = root.resolve(), plan.State()
    items = plan.number(plan.take_stock(root, threads), state)
    items = plan.deal(items, state, plan.Settings(shard_gib=1e6, max_shards=1))
    plan.write_shards(items, root, out / "shards", state)
    for item in items:
        if item.status != "planned":
            yield Rehearsed(root / item.path, item.kind, "", False, None, item.reason_code)
    for folder in shard_folders(out):
        folder.mkdir()
        rows = records(shard_table(folder))
        inputs = reassemble.Inputs(folder / "masks.h5", folder / "fills.h5", folder / "painted.h5")
        write_squares(rows if painted else [], inputs)
        with patches.Writer(inputs.painted):
            pass  # nothing was painted over anatomy
        way = reassemble.Plan(inputs, metadata_settings(preset), KEY, folder)
        work = partial(reassemble.attempt, way)
        made = in_order(work, ((row, "") for row in rows), threads)
        for row, (cells, _) in zip(rows, made, strict=True):
            candidate = folder / cells["file"] if cells["file"] else None
            yield Rehearsed(
                Path(row["path"]), row["kind"], row["transfer_syntax"],
                bool(int(cells["masked_pixels"])), candidate, cells["reason_code"],
            )  # fmt: skip
