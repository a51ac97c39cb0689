"""Write down what made a release: code, settings, weights, versions, seed and key id.

Nothing in it names a person, a host, a user or a place on a disk.
"""

import argparse
import importlib.metadata
import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from unburn import __version__, keys
from unburn import weights as sd2_weights
from unburn.code import code_digest
from unburn.errors import command
from unburn.files import replacing, sha256
from unburn.readers import rapidocr_weights
from unburn.settings import REPO, changed

STAGES = (
    *("plan", "frames", "detect", "mask", "crop", "inpaint", "batch", "reassemble", "gate"),
    *("controls", "release", "evaluate", "report"),
)
LIBRARIES = (  # distributions that a stage imports
    *("torch", "numpy", "scipy", "pandas", "h5py", "opencv-python-headless", "scikit-image"),
    *("pydicom", "pylibjpeg", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg", "pylibjpeg-rle"),
    *("pyjpegls", "highdicom", "nibabel", "dcm2niix", "rapidocr-onnxruntime", "onnxruntime"),
    *("pytesseract", "jinja2", "matplotlib", "jsonschema", "safetensors", "diffusers", "snakemake"),
)
# Where a run reads and writes is the site's affair, and a folder's name can hold a person's.
PLACES = {"sheet", "results", "work", "key_file", "truth"}
COMMAND_TIMEOUT_S = 20


def without_places(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Drop settings that say where things are; of any other path keep the file's name."""
    kept: dict[str, Any] = {}
    for name, value in settings.items():
        if name.rpartition(".")[2] in PLACES:
            continue
        if isinstance(value, Mapping):
            kept[name] = without_places(value)
        elif isinstance(value, str) and ("/" in value or "\\" in value):
            kept[name] = re.split(r"[/\\]", value)[-1]
        else:
            kept[name] = value
    return kept


def output_of(*words: str) -> str | None:
    """Output of a program without a shell; None when it is missing or fails."""
    program = shutil.which(words[0])
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, *words[1:]],
            check=True,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
        )
    except (subprocess.SubprocessError, OSError):
        return None
    return done.stdout


def commit(repository: Path) -> dict[str, Any]:
    """The commit that is checked out, and whether tracked files differ from it.

    A copy without its history, also inside another repository, is "unknown".
    """
    at = ("git", "-C", str(repository))
    top = output_of(*at, "rev-parse", "--show-toplevel")
    head = output_of(*at, "rev-parse", "HEAD")
    if not top or not head or Path(top.strip()).resolve() != repository.resolve():
        return {"commit": "unknown", "changed_since": None}
    changes = output_of(*at, "status", "--porcelain", "--untracked-files=no")
    return {"commit": head.strip(), "changed_since": None if changes is None else bool(changes)}


def weights(settings: Mapping[str, Any]) -> list[dict[str, str]]:
    """Name and sha256 of each weight file that a setting names and a stage reads."""
    found = []
    for section, values in sorted(settings.items()):
        for name, value in sorted(values.items()) if isinstance(values, Mapping) else ():
            if name.endswith("weights") and isinstance(value, str) and Path(value).is_file():
                path = Path(value)
                found.append(
                    {"setting": f"{section}.{name}", "file": path.name, "sha256": sha256(path)}
                )
    if settings["inpaint"]["engine"] == sd2_weights.NAME:
        used = sd2_weights.checked(Path(settings["inpaint"]["sd2_weights"]))
        found += [
            {"setting": "inpaint.sd2_weights", "file": f"{used.name}: {name}", "sha256": digest}
            for name, digest in sorted(used.digests.items())
        ]
    return found


def versions(names: Sequence[str]) -> dict[str, str | None]:
    """Versions of installed distributions; None for one that is not installed."""
    found: dict[str, str | None] = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def readers() -> dict[str, Any]:
    """Version of each reader of text, and sha256 of the weights that come in its wheel."""
    tesseract = (output_of("tesseract", "--version") or "").splitlines()
    return {
        "rapidocr": {
            "version": versions(["rapidocr-onnxruntime"])["rapidocr-onnxruntime"],
            "weights": [
                {"file": name, "sha256": digest} for name, digest in rapidocr_weights().items()
            ],
        },
        "tesseract": {"version": tesseract[0].split()[-1] if tesseract else None},
    }


def provenance(settings: Mapping[str, Any], key_id: str) -> dict[str, Any]:
    """Collect what another run needs to give the same bytes, but the key and the data."""
    return {
        "unburn": {"version": __version__, **commit(REPO)},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": settings["seed"],
        "key_id": key_id,
        "settings": without_places(settings),
        "settings_changed": without_places(changed(settings)),
        "weights": weights(settings),
        "readers": readers(),
        "code": {stage: code_digest(stage) for stage in STAGES},
        "python": platform.python_version(),
        "platform": {
            "system": platform.system(),
            "machine": platform.machine(),
            "libc": " ".join(platform.libc_ver()),
            "byte_order": sys.byteorder,
        },
        "libraries": versions(LIBRARIES),
        "lock": sha256(REPO / "envs" / "requirements.lock"),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Write down what made the results of a submission."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--settings", type=json.loads, required=True, help="all of them, as JSON")
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    discarded = args.settings["metadata"]["key"] == "discard"
    key_id = "discarded" if discarded else keys.key_id(keys.load(args.key))
    record = provenance(args.settings, key_id)
    with replacing(args.out) as tmp:
        tmp.write_text(json.dumps(record, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    command(main)
