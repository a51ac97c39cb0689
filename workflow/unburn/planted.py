"""Frames with text planted by the frozen renderer, and the frames that it was planted in.

The benchmark `tables` measures everything on one such set. Each frame has a person of its own,
made up, whose name and number stand in it and, where it becomes a DICOM object, in its header.

The first planting of a frame is an overlay as scanners write it: letters and nothing else, no
higher than 1/32 of the frame, the person along an edge. The frame as it was is the truth of
a restoration. Later plantings take all layouts of ``layouts`` in turn, with letters of any size
anywhere, bars, tables, rulers and codes. Frame k of a set follows from (seed, k) and the frames.
"""

import argparse
import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np

from unburn import challenge, glyphs, judging, layouts
from unburn.errors import command
from unburn.files import replacing
from unburn.glyphs import Face
from unburn.grounds import Source
from unburn.layouts import Hand, Line, Page
from unburn.material import font_files
from unburn.parallel import in_order
from unburn.restoration import spaced
from unburn.tables import write_csv

log = logging.getLogger(__name__)

Layout = Callable[[Page], None]
OVERLAYS: tuple[Layout, ...] = (  # layouts that draw nothing but letters
    layouts.corners, layouts.angiogram, layouts.corners, layouts.upright, layouts.corners,
    layouts.scripts,
)  # fmt: skip
HIGHEST, LEAST_PX = 1 / 32, 7.0  # of an overlay's letters, of the frame's shorter side; pixels
SCREEN_PX = 256  # shorter side below which a frame is enlarged
TRIES = 20  # places for each line of the person
EDGES = ((0.01, 0.1), (0.84, 0.95))  # of the rows, where an overlay names the person
FRAME_COLUMNS = (
    "frame", "source", "planting", "group", "modality", "layout", "rows", "columns", "name",
    "number",
)  # fmt: skip
LINE_COLUMNS = (
    "frame", "line", "layout", "kind", "script", "text", "height", "angle", "ink", "difference",
    "deviations",
)  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """What a set depends on: ``split`` and ``split_seed`` choose the frames of the table."""

    seed: int
    frames: Path | None
    split: str
    split_seed: int
    count: int
    plantings: int
    faces: tuple[Face, ...]


@dataclass(frozen=True)
class Planted:
    """One frame of the set.

    ``source`` is the number of the frame that it was made of, ``group`` its patient or series;
    ``clean`` and ``burned`` uint8 (rows, columns) without and with text; ``owner`` uint16, k + 1
    where the ink of line k is; ``quads`` float32 (lines, 4, 2), corners as (column, row); ``texts``
    what the lines say; ``name`` and ``number`` of the person.
    """

    frame: int
    source: int
    planting: int
    group: str
    modality: str
    layout: str
    name: str
    number: str
    clean: np.ndarray
    burned: np.ndarray
    owner: np.ndarray
    quads: np.ndarray
    texts: tuple[str, ...]


# ------------------------------------------------------------------ planting


@lru_cache(maxsize=1)
def sources(bench: Bench) -> list[Source]:
    """The frames without text, spread over all that there are."""
    found = challenge.read_sources(bench.frames, bench.split, bench.split_seed)
    chosen = [found[k] for k in spaced(len(found), bench.count)]
    return [replace(one, picture=on_screen(one.picture)) for one in chosen]


def on_screen(picture: np.ndarray) -> np.ndarray:
    """A small frame enlarged by a whole number, as a screen shows it; uint8 (rows, columns)."""
    times = -(-SCREEN_PX // min(picture.shape))
    if times < 2:
        return picture
    return cv2.resize(picture, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)


def person(rng: np.random.Generator) -> tuple[str, str]:
    """A made-up name, family name first, and a number of eight digits."""
    family = ""
    while len(family) < 6:  # a short name would be met by chance
        family = layouts.surname(rng)
    given = layouts.GIVEN[int(rng.integers(len(layouts.GIVEN)))]
    return f"{family}, {given}", str(rng.integers(10**7, 10**8))


class Overlay(Page):
    """A page whose letters are as small beside the picture as a scanner's, and have no box."""

    def hand(self, script: str = "latin", height: float | None = None, **fixed: Any) -> Hand:
        """A way of writing at random, apart from what is fixed."""
        return super().hand(script, height, **{"box": 0.0, **fixed})

    def height(self, low: float = 5.5, high: float = 80.0) -> float:
        """Height of capitals that suits the page."""
        most = max(LEAST_PX, HIGHEST * self.side)
        return min(super().height(min(low, most), high), most)


def write_person(page: Page, name: str, number: str, edges: bool) -> None:
    """Write a name and a number where there is room, smaller from try to try."""
    rng = page.rng
    hand = page.hand(height=page.height(low=9, high=20), tilt=0.0)
    for text in (name, f"ID {number}"):
        for tried in range(TRIES):
            smaller = replace(hand, height=max(LEAST_PX, hand.height * 0.95**tried))
            low, high = EDGES[int(rng.integers(len(EDGES)))] if edges else (0.01, 0.95)
            top, middle = rng.uniform(low, high) * page.rows, rng.uniform(0.2, 0.8) * page.columns
            if page.write(text, smaller, top, middle, 0.5):
                break


def layout_of(planting: int, place: int, count: int) -> Layout:
    """The layout of planting ``planting`` of frame ``place`` of ``count``."""
    if not planting:
        return OVERLAYS[place % len(OVERLAYS)]
    return layouts.LAYOUTS[((planting - 1) * count + place) % len(layouts.LAYOUTS)]


def plant(bench: Bench, frame: int) -> tuple[Planted, tuple[Line, ...]]:
    """Make frame ``frame`` of a set."""
    every = sources(bench)
    planting, place = divmod(frame, len(every))
    source = every[place]
    rng = np.random.default_rng([bench.seed, frame])
    paper = Page if planting else Overlay
    page = paper(rng, source.picture[..., None].astype(np.float32), bench.faces)
    name, number = person(rng)
    draw = layout_of(planting, place, len(every))
    draw(page)
    write_person(
        page, name, number, edges=not planting
    )  # last, as some layouts lay bars over what is there
    while not page.lines:  # a small frame may have had no room
        layouts.singles(page)
    burned = np.rint(np.clip(page.picture[..., 0], 0, 255)).astype(np.uint8)
    made = Planted(
        frame, place, planting, source.group, source.modality, draw.__name__, name, number,
        source.picture, burned, layouts.owners(page.coverage, page.territory),
        np.stack([line.quad for line in page.lines]), tuple(line.text for line in page.lines),
    )  # fmt: skip
    return made, tuple(page.lines)


def rows_of(made: Planted, lines: Sequence[Line]) -> list[dict[str, Any]]:
    """A row of ``LINE_COLUMNS`` for each line that has ink."""
    seen = judging.contrasts(made.burned, made.owner, [line.height for line in lines])
    whole = np.bincount(made.owner.ravel(), minlength=len(lines) + 1)[1:]
    return [
        {"frame": made.frame, "line": k, "layout": made.layout, "kind": line.kind,
         "script": line.script, "text": line.text, "height": round(line.height, 2),
         "angle": line.angle, "ink": int(whole[k]), "difference": round(seen[k][0], 2),
         "deviations": round(seen[k][1], 3)}
        for k, line in enumerate(lines)
        if whole[k]
    ]  # fmt: skip


# ------------------------------------------------------------------ the file


def save(group: h5py.Group, made: Planted) -> None:
    """Write a frame into a group of the set's file."""
    for name in ("clean", "burned", "owner"):
        group.create_dataset(name, data=getattr(made, name), compression="lzf")
    group["quads"] = made.quads
    for name in ("source", "planting", "group", "modality", "layout", "name", "number"):
        group.attrs[name] = getattr(made, name)
    group.attrs["texts"] = json.dumps(made.texts)


def load(path: Path, frame: int) -> Planted:
    """Read a frame of the set."""
    with h5py.File(path) as file:
        group = file[f"{frame:05d}"]
        attrs = dict(group.attrs)
        return Planted(
            frame=frame,
            source=int(attrs["source"]),
            planting=int(attrs["planting"]),
            group=str(attrs["group"]),
            modality=str(attrs["modality"]),
            layout=str(attrs["layout"]),
            name=str(attrs["name"]),
            number=str(attrs["number"]),
            clean=group["clean"][:],
            burned=group["burned"][:],
            owner=group["owner"][:],
            quads=group["quads"][:],
            texts=tuple(json.loads(attrs["texts"])),
        )


def frames_of(path: Path, planting: int | None = None) -> list[int]:
    """Numbers of the set's frames, all or those of one planting."""
    with h5py.File(path) as file:
        return [
            int(name)
            for name, group in file.items()
            if planting is None or int(group.attrs["planting"]) == planting
        ]


def make(bench: Bench, threads: int, out: Path) -> None:
    """Write ``planted.h5``, ``frames.csv``, ``lines.csv`` and ``set.json`` to ``out``."""
    every = sources(bench)
    count = len(every) * bench.plantings
    digest = hashlib.sha256()
    frames: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    with replacing(out / "planted.h5") as tmp, h5py.File(tmp, "w") as file:
        for made, written in in_order(partial(plant, bench), range(count), threads):
            save(file.create_group(f"{made.frame:05d}"), made)
            digest.update(made.burned.tobytes() + made.owner.tobytes())
            lines += rows_of(made, written)
            rows, columns = made.burned.shape
            frames.append({**vars(made), "rows": rows, "columns": columns})
    write_csv(out / "frames.csv", frames, FRAME_COLUMNS)
    write_csv(out / "lines.csv", lines, LINE_COLUMNS)
    by_modality = {
        name: {
            "frames": sum(one.modality == name for one in every),
            "groups": len({one.group for one in every if one.modality == name}),
        }
        for name in sorted({one.modality for one in every})
    }
    about = {
        "seed": bench.seed, "sources": len(every), "frames": count, "lines": len(lines),
        "digest": digest.hexdigest()[:16], "demo_only": bench.frames is None,
        "split": bench.split, "fonts": len(bench.faces), "modalities": by_modality,
    }  # fmt: skip
    with replacing(out / "set.json") as tmp:
        tmp.write_text(json.dumps(about, indent=1) + "\n")
    log.info("%d frames with %d lines", count, len(lines))


def bench_of(given: Mapping[str, Any]) -> Bench:
    """The set that the section tables of the benchmark's settings describes."""
    return Bench(
        seed=given["seed"],
        frames=Path(given["frames"]) if given["frames"] else None,
        split="test",
        split_seed=given["split_seed"],
        count=given["count"],
        plantings=given["plantings"],
        faces=glyphs.faces(font_files([Path(folder) for folder in given["fonts"]])),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Plant text in frames and write the set."""
    parser = argparse.ArgumentParser(prog="python -m unburn.planted", description=main.__doc__)
    parser.add_argument("--settings", type=json.loads, required=True, help="section tables")
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    options = parser.parse_args(argv)
    make(bench_of(options.settings), options.threads, options.out)


if __name__ == "__main__":
    command(main)
