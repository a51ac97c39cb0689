"""One page and one table across runs and submissions: ``python -m unburn index RUN...``.

It is for those who run unburn: names of folders stand in it, so it is never written below results/.
What it shows of a submission comes from its ``metrics.json`` and ``provenance.json``.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from unburn import approval, pages, tables
from unburn.errors import UserError
from unburn.files import replacing
from unburn.settings import WAITING

PAGE, TABLE = "index.html", "index.csv"
COLUMNS = (
    *("run", "submission", "state", "finished", "found", "released", "held_back", "ignored"),
    *("release_rate", "unread_frames", "text_at_most", "controls", "controls_recall"),
    *("controls_at_least", "released_by_people", "core_hours", "gpu_hours", "job_hours"),
    *("version", "commit", "key_id"),
)
NOT_FINISHED, NOT_READABLE = "not finished", "not readable"
HANDED_OUT, WAITS = "handed out", "waits for a signature"


@dataclass(frozen=True)
class Folders:
    """Where a run writes."""

    run: Path
    work: Path
    results: Path

    @property
    def waiting(self) -> Path:
        """Where results wait for a signature."""
        return self.work / WAITING


def folders(run: Path) -> Folders:
    """Where a run writes, by its ``config.yaml`` where that says so.

    Raises
    ------
    UserError
        if the folder is not that of a run
    """
    config: Any = {}
    file = run / "config.yaml"
    if file.is_file():
        try:
            config = yaml.safe_load(file.read_text("utf-8")) or {}
        except (yaml.YAMLError, UnicodeDecodeError):
            raise UserError(str(file), "it is not YAML", "mend it, or name another run") from None
    named = config if isinstance(config, Mapping) else {}
    found = Folders(
        run, run / str(named.get("work", "work")), run / str(named.get("results", "results"))
    )
    if not found.work.is_dir():
        raise UserError(
            str(run),
            "it is not the folder of a run: it has no work/",
            "name the folder in which you start the workflow",
        )
    return found


def labels(place: Folders) -> list[str]:
    """The submissions of a run that were begun, by their private folders, or are finished."""
    begun = {table.parent.name for table in place.work.glob("*/inventory.tsv")}
    begun |= {found.parent.name for found in place.results.glob("*/metrics.json")}
    return sorted(label for label in begun if not label.startswith("_"))


def row(place: Folders, label: str) -> dict[str, Any]:
    """What the index says of one submission, by column; None in those that are not known."""
    waiting, out = place.waiting / label, place.results / label
    source = waiting if (waiting / "metrics.json").is_file() else out
    blank: dict[str, Any] = dict.fromkeys(COLUMNS)
    blank |= {"run": place.run.resolve().name, "submission": label}
    if not (source / "metrics.json").is_file() or not (source / "released.tsv").is_file():
        return blank | {"state": NOT_FINISHED}
    try:
        metrics = json.loads((source / "metrics.json").read_text("utf-8"))
        provenance = json.loads((source / "provenance.json").read_text("utf-8"))
        return blank | {"state": state(waiting, out)} | figures(metrics, provenance)
    except (OSError, ValueError, KeyError, TypeError):
        return blank | {"state": NOT_READABLE}


def state(waiting: Path, out: Path) -> str:
    """Whether a finished submission is handed out; what waits can be newer than that."""
    if not (waiting / "released.tsv").is_file():
        return HANDED_OUT
    there = (out / "released.tsv").is_file()
    same = there and approval.files_of(out) == approval.files_of(waiting)
    return HANDED_OUT if same else WAITS


def figures(metrics: Mapping[str, Any], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a finished submission."""
    release, unread = metrics["release"], metrics["privacy"]["unread"]
    controls, spent = metrics.get("controls", {}), metrics["resources"]
    return {
        "finished": provenance["finished"][:10],
        **{name: release[name] for name in ("found", "released", "held_back", "ignored")},
        "release_rate": release["release_rate"],
        "unread_frames": unread["frames"],
        "text_at_most": unread["upper_bound"],
        "controls": controls.get("lines"),
        "controls_recall": controls.get("recall"),
        "controls_at_least": controls.get("lower_bound"),
        "released_by_people": metrics.get("decisions", {}).get("released", 0),
        **{name: spent[name] for name in ("core_hours", "gpu_hours", "job_hours")},
        "version": provenance["unburn"]["version"],
        "commit": provenance["unburn"]["commit"],
        "key_id": provenance["key_id"],
    }


def totals(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """All finished submissions together."""
    done = [each for each in rows if each["found"] is not None]
    names = ("found", "released", "held_back", "ignored", "core_hours", "gpu_hours", "job_hours")
    found: dict[str, Any] = {name: sum(each[name] for each in done) for name in names}
    items = found["released"] + found["held_back"]
    return found | {
        "submissions": len(done),
        "release_rate": found["released"] / items if items else None,
    }


def check_outside(out: Path, places: Iterable[Folders]) -> None:
    """Refuse to write where results are handed out.

    Raises
    ------
    UserError
        if the folder is, or lies in, a run's results
    """
    for place in places:
        if out.resolve().is_relative_to(place.results.resolve()):
            raise UserError(
                "--out",
                "it lies in the folder of results, which is handed out",
                "the index names runs and submissions of several labs; write it elsewhere",
            )


def index(runs: Sequence[Path], out: Path | None) -> tuple[Path, Path, list[dict[str, Any]]]:
    """Write page and table; return where they are, and the rows.

    ``out`` is a folder; the private one of the first run by default.
    """
    places = [folders(run) for run in runs]
    rows = [row(place, label) for place in places for label in labels(place)]
    folder = out or places[0].work
    check_outside(folder, places)
    folder.mkdir(parents=True, exist_ok=True)
    tables.write_csv(folder / TABLE, rows, COLUMNS)
    text = pages.render("index.html.j2", rows=rows, total=totals(rows), runs=len(places))
    with replacing(folder / PAGE) as tmp:
        tmp.write_text(text, "utf-8")
    return folder / PAGE, folder / TABLE, rows
