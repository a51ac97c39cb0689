"""Settings: defaults and limits from the schema, all mistakes at once, a way out for each."""

import argparse
import copy
import difflib
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from unburn.errors import NOTHING_RUN, UserError, listed
from unburn.files import replacing
from unburn.places import Places, places_of
from unburn.presets import CHOICES, DEMANDS, PRESETS, weakened
from unburn.sheet import Row, Settings
from unburn.sheet import read as read_sheet

REPO = Path(__file__).resolve().parents[2]
SCHEMA = REPO / "workflow" / "schemas" / "config.schema.yaml"
README = REPO / "config" / "README.md"
WAITING = "_waiting"  # below work/; no label of a submission has an underscore
BEGIN, END = "<!-- {} -->", "<!-- /{} -->"


@dataclass(frozen=True)
class Run:
    """What a run is made of: the complete settings and the rows of the sheet by label.

    ``handed_out`` is the folder `results` where a person's approval comes before it; the setting
    then names the private folder in which results wait.
    """

    config: dict[str, Any]
    rows: dict[str, Row]
    handed_out: Path | None = None

    def section(self, submission: str, name: str) -> dict[str, Any]:
        """One section of the settings, with what the sheet's row sets for this submission.

        What the submission's preset of header cleaning demands of other stages comes last.
        """
        section = dict(self.config[name])
        own = self.rows[submission].settings
        preset = own.get("metadata.preset", self.config["metadata"]["preset"])
        for dotted, value in [*own.items(), *DEMANDS.get(preset, {}).items()]:
            group, _, key = dotted.partition(".")
            if group == name:
                section[key] = value
        return section


def schema() -> dict[str, Any]:
    """The JSON schema of the settings: the only place for types, limits and defaults."""
    with open(SCHEMA, encoding="utf-8") as file:
        return yaml.safe_load(file)


def load(config: Mapping[str, Any], files: Sequence[Path]) -> Run:
    """Check settings and sheet whole; fill in defaults.

    Parameters
    ----------
    config : the merged settings as Snakemake read them
    files : the configuration files they came from, for the line numbers in messages

    Raises
    ------
    UserError
        naming every mistake of settings and sheet, each with its place and a way out
    """
    rules = schema()
    lines, misread = places_of(files)
    mistakes = misread + [
        f"{_place(lines, path)}{'.'.join(path)}: {found}\n    hint: {hint}"
        for path, found, hint in _check(config, rules, ())
    ]
    complete = _resolve_shipped(_fill(config, rules), rules)
    rows: dict[str, Row] = {}
    if isinstance(complete["sheet"], str):
        rows, found_rows = read_sheet(Path(complete["sheet"]), _of_the_sheet(rules))
        mistakes += found_rows
    if not mistakes:
        mistakes = [*_weakened(config, complete, rows, lines)]
    if mistakes:
        raise UserError("settings", listed(mistakes), NOTHING_RUN)
    if complete["gate"]["approval"] == "none":
        return Run(complete, rows)
    waiting = str(Path(complete["work"]) / WAITING)
    return Run(complete | {"results": waiting}, rows, Path(complete["results"]))


def load_file(configfile: Path) -> Run:
    """Check the settings of one configuration file, for verbs that run without Snakemake."""
    if not configfile.is_file():
        raise UserError(
            where=str(configfile),
            found="there is no such file",
            advice="name your settings with --configfile, or go to the folder of the run",
        )
    try:
        config = yaml.safe_load(configfile.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise UserError(
            where=f"{configfile}:{mark.line + 1}" if mark else str(configfile),
            found=f"not YAML ({getattr(error, 'problem', 'characters that are not UTF-8 text')})",
            advice="settings are lines of `name: value`, groups are indented by blanks",
        ) from None
    return load(config, [configfile])


def leaves(rules: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each single setting: its dotted name and its part of the schema."""
    for name, rule in rules["properties"].items():
        if "properties" in rule:
            yield from leaves(rule, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", rule


def defaults() -> dict[str, Any]:
    """All settings as they are when nothing is set."""
    rules = schema()
    return _resolve_shipped(_fill({}, rules), rules)


def changed(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that differ from their defaults, by dotted name."""
    result = {}
    standard = defaults()
    for name, _ in leaves(schema()):
        value, default = _get(config, name), _get(standard, name)
        if value != default:
            result[name] = value
    return result


def table() -> str:
    """The settings as a Markdown table, for config/README.md."""
    rows = ["| setting | default | what it does |", "|---|---|---|"]
    for name, rule in leaves(schema()):
        default = json.dumps(rule["default"])
        choice = f" One of {', '.join(map(str, rule['enum']))}." if "enum" in rule else ""
        rows.append(f"| `{name}` | `{default}` | {rule['description']}{choice} |")
    return "\n".join(rows) + "\n"


def preset_table() -> str:
    """What each preset chooses, as a Markdown table, for config/README.md."""
    rows = [f"| setting | {' | '.join(f'`{name}`' for name in PRESETS)} |", "|---|---|---|---|"]
    for option in CHOICES:
        chosen = [getattr(options, option) for options in PRESETS.values()]
        rows.append(f"| `metadata.{option}` | {' | '.join(chosen)} |")
    return "\n".join(rows) + "\n"


def _get(config: Mapping[str, Any], dotted: str) -> Any:
    value: Any = config
    for part in dotted.split("."):
        value = value[part]
    return value


def _fill(config: Any, rules: Mapping[str, Any]) -> dict[str, Any]:
    filled = copy.deepcopy(dict(config)) if isinstance(config, Mapping) else {}
    for name, rule in rules["properties"].items():
        if "properties" in rule:
            filled[name] = _fill(filled.get(name), rule)
        else:
            filled.setdefault(name, copy.deepcopy(rule["default"]))
    return filled


def _resolve_shipped(config: dict[str, Any], rules: Mapping[str, Any]) -> dict[str, Any]:
    """Make the default paths that the product ships absolute: they lie in the repository."""
    for name, rule in rules["properties"].items():
        if "properties" in rule:
            _resolve_shipped(config[name], rule)
        elif rule.get("x-shipped") and config[name] == rule["default"]:
            config[name] = str(REPO / config[name])
    return config


def _check(
    config: Any, rules: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    if not isinstance(config, Mapping):
        yield path, "it should be a group of settings", f"one of {', '.join(rules['properties'])}"
        return
    for name, value in config.items():
        here = (*path, str(name))
        rule = rules["properties"].get(name)
        if rule is None:
            near = difflib.get_close_matches(str(name), rules["properties"], 1)
            hint = f"did you mean {near[0]}?" if near else "config/README.md lists all settings"
            group, _, rest = str(name).partition(".")
            if "properties" in rules["properties"].get(group, {}):
                hint = f"groups are nested: write `{group}:`, and below it, indented, `{rest}:`"
            yield here, "there is no such setting", hint
        elif "properties" in rule:
            if value is not None:
                yield from _check(value, rule, here)
        else:
            for _, found, hint in _check_value(value, rule):
                yield here, found, hint


def _check_value(value: Any, rule: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, float) and not math.isfinite(value):
        # every comparison with not-a-number is false, so no limit of the schema refuses it
        yield "", "it is not a finite number", rule["x-hint"]
        return
    validator = jsonschema.Draft202012Validator(rule)
    for error in validator.iter_errors(value):
        near = ""
        if "enum" in rule:
            close = difflib.get_close_matches(str(value), map(str, rule["enum"]), 1)
            near = f"; did you mean {close[0]}?" if close else ""
        yield "", error.message, rule["x-hint"] + near


def _of_the_sheet(rules: Mapping[str, Any]) -> Settings:
    """What columns of the sheet can set, each with what finds the mistakes of a value."""

    def check(rule: Mapping[str, Any], value: Any) -> list[str]:
        return [f"{found}\n    hint: {hint}" for _, found, hint in _check_value(value, rule)]

    return {
        name: None if "." not in name or rule.get("x-whole-run") else partial(check, rule)
        for name, rule in leaves(rules)
    }


def _weakened(
    config: Mapping[str, Any],
    complete: Mapping[str, Any],
    rows: Mapping[str, Row],
    lines: Places,
) -> Iterator[str]:
    """Name settings that would take from what the preset of header cleaning promises."""
    explicit = {
        f"{group}.{name}": value
        for group, section in config.items()
        if isinstance(section, Mapping)
        for name, value in section.items()
    }
    found: dict[str, None] = {}  # a set that keeps its order
    for row in rows.values():
        preset = row.settings.get("metadata.preset", complete["metadata"]["preset"])
        for name, promised in weakened(preset, explicit | dict(row.settings)):
            own = row.settings.keys() & {name, "metadata.preset"}
            at = f"{complete['sheet']}:{row.line}: " if own else _place(lines, (*name.split("."),))
            found[
                f"{at}{name}: the preset {preset} promises {promised}\n"
                "    hint: leave it out, or choose the preset research, which promises less"
            ] = None
    yield from found


def _place(lines: Places, path: tuple[str, ...]) -> str:
    return lines.get(path, "--config: ")


def write_tables(readme: Path = README) -> None:
    """Put the tables of settings and presets between their marks in config/README.md."""
    text = readme.read_text(encoding="utf-8")
    for name, made in (("settings", table()), ("presets", preset_table())):
        head, rest = text.split(BEGIN.format(name))
        tail = rest.split(END.format(name))[1]
        text = f"{head}{BEGIN.format(name)}\n{made}{END.format(name)}{tail}"
    with replacing(readme) as tmp:
        tmp.write_text(text, encoding="utf-8")


def snakemake_in(run: Path, cores: int) -> list[str]:
    """The command that starts the workflow in the folder of a run, by its config.yaml."""
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(REPO / "Snakefile")),
        *("--directory", str(run), "--configfile", str(run / "config.yaml")),
        *("--cores", str(cores)),
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Write the tables of settings and presets into config/README.md."""
    argparse.ArgumentParser(prog="python -m unburn.settings", description=main.__doc__).parse_args(
        argv
    )
    write_tables()


if __name__ == "__main__":
    main()
