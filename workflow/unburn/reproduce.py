"""Make a release again and compare: ``python -m unburn reproduce results/LAB/provenance.json``.

First what is there is compared with what the record names. Another key, other settings or weights
give other files, so they end it here. Other code, libraries or machines may: they are said, and the
comparison tells. Then the workflow runs in a private scratch folder, with the same numbers of items
and the decisions of people, and every released file is compared by its sha256.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from unburn import approval, decisions, doctor, keys, patients, provenance, settings, submissions
from unburn.errors import UserError
from unburn.files import make_private, sha256
from unburn.folders import entries_below
from unburn.ledger import records
from unburn.plan import STATE
from unburn.plan import State as PlanState
from unburn.settings import Run, snakemake_in

FOLDER = "_reproduce"  # below work/; no label of a submission has an underscore
SHOWN = 20  # files that are named of those that differ
SAME = ("gate.approval",)  # settings that change no released byte
DIFFERENT = 3  # exit status


@dataclass(frozen=True)
class Comparison:
    """Released files by name, as recorded and as made again."""

    identical: list[str]
    differing: list[str]
    missing: list[str]
    added: list[str]

    @property
    def same(self) -> bool:
        """Whether every file is there again with the same bytes, and no other."""
        return not (self.differing or self.missing or self.added)


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Single values by dotted name; a list is one value."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def differing(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Names of the values that are not alike, or in one of both only."""
    one, other = flat(recorded), flat(now)
    names = sorted(one.keys() | other.keys())
    return [name for name in names if one.get(name, ...) != other.get(name, ...)]


def check(recorded: Mapping[str, Any], now: Mapping[str, Any], say: Callable[[str], None]) -> None:
    """Compare two records; say what may matter.

    Raises
    ------
    UserError
        naming what gives other files for certain: key, settings, weights
    """
    found = []
    if recorded["key_id"] != now["key_id"]:
        found.append(f"the key has the id {now['key_id']}, expected {recorded['key_id']}")
    names = differing(recorded["settings"], now["settings"])
    found += [f"the setting {name} is another" for name in names if name not in SAME]
    before, after = (
        {(one["setting"], one["file"]): one["sha256"] for one in record["weights"]}
        for record in (recorded, now)
    )
    found += [
        f"the weights {setting} ({file}) are "
        + ("others" if (setting, file) in after else "not there")
        for (setting, file), digest in before.items()
        if after.get((setting, file)) != digest
    ]
    if found:
        raise UserError(
            "provenance",
            "\n    ".join([f"{len(found)} differ from the record, nothing was run", *found]),
            "bring back key, settings and weights of that time; the record names them",
        )
    parts = {
        "code": "the code of the stages",
        "libraries": "the libraries",
        "readers": "the readers",
        "platform": "the machine",
    }
    for part, what in parts.items():
        for name in differing(recorded[part], now[part]):
            say(f"{what}: {name} is another than recorded, so files may differ")
    if recorded["lock"] != now["lock"]:
        say("envs/requirements.lock is another than recorded, so files may differ")
    for wrong in doctor.unlocked():
        say(f"not as envs/requirements.lock pins it: {wrong}")
    if recorded["python"] != now["python"]:
        say(f"Python is {now['python']}, recorded {recorded['python']}, so files may differ")
    if (was := recorded["unburn"]["commit"]) != (is_now := now["unburn"]["commit"]):
        say(f"the commit is {is_now[:12]}, recorded {was[:12]}")
    for which, record in (("then", recorded), ("now", now)):
        if record["unburn"]["changed_since"]:
            say(f"the checkout had changes that no commit holds, {which}")


def compare(recorded: Path, again: Path) -> Comparison:
    """Compare the files that two ``released.tsv`` list."""
    one, other = (dict(approval.files_of(folder)) for folder in (recorded, again))
    both = sorted(one.keys() & other.keys())
    return Comparison(
        identical=[name for name in both if one[name] == other[name]],
        differing=[name for name in both if one[name] != other[name]],
        missing=sorted(one.keys() - other.keys()),
        added=sorted(other.keys() - one.keys()),
    )


def inputs_of(results: Path) -> set[str]:
    """The keyed digests of the inputs of a release."""
    return {row["input_hmac"] for row in records(results / "released.tsv")} - {""}


# --- the second run


def placed(setting: str, value: Any) -> Any:
    """The value of a setting, by its dotted name, for a run in another folder."""
    is_path = setting.startswith("containers.") or setting.endswith(("weights", "rules", "truth"))
    return str(Path(value).absolute()) if is_path and value else value


def scratch_config(run: Run) -> dict[str, Any]:
    """The settings of the run for another folder: all places absolute, nothing waits."""
    config: dict[str, Any] = {}
    for dotted, value in settings.changed(run.config).items():
        group, _, name = dotted.rpartition(".")
        (config.setdefault(group, {}) if group else config)[name] = placed(dotted, value)
    for name in ("results", "work"):
        config.pop(name, None)
    config.setdefault("gate", {})["approval"] = "none"
    key = str(Path(run.config["key_file"]).absolute())
    return config | {"sheet": "sheet.tsv", "key_file": key}


def prepare(run: Run, label: str, folder: Path) -> None:
    """Write the folder of the second run: settings, sheet, numbers of items, decisions."""
    make_private(folder)
    row = run.rows[label]
    (folder / "config.yaml").write_text(yaml.safe_dump(scratch_config(run)), "utf-8")
    names = ("submission", "path", "project", *row.settings)
    cells = (label, str(row.path.absolute()), row.project)
    own = (json.dumps(placed(name, value)) for name, value in row.settings.items())
    lines = ("\t".join(names), "\t".join((*cells, *own)))
    (folder / "sheet.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    work, before = make_private(folder / "work" / label), Path(run.config["work"])
    known = PlanState.load(before / label / STATE)
    PlanState(items=known.items, next_item=known.next_item).save(work / STATE)
    for file in (Path(label) / decisions.FILE, Path(patients.TOMBSTONES)):
        if (before / file).is_file():
            shutil.copy(before / file, folder / "work" / file)


def run_again(folder: Path, cores: int) -> None:
    """Run the workflow in the folder.

    Raises
    ------
    UserError
        if it fails; its own words are in a log, as they name places
    """
    environment = {**os.environ, "PYTHONPATH": str(settings.REPO / "workflow")}
    with open(folder / "screen.txt", "wb") as screen:
        done = subprocess.run(
            [*snakemake_in(folder, cores)], stdout=screen, stderr=screen, env=environment
        )
    if done.returncode:
        raise UserError(
            "the second run", "it failed", f"see {folder / 'screen.txt'} and {folder / 'logs'}"
        )


def missing_inputs(run: Run, label: str) -> None:
    """Refuse where the originals are gone.

    Raises
    ------
    UserError
        by the line of the sheet, without the folder's path
    """
    if submissions.is_gone(run.rows[label]):
        raise UserError(
            f"{run.config['sheet']}:{run.rows[label].line}",
            f"the folder of the submission {label} is missing, closed or empty",
            "bring the originals back; without them nothing can be made again",
        )


def check_inputs(run: Run, label: str, master: bytes, results: Path) -> None:
    """Refuse where an original of the release is not in the submission's folder as it was.

    Raises
    ------
    UserError
        with their number
    """
    key = keys.project_key(master, run.rows[label].project)
    missing = inputs_of(results)
    total = len(missing)
    for entry in entries_below(os.fspath(run.rows[label].path)) if missing else ():
        if entry.is_file(follow_symlinks=False):
            missing.discard(keys.keyed(key, "input", sha256(Path(entry.path))).hex())
    if missing:
        raise UserError(
            f"{run.config['sheet']}:{run.rows[label].line}",
            f"{len(missing)} of {total} originals of the release are not in the folder of the "
            f"submission {label}, or were altered since; nothing was run",
            "bring the originals of that time back, or correct the columns path and project",
        )


def master_of(run: Run, key_id: str) -> bytes:
    """The master key; ``key_id`` of the one that the record names.

    Raises
    ------
    UserError
        if there is none: another would not do, so none is to be made
    """
    path = Path(run.config["key_file"])
    if not path.exists():
        raise UserError(
            str(path),
            f"there is no key file, and the release was made with the key of the id {key_id}",
            "bring that key back, or name its file in the setting key_file",
        )
    return keys.load(path)


def recorded_in(record: Path) -> dict[str, Any]:
    """Read a ``provenance.json``.

    Raises
    ------
    UserError
        if it is none, or its table of files is gone
    """
    try:
        found: dict[str, Any] = json.loads(record.read_text("utf-8"))
        parts = ("key_id", "settings", "weights", "code", "libraries", "readers", "platform")
        complete = all(part in found for part in (*parts, "python", "unburn", "lock"))
    except (OSError, ValueError, TypeError):
        complete = False
    if not complete or not (record.parent / "released.tsv").is_file():
        raise UserError(
            "provenance",
            "it is no record of a release, or released.tsv does not lie beside it",
            "name results/<submission>/provenance.json",
        )
    if found["key_id"] == "discarded":
        raise UserError(
            "provenance",
            "its key was discarded (metadata.key: discard), so pseudonyms, dates and UIDs cannot "
            "be made again",
            "compare pixels by hand where you must; the files themselves cannot be the same",
        )
    return found


def reproduce(
    run: Run, record: Path, label: str, cores: int, keep: bool, say: Callable[[str], None]
) -> bool:
    """Make a release again and say what differs; whether all files are identical.

    Raises
    ------
    UserError
        naming what is missing or another: record, key, originals, weights
    """
    recorded = recorded_in(record)
    if label not in run.rows:
        raise UserError(
            "--submission", "the sheet has no such submission", "name the one that was recorded"
        )
    missing_inputs(run, label)
    submissions.check_weights(run)
    master = master_of(run, recorded["key_id"])
    values = json.loads(submissions.all_settings(run, label))
    check(recorded, provenance.provenance(values, keys.key_id(master)), say)
    check_inputs(run, label, master, record.parent)
    folder = Path(run.config["work"]).absolute() / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    prepare(run, label, folder)
    say(f"{label}: running again with {cores} cores")
    run_again(folder, cores)
    results = folder / "results" / label
    found = compare(record.parent, results)
    for what, names in (
        ("differ", found.differing),
        ("were not made again", found.missing),
        ("were not there before", found.added),
    ):
        if names:
            say(f"{len(names)} files {what}:")
            say("\n".join(f"    {name}" for name in names[:SHOWN]))
            say(f"    and {len(names) - SHOWN} more") if len(names) > SHOWN else None
    others = inputs_of(record.parent) ^ inputs_of(results)
    if others:
        say(f"{len(others)} inputs are in one of both only")
    total = len(found.identical)
    say(f"{label}: identical, all {total} files" if found.same else f"{label}: {total} identical")
    if not keep:
        shutil.rmtree(folder)
    else:
        say(f"the second run is in {folder}")
    return found.same


def label_of(record: Path, named: str | None, rows: Sequence[str]) -> str:
    """The submission that a record is of: the one named, the folder's name, the only one there."""
    folder = record.absolute().parent.name
    return named or (folder if folder in rows or len(rows) != 1 else next(iter(rows)))
