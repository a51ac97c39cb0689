"""Other decoders beside ours: dcmtk and gdcm on originals, and on what was painted and written.

Of each readable picture every frame's stored values are compared. A lossless transfer syntax allows
one result only. Decoders of lossy ones may round differently (ISO/IEC 10918-2), so the largest
difference is given. Where a decoder hands out another colour model, values cannot be compared.
"""

import argparse
import json
import logging
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from pydicom import uid

from unburn import rehearsal, tables
from unburn.errors import ItemError, command
from unburn.pixels import StoredFrames
from unburn.presets import PRESETS
from unburn.syntaxes import LOSSY

log = logging.getLogger(__name__)

SECONDS = 300  # for one file
COLUMNS = (
    "folder", "file", "state", "transfer_syntax", "lossy", "decoder", "outcome", "difference",
)  # fmt: skip

DCMTK: dict[str, tuple[str, ...]] = {
    **dict.fromkeys((uid.JPEGLSLossless, uid.JPEGLSNearLossless), ("dcmdjpls", "+px")),
    uid.RLELossless: ("dcmdrle",),
    **dict.fromkeys(
        (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1),
        ("dcmdjpeg", "+cn", "+px"),  # no conversion of colours, colour by pixel
    ),
}
NATIVE = ["dcmconv", "+te"]


def by_dcmtk(source: Path, out: Path, syntax: str) -> list[str]:
    """Command that writes ``source`` natively, or only parses it where dcmtk has no decoder."""
    if not uid.UID(syntax).is_encapsulated:
        return [*NATIVE, str(source), str(out)]
    return [*DCMTK[syntax], str(source), str(out)] if syntax in DCMTK else ["dcmdump", str(source)]


def by_gdcm(source: Path, out: Path, syntax: str) -> list[str]:
    """Command that writes ``source`` natively."""
    return ["gdcmconv", "--raw", str(source), str(out)]


DECODERS: dict[str, Callable[[Path, Path, str], list[str]]] = {
    "dcmtk": by_dcmtk,
    "gdcm": by_gdcm,
}
PROGRAMS = {"dcmtk": "dcmdjpeg", "gdcm": "gdcmconv"}


def difference(one: Path, other: Path) -> tuple[str, str]:
    """How the stored values of two files compare: an outcome, and the largest difference."""
    with StoredFrames(one) as ours, StoredFrames(other) as theirs:
        if ours.photometric != theirs.photometric:
            return "other colour model", ""
        if len(ours) != len(theirs):
            return "other frames", ""
        largest = 0
        for frame in range(len(ours)):
            a, b = ours[frame], theirs[frame]
            if a.shape != b.shape:
                return "other shape", ""
            if not np.array_equal(a, b):
                largest = max(largest, int(np.abs(a.astype(np.int64) - b.astype(np.int64)).max()))
    return ("different" if largest else "equal"), str(largest)


def judge(path: Path, syntax: str, decoder: str) -> tuple[str, str]:
    """Outcome and difference of one decoder for one file that we can read."""
    with tempfile.TemporaryDirectory() as tmp:
        out = Path(tmp) / "native.dcm"
        try:
            words = DECODERS[decoder](path, out, syntax)
            done = subprocess.run(words, capture_output=True, timeout=SECONDS)
            if done.returncode:
                return "not read", ""
            return difference(path, out) if out.exists() else ("no decoder", "")
        except (subprocess.TimeoutExpired, ItemError):
            return "not read", ""


def readable(path: Path) -> tuple[str, bool] | None:
    """Transfer syntax, and whether it is lossy, of a picture whose frames we can all read."""
    try:
        with StoredFrames(path) as source:
            for frame in range(len(source)):
                source[frame]
            return str(source.syntax), source.syntax in LOSSY
    except ItemError:
        return None


def look(task: tuple[Path, str, str], decoders: Sequence[str]) -> list[dict[str, object]]:
    """Rows of one file: each decoder's outcome; none for what is no readable picture."""
    path, name, state = task
    known = readable(path)
    if known is None:
        return []
    syntax, lossy = known
    rows = []
    for decoder in decoders:
        outcome, largest = judge(path, syntax, decoder)
        rows.append(
            {
                "file": name, "state": state, "transfer_syntax": syntax, "lossy": int(lossy),
                "decoder": decoder, "outcome": outcome, "difference": largest,
            }
        )  # fmt: skip
    return rows


def compare(folders: Mapping[str, Path], threads: int) -> Iterator[dict[str, object]]:
    """Rows of ``decoders.csv``: originals, and candidates with painted pixels."""
    decoders = [name for name, program in PROGRAMS.items() if shutil.which(program)]
    preset = next(iter(PRESETS))
    for label, folder in folders.items():
        with tempfile.TemporaryDirectory() as tmp, ThreadPoolExecutor(threads) as pool:
            tasks = []
            for one in rehearsal.rehearse(folder, Path(tmp), preset, True, threads):
                name = str(one.original.relative_to(folder.resolve()))
                tasks.append((one.original, name, "original"))
                if one.painted and one.candidate:
                    tasks.append((one.candidate, name, "painted"))
            for rows in pool.map(partial(look, decoders=decoders), tasks):
                yield from ({"folder": label, **row} for row in rows)
        log.info("%s: %d files", label, len(tasks))


def main(argv: Sequence[str] | None = None) -> None:
    """Compare stored values with those of other decoders."""
    parser = argparse.ArgumentParser(
        prog="python -m unburn.second_decoders", description=main.__doc__
    )
    parser.add_argument("--folders", required=True, help="JSON: folders of DICOM files by name")
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, required=True, help="table to write, CSV")
    options = parser.parse_args(argv)
    folders = {name: Path(folder) for name, folder in json.loads(options.folders).items()}
    tables.write_csv(options.out, compare(folders, options.threads), COLUMNS)


if __name__ == "__main__":
    command(main)
