"""Does cleaning break an object? dciodvfy's errors before and after, for each file of some folders.

dciodvfy (dicom3tools, by David Clunie) checks a file against the definition of its kind of object.
Errors are compared by their kind: the message without the values, numbers and UIDs in it. An error
that the original has too is the original's.
"""

import argparse
import json
import logging
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydicom import uid

from unburn import rehearsal, tables
from unburn.errors import command
from unburn.headers import read_header
from unburn.metadata import quiet
from unburn.presets import PRESETS
from unburn.rehearsal import Rehearsed
from unburn.syntaxes import transfer_syntax

log = logging.getLogger(__name__)

PROGRAM = "dciodvfy"
SECONDS = 120  # for one file
COLUMNS = (
    "preset", "folder", "file", "painted", "kind", "transfer_syntax", "outcome", "errors_before",
    "errors_after", "new_kinds",
)  # fmt: skip
NAMED = re.compile(r"((?:Element|Module|attribute|Attribute)[ =]*<[A-Za-z']+[A-Za-z' ]*>)")


def kind_of(message: str) -> str:
    """An error without what differs between files: values, item numbers, UIDs."""
    parts = NAMED.split(message)
    for place in range(0, len(parts), 2):  # what stands between names of elements and modules
        parts[place] = re.sub(r"= <.*|<[^>]*>|'[^']*'|(?<!Type )\b\d[\w.]*", "#", parts[place])
    return " ".join("".join(parts).split())


def errors(path: Path) -> list[str]:
    """Kinds of dciodvfy's errors about a file, one for each error."""
    with tempfile.TemporaryDirectory() as tmp:
        seen = plain(path, Path(tmp) / "plain.dcm")
        done = subprocess.run([PROGRAM, seen], capture_output=True, timeout=SECONDS)
    lines = (done.stderr + done.stdout).decode("latin-1").splitlines()
    return [kind_of(line) for line in lines if line.startswith("Error")]


def plain(path: Path, out: Path) -> Path:
    """The file itself, or a copy in ``out`` where dciodvfy would not see what is in it.

    It cannot inflate, and does not look into attributes of the standard that are stored as UN.
    """
    dataset = read_header(path)
    deflated = transfer_syntax(dataset) == uid.DeflatedExplicitVRLittleEndian
    unknown = [tag for tag, element in dataset.items() if element.VR == "UN" and not tag.is_private]
    if not (deflated or unknown):
        return path
    with quiet():
        for tag in unknown:
            dataset[tag]  # pydicom looks the VR up
        if deflated:
            dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
        dataset.save_as(out)
    return out


def compare(one: Rehearsed) -> dict[str, object]:
    """Errors of a file before and after, and the kinds that came with cleaning."""
    if one.candidate is None or not shutil.which(PROGRAM):
        return {"errors_before": "", "errors_after": "", "new_kinds": ""}
    before, after = errors(one.original), errors(one.candidate)
    return {
        "errors_before": len(before), "errors_after": len(after),
        "new_kinds": "; ".join(sorted(set(after) - set(before))),
    }  # fmt: skip


def passes() -> Iterator[tuple[str, bool]]:
    """What is rehearsed: each preset as it is, the default also with painted pixels."""
    yield from ((preset, False) for preset in PRESETS)
    yield next(iter(PRESETS)), True


def check(folders: Mapping[str, Path], threads: int) -> Iterator[dict[str, object]]:
    """Rows of ``conformance.csv``."""
    for name, folder in folders.items():
        for preset, painted in passes():
            with tempfile.TemporaryDirectory() as tmp, ThreadPoolExecutor(threads) as pool:
                files = list(rehearsal.rehearse(folder, Path(tmp), preset, painted, threads))
                if painted:
                    files = [one for one in files if one.painted]
                for one, found in zip(files, pool.map(compare, files), strict=True):
                    yield {
                        "preset": preset, "folder": name, "painted": int(painted),
                        "file": one.original.relative_to(folder.resolve()), "kind": one.kind,
                        "transfer_syntax": one.transfer_syntax,
                        "outcome": one.reason_code or "cleaned", **found,
                    }  # fmt: skip
            log.info("%s, painted %s: %d files", preset, painted, len(files))


def main(argv: Sequence[str] | None = None) -> None:
    """Compare dciodvfy's errors before and after cleaning."""
    parser = argparse.ArgumentParser(prog="python -m unburn.conformance", description=main.__doc__)
    parser.add_argument("--folders", required=True, help="JSON: folders of DICOM files by name")
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, required=True, help="table to write, CSV")
    options = parser.parse_args(argv)
    folders = {name: Path(folder) for name, folder in json.loads(options.folders).items()}
    tables.write_csv(options.out, check(folders, options.threads), COLUMNS)


if __name__ == "__main__":
    command(main)
