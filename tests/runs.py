"""Runs of the real workflow in folders of their own, for the tests that need one."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import ExplicitVRLittleEndian, XRayAngiographicImageStorage

from unburn import keys

REPO = Path(__file__).resolve().parents[1]
DEMO = REPO / "resources" / "demo"
SNAKEMAKE = Path(sys.executable).with_name("snakemake")

SLICES = DEMO / "data" / "NOTREAL_BALTHASAR_19580923" / "MR"
ULTRASOUND = DEMO / "data" / "FAKENAME_DULCINEA_19610704" / "US"
REPORT = ULTRASOUND.parent / "SR" / "report.dcm"


def make_run(run: Path, folders: Mapping[str, Path], **config: Any) -> Path:
    """Write sheet, key and settings of a run into the folder ``run`` and return it.

    The demo's folder gets the demo's key, anything else a new one.
    """
    run.mkdir(parents=True, exist_ok=True)
    rows = [f"{label}\t{folder}" for label, folder in folders.items()]
    (run / "sheet.tsv").write_text("\n".join(["submission\tpath", *rows]) + "\n")
    key = run / "unburn.key"
    if all(folder.is_relative_to(DEMO) for folder in folders.values()):
        key.write_text(keys.DEMO_KEY)
    elif not key.exists():
        keys.new(key)
    (run / "config.yaml").write_text(yaml.safe_dump({"sheet": "sheet.tsv", **config}))
    return run


def snakemake(
    run: Path, *arguments: str, cores: int = 1, inside: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the workflow in ``run`` as a user would from anywhere; nothing is activated.

    On one core a stage starts no processes, which cost more than these runs have to share out.
    ``inside`` is a command that starts another one, such as unshare.
    """
    command = [*inside, SNAKEMAKE, "--snakefile", REPO / "Snakefile", "--directory", run]
    command += ["--configfile", run / "config.yaml", "--cores", str(cores), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=clean_environment())


def without_network() -> list[str]:
    """A command that starts another one without a network; the test is skipped where none may."""
    command = ["unshare", "--net"] if os.getuid() == 0 else ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"]).returncode:
        pytest.skip(
            "this machine allows no network namespace, so nothing was run without a network"
        )
    return command


def make_tiny(folder: Path) -> Path:
    """Make a submission of half a minute and return its folder.

    Two MR slices, an ultrasound still, three frames of a cine (lossy), and a report that is held.
    """
    folder.mkdir(parents=True)
    for file in (SLICES / "IM0006", SLICES / "IM0008", ULTRASOUND / "still.dcm", REPORT):
        shutil.copy(file, folder / file.name)
    cine = dcmread(ULTRASOUND / "cine_FAKENAME.dcm")
    frames = generate_frames(cine.PixelData, number_of_frames=int(cine.NumberOfFrames))
    cine.NumberOfFrames = 3
    cine.PixelData = encapsulate(list(islice(frames, 3)))
    cine.save_as(folder / "cine.dcm")
    return folder


def small_series(folder: Path, patient: int, files: int = 2) -> Path:
    """A series of a patient of its own: slices of 64 x 64 cut out of the demo's."""
    folder.mkdir(parents=True)
    for number in range(1, files + 1):
        image = dcmread(SLICES / f"IM{number:04d}")
        image.PixelData = image.pixel_array[80:144, 164:228].tobytes()
        image.Rows = image.Columns = 64
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.PatientID, image.PatientName = f"MRN{patient:05d}", f"DOE^{patient}"
        image.StudyInstanceUID, image.SeriesInstanceUID = f"1.2.777{patient}", f"1.2.777{patient}.1"
        image.SOPInstanceUID = f"1.2.777{patient}.1.{number}"
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.save_as(folder / f"{number}.dcm", enforce_file_format=True)
    return folder


def small_cine(folder: Path, patient: int, frames: int) -> None:
    """Many frames in one file, of a series of its own: 2 % of them are one control."""
    (file,) = small_series(folder, patient, files=1).iterdir()
    image = dcmread(file)
    image.PixelData, image.NumberOfFrames = image.PixelData * frames, frames
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = XRayAngiographicImageStorage
    image.SeriesInstanceUID = f"1.2.777{patient}.2"
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = f"1.2.777{patient}.2.1"
    image.save_as(file, enforce_file_format=True)


def clean_environment() -> dict[str, str]:
    """The environment without what a shell with an activated environment would add."""
    here = str(SNAKEMAKE.parent)
    path = [part for part in os.environ["PATH"].split(os.pathsep) if part != here]
    dropped = {"PYTHONPATH", "VIRTUAL_ENV"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return kept | {"PATH": os.pathsep.join(path)}


def jobs(screen: str) -> list[str]:
    """The rules that Snakemake says it starts, in order."""
    return re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):$", screen, re.MULTILINE)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its relative path, with its bytes."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def without_resources(metrics: bytes) -> bytes:
    """``metrics.json`` without the time and memory that the jobs took."""
    return json.dumps(json.loads(metrics) | {"resources": {}}).encode()


def spellings(text: str) -> Iterator[bytes]:
    """A text as it could lie in a file: three encodings, and base64 in its three alignments."""
    for encoding in ("latin-1", "utf-8", "utf-16-le", "utf-16-be"):
        yield text.encode(encoding, "replace")
    for shift in range(3):
        yield base64.b64encode(b" " * shift + text.encode())[4 if shift else 0 :][: len(text)]


def unpacked(data: bytes) -> Iterator[bytes]:
    """The bytes, and what gzip streams in them hold."""
    yield data
    start = 0
    while (start := data.find(b"\x1f\x8b\x08", start)) >= 0:
        with suppress(zlib.error):
            yield zlib.decompressobj(31).decompress(data[start:])
        start += 3


def leaks(run: Path, names: Sequence[str]) -> list[str]:
    """Where a name stands outside `work/`: in a file, packed or not, in a path, or on the screen.

    What the run printed is in its `screen.txt`. Names of less than four letters would hit by chance
    and are looked for in paths only.
    """
    places = [run / name for name in ("results", "logs", "benchmarks", ".snakemake")]
    files = [file for place in places for file in place.rglob("*") if file.is_file()]
    files.append(run / "screen.txt")
    assert len(files) > 20
    texts = {file.relative_to(run): file.read_bytes() for file in files}
    paths = "\n".join(map(str, texts))
    found = [f"{name} in a path" for name in names if name in paths]
    needles = [(name, spelled) for name in names if len(name) >= 4 for spelled in spellings(name)]
    for where, text in {**texts, "a path": paths.encode()}.items():
        for data in unpacked(text):
            found += [f"{name} in {where}" for name, spelled in needles if spelled in data]
    return found
