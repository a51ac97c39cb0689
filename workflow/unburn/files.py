"""Writing files so that a killed job leaves nothing that looks finished."""

import hashlib
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from unburn import takeover

PRIVATE = 0o700


class Closing:
    """What a ``with`` block closes at its end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open."""
        raise NotImplementedError


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """Yield a path beside ``out``; rename it to ``out`` on success, remove it on an error.

    The temporary path may become a file or a folder; an existing ``out`` is replaced.
    It ends in the suffix of ``out``, so that libraries that look at suffixes work. Nothing is
    replaced by a job whose start of Snakemake was followed by another one.
    """
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    tmp = temporary(out)
    try:
        yield tmp
        takeover.check()
        if out.is_dir() and not out.is_symlink():
            old = out.with_name(f".{uuid.uuid4().hex[:8]}.old")
            out.rename(old)
            tmp.rename(out)
            shutil.rmtree(old)
        else:
            tmp.replace(out)
    finally:
        if tmp.is_dir():
            shutil.rmtree(tmp, ignore_errors=True)
        else:
            tmp.unlink(missing_ok=True)


def temporary(out: Path) -> Path:
    """A new path beside ``out``; what a killed job leaves there, the next start removes."""
    return out.with_name(f".{uuid.uuid4().hex[:8]}.part{''.join(out.suffixes)}")


def sha256(path: Path) -> str:
    """Hex sha256 of a file's bytes, read in blocks."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_private(folder: Path, mode: int = PRIVATE) -> Path:
    """Make a folder that only its owner can enter (``mode`` 0700) and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(mode)
    return folder
