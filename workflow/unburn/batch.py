"""Deal the crops of a submission into GPU batches, and paint one.

A batch is sized by crops, not by shards, and equal crops of a deal's shards are painted once. A
deal has the shards that one plan made (``dealt``). A batch's table
(``batches/<deal>/<batch>.tsv``) says where each crop lies: shard, group and index in ``crops.h5``.
What a GPU job reads are these tables and the crops: blanked pixels and masks, never a header.
"""

import argparse
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from unburn import dealt, engines, tables
from unburn.errors import command
from unburn.files import Closing, make_private, replacing
from unburn.patches import Content, Reader, Writer
from unburn.progress import told

log = logging.getLogger(__name__)

INDEX = np.dtype([("digest", "S32"), ("group", "S32"), ("index", "<i4")])


# --- dealing


def deal(
    places: Mapping[str, Path], size: int
) -> tuple[list[list[dict[str, str]]], set[tuple[str, str]]]:
    """Deal the crops of shards into batches of at most ``size``, each content once.

    Parameters
    ----------
    places : the ``crops.h5`` of each shard, by the shard's name

    Returns
    -------
    the rows of each batch, and the pairs of shard and batch that have a crop in common. Batches are
    the same for any division into shards, but for the shard that a row names.
    """
    found: dict[str, dict[str, str]] = {}
    shards_of: dict[str, set[str]] = {}
    for shard, path in sorted(places.items()):
        with Reader(path) as reader:
            for group, index in reader.contents():
                digest = reader.content(group, index).digest().hex()
                row = {"digest": digest, "shard": shard, "group": group, "index": str(index)}
                found.setdefault(digest, row)
                shards_of.setdefault(digest, set()).add(shard)
    order = sorted(found.values(), key=lambda row: (row["group"], row["digest"]))
    batches = [order[first : first + size] for first in range(0, len(order), size)]
    pairs = {
        (shard, dealt.name(number))
        for number, rows in enumerate(batches)
        for row in rows
        for shard in shards_of[row["digest"]]
    }
    return batches, pairs


def write_batches(work: Path, shards: Sequence[str], out: Path, size: int) -> int:
    """Write the table of each batch of a submission's shards into ``out``; return how many."""
    batches, pairs = deal({shard: work / shard / "crops.h5" for shard in shards}, size)
    with replacing(out) as folder:
        make_private(folder)
        dealt.write(folder, batches, pairs)
    log.info("%d crops in %d batches", sum(map(len, batches)), len(batches))
    return len(batches)


# --- painting


def contents_of(table: Path, work: Path) -> Iterator[Content]:
    """The crops of a batch, in the order of its table."""
    with ExitStack() as stack:
        readers: dict[str, Reader] = {}
        for row in tables.read(table).to_dict("records"):
            shard = row["shard"]
            if shard not in readers:
                readers[shard] = stack.enter_context(Reader(work / shard / "crops.h5"))
            yield readers[shard].content(row["group"], int(row["index"]))


def write_painted(table: Path, painted: Iterable[Content], out: Path) -> dict[str, int]:
    """Write painted crops with the digest each had before; return how many each engine painted."""
    counts: dict[str, int] = {}
    rows = []
    digests = list(tables.read(table)["digest"])
    with replacing(out) as tmp, Writer(tmp) as writer:
        done = told(painted, [1] * len(digests), "crops")
        for digest, content in zip(digests, done, strict=True):
            index = writer.put(content)
            rows.append((digest.encode(), content.group.encode(), index))
            counts[content.engine] = counts.get(content.engine, 0) + 1
        writer.file.create_dataset("digests", data=np.array(rows, INDEX), track_times=False)
    return counts


class Gathered(Closing):
    """Painted crops of several batches, by what they were before."""

    def __init__(self, batches: Sequence[Path]):
        self._stack = ExitStack()
        self._places: dict[bytes, tuple[Reader, str, int]] = {}
        for path in batches:
            reader = self._stack.enter_context(Reader(path))
            table = reader.file["digests"]
            assert isinstance(table, h5py.Dataset)
            for digest, group, index in table[:]:
                self._places[digest] = (reader, group.decode(), int(index))

    def close(self) -> None:
        """Close the files."""
        self._stack.close()

    def of(self, content: Content) -> Content:
        """The painted form of a crop."""
        reader, group, index = self._places[content.digest().hex().encode()]
        done = reader.content(group, index)
        return replace(content, pixels=done.pixels, engine=done.engine)


def main(argv: Sequence[str] | None = None) -> None:
    """Rules ``deal_batches`` and ``paint_batch``."""
    parser = argparse.ArgumentParser(prog="python -m unburn.batch")
    steps = parser.add_subparsers(dest="step", required=True)
    dealing = steps.add_parser("deal")
    dealing.add_argument("--size", type=int, required=True)
    dealing.add_argument("--shards", nargs="+", required=True, help="their numbers")
    painting = steps.add_parser("paint")
    painting.add_argument("--batch", type=Path, required=True)
    painting.add_argument("--weights", type=Path, required=True)
    painting.add_argument("--settings", type=json.loads, required=True)
    painting.add_argument("--threads", type=int, default=1)
    for one in (dealing, painting):
        one.add_argument("--work", type=Path, required=True)
        one.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    if args.step == "deal":
        write_batches(args.work, args.shards, args.out, args.size)
        return
    # imported here: dealing and gathering need no torch
    from unburn import sd2

    painted = sd2.paint_contents(
        contents_of(args.batch, args.work),
        args.weights,
        engines.Settings.of(args.settings),
        sd2.Settings.of(args.settings),
        args.threads,
    )
    counts = write_painted(args.batch, painted, args.out)
    for engine, count in sorted(counts.items()):
        log.info("%d crops painted by %s", count, engine)


if __name__ == "__main__":
    command(main)
