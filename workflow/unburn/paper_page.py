"""Tables, pictures and the page of the benchmark `tables`, written to a folder."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from unburn import pages, paper_tables, tabulated
from unburn.errors import command
from unburn.files import replacing
from unburn.paper_tables import NAMES, RESTORED
from unburn.restoration import NAVIER_STOKES, TELEA
from unburn.restoration import OURS as DEFAULT
from unburn.tabulated import Table

TABLES = (
    paper_tables.detection, paper_tables.restoration, paper_tables.privacy, paper_tables.leaks,
    paper_tables.classification, paper_tables.segmentation,
)  # fmt: skip


def pictures(tables: Mapping[str, Table]) -> dict[str, list[tabulated.Panel]]:
    """Panels of each picture, by the table that it belongs to."""
    shown_engines = (NAMES[DEFAULT], TELEA, NAVIER_STOKES)
    engines = replace(
        tables["restoration"],
        rows=tuple(r for r in tables["restoration"].rows if r["method"] in shown_engines),
    )
    shown = {name: name for name, *_ in RESTORED.values() if "frame" not in name}
    return {
        "detection": list(
            tabulated.panels_of(
                tables["detection"], "unit", "method",
                {"recall": "recall", "precision": "precision", "F1": "F1"},
            )
        ),
        "restoration": list(tabulated.panels_of(engines, "mask", "method", shown))[:5],
        "privacy": list(
            tabulated.panels_of(
                tables["privacy"], "frames", "reader",
                {"lines read": "share of lines read", "frames whose person is named": "named"},
            )
        ),
        "classification": list(
            tabulated.panels_of(
                tables["classification"], "frames", "model",
                {"same as on the clean frame": "same prediction as on the clean frame",
                 "feature drift": "feature drift"},
            )
        ),
        "segmentation": list(
            tabulated.panels_of(
                tables["segmentation"], "frames", "model", {"Dice, all": "Dice, all structures"}
            )
        ),
        "release": list(
            tabulated.panels_of(
                tables["release"], "lines", "", {"share left": "share of lines left"}
            )
        ),
    }  # fmt: skip


def warning(about: Mapping[str, Any], least: int) -> str:
    """What stands above every table of a set that is too small to be evidence."""
    if about["demo_only"]:
        return f"Demo, not evidence: the demo's own {about['sources']} frames of two patients."
    if about["sources"] < least:
        return f"Demo, not evidence: {about['sources']} frames, fewer than {least}."
    return ""


def tabulate(folder: Path, detectors: Sequence[str], least: int, out: Path) -> None:
    """Write every table, picture and the page to ``out``."""
    measured = paper_tables.read(folder, detectors)
    about = measured.notes["set"]
    warned = warning(about, least)
    made = [build(measured) for build in TABLES]
    tables = {one.name: replace(one, about=f"{warned} {one.about}".strip()) for one in made}
    sections = []
    panels = pictures(tables)
    for name, table in tables.items():
        tabulated.write(table, out)
        svg = tabulated.save(tabulated.drawn(panels[name]), out, name)
        sections.append(
            {"table": table, "html": tabulated.html(table),
             "picture": tabulated.inline(name, svg, f"{table.title}, figures with bounds")}
        )  # fmt: skip
    page = pages.render("tables.html.j2", sections=sections, about=about, warning=warned)
    with replacing(out / "tables.html") as tmp:
        tmp.write_text(page, "utf-8")
    head = (
        f"# Tables\n\nSeed {about['seed']}, digest `{about['digest']}`, {about['lines']} lines on "
        f"{about['frames']} frames made of {about['sources']}, {about['fonts']} fonts.\n\n"
    )
    with replacing(out / "tables.md") as tmp:
        tmp.write_text(head + "\n".join(map(tabulated.markdown, tables.values())), "utf-8")


def main(argv: Sequence[str] | None = None) -> None:
    """Make every table, picture and the page of what was measured."""
    parser = argparse.ArgumentParser(prog="python -m unburn.paper_page", description=main.__doc__)
    parser.add_argument("--measured", type=Path, required=True, help="folder of what was measured")
    parser.add_argument("--detectors", nargs="+", required=True, help="in the order of the tables")
    parser.add_argument("--evidence", type=int, required=True, help="frames below which it is none")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    options = parser.parse_args(argv)
    tabulate(options.measured, options.detectors, options.evidence, options.out)


if __name__ == "__main__":
    command(main)
