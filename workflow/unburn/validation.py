"""The table of the benchmark of headers: what the answer key, canaries and other programs said."""

import argparse
import csv
import json
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from unburn import __version__, answers, tables
from unburn.answer_key import ACTIONS
from unburn.canaries import GONE, KEPT, LEFT, NESTED, TOP
from unburn.errors import command
from unburn.files import replacing
from unburn.judging import bounds
from unburn.peers import OURS
from unburn.presets import PRESETS
from unburn.profile import TABLE_REVISION
from unburn.reasons import REASONS

SHOWN = 30  # lines of a list in the table; the CSV files hold all
DAMAGED = (  # reasons that say a file could not be read
    "unreadable", "broken", "no_sop_class", "unsupported_syntax", "undecodable", "pixels_missing",
    "bad_geometry", "metadata_failed", "not_written",
)  # fmt: skip
SHARES = ("preset", "action", "met", "asked", "share", "low", "high", "not_released")
PACKAGES = {"dciodvfy": "dicom3tools", "dcmtk": "dcmtk", "gdcm": "libgdcm-tools"}
PROGRAMS = {"dciodvfy": "dciodvfy", "dcmtk": "dcmdump", "gdcm": "gdcmconv"}


def read(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def versions() -> dict[str, str]:
    """Versions of the other programs, by Debian's package; "missing" where there is none."""
    found = {}
    for name, program in PROGRAMS.items():
        found[name] = "of unknown version" if shutil.which(program) else "missing"
        if shutil.which(program) and shutil.which("dpkg-query"):
            words = ["dpkg-query", "-W", "-f", "${Version}", PACKAGES[name]]
            found[name] = (
                subprocess.run(words, capture_output=True, text=True).stdout or found[name]
            )
    return found


def shares(rows: Iterable[Mapping[str, str]]) -> list[dict[str, object]]:
    """How many facts were met, by preset and action, with Clopper and Pearson's 95 % bounds."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        counts[row["preset"], row["action"]][row["met"]] += 1
    found: list[dict[str, object]] = []
    for preset in PRESETS:
        for action in ACTIONS:
            seen = counts.get((preset, action), Counter())
            met, asked = seen["1"], seen["1"] + seen["0"]
            if asked:
                low, high = bounds(met, asked)
                found.append(
                    {
                        "preset": preset, "action": action, "met": met, "asked": asked,
                        "share": f"{met / asked:.4f}", "low": f"{low:.4f}", "high": f"{high:.4f}",
                        "not_released": seen[""],
                    }
                )  # fmt: skip
    return found


def line(cells: Iterable[object]) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(map(str, cells)) + " |"


def heading(cells: Sequence[str]) -> Iterator[str]:
    """The first two rows of a Markdown table."""
    yield line(cells)
    yield "|" + "---|" * len(cells)


def percent(part: int, whole: int) -> str:
    """A share with its counts."""
    return f"{part} of {whole} ({100 * part / whole:.2f} %)" if whole else "none"


def shortened(rows: Sequence[str]) -> list[str]:
    """The first lines of a list."""
    more = len(rows) - SHOWN
    return [*rows[:SHOWN], f"- and {more} more"] if more > 0 else list(rows)


def of_actions(measured: Path, rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """The ten actions by preset."""
    key = json.loads((measured / "key" / "about.json").read_text())
    yield (
        f"\n## Answer key\n\n{key['objects']} objects of {key['kinds']} kinds, {key['facts']} "
        f"facts, seed {key['seed']}, digest `{key['digest']}`, through the whole workflow. Facts "
        "met, and exact 95 % bounds:\n"
    )
    yield from heading(["action", *PRESETS])
    by = {(row["preset"], row["action"]): row for row in rows}
    for action in ACTIONS:
        cells = []
        for preset in PRESETS:
            row = by.get((preset, action))
            cells.append(
                f"{row['met']} of {row['asked']} = {row['share']} ({row['low']} to {row['high']})"
                if row
                else "not asked"
            )
        yield line([action, *cells])
    yield from definitions()


def definitions() -> Iterator[str]:
    """What each action means, from the judge's own words."""
    yield ""
    blocks = (answers.__doc__ or "").split("\n\n")
    for text in blocks[1].splitlines():
        yield f"  {text.strip()}" if text.startswith(" ") else f"- **{text}**:"


def of_misses(measured: Path) -> Iterator[str]:
    """What was not met, and what was not released."""
    missed: Counter[tuple[str, ...]] = Counter()
    for row in read(measured / "answers.csv"):
        if row["met"] == "0":
            missed[row["preset"], row["action"], row["meaning"], row["path"] or "whole file"] += 1
    lines = [f"- {n} x {', '.join(what)}" for what, n in missed.most_common()]
    yield "\nNot met:\n\n" + ("\n".join(shortened(lines)) or "nothing.")
    about = json.loads((measured / "answers.json").read_text())
    odd = [one for one in about["held"] if not one["as_the_policy_says"]]
    usual = len(about["held"]) - len(odd)
    yield f"\nHeld back as the policy says: {usual}. Others that were not released:\n"
    yield "\n".join(f"- {o['preset']}: {o['kind']}, {o['reason_code']}" for o in odd) or "none."
    yield "\nSUVbw of the planted PET series, largest relative change: " + "; ".join(
        f"{preset} " + ("cannot be computed" if change is None else f"{change:.1e}")
        for preset, change in about["suv"].items()
    )


def handled(rows: Iterable[Mapping[str, str]], **wanted: str) -> Counter[str]:
    """Outcomes of canaries of one method, preset and depth."""
    chosen = (r for r in rows if all(r[name] == value for name, value in wanted.items()))
    return Counter(row["outcome"] for row in chosen)


def of_canaries(measured: Path) -> Iterator[str]:
    """Rows of the table that were handled."""
    about = json.loads((measured / "canaries.json").read_text())
    yield (
        f"\n## Canaries\n\nPS3.15 Table E.1-1, revision {TABLE_REVISION}: {about['table_rows']} "
        f"rows, {about['rows_built']} can be built (the others are patterns of tags). Two levels "
        "down is (5200,9229) > (0018,9112), where no command group and no file meta stand.\n"
    )
    yield from heading(["preset", "depth", "handled", "of these kept by an option", "left"])
    rows = read(measured / "canaries.csv")
    for preset in PRESETS:
        for depth in (TOP, NESTED):
            seen = handled(rows, preset=preset, depth=depth)
            done = seen[GONE] + seen[KEPT]
            cells = [percent(done, done + seen[LEFT]), seen[KEPT], seen[LEFT]]
            yield line([preset, depth, *cells])


def of_conformance(measured: Path) -> Iterator[str]:
    """dciodvfy before and after."""
    rows = read(measured / "conformance.csv")
    yield "\n## dciodvfy\n"
    if not any(row["errors_before"] for row in rows):
        yield "The program dciodvfy (Debian: dicom3tools) is missing; this part was not done."
    else:
        yield "Errors of all files together. A new kind is one that the original did not have.\n"
        yield from heading(
            ["folder", "preset", "files", "errors before", "after", "files with a new kind"]
        )
        groups: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
        kinds: Counter[str] = Counter()
        examples: dict[str, str] = {}
        for row in rows:
            if row["errors_before"]:
                state = row["preset"] + (", painted" if row["painted"] == "1" else "")
                groups[row["folder"], state].append(row)
                for kind in filter(None, row["new_kinds"].split("; ")):
                    kinds[f"{state}: {kind}"] += 1
                    examples.setdefault(f"{state}: {kind}", f"{row['folder']}/{row['file']}")
        for (folder, state), own in groups.items():
            sums = (
                sum(int(row[name]) for row in own) for name in ("errors_before", "errors_after")
            )
            yield line([folder, state, len(own), *sums, sum(bool(r["new_kinds"]) for r in own)])
        lines = [f"- {n} x {kind} (first: {examples[kind]})" for kind, n in kinds.most_common()]
        yield "\nNew kinds:\n\n" + ("\n".join(shortened(lines)) or "none.")
    yield from of_outcomes(rows)


def of_outcomes(rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """What plan and reassemble made of the files of each folder, and the unreadable ones."""
    first = next(iter(PRESETS))
    own = [row for row in rows if row["preset"] == first and row["painted"] == "0"]
    yield "\nOutcomes of these files, each alone, before detector and gate:\n"
    yield from heading(["folder", "outcome", "files", "why"])
    counts = Counter((row["folder"], row["outcome"]) for row in own)
    for (folder, outcome), number in sorted(counts.items(), key=lambda one: (one[0][0], -one[1])):
        yield line([folder, outcome, number, REASONS.get(outcome, "")])
    damaged: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in own:
        if row["outcome"] in DAMAGED:
            damaged[row["folder"], row["outcome"]].append(row["file"])
    yield "\nHeld back because they could not be read or have no pixels:\n"
    for (folder, outcome), files in sorted(damaged.items()):
        yield f"- {folder}, {outcome}: {', '.join(files)}"


def of_decoders(measured: Path) -> Iterator[str]:
    """Stored values beside those of other decoders."""
    rows = read(measured / "decoders.csv")
    yield "\n## Other decoders\n"
    if not rows:
        yield "Neither dcmtk nor gdcm is there; this part was not done."
        return
    yield (
        "Every frame's stored values, ours and theirs; painted files are what we wrote. Where a "
        "decoder for the syntax is missing (dcmtk: JPEG 2000), the file was parsed all the same.\n"
    )
    outcomes = ("equal", "different", "other colour model", "not read", "no decoder")
    yield from heading(["files", "decoder", *outcomes, "largest difference"])
    groups: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        kind = "lossy" if row["lossy"] == "1" else "lossless"
        groups[f"{row['state']}, {kind}", row["decoder"]].append(row)
    for (state, decoder), own in sorted(groups.items()):
        seen = Counter(row["outcome"] for row in own)
        largest = max((int(row["difference"]) for row in own if row["difference"]), default=0)
        yield line([state, decoder, *(seen[name] for name in outcomes), largest])
    odd: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for row in rows:
        if row["outcome"] not in ("equal", "no decoder") and row["lossy"] == "0":
            odd[row["state"], row["decoder"], row["outcome"]].append(row["file"])
    yield "\nLossless files that are not equal or were not read:\n"
    for what, files in sorted(odd.items()):
        yield f"- {', '.join(what)}: {', '.join(files)}"


def of_peers(measured: Path) -> Iterator[str]:
    """Other programs side by side, and how fast they are."""
    about: dict[str, Any] = json.loads((measured / "peers.json").read_text())
    yield "\n## Beside other programs\n"
    missing = [name for name in ("dicom-anonymizer", "dicognito", "deid") if name not in about]
    if missing:
        yield f"Not installed, and left out: {', '.join(missing)}.\n"
    yield (
        "Each as it comes, by default settings; unburn with its preset research. Canaries handled "
        "in files; of the answer key the actions of headers that all can be held to. Some of what "
        "a program keeps it keeps on purpose.\n"
    )
    names = list(about)
    yield from heading(["", *(f"{name} {about[name]['version']}" for name in names)])
    rows = read(measured / "peers_canaries.csv")
    for depth in (TOP, NESTED):
        cells = []
        for name in names:
            seen = handled(rows, method=name, depth=depth)
            done = seen[GONE] + seen[KEPT]
            cells.append(percent(done, done + seen[LEFT]))
        yield line([f"canaries handled, {depth}", *cells])
    facts = {(row["method"], row["action"]): row for row in read(measured / "peers_answers.csv")}
    for action in dict.fromkeys(action for _, action in facts):
        own = [facts[name, action] for name in names]
        yield line([action, *(percent(int(row["met"]), int(row["asked"])) for row in own)])
    yield from of_speed(about)


def of_speed(about: Mapping[str, Any]) -> Iterator[str]:
    """Files a second, and how many times faster ours is."""
    yield "\nFiles/s of one process, headers without pixels, and how many times faster unburn is:\n"
    yield from heading(["folder", "measured", *about])
    for folder in about[OURS]["times"]:
        for part, title in (("clean", "cleaning alone"), ("all", "reading, cleaning, writing")):
            rates = {}
            for name, one in about.items():
                taken = one["times"][folder]
                rates[name] = taken["files"] / taken[part] if taken[part] else 0.0
            cells = [
                f"{rate:.0f} ({rates[OURS] / rate:.1f})" if rate else "-" for rate in rates.values()
            ]
            yield line([folder, title, *cells])


def tabulate(measured: Path) -> None:
    """Write ``shares.csv``, ``about.json`` and ``table.md`` beside what was measured."""
    rows = shares(read(measured / "answers.csv"))
    tables.write_csv(measured / "shares.csv", rows, SHARES)
    about = {
        "unburn": __version__,
        "table": f"PS3.15 E.1-1 {TABLE_REVISION}",
        "programs": versions(),
        "key": json.loads((measured / "key" / "about.json").read_text()),
    }
    with replacing(measured / "about.json") as file:
        file.write_text(json.dumps(about, indent=1) + "\n")
    programs = ", ".join(f"{name} {version}" for name, version in versions().items())
    parts = ["# Metadata\n", f"unburn {__version__}; {programs}."]
    parts += of_actions(measured, rows)
    for part in (of_misses, of_canaries, of_conformance, of_decoders, of_peers):
        parts += part(measured)
    with replacing(measured / "table.md") as file:
        file.write_text("\n".join(parts) + "\n")


def main(argv: Sequence[str] | None = None) -> None:
    """Turn what was measured into a table."""
    parser = argparse.ArgumentParser(prog="python -m unburn.validation", description=main.__doc__)
    parser.add_argument("--measured", type=Path, required=True, help="folder of the benchmark")
    options = parser.parse_args(argv)
    tabulate(options.measured)


if __name__ == "__main__":
    command(main)
