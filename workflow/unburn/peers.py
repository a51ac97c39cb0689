"""Our header cleaning beside other programs: canaries, the answer key's header actions, speed.

Each program runs in a virtual environment of its own, named after it, in one folder; where there
is none it is left out. All are run as they come, by the same few lines: read a file, clean it,
write it. Times are of the process, without pixels, of each file the best of some repeats, all in
one run.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pydicom
from pydicom import Dataset

from unburn import answer_key, answers, canaries, tables
from unburn.canaries import NESTED, TOP
from unburn.errors import command
from unburn.files import replacing
from unburn.metadata import quiet
from unburn.presets import PRESETS, RESEARCH

log = logging.getLogger(__name__)

OURS = "unburn"
REPEATS = 5
HEADERS = "headers of "
# Actions that every program can be held to: dates are moved by some and removed by others.
ACTIONS = (
    answer_key.TAG_RETAINED, answer_key.NOT_NULL, answer_key.RETAINED, answer_key.REMOVED,
    answer_key.CHANGED, answer_key.CONSISTENT, answer_key.SAME_PATIENT,
)  # fmt: skip
COLUMNS = ("method", "action", "met", "asked")

# How each cleans a Dataset, as its own documentation shows it.
CLEANERS = {
    OURS: """
from unburn import metadata
from unburn.settings import defaults
settings = metadata.Settings(**defaults()["metadata"] | {"preset": "research"})
def clean(dataset):
    return metadata.clean(dataset, bytes(32), settings).dataset
""",
    "dicom-anonymizer": """
from dicomanonymizer import anonymize_dataset
def clean(dataset):
    anonymize_dataset(dataset)
    return dataset
""",
    "dicognito": """
from dicognito.anonymizer import Anonymizer
anonymizer = Anonymizer(seed="benchmark")
def clean(dataset):
    anonymizer.anonymize(dataset)
    return dataset
""",
    "deid": """
from deid.config import DeidRecipe
from deid.dicom.parser import DicomParser
recipe = DeidRecipe()
def clean(dataset):
    parser = DicomParser(dataset, recipe=recipe)
    parser.parse(strip_sequences=False, remove_private=True)
    return parser.dicom
""",
}
HARNESS = """
import importlib.metadata, io, json, logging, sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
import pydicom
{cleaner}
source, out, repeats, name = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
files = {{file.name: file.read_bytes() for file in sorted(source.iterdir())}}
now, failed, best = time.process_time, [], {{"clean": {{}}, "all": {{}}}}
for turn in range(repeats):
    for file, data in files.items():
        started = now()
        dataset = pydicom.dcmread(io.BytesIO(data), force=True)
        read = now()
        try:
            cleaned = clean(dataset)
            ready = now()
            written = io.BytesIO()
            pydicom.dcmwrite(written, cleaned)
        except Exception:
            failed += [file] * (turn == 0)
            continue
        for part, taken in ("clean", ready - read), ("all", now() - started):
            best[part][file] = min(taken, best[part].get(file, taken))
        if turn == 0:
            (out / file).write_bytes(written.getvalue())
seconds = {{part: sum(times.values()) for part, times in best.items()}}
version = importlib.metadata.version(name)
print(json.dumps({{"version": version, "files": len(files), "failed": failed, "seconds": seconds}}))
"""


def interpreters(venvs: Path) -> dict[str, Path]:
    """Python of each program that is there, ours first."""
    places = {name: venvs / name / "bin" / "python" for name in CLEANERS if name != OURS}
    return {OURS: Path(sys.executable)} | {n: path for n, path in places.items() if path.exists()}


def run(python: Path, name: str, source: Path, out: Path, repeats: int) -> dict[str, Any]:
    """Let one program clean every file of a folder; what it says of version, failures, times."""
    out.mkdir(parents=True)
    code = HARNESS.format(cleaner=CLEANERS[name])
    ours = {"PYTHONPATH": str(Path(__file__).resolve().parents[1])} if name == OURS else {}
    environment = {**os.environ, "PYTHONPATH": "", **ours}
    words = [str(python), "-c", code, str(source), str(out), str(repeats), name]
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    if done.returncode:
        log.info("%s ends with %d", name, done.returncode)
        return {"version": "", "files": 0, "failed": [], "seconds": {"clean": 0.0, "all": 0.0}}
    return json.loads(done.stdout.splitlines()[-1])


def without_pixels(path: Path, out: Path) -> bool:
    """Write a file without what is long; False for what is no DICOM file."""
    try:
        with quiet():
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
            dataset.save_as(out)
    except Exception:  # broken files are not what is timed
        out.unlink(missing_ok=True)
        return False
    return True


def write_sources(key: Path, folders: Mapping[str, Path], into: Path) -> dict[str, Path]:
    """The folders that every program cleans: canaries, the key's objects, headers of each folder.

    The last are named by "headers of" and the folder's name.
    """
    places = {name: into / name for name in ("canaries", "key")}
    places |= {f"{HEADERS}{name}": into / f"headers {n}" for n, name in enumerate(folders)}
    for place in places.values():
        place.mkdir()
    with quiet():
        for depth in (TOP, NESTED):
            canaries.planted(depth, True).save_as(places["canaries"] / f"{depth}.dcm")
    for file in sorted((key / "objects").iterdir()):
        (places["key"] / file.name).symlink_to(file.resolve())
    for name, folder in folders.items():
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        for number, file in enumerate(files):
            without_pixels(file, places[f"{HEADERS}{name}"] / f"{number:05d}.dcm")
    return places


def of_canaries(name: str, out: Path) -> Iterator[dict[str, object]]:
    """Rows as those of ``canaries.csv``; no option is taken into account for others."""
    options = PRESETS["research"] if name == OURS else None
    for depth in (TOP, NESTED):
        path = out / f"{depth}.dcm"
        with quiet():
            cleaned = pydicom.dcmread(path, force=True) if path.exists() else Dataset()
            if path.exists():
                yield from canaries.outcomes(name, "", options, cleaned, depth, True)


def released_of(key: Path, out: Path) -> answers.Released:
    """What a program wrote, with the mappings that its own files tell."""
    uids: dict[str, str] = {}
    patients: dict[str, set[str]] = defaultdict(set)
    files = {file.name: file for file in out.iterdir()}
    for name, file in files.items():
        with quiet():
            old, new = (
                pydicom.dcmread(p, force=True, stop_before_pixels=True)
                for p in (key / "objects" / name, file)
            )
            for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
                uids.setdefault(str(old[keyword].value), str(new.get(keyword, "")))
            if frame := old.get("FrameOfReferenceUID"):
                uids.setdefault(str(frame), str(new.get("FrameOfReferenceUID", "")))
            patients[str(old.PatientID)].add(str(new.get("PatientID", "")))
    return answers.Released(files, {}, uids, patients)


def of_key(name: str, key: Path, out: Path) -> Iterator[dict[str, object]]:
    """How many facts a program meets, by action."""
    counts: dict[str, list[int]] = {action: [0, 0] for action in ACTIONS}
    for row in answers.judge(key, RESEARCH, released_of(key, out), ACTIONS):
        if row["met"] != "":
            counts[str(row["action"])][0] += int(str(row["met"]))
            counts[str(row["action"])][1] += 1
    for action, (met, asked) in counts.items():
        yield {"method": name, "action": action, "met": met, "asked": asked}


def compare(key: Path, folders: Mapping[str, Path], venvs: Path, out: Path) -> None:
    """Write ``peers_canaries.csv``, ``peers_answers.csv`` and ``peers.json``."""
    of_rows: list[dict[str, object]] = []
    of_facts: list[dict[str, object]] = []
    about: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as tmp:
        sources = write_sources(key, folders, Path(tmp))
        for name, python in interpreters(venvs).items():
            outs = {what: Path(tmp) / name / what for what in sources}
            said = {what: run(python, name, sources[what], outs[what], REPEATS) for what in sources}
            of_rows += of_canaries(name, outs["canaries"])
            of_facts += of_key(name, key, outs["key"])
            about[name] = {
                "version": said["key"]["version"],
                "times": {
                    what.removeprefix(HEADERS): {
                        "files": one["files"] - len(one["failed"]),
                        **one["seconds"],
                    }
                    for what, one in said.items()
                    if what.startswith(HEADERS)
                },
                "failed": {what: len(one["failed"]) for what, one in said.items()},
            }
            log.info("%s: done", name)
    tables.write_csv(out / "peers_canaries.csv", of_rows, canaries.COLUMNS)
    tables.write_csv(out / "peers_answers.csv", of_facts, COLUMNS)
    with replacing(out / "peers.json") as file:
        file.write_text(json.dumps(about, indent=1) + "\n")


def main(argv: Sequence[str] | None = None) -> None:
    """Clean the same files by every program that is there."""
    parser = argparse.ArgumentParser(prog="python -m unburn.peers", description=main.__doc__)
    parser.add_argument("--key", type=Path, required=True, help="folder of unburn.answer_key")
    parser.add_argument("--folders", required=True, help="JSON: folders of DICOM files by name")
    parser.add_argument("--venvs", type=Path, required=True, help="folder of their environments")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    options = parser.parse_args(argv)
    folders = {name: Path(folder) for name, folder in json.loads(options.folders).items()}
    compare(options.key, folders, options.venvs, options.out)


if __name__ == "__main__":
    command(main)
