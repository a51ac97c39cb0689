"""Walking through a submission's folder, with a million files in one of them, links and loops."""

import os
from collections.abc import Iterator
from pathlib import Path


def entries_below(root: str) -> Iterator[os.DirEntry[str]]:
    """Every file, link and closed folder below a folder, in no promised order.

    Links are not followed. Of a folder only its own entries are open at a time, and nothing is
    listed in memory but folders that wait. A folder that cannot be read is an entry itself.
    """
    waiting: list[os.DirEntry[str] | str] = [root]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(os.fspath(folder)) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry)
                    else:
                        yield entry
        except OSError:
            if not isinstance(folder, str):
                yield folder


def bytes_below(folder: Path) -> int:
    """Bytes of all files below a folder of ours."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
