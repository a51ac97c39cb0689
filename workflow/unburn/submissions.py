"""What a run needs to know of its submissions before, between and after the jobs."""

import argparse
import collections
import contextlib
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from unburn import approval, decisions, destinations, devices, keys, prompts, tables, weights
from unburn.errors import UserError, all_of, command, verb
from unburn.files import make_private, sha256
from unburn.folders import entries_below
from unburn.ledger import forget, forgotten
from unburn.settings import REPO, WAITING, Run
from unburn.sheet import Row

DEMO = REPO / "resources" / "demo"
WITHDRAWING = "withdrawing.json"  # in the private folder: what a withdrawal is to take away


def check(run: Run) -> bytes:
    """Load the master key, refuse it where it does not belong, make the work folders private.

    Returns
    -------
    bytes, the master key

    Raises
    ------
    UserError
        if nothing can be written into results or work, if the key is missing or open to others, if
        it is the demo's on other data, if a ledger was made with another key, if a submission's
        folder and ours overlap, if what is handed out would hold what is private, or is older than
        what waits, if a withdrawal was interrupted, or if a table of decisions is not well formed;
        each names the remedy, and all are told at once
    """
    folders = {"results": str(run.handed_out or run.config["results"]), "work": run.config["work"]}
    all_of(*(partial(destinations.check, name, folder) for name, folder in folders.items()))
    master, *_ = all_of(
        partial(_master, run),
        partial(_check_handed_out, run),
        partial(_check_approved, run),
        partial(_check_withdrawals, run),
        *(partial(_check_decisions, run, label) for label in run.rows),
        *(partial(_check_apart, run, row) for row in run.rows.values()),
    )
    work = make_private(Path(run.config["work"]), int(run.config["work_mode"], 8))
    named = keys.key_id(master)
    all_of(*(partial(check_key, work / label, named) for label in run.rows))
    return master


def _master(run: Run) -> bytes:
    """The master key, which has to be there, and the user's own but for the demo."""
    key_file = Path(run.config["key_file"])
    used = [label for label in run.rows if (Path(run.config["work"]) / label / "key_id").is_file()]
    if used and not key_file.exists():
        raise UserError(
            where=str(key_file),
            found=f"there is no key file, and the ledger of {used[0]} was made with one",
            advice="bring that key back; with a new one, pseudonyms and dates would not fit",
        )
    master = keys.load(key_file)
    if keys.is_demo(master):
        for row in run.rows.values():
            if not row.path.resolve().is_relative_to(DEMO):
                raise UserError(
                    where=f"{run.config['sheet']}:{row.line}",
                    found="the key is the demo's, which everybody can read",
                    advice=f"make your own with: {verb('key new unburn.key')}, "
                    "and name it in the setting key_file",
                )
    return master


def is_gone(row: Row) -> bool:
    """Whether the folder of a submission is missing or empty, as where a disk is not mounted."""
    return next(entries_below(os.fspath(row.path)), None) is None


def is_finished(run: Run, label: str) -> bool:
    """Whether a submission was released, reported on and accounted for."""
    work, results = Path(run.config["work"]) / label, Path(run.config["results"]) / label
    return (work / "accounted").is_file() and (results / "released.tsv").is_file()


def asked(run: Run) -> list[str]:
    """The submissions that a run makes: not those that are finished and whose folder is gone.

    Originals are archived one day. Planned without them, a submission would lose what it has.
    """
    return [
        label for label, row in run.rows.items() if not (is_finished(run, label) and is_gone(row))
    ]


def warnings(run: Run) -> list[str]:
    """What is allowed and rarely meant; one line each, without a path."""
    return missing(run) + overlapping(run)


def missing(run: Run) -> list[str]:
    """Submissions whose folder is missing or empty; one line each, without a path."""
    found = []
    for label, row in run.rows.items():
        if is_gone(row):
            then = (
                "its results stay as they are"
                if is_finished(run, label)
                else "it cannot be made; correct the column path, or mount the disk"
            )
            found.append(
                f"{run.config['sheet']}:{row.line}: the folder of the submission {label} is "
                f"missing, closed or empty; {then}"
            )
    return found


def overlapping(run: Run) -> list[str]:
    """Submissions that hold files of one another; one line each, without a path."""
    rows = list(run.rows.values())
    folders = [row.path.resolve() for row in rows]
    at = collections.defaultdict(list)
    for number, folder in enumerate(folders):
        at[folder].append(number)
    pairs = {
        (min(number, other), max(number, other))
        for number, folder in enumerate(folders)
        for place in (folder, *folder.parents)
        for other in at.get(place, ())
        if other != number
    }
    found = []
    for one, other in ((rows[first], rows[second]) for first, second in sorted(pairs)):
        keys_used = "one key" if one.project == other.project else "two keys"
        found.append(
            f"{run.config['sheet']}:{other.line}: the folder is, holds or lies in that of line "
            f"{one.line}; the same patients are released twice, under {keys_used}"
        )
    return found


def _check_apart(run: Run, row: Row) -> None:
    """Refuse a run that would write into what was handed in, or read what it wrote."""
    images = row.path.resolve()
    handed_out = run.handed_out or run.config["results"]
    for name, place in (("results", handed_out), ("work", run.config["work"])):
        folder = Path(place).resolve()
        if folder.is_relative_to(images) or images.is_relative_to(folder):
            raise UserError(
                where=f"{run.config['sheet']}:{row.line}",
                found=f"the folder of the submission {row.submission} and {name}/ overlap",
                advice=f"run in another folder (--directory), or set `{name}` to another one",
            )


def _check_handed_out(run: Run) -> None:
    """Refuse a run whose results, which are handed out, would hold the work folder or the key."""
    results = Path(run.handed_out or run.config["results"]).resolve()
    for name in ("work", "key_file"):
        if Path(run.config[name]).resolve().is_relative_to(results):
            raise UserError(
                where="settings",
                found=f"`{name}` lies in the folder `results`, which is handed out",
                advice=f"set `{name}` or `results` to another place",
            )
    if results.is_relative_to(Path(run.config["work"]).resolve()):
        raise UserError(
            where="settings",
            found="`results` lies in the folder `work`, which may identify patients and is closed",
            advice="set `results` or `work` to another place",
        )


def _check_approved(run: Run) -> None:
    """Refuse files that were approved before others waited, once nobody has to approve any more.

    Snakemake did not make the table that lists them, so it would take them for the last release.
    """
    for label in run.rows if run.handed_out is None else ():
        work, results = (Path(run.config[name]) for name in ("work", "results"))
        table, ledger = results / label / "released.tsv", work / label / "ledger.tsv"
        if not ((work / WAITING / label).is_dir() and table.is_file() and ledger.is_file()):
            continue
        if table.stat().st_mtime_ns < ledger.stat().st_mtime_ns:
            raise UserError(
                where=f"submission {label}",
                found="gate.approval is no longer required, and what was approved is older than "
                "the last release, which waits",
                advice=f"delete {table}, and the next start hands out that of now; "
                "or set gate.approval to required again",
            )


def _check_withdrawals(run: Run) -> None:
    """Refuse a run while a patient is being withdrawn: tables and files do not fit each other."""
    for label in run.rows:
        if (Path(run.config["work"]) / label / WITHDRAWING).is_file():
            raise UserError(
                where=f"submission {label}",
                found="a patient is being withdrawn from it, or that was interrupted",
                advice="wait for its end; after a kill, go on with: "
                f"{verb(f'withdraw --configfile FILE --submission {label}')}",
            )


def _check_decisions(run: Run, label: str) -> None:
    """Refuse decisions and approvals that are not well formed, or that no run can hold to."""
    work = Path(run.config["work"]) / label
    if run.section(label, "metadata")["key"] == "discard":
        decisions.refuse_discarded(work)
    decisions.read(work)
    approval.read(work)


def check_key(work: Path, key_id: str) -> None:
    """Refuse a key other than the one that the ledger in ``work`` names (file ``key_id``)."""
    named = work / "key_id"
    if named.is_file() and named.read_text(encoding="ascii").strip() != key_id:
        raise UserError(
            where=f"submission {work.name}",
            found="its ledger was made with another key, so pseudonyms and dates would not fit",
            advice="name the first key in the setting key_file, "
            "or choose a new label for a release under the new key",
        )


def check_weights(run: Run) -> dict[str, str]:
    """The sha256 of each weight file that the settings name, by path.

    Raises
    ------
    UserError
        if one is missing
    """
    digests: dict[str, str] = {}
    for label in run.rows:
        for name in ("weights", "reader_weights"):
            path = run.section(label, "detect")[name]
            if path not in digests:
                if not Path(path).is_file():
                    raise UserError(
                        where=f"detect.{name}",
                        found=f"there is no file {path}",
                        advice="restore it with: git checkout resources/models, "
                        "or name your own weights in the setting",
                    )
                digests[path] = sha256(Path(path))
    return digests


def check_sd2(run: Run) -> dict[str, str]:
    """A digest of each folder of weights of Stable Diffusion 2 that a submission uses, by path.

    Raises
    ------
    UserError
        if a file is absent or not the pinned one, or a prompt was not encoded
    """
    digests: dict[str, str] = {}
    for label in run.rows:
        section = run.section(label, "inpaint")
        if section["engine"] == weights.NAME:
            folder = section["sd2_weights"]
            digests[folder] = weights.checked(Path(folder)).digest
            prompts.load(Path(folder), prompts.texts(section["prompt"]))
    return digests


def check_device_rules(run: Run) -> dict[str, str]:
    """The sha256 of each table of device rules that the settings name, by path.

    Raises
    ------
    UserError
        if one is missing, or naming every line that cannot be used
    """
    named = {str(run.section(label, "mask")["device_rules"]) for label in run.rows} - {""}
    for path in sorted(named):
        if not Path(path).is_file():
            raise UserError(
                where="mask.device_rules",
                found=f"there is no file {path}",
                advice="name a table of rules; relative paths start in the folder of the run",
            )
        devices.read(Path(path), "own")
    return {path: sha256(Path(path)) for path in named}


def check_truth(run: Run) -> None:
    """Refuse a table of planted lines that is not there; the figures are the last to want it.

    Raises
    ------
    UserError
        naming the table
    """
    named = {str(run.section(label, "evaluate")["truth"]) for label in run.rows} - {""}
    for path in sorted(named):
        if not Path(path).is_file():
            raise UserError(
                where="evaluate.truth",
                found=f"there is no file {path}",
                advice="name a table of planted lines, or leave it empty; relative paths start in "
                "the folder of the run",
            )


def section(run: Run, submission: str, name: str, more: Sequence[str] = ()) -> str:
    """The settings of one stage as JSON; ``more`` names settings of the top level to add.

    Paths of weights and rules are left out: they are a stage's inputs. So is who must approve of
    results: it changes none.
    """
    values = {
        key: value
        for key, value in run.section(submission, name).items()
        if not key.endswith(("weights", "rules")) and key != "approval"
    }
    values |= {key: run.config[key] for key in more}
    return json.dumps(values, sort_keys=True)


def all_settings(run: Run, submission: str) -> str:
    """The complete settings of one submission as JSON, with what its row sets."""
    values = {
        name: run.section(submission, name) if isinstance(value, dict) else value
        for name, value in run.config.items()
    }
    return json.dumps(values, sort_keys=True)


def contents(row: Row, master: bytes, walk: bool) -> str:
    """A keyed digest of a row and of the names, sizes and times of its files, 16 hex digits.

    It changes when the row changes or a file below its folder is added, removed, renamed or
    written again, so that the plan is made anew. ``walk`` is False in jobs, which need no second
    look. The digests of the files are added up, so that no order and no list is needed.
    """
    total = 0
    for entry in entries_below(os.fspath(row.path)) if walk else ():
        state = entry.path
        # of a file that is gone again or closed the name counts; the error would show it
        with contextlib.suppress(OSError):
            file = entry.stat(follow_symlinks=False)
            state = f"{state}\t{file.st_size}\t{file.st_mtime_ns}"
        digest = hashlib.blake2b(state.encode("utf-8", "surrogateescape"), digest_size=32).digest()
        total += int.from_bytes(digest, "big")
    where = os.fspath(row.path.absolute())
    return keys.keyed(master, "row", f"{row.project}\n{where}\n{total % 2**256:x}").hex()[:16]


def counts(ledger: Path) -> tuple[collections.Counter[str], collections.Counter[str]]:
    """Items by status, and held-back items by reason code."""
    table = tables.read(ledger)
    held = table[table.status == "held_back"]
    return collections.Counter(table.status), collections.Counter(held.reason_code)


def summary(run: Run) -> str:
    """The last lines on the screen: what was found, released and held back, and where to look."""
    work, results = Path(run.config["work"]), Path(run.config["results"])
    lines = [""]
    for label in run.rows:
        ledger = work / label / "ledger.tsv"
        if not ledger.is_file() or not (results / label / "report.html").is_file():
            if not _logs(label):
                lines.append(f"{label}: not started")
                continue
            lines.append(f"{label}: not finished")
            lines += [f"    {sentence}" for sentence in _sentences(label) or ["see logs/"]]
            continue
        shown = _shown(run, label)
        by_status, by_reason = counts(ledger)
        total = sum(by_status.values())
        lines.append(
            f"{label}: {total} files found, {by_status['released']} released, "
            f"{by_status['held_back']} held back, {by_status['ignored']} ignored"
        )
        lines += _text_found(results / label / "metrics.json")
        if by_reason:
            named = ", ".join(f"{code} {n}" for code, n in sorted(by_reason.items()))
            lines.append(f"    held back: {named}")
            lines.append(f"    why: {shown / 'held_back.tsv'}")
        lines.append(f"    report: {shown / 'report.html'}")
        lines.append(f"    before and after, for your eyes only: {work / label / 'review.html'}")
        lines += [f"    {sentence}" for sentence in approval.sentences(run, label)]
        lines += [f"    {sentence}" for sentence in _sentences(label)]
    return "\n".join(lines)


def _shown(run: Run, label: str) -> Path:
    """Where the pages of a submission are looked at: where it was handed out, once it was."""
    results = Path(run.config["results"]) / label
    target = run.handed_out / label if run.handed_out else results
    same = approval.are_same(target, results)
    return target if same and (target / "report.html").is_file() else results


def _logs(label: str) -> list[Path]:
    """The stages' logs of one submission."""
    logs = Path("logs")
    return sorted(logs.glob(f"*/{label}.log")) + sorted(logs.glob(f"*/{label}/*.log"))


def _sentences(label: str) -> list[str]:
    """What the stages' logs of one submission say to the user, without repetition."""
    found: dict[str, None] = {}  # a set that keeps its order
    for log in _logs(label):
        text = log.read_text(encoding="utf-8", errors="replace")
        for match in re.finditer(r"^error: .*(?:\n    .*)*", text, re.MULTILINE):
            found[match.group().replace("\n", "\n    ")] = None
        if "a fault of unburn" in text:
            found[f"report it with {log}, which holds no value of a header"] = None
    return list(found)


def main(argv: Sequence[str] | None = None) -> None:
    """Check the share of held-back items; delete what links old and new where that is asked for.

    The share is ``gate.max_held_back``.
    """
    parser = argparse.ArgumentParser(prog="python -m unburn.submissions", description=main.__doc__)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--settings", type=json.loads, required=True, help="JSON of section gate")
    parser.add_argument("--key-mode", choices=("keyed", "discard"), required=True)
    parser.add_argument("--unrestorable", type=int, default=0, help="released files that are gone")
    options = parser.parse_args(argv)
    if options.unrestorable and forgotten(options.ledger.parent):
        raise UserError(
            where=f"submission {options.ledger.parent.name}",
            found=f"{options.unrestorable} released files were deleted or altered, and the key "
            "that they were made with was discarded, so they cannot be made again",
            advice="bring them back from a copy, with their times; or delete this submission's "
            "folders in results/ and work/, and all of it is released anew under other pseudonyms",
        )
    if options.key_mode == "discard":
        forget(options.ledger.parent)
    limit: float = options.settings["max_held_back"]
    by_status, _ = counts(options.ledger)
    items = by_status["released"] + by_status["held_back"]
    share = by_status["held_back"] / items if items else 0.0
    if share > limit:
        raise UserError(
            where=f"submission {options.ledger.parent.name}",
            found=f"{by_status['held_back']} of {items} items are held back, "
            f"{share:.1%}, more than gate.max_held_back allows ({limit:.1%})",
            advice="everything is written; held_back.tsv says why, the report what to look at",
        )


def _text_found(metrics: Path) -> list[str]:
    """Lines about burned-in text, from the submission's metrics."""
    found: Mapping[str, Any] = json.loads(metrics.read_text(encoding="utf-8"))
    privacy = found["privacy"]
    lines = [
        f"    text: {privacy['lines_found']} lines found on {privacy['frames_with_text']} of "
        f"{privacy['frames_searched']} frames; {privacy['masked_frames']} frames painted",
        f"    check: an independent reader read {privacy['read']['frames']} of "
        f"{privacy['released_frames']} released frames again and found text on "
        f"{privacy['read']['with_text']}",
    ]
    policy = privacy["policy"]
    if policy["kept_lines"] or policy["fell_back_items"]:
        lines.insert(
            1,
            f"    policy {policy['name']}: {policy['kept_lines']} harmless lines kept in released "
            f"frames; in {policy['fell_back_items']} items all text is masked, as their headers "
            "name nobody to compare with",
        )
    controls = found.get("controls", {})
    if controls.get("frames"):
        held = ", ".join(row["class"] for row in controls["by_class"] if row["held_back"])
        lines.append(
            f"    controls: {controls['found']} of {controls['lines']} lines planted on copies of "
            f"frames without text were found; held back for it: {held or 'nothing'}"
        )
    people = found.get("decisions")
    if people:
        lines.append(
            f"    people: {people['released']} released, {people['rejected']} rejected, "
            f"{people['masked']} masked; {people['not_in_force']} decisions no longer fit"
            + (f", see logs/release/{metrics.parent.name}.log" if people["not_in_force"] else "")
        )
    if "truth" in found:
        truth = found["truth"]["released"]
        lines.append(
            f"    planted: {truth['masked']} of {truth['lines']} planted lines in released frames "
            "are painted over"
        )
    return lines


if __name__ == "__main__":
    command(main)
