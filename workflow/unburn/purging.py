"""Take single lines out of tables, and find whose UIDs an object holds."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydicom.dataset import DataElement, Dataset

from unburn import tables
from unburn.ledger import records


@contextmanager
def keeping_time(path: Path) -> Iterator[None]:
    """Give a file the time that it had: no job is to be done again because lines were taken out."""
    times = path.stat()
    yield
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def purge_lines(path: Path, stays: Callable[[Mapping[str, str]], bool]) -> None:
    """Keep the lines of a table that stay."""
    columns = [str(name) for name in tables.read(path).columns]
    with keeping_time(path):
        tables.write(path, filter(stays, records(path)), columns)


def uids_in(dataset: Dataset) -> set[str]:
    """Every UID of an object, at all levels."""
    found: set[str] = set()

    def collect(_: Dataset, element: DataElement) -> None:
        if element.VR == "UI" and element.value:
            many = element.value if element.VM > 1 else [element.value]
            found.update(str(one) for one in many)

    dataset.walk(collect)
    return found
