"""Tables and a picture of what unburn costs, from the measurements of module ``scaling``.

The exponent of a cost is the slope of its logarithm over that of the size, by least squares: 1 is
a cost that grows as the size, 0 one that does not grow.
"""

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from unburn.errors import command
from unburn.files import replacing
from unburn.tables import write_csv

COLUMNS = (
    *("what", "size", "cores", "shard_mib", "wall_s", "cpu_s", "memory_mib", "job_memory_mib"),
    *("read_mib", "written_mib", "scratch_mib", "jobs"),
)
WIDTH, HEIGHT, LEFT = 640, 400, 70  # of the picture, in its units
COLOURS = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad")
Measured = Mapping[str, Any]


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Slope of log(cost) over log(size); NaN for fewer than two sizes or a cost of 0."""
    if len(set(sizes)) < 2 or min(costs) <= 0:
        return math.nan
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def rows(plans: Sequence[Measured], cleaned: Sequence[Measured]) -> list[dict[str, Any]]:
    """One line for each program that was measured, in the columns of scale.csv."""
    found = []
    for one in plans:
        about = {"size": one["files"], "cores": one["cores"]}
        more = {"job_memory_mib": one["plan_memory_mib"]}
        found.append({"what": "plan", **about, **one["plan"], **more})
        found.append({"what": "dry run", **about, **one["dry_run"], "jobs": one["jobs"]})
    for one in cleaned:
        about = {name: one[name] for name in ("cores", "shard_mib")} | {"size": one["frames"]}
        largest = max(stage["memory_mib"] for stage in one["stages"].values())
        more = {"job_memory_mib": largest, "scratch_mib": one["scratch_mib"]}
        more["jobs"] = sum(stage["jobs"] for stage in one["stages"].values())
        found.append({"what": "clean", **about, **one["first"], **more})
        found.append({"what": "second run", **about, **one["second"], "jobs": 0})
    numbers = [
        {k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()} for row in found
    ]
    return [{name: row.get(name, "") for name in COLUMNS} for row in numbers]


def figures(plans: Sequence[Measured], cleaned: Sequence[Measured]) -> list[tuple[str, str]]:
    """What is asked of the program, each by name."""
    found = []
    for one in plans:
        took, files = one["plan"], one["files"]
        rate = f"{files / took['wall_s']:.0f} files/s, {1000 * took['cpu_s'] / files:.2f} ms CPU"
        memory = f"{one['plan_memory_mib']:.0f} MiB"
        found.append((f"plan of {files} files, {one['cores']} cores", f"{rate} a file, {memory}"))
        dry = one["dry_run"]
        text = f"{dry['wall_s']:.1f} s, {dry['memory_mib']:.0f} MiB, {one['jobs']} jobs"
        found.append((f"dry-run after it, {files} files", text))
    for one in cleaned:
        found += [(f"{about(one)}: {name}", text) for name, text in of_run(one)]
    whole = [one for one in cleaned if not one["shard_mib"]]
    for one in whole:
        for other in whole:
            if other["frames"] == one["frames"] and (other["cores"], one["cores"]) == (1, 2):
                gain = other["first"]["wall_s"] / one["first"]["wall_s"]
                found.append((f"{one['frames']} frames, 1 core to 2 cores", f"{gain:.2f} x"))
    return found + growth(plans, cleaned)


def about(one: Measured) -> str:
    """A run in words."""
    shards = f", shards of {one['shard_mib']} MiB" if one["shard_mib"] else ""
    return f"{one['frames']} frames, {one['cores']} cores{shards}"


def of_run(one: Measured) -> list[tuple[str, str]]:
    """Figures of one run of the whole workflow."""
    first, frames, decoded = one["first"], one["frames"], one["decoded_mib"]
    stages = one["stages"].values()
    own = sum(stage["s"] - stage["start_s"] for stage in stages) / first["wall_s"]
    jobs = sum(stage["s"] for stage in stages) / first["wall_s"]
    rate = frames / first["wall_s"]
    moved = f"{first['written_mib'] / first['read_mib']:.2f}"
    return [
        ("released", f"{one['released']}"),
        ("speed", f"{rate:.1f} frames/s, {1000 * first['cpu_s'] / frames:.0f} ms CPU a frame"),
        ("beside RapidOCR's detector alone on one core", f"{rate * one['peer_s']:.1f} x"),
        ("wall time in jobs; their own work", f"{jobs:.0%}; {own:.0%}"),
        ("largest job", f"{max(stage['memory_mib'] for stage in stages):.0f} MiB"),
        (
            "scratch beside results at the peak, of decoded bytes",
            f"{one['scratch_mib'] / decoded:.2f} x",
        ),
        ("scratch left", f"{one['scratch_left_mib'] / decoded:.2f} x"),
        ("bytes written for each byte read", moved),
        ("second run", f"{one['second']['wall_s']:.1f} s"),
    ]


def growth(plans: Sequence[Measured], cleaned: Sequence[Measured]) -> list[tuple[str, str]]:
    """Exponents of costs over sizes."""
    most = max((one["cores"] for one in cleaned), default=0)
    runs = [one for one in cleaned if one["cores"] == most and not one["shard_mib"]]
    frames = [one["frames"] for one in runs]
    files = [one["files"] for one in plans]
    found = [
        ("plan, wall time", exponent(files, [one["plan"]["wall_s"] for one in plans])),
        ("plan, memory", exponent(files, [one["plan_memory_mib"] for one in plans])),
        ("dry-run, wall time", exponent(files, [one["dry_run"]["wall_s"] for one in plans])),
        ("clean, wall time", exponent(frames, [one["first"]["wall_s"] for one in runs])),
        ("clean, CPU time", exponent(frames, [one["first"]["cpu_s"] for one in runs])),
    ]
    for name in sorted({name for one in runs for name in one["stages"]}):
        for what, column in (("time", "s"), ("memory", "memory_mib")):
            costs = [one["stages"][name][column] for one in runs]
            found.append((f"{name}, {what} of its jobs", exponent(frames, costs)))
    return [
        (f"exponent: {name}", f"{value:z.2f}") for name, value in found if not math.isnan(value)
    ]


def by_stage(cleaned: Sequence[Measured]) -> str:
    """What each stage took, as a table."""
    lines = ["| stage | " + " | ".join(map(about, cleaned)) + " |", "|---|" + "---|" * len(cleaned)]
    for name in sorted({name for one in cleaned for name in one["stages"]}):
        cells = []
        for one in cleaned:
            stage = one["stages"].get(name)
            share = f"{1000 * stage['s'] / one['frames']:.1f} ms" if stage else "-"
            started = f"{stage['start_s']:.1f} s, {stage['memory_mib']:.0f} MiB" if stage else ""
            cells.append(f"{share}; {started}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def drawn(series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Lines of cost over size on logarithmic scales, as SVG; ``series`` by name (size, cost)."""
    points = [point for line in series.values() for point in line]
    low, high = (
        np.floor(np.log10(np.min(points, axis=0))),
        np.ceil(np.log10(np.max(points, axis=0))),
    )
    span = np.maximum(high - low, 1)

    def at(size: float, cost: float) -> tuple[float, float]:
        x, y = (np.log10([size, cost]) - low) / span
        return LEFT + x * (WIDTH - LEFT - 20), HEIGHT - 40 - y * (HEIGHT - 80)

    parts = []
    for power in range(int(low[0]), int(low[0] + span[0]) + 1):
        x, _ = at(10.0**power, 10.0 ** low[1])
        parts.append(f'<path d="M{x:.0f} 40V{HEIGHT - 40}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.0f}" y="{HEIGHT - 20}" text-anchor="middle">1e{power}</text>')
    for power in range(int(low[1]), int(low[1] + span[1]) + 1):
        _, y = at(10.0 ** low[0], 10.0**power)
        parts.append(f'<path d="M{LEFT} {y:.0f}H{WIDTH - 20}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">1e{power}</text>')
    for number, (name, line) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [at(*point) for point in sorted(line)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        x = LEFT + (WIDTH - LEFT) * number // max(1, len(series))
        parts.append(f'<text x="{x}" y="20" fill="{colour}">{escape(name)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' font-family="sans-serif" font-size="12">{"".join(parts)}</svg>\n'
    )


def tabulate(measured: Path, out: Path) -> list[tuple[str, str]]:
    """Write scale.csv, table.md and cost.svg to ``out``; return the figures."""
    plans, cleaned = (
        sorted(
            (json.loads(path.read_text()) for path in measured.glob(f"{what}-*.json")),
            key=lambda one: (one.get("files", one.get("frames")), one["cores"], one["shard_mib"]),
        )
        for what in ("plan", "clean")
    )
    table = rows(plans, cleaned)
    write_csv(out / "scale.csv", table, COLUMNS)
    found = figures(plans, cleaned)
    lines = ["# What unburn costs by size\n", "| figure | value |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in found]
    lines += ["\nMilliseconds a frame; seconds of starting; the largest job:\n", by_stage(cleaned)]
    with replacing(out / "table.md") as tmp:
        tmp.write_text("\n".join(lines) + "\n")
    series = {
        name: [(row["size"], row["wall_s"]) for row in table if row["what"] == what]
        for name, what in (
            ("plan, s by files", "plan"),
            ("dry-run, s by files", "dry run"),
            ("clean, s by frames", "clean"),
        )
    }
    with replacing(out / "cost.svg") as tmp:
        tmp.write_text(drawn({name: line for name, line in series.items() if line}))
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Turn measurements into tables and a picture; print the figures."""
    parser = argparse.ArgumentParser(prog="python -m unburn.growth", description=main.__doc__)
    parser.add_argument("--measured", type=Path, required=True, help="folder of JSON files")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    options = parser.parse_args(argv)
    for name, value in tabulate(options.measured, options.out):
        print(f"{name}: {value}")


if __name__ == "__main__":
    command(main)
