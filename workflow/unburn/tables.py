"""Tab-separated tables: every value a string, an empty cell an empty string."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from unburn.files import replacing


def read(path: Path) -> pd.DataFrame:
    """Read a table; all columns are str, nothing becomes NaN, a leading zero stays."""
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, quoting=3)


def write(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write rows in the order of ``columns``; tabs and line ends in values become blanks."""
    frame = pd.DataFrame(list(rows), columns=list(columns)).astype(str)
    frame = frame.replace(r"[\t\r\n]", " ", regex=True)
    with replacing(Path(path)) as tmp:
        frame.to_csv(tmp, sep="\t", index=False, quoting=3, escapechar="\\")
