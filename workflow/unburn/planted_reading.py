"""What readers read in the planted frames, before and after they are painted, and whom it names.

Three readers: RapidOCR and Tesseract find lines themselves; our CTC reader is given the true place
of every line, which is the strongest attack. A reading at a line's place is compared with what was
planted there. The frames without text give what readers read into anatomy by chance.
"""

import argparse
from collections.abc import Sequence
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydicom import Dataset

from unburn import identifiers, lines, planted, readers, reading
from unburn.distance import edits
from unburn.errors import command
from unburn.gate import legible
from unburn.parallel import in_order
from unburn.planted_restoration import PIPELINE, paintings, unpainted
from unburn.presets import RESEARCH
from unburn.settings import defaults
from unburn.tables import write_csv

CTC = "our line reader, told where"
READERS = ("rapidocr", "tesseract", CTC)
OVERLAP = 0.3  # of a reading or of the line, from which the reading stands at the line's place
LEAST = 3  # characters of a planted line, below which likeness means nothing
SAME = 0.5  # likeness from which a line counts as read
LINE_COLUMNS = ("method", "mask", "frame", "group", "line", "reader", "legible", "likeness")
FRAME_COLUMNS = ("method", "mask", "frame", "group", "reader", "named", "others_named")

Read = tuple[str, float, np.ndarray]  # text, score, quad float32 (4, 2)


@lru_cache(maxsize=1)
def _readers() -> tuple[readers.Reader, readers.Reader, lines.Reader]:
    ctc = lines.load(Path(defaults()["detect"]["reader_weights"]))
    return readers.rapidocr(), readers.tesseract(), ctc


@cache
def header(name: str, number: str) -> identifiers.Identifiers:
    """What the header of a frame's person says."""
    dataset = Dataset()
    dataset.PatientName, dataset.PatientID = name.replace(", ", "^"), number
    return identifiers.identifiers(dataset, RESEARCH)


def at(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two quadrangles, float32 (4, 2), overlap enough to be the same place."""
    areas = [max(1.0, cv2.contourArea(quad.astype(np.float32))) for quad in (one, other)]
    common, _ = cv2.intersectConvexConvex(
        cv2.convexHull(one.astype(np.float32)), cv2.convexHull(other.astype(np.float32))
    )
    return common >= OVERLAP * min(areas)


def likeness(planted_text: str, read: str) -> float:
    """1 for the same letters and digits, 0 for nothing in common; case and blanks do not count."""
    one, two = ("".join(c for c in text.casefold() if c.isalnum()) for text in (planted_text, read))
    longest = max(len(one), len(two))
    return 1 - edits(one, two) / longest if longest else 0.0


def read_by(name: str, picture: np.ndarray, quads: np.ndarray) -> list[Read]:
    """All lines that a reader reads in a picture, uint8 (rows, columns)."""
    rapid, tesseract, ctc = _readers()
    if name == CTC:
        found = reading.first_readings(ctc, picture, list(quads))
        return [(text, sure, quad) for (text, sure), quad in zip(found, quads, strict=True)]
    reader = rapid if name == rapid.name else tesseract
    return [(line.text, line.score, line.quad) for line in reader.read(picture)]


def counted(one: planted.Planted) -> list[int]:
    """Lines that readers of Latin letters could read: numbers in ``one.texts``."""
    return [
        k
        for k, text in enumerate(one.texts)
        if sum(c.isalnum() and c.isascii() for c in text) >= LEAST and text.isascii()
    ]


def judged(
    found: Sequence[Read], texts: Sequence[str], quads: np.ndarray, shape: tuple[int, int]
) -> list[tuple[int, float]]:
    """For each line: whether something legible was read at its place, and the best likeness."""
    gate = defaults()["gate"]
    result = []
    for text, quad in zip(texts, quads, strict=True):
        here = [(said, score, where) for said, score, where in found if at(where, quad)]
        seen = any(
            legible(readers.Line(*one), shape, gate["threshold"], gate["min_characters"])
            for one in here
        )
        best = max((likeness(text, said) for said, *_ in here), default=0.0)
        result.append((int(seen), round(best, 4)))
    return result


def measure(
    frame: int, path: Path, restored: Path | None, people: tuple[tuple[str, str], ...]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of lines and of frames: every reader on one frame as it was, or on its paintings.

    Of the paintings those under the mask that a run makes.
    """
    of_lines: list[dict[str, Any]] = []
    of_frames: list[dict[str, Any]] = []
    one = planted.load(path, frame)
    chosen = counted(one)
    texts, quads = [one.texts[k] for k in chosen], one.quads[chosen]
    shown = paintings(restored, frame, (PIPELINE,)) if restored else unpainted(one)
    for method, mask, picture in shown:
        named = {"method": method, "mask": mask, "frame": frame, "group": one.group}
        for name in READERS:
            found = read_by(name, picture, one.quads)
            together = "\n".join(text for text, *_ in found)
            hits = [identifiers.found_in_text(header(*who), together) for who in people]
            own = people.index((one.name, one.number))
            of_frames.append(
                {**named, "reader": name, "named": int(hits[own]),
                 "others_named": sum(hits) - int(hits[own])}
            )  # fmt: skip
            for line, (seen, like) in zip(
                chosen, judged(found, texts, quads, picture.shape[:2]), strict=True
            ):
                of_lines.append(
                    {**named, "line": line, "reader": name, "legible": seen, "likeness": like}
                )
    return of_lines, of_frames


def run(path: Path, restored: Path | None, threads: int, out: tuple[Path, Path]) -> None:
    """Write the rows of lines and those of frames to the two files of ``out``."""
    frames = planted.frames_of(path, 0)
    people = tuple((one.name, one.number) for one in (planted.load(path, k) for k in frames))
    of_lines: list[dict[str, Any]] = []
    of_frames: list[dict[str, Any]] = []
    work = partial(measure, path=path, restored=restored, people=people)
    for rows, more in in_order(work, frames, threads):
        of_lines += rows
        of_frames += more
    write_csv(out[0], of_lines, LINE_COLUMNS)
    write_csv(out[1], of_frames, FRAME_COLUMNS)


def main(argv: Sequence[str] | None = None) -> None:
    """Let every reader read the planted frames, or what was painted of them."""
    parser = argparse.ArgumentParser(
        prog="python -m unburn.planted_reading", description=main.__doc__
    )
    parser.add_argument("--planted", type=Path, required=True, help="planted.h5")
    parser.add_argument("--restored", type=Path, help="restored.h5, to read the paintings")
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--lines", type=Path, required=True, help="table to write")
    parser.add_argument("--frames", type=Path, required=True, help="table to write")
    options = parser.parse_args(argv)
    run(options.planted, options.restored, options.threads, (options.lines, options.frames))


if __name__ == "__main__":
    command(main)
