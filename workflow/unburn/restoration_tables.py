"""Tables and a picture of what the restoration benchmark measured.

A figure of a group is the mean over its holes, of texture ratios the median. The better of
OpenCV's two methods is chosen for each group and figure.
"""

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from unburn.errors import command
from unburn.files import replacing
from unburn.holes import ANATOMY, FLAT, MOTIONS, SHAPES
from unburn.restoration import FILL, NAVIER_STOKES, ORACLE, OURS, PIPELINE, TELEA, WRITTEN

PLAIN = (TELEA, NAVIER_STOKES)
FIGURES = {  # column, what it is called, digits
    "mse": ("mean squared error in the mask", 1),
    "psnr": ("PSNR in the mask, dB", 1),
    "ssim": ("SSIM in the mask", 3),
    "texture": ("texture ratio to the truth, median", 2),
    "texture_to_ring": ("texture ratio to the surroundings, median", 2),
    "spectral_db": ("log-spectral distance, dB", 1),
    "frame_mse": ("mean squared error of the frame", 2),
    "frame_ssim": ("SSIM of the frame", 4),
    "cpu_ms": ("CPU time, ms", 0),
}
MEDIANS = {"texture", "texture_to_ring"}
DRAWN = ("mse", "ssim", "texture", "spectral_db")
COLOURS = (
    "#1f4e9c", "#6aa0e8", "#c2571a", "#999999", "#2a8a4a", "#a03a8a", "#000000", "#b8860b",
    "#c0c040",
)  # fmt: skip
UNITS = """
- **Errors** are in grey values of 0 to 255, also of frames of 16 bits. *In the mask* counts painted
  pixels alone; *of the frame* counts all, most of which nobody touched.
- **SSIM** by scikit-image, windows of 7 pixels, the map averaged.
- **Texture ratio**: standard deviation of the Laplacian in the mask over that of the truth there,
  or of the surroundings; 1 is ideal, 0 too smooth.
- **Log-spectral distance**: root mean square difference of the radially averaged spectra of
  painting and truth inside the mask.
- **Over anatomy** nine tenths of a hole are tissue; **flat** is where the truth under it differs by
  no more than 5 grey values. **Written text**: five lines were burned in, and painted under their
  exact mask (strokes grown by 2 pixels) or under the mask that the detector made.
- **Fill, the truth's own texture moved** is no method: `classic` without noise, with what is finer
  than 2 pixels in the truth, taken from 9 pixels away. Its texture has just the right spectrum and
  strength and is not the truth's own, as no made-up one is.
- **Flicker**: root mean square change from frame to frame, in the mask and in 12 pixels around it.
"""


def summary(rows: pd.DataFrame, *more: str) -> pd.DataFrame:
    """One row for each method and group of ``more``, ground and shape: its figures."""
    keys = ["method", *more, "ground", "shape"]
    how = {name: "median" if name in MEDIANS else "mean" for name in FIGURES}
    finite = rows.replace([math.inf, -math.inf], math.nan)
    found = finite.groupby(keys, sort=False).agg({**how, "frame": "count", "pixels": "mean"})
    return found.rename(columns={"frame": "holes"}).reset_index()


def better(found: pd.DataFrame, column: str, ground: str, shape: str) -> float:
    """The better of OpenCV's two methods."""
    here = found[(found.ground == ground) & (found["shape"] == shape) & found.method.isin(PLAIN)]
    return float(here[column].max() if column == "ssim" else here[column].min())


def value(found: pd.DataFrame, method: str, column: str, ground: str, shape: str) -> float:
    """A figure of one method."""
    here = found[(found.ground == ground) & (found["shape"] == shape) & (found.method == method)]
    return float(here[column].iloc[0]) if len(here) else math.nan


def targets(
    found: pd.DataFrame, rows: pd.DataFrame, cines: pd.DataFrame
) -> list[tuple[str, str, str]]:
    """What the embedded default should reach: (figure, target, measured)."""
    shapes = [name for name in SHAPES if name in set(found[found.ground == ANATOMY]["shape"])]

    def each(method: str, column: str, ratio: bool) -> str:
        cells = []
        for shape in shapes:
            own = value(found, method, column, ANATOMY, shape)
            if ratio:
                own /= better(found, column, ANATOMY, shape)
            cells.append(f"{shape} {own:.2f}")
        return ", ".join(cells)

    def ssim() -> str:
        pairs = (
            (s, value(found, OURS, "ssim", ANATOMY, s), better(found, "ssim", ANATOMY, s))
            for s in shapes
        )
        return ", ".join(f"{shape} {own:.3f} ({peer:.3f})" for shape, own, peer in pairs)

    empty = rows[rows.ground == FLAT]
    flat = empty.groupby("method").mse.mean()
    plain = min((flat.get(name, math.nan) for name in PLAIN), default=math.nan)
    steps = cines[cines.method == OURS].groupby("motion")[["inside", "around"]].mean()
    steps = steps.reindex(MOTIONS).dropna()
    flicker = (f"{m} {now:.2f} ({near:.2f})" for m, now, near in steps.itertuples())
    return [
        ("fill alone over anatomy, error relative to the better of the two", "<= 1.0",
         each(FILL, "mse", True)),
        ("with its noise, the same", "<= 1.1", each(OURS, "mse", True)),
        ("with its noise, SSIM (the better of the two)", "not lower", ssim()),
        ("texture ratio over anatomy", "0.8 to 1.25", each(OURS, "texture", False)),
        ("log-spectral distance over anatomy, dB", "<= 5", each(OURS, "spectral_db", False)),
        ("flat background, mean error (the better of the two)", "<= 0.25 x",
         f"{flat.get(OURS, math.nan):.2f} ({plain:.2f}) of {(empty.method == OURS).sum()} holes"),
        ("flicker in the mask (around it)", "not more", ", ".join(flicker)),
        ("pixels outside of masks that differ, all methods", "0", str(int(rows.outside.sum()))),
    ]  # fmt: skip


def lines(header: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    rows = [header, ["---"] * len(header), *body]
    return ["| " + " | ".join(row) + " |" for row in rows]


def markdown(
    about: Mapping[str, Any], rows: pd.DataFrame, cines: pd.DataFrame, speed: pd.DataFrame
) -> str:
    """All tables, units beside them."""
    found = summary(rows)
    methods = list(about["methods"])
    parts = ["# Restoration\n"]
    if about["demo_only"]:
        parts.append("**Demo, not evidence**: only the demo's own frames.\n")
    per = rows.drop_duplicates("frame").modality.value_counts()
    frames = ", ".join(f"{n} {modality}" for modality, n in sorted(per.items()))
    parts.append(f"{about['frames']} frames ({frames}), seed {about['seed']}, every second one in "
                 f"16 bits; OpenCV {about['opencv']}.\n{UNITS}")  # fmt: skip
    parts += lines(("embedded default `classic`", "target", "measured"),
                   targets(found, rows, cines))  # fmt: skip
    groups = list(dict.fromkeys(zip(found.ground, found["shape"], strict=True)))
    groups.sort(key=lambda g: ((ANATOMY, FLAT, WRITTEN).index(g[0]), _place(g[1])))
    for column, (name, digits) in FIGURES.items():
        body = []
        for ground, shape in groups:
            here = found[(found.ground == ground) & (found["shape"] == shape)]
            cells = [f"{value(found, m, column, ground, shape):.{digits}f}" for m in methods]
            body.append([ground, shape, str(int(here.holes.max())), *cells])
        parts += ["", f"## {name[0].upper()}{name[1:]}", "",
                  *lines(("ground", "shape", "holes", *methods), body)]  # fmt: skip
    by = summary(rows[rows.ground == ANATOMY].assign(ground="", shape=""), "modality")
    body = [
        [row.modality, row.method, str(row.holes), f"{row.mse:.1f}", f"{row.ssim:.3f}",
         f"{row.texture:.2f}", f"{row.spectral_db:.1f}"]
        for row in by.sort_values(["modality", "holes"], kind="stable").itertuples()
    ]  # fmt: skip
    parts += ["", "## Over anatomy, by modality, all shapes", "",
              *lines(("modality", "method", "holes", "error", "SSIM", "texture", "spectrum, dB"),
                     body)]  # fmt: skip
    flicker = cines.groupby(["motion", "method"], sort=False)[["inside", "around"]].mean()
    body = [
        [row.motion, row.method, f"{row.inside:.2f}", f"{row.around:.2f}"]
        for row in flicker.reset_index().itertuples()
    ]
    parts += ["", f"## Flicker, {cines.frame.nunique()} cines", "",
              *lines(("cine", "method", "in the mask", "around"), body)]  # fmt: skip
    body = [
        [row.what, row.method, str(row.frames), f"{row.median} {row.unit}", f"{row.largest}"]
        for row in speed.itertuples()
    ]
    parts += ["", "## CPU time on one thread, memory of a process", "",
              *lines(("frame", "method", "frames", "median", "largest"), body)]  # fmt: skip
    return "\n".join(parts) + "\n"


def _place(shape: str) -> int:
    return [*SHAPES, ORACLE, PIPELINE].index(shape)


def drawn(found: pd.DataFrame, methods: Sequence[str]) -> str:
    """The figures ``DRAWN`` over anatomy and written text, as SVG: a dot for each method."""
    groups = [(ANATOMY, s) for s in SHAPES] + [(WRITTEN, ORACLE), (WRITTEN, PIPELINE)]
    left, wide, step = 130, 210, 22
    high = step * len(groups) + 90
    parts = []
    for place, method in enumerate(methods):
        right, down = 10 + 230 * (place % 4), 16 + 18 * (place // 4)
        parts.append(
            f'<circle cx="{right}" cy="{down - 4}" r="4" fill="{COLOURS[place % len(COLOURS)]}"/>'
        )
        parts.append(f'<text x="{right + 9}" y="{down}">{escape(method)}</text>')
    for panel, column in enumerate(DRAWN):
        start = left + panel * (wide + 30)
        seen = found[found.ground.isin((ANATOMY, WRITTEN)) & (found.method != "black box")]
        top = float(seen[column].max()) or 1.0
        parts.append(f'<text x="{start}" y="60">{FIGURES[column][0]}</text>')
        for tick in (0.0, 0.5, 1.0):
            x = start + wide * tick
            parts.append(f'<path d="M{x} 68V{high - 20}" stroke="#ddd"/>')
            parts.append(
                f'<text x="{x}" y="{high - 6}" text-anchor="middle">{top * tick:.3g}</text>'
            )
        for line, (ground, shape) in enumerate(groups):
            y = 84 + step * line
            if not panel:
                parts.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{shape}</text>')
            for place, method in enumerate(methods):
                own = value(seen, method, column, ground, shape)
                if math.isfinite(own):
                    x = start + wide * own / top
                    fill = COLOURS[place % len(COLOURS)]
                    parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="4" fill="{fill}"/>')
    width = left + len(DRAWN) * (wide + 30)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {high}"'
        f' font-family="sans-serif" font-size="12">{"".join(parts)}</svg>\n'
    )


def tabulate(measured: Path, speed: Path, out: Path) -> None:
    """Write summary.csv, modality.csv, table.md and figures.svg to ``out``."""
    about = json.loads((measured / "set.json").read_text())
    rows, cines = (pd.read_csv(measured / name) for name in ("rows.csv", "cines.csv"))
    found = summary(rows)
    texts = {
        "summary.csv": found.to_csv(index=False, float_format="%.6g"),
        "modality.csv": summary(rows, "modality").to_csv(index=False, float_format="%.6g"),
        "table.md": markdown(about, rows, cines, pd.read_csv(speed)),
        "figures.svg": drawn(found, about["methods"]),
    }
    for name, text in texts.items():
        with replacing(out / name) as tmp:
            tmp.write_text(text, "utf-8")


def main(argv: Sequence[str] | None = None) -> None:
    """Turn what was measured into tables and a picture."""
    parser = argparse.ArgumentParser(
        prog="python -m unburn.restoration_tables", description=main.__doc__
    )
    parser.add_argument("--measured", type=Path, required=True, help="folder of unburn.restoration")
    parser.add_argument("--speed", type=Path, required=True, help="of unburn.restoration_timing")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    options = parser.parse_args(argv)
    tabulate(options.measured, options.speed, options.out)


if __name__ == "__main__":
    command(main)
