"""Tables in the private folder that a verb writes and people may edit: decisions and approvals.

Every line is looked at before anything runs. A mistake is named by its line and column, never by
what stands there.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from unburn.errors import UserError

SHA256 = re.compile(r"[0-9a-f]{64}")


def who_and_when(row: Mapping[str, str]) -> Iterable[str]:
    """Mistakes of the columns reviewer and date."""
    if not row["reviewer"]:
        yield "reviewer: it is empty"
    try:
        date.fromisoformat(row["date"])
    except ValueError:
        yield "date: expected year-month-day, as 2026-01-31"


def rows_of(
    table: Path,
    columns: Sequence[str],
    mistakes: Callable[[Mapping[str, str]], Iterable[str]],
    advice: str,
) -> list[dict[str, str]]:
    """Read a table that people may edit; [] where there is none.

    Raises
    ------
    UserError
        naming every line that is not well formed; never what stands in it
    """
    if not table.exists():
        return []
    where = f"submission {table.parent.name}, {table.name}"
    try:
        lines = table.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UserError(where, "it is not UTF-8 text", advice) from None
    except OSError as error:
        reason = f"it cannot be read as a file ({error.strerror})"
        raise UserError(where, reason, "take away what stands in its place, or open it") from None
    rows, found = [], []
    if not lines or tuple(lines[0].split("\t")) != tuple(columns):
        raise UserError(
            where, f"its first line must be the columns {', '.join(columns)}, with tabs", advice
        )
    for number, line in enumerate(lines[1:], 2):
        cells = line.split("\t")
        if not line.strip():
            continue
        if len(cells) != len(columns):
            found.append(f"line {number}: {len(cells)} cells under {len(columns)} columns")
            continue
        row = dict(zip(columns, (cell.strip() for cell in cells), strict=True))
        found += [f"line {number}: {mistake}" for mistake in mistakes(row)]
        rows.append(row)
    if found:
        raise UserError(where, "\n    ".join([f"{len(found)} to mend", *found]), advice)
    return rows
