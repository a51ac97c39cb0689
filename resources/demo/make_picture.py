"""Make the picture of README.md from a finished run of the demo: before above, after below.

    PYTHONPATH=workflow python resources/demo/make_picture.py [RUN_FOLDER]

Only the demo's made-up patients may be shown so; originals of others stay below work/.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from unburn import frames, tables
from unburn.pixels import StoredFrames

HERE = Path(__file__).parent
SHOWN = (  # end of the input's path, frame counted from 0
    ("US/cine_FAKENAME.dcm", 3),
    ("CR/thorax_MADEUP.dcm", 0),
    ("MR/IM0008", 0),
)
HEIGHT = 420
GAP = 6


def grey(stored: np.ndarray, low: float, high: float, inverted: bool) -> np.ndarray:
    """Show stored values from low to high as uint8 (rows, columns)."""
    shown = np.clip((stored.astype(float) - low) / (high - low), 0, 1) * 255
    return (255 - shown if inverted else shown).astype(np.uint8)


def pair(before: Path, after: Path, frame: int) -> Image.Image:
    """Put a frame of two files above each other, both in the grey scale of the second."""
    with StoredFrames(before) as source, StoredFrames(after) as cleaned:
        old, new = source[frame], cleaned[frame]
        if new.ndim == 3:
            shown = [frames.display(old, source), frames.display(new, cleaned)]
        else:
            low, high = np.percentile(new, [0.5, 99.8])
            inverted = cleaned.photometric == "MONOCHROME1"
            shown = [grey(stored, low, high, inverted) for stored in (old, new)]
    width = round(HEIGHT * new.shape[1] / new.shape[0])
    result = Image.new("RGB", (width, 2 * HEIGHT + GAP), "white")
    for k, picture in enumerate(shown):
        small = (
            Image.fromarray(picture)
            .convert("RGB")
            .resize((width, HEIGHT), Image.Resampling.LANCZOS)
        )
        result.paste(small, (0, k * (HEIGHT + GAP)))
    return result


def main() -> None:
    """Read the command line, the run's ledger and files, and write the picture."""
    parser = argparse.ArgumentParser(description="Make the picture of README.md")
    parser.add_argument("run", type=Path, nargs="?", default=Path(), help="the run's folder")
    parser.add_argument("--out", type=Path, default=HERE.parent / "images" / "before_after.png")
    options = parser.parse_args()
    ledger = tables.read(options.run / "work" / "demo" / "ledger.tsv")
    pairs = []
    for name, frame in SHOWN:
        row = ledger[ledger.input.str.endswith(name)].iloc[0]
        if row.status != "released":
            raise SystemExit(f"the demo's {name} was not released: {row.reason_code}")
        before = HERE / "data" / row.input.split("/demo/data/")[-1]
        pairs.append(pair(before, options.run / "results" / "demo" / row.output, frame))
    width = sum(part.width + GAP for part in pairs) - GAP
    picture = Image.new("RGB", (width, pairs[0].height), "white")
    column = 0
    for part in pairs:
        picture.paste(part, (column, 0))
        column += part.width + GAP
    options.out.parent.mkdir(exist_ok=True)
    picture.save(options.out, optimize=True)


if __name__ == "__main__":
    main()
