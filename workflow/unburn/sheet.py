"""The sheet of submissions: one line for each lab's folder."""

import csv
import difflib
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from unburn.errors import UserError

COLUMNS = ("submission", "path", "project")
DELIMITERS = {"\t": "tabs", ",": "commas", ";": "semicolons"}
LABEL = re.compile(r"[a-z0-9-]{1,32}")

# Settings by dotted name: what is wrong with a value, or None where one holds for the whole run.
Settings = Mapping[str, Callable[[Any], Iterable[str]] | None]


@dataclass(frozen=True)
class Row:
    """One submission: its label, its folder, its key domain and its own settings."""

    submission: str
    path: Path
    project: str
    line: int
    settings: Mapping[str, Any] = field(default_factory=dict)


def read(sheet: Path, known: Settings | None) -> tuple[dict[str, Row], list[str]]:
    """Read a TSV or CSV sheet; return its rows by label and all mistakes found, one text each.

    With ``known`` None, for a job, all columns but the three of a row are passed over. A mistake
    names file, line and column, and never the folder's path: it can hold a person's name.
    """
    if not sheet.is_file():
        found = "it is a folder" if sheet.is_dir() else "there is no such file"
        return {}, [
            f"{sheet}: {found}\n"
            "    hint: set `sheet` in the configuration to a TSV "
            "with the columns submission and path"
        ]
    delimiter = "," if sheet.suffix.lower() == ".csv" else "\t"
    try:
        text = sheet.read_text(encoding="utf-8-sig")
        lines = list(csv.reader(text.splitlines(), delimiter=delimiter, strict=True))
    except UnicodeDecodeError:
        return {}, [f"{sheet}: it is not UTF-8\n    hint: save it again as text in UTF-8"]
    except csv.Error:
        return {}, [
            f"{sheet}: a cell begins with a quotation mark that does not end it\n"
            "    hint: take quotation marks out"
        ]
    header = [name.strip() for name in lines[0]] if lines else []
    mistakes = _separator_mistakes(sheet, header, delimiter)
    if mistakes:
        return {}, mistakes
    mistakes = _header_mistakes(sheet, header, delimiter, known)
    rows: dict[str, Row] = {}
    for number, cells in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#"):
            continue
        if len(cells) > len(header):
            mistakes.append(
                f"{sheet}:{number}: {len(cells)} cells under {len(header)} column names\n"
                f"    hint: cells are separated by {_name(delimiter)}"
            )
            continue
        row = {
            name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()
        }
        settings, wrong = _settings_of(row, known or {})
        wrong = [*_row_mistakes(row, rows, header, known is None), *wrong]
        mistakes.extend(f"{sheet}:{number}: {text}" for text in wrong)
        if not wrong and {"submission", "path"} <= row.keys():
            label = row["submission"]
            path, project = Path(row["path"]), row.get("project", label)
            rows[label] = Row(label, path, project, number, settings)
    if not rows and not mistakes:
        mistakes.append(f"{sheet}: it names no submission\n    hint: add a line for each folder")
    return rows, mistakes


def lookup(sheet: Path, submission: str) -> Row:
    """The row of one submission, for a job; columns with settings are not looked at.

    Raises
    ------
    UserError
        if the sheet is gone or no longer names the submission
    """
    rows, _ = read(sheet, None)
    if submission not in rows:
        raise UserError(
            where=f"sheet {sheet}",
            found=f"no line for the submission {submission}",
            advice="the sheet was changed while the run was under way; start the run again",
        )
    return rows[submission]


def _separator_mistakes(sheet: Path, header: list[str], delimiter: str) -> list[str]:
    """Whether the first line names the columns, but set apart by something else."""
    for other in DELIMITERS:
        names = {name.strip() for cell in header for name in cell.split(other)}
        if other != delimiter and {"submission", "path"} <= names and "path" not in header:
            return [
                f"{sheet}:1: its columns are separated by {_name(other)}, "
                f"expected {_name(delimiter)}\n"
                f"    hint: save it again with tabs as .tsv, or with commas as .csv"
            ]
    return []


def _header_mistakes(
    sheet: Path, header: list[str], delimiter: str, known: Settings | None
) -> list[str]:
    mistakes = []
    rules = {} if known is None else known
    allowed = [*COLUMNS, *(name for name, check in rules.items() if check)]
    for name in ("submission", "path"):
        if name not in header:
            mistakes.append(
                f"{sheet}:1: the column '{name}' is missing\n"
                f"    hint: the first line names the columns, separated by {_name(delimiter)}"
            )
    # a first line without both of them is no header, and a cell of it can be a folder's path
    named = known is not None and ("submission" in header or "path" in header)
    for name in header if named else ():
        if name in allowed:
            continue
        if name in rules:
            found = "sets what holds for the whole run"
            hint = "take it out, and set it in config.yaml"
        else:
            found = "is not known"
            near = difflib.get_close_matches(name, allowed, 1)
            hint = f"did you mean {near[0]}?" if near else "leave it out, or name a setting"
        mistakes.append(f"{sheet}:1: the column '{name}' {found}\n    hint: {hint}")
    for name in sorted({name for name in header if header.count(name) > 1}):
        mistakes.append(f"{sheet}:1: the column '{name}' is there twice\n    hint: keep one")
    return mistakes


def _settings_of(row: Mapping[str, str], known: Settings) -> tuple[dict[str, Any], list[str]]:
    """What a row sets for its submission, and what is wrong with it."""
    settings, mistakes = {}, []
    for name in row:
        check = known.get(name)
        if check is None:
            continue
        try:
            settings[name] = yaml.safe_load(row[name])
        except yaml.YAMLError:
            mistakes.append(
                f"{name}: it is not a value as in the configuration\n"
                "    hint: a number, a word, true or false; brackets and quotes come in pairs"
            )
        else:
            mistakes += [f"{name}: {found}" for found in check(settings[name])]
    return settings, mistakes


def _row_mistakes(
    row: Mapping[str, str], rows: Mapping[str, Row], header: Collection[str], in_job: bool
) -> list[str]:
    mistakes = []
    label, project = row.get("submission", ""), row.get("project", "")
    for column, value in (("submission", label), ("project", project)):
        if value and not LABEL.fullmatch(value):
            mistakes.append(
                f"{column}: it has a character that a label may not have, or is too long\n"
                "    hint: 1 to 32 of small letters, digits and '-'; the label becomes a folder"
            )
    if not label and "submission" in header:
        mistakes.append("submission: it is empty\n    hint: give the folder a label, as lab-1")
    if label in rows:
        mistakes.append(
            f"submission: '{label}' is there already, in line {rows[label].line}\n"
            "    hint: each submission has one line"
        )
    if "path" not in row:
        if "path" in header:
            mistakes.append("path: it is empty\n    hint: the folder that holds the images")
    elif not in_job and os.path.isfile(row["path"]):  # noqa: PTH113 - no error in a closed folder
        mistakes.append("path: it is a file\n    hint: name the folder that holds it")
    return mistakes


def _name(delimiter: str) -> str:
    return DELIMITERS[delimiter]
