"""Tab-separated tables: every value a string, an empty cell an empty string; CSV of benchmarks."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from unburn.files import replacing

BREAKS = re.compile(r"[\t\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def read(path: Path) -> pd.DataFrame:
    """Read a table; all columns are str, nothing becomes NaN, a leading zero stays."""
    return pd.read_csv(
        path, sep="\t", dtype=str, keep_default_na=False, quoting=3, skip_blank_lines=False
    )


def write(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write rows in the order of ``columns``; tabs and line ends in values become blanks."""
    with replacing(Path(path)) as tmp, open(tmp, "w", encoding="utf-8") as file:
        file.write("\t".join(columns) + "\n")
        for row in rows:
            cells = [str(row[name]) for name in columns]
            line = "\t".join(cells)
            if len(BREAKS.findall(line)) >= len(columns):  # more than those between cells
                line = "\t".join(" ".join(BREAKS.split(cell)) for cell in cells)
            file.write(line + "\n")


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write rows as CSV in the order of ``columns``."""
    with replacing(path) as tmp, open(tmp, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
