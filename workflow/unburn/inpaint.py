"""Paint crops by an engine, or gather those that GPU batches painted."""

import argparse
import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from unburn.batch import Gathered
from unburn.engines import GENERATOR, Settings, paint_content
from unburn.errors import command
from unburn.files import replacing
from unburn.parallel import in_order
from unburn.patches import Content, Reader, Writer
from unburn.progress import told

log = logging.getLogger(__name__)


def paint_crops(
    crops: Path, out: Path, settings: Settings, threads: int, batches: Sequence[Path] = ()
) -> Counter[str]:
    """Paint every crop of a file and write the same patches to ``out``.

    Those of a generator were painted in ``batches``. Returns how many each engine painted.
    """
    counts: Counter[str] = Counter()
    with replacing(out) as tmp, Reader(crops) as reader, Writer(tmp) as writer:
        places = list(reader.contents())
        contents = (reader.content(group, index) for group, index in places)
        with ExitStack() as stack:
            if settings.engine == GENERATOR:
                gathered = stack.enter_context(Gathered(batches))
                done: Iterator[Content] = (gathered.of(content) for content in contents)
            else:
                done = in_order(partial(painted, settings=settings), contents, threads)
            for content in told(done, [1] * len(places), "crops"):
                writer.put(content)
                counts[content.engine] += 1
        writer.rows(reader.table)
    return counts


def painted(content: Content, settings: Settings) -> Content:
    """A crop with its mask painted by a fill."""
    return replace(content, pixels=paint_content(content, settings), engine=settings.engine)


def main(argv: Sequence[str] | None = None) -> None:
    """Rule ``inpaint``."""
    parser = argparse.ArgumentParser(prog="python -m unburn.inpaint")
    parser.add_argument("--crops", type=Path, required=True)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--batches", type=Path, nargs="*", default=[], help="painted by a GPU")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    settings = Settings.of(args.settings)
    counts = paint_crops(args.crops, args.out, settings, args.threads, args.batches)
    for engine, count in sorted(counts.items()):
        log.info("%d crops painted by %s", count, engine)


if __name__ == "__main__":
    command(main)
