"""The weights of Stable Diffusion 2: which files, whether they are the ones, what they are called.

They lie in a folder of the layout that diffusers writes::

    unet/  vae/                 config.json and a safetensors file in half precision
    text_encoder/  tokenizer/   needed for new prompts alone, never by a job
    prompts.safetensors         the prompts, encoded (module ``prompts``)
    SHA256SUMS                  what ``fetch`` saw
    LICENSE-MODEL

``resources/sd2/files.tsv`` pins the files that count. Only where those lie there is anything called
SD2. A folder with the mark ``TEST_WEIGHTS`` holds random weights that a test wrote; what they
paint is named so.
"""

import contextlib
import functools
import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unburn import tables
from unburn.errors import UserError, verb
from unburn.files import replacing, sha256

RESOURCES = Path(__file__).parents[2] / "resources" / "sd2"
NAME = "sd2"
TEST_NAME = "sd2-tiny (random test weights)"
TEST_MARK = "TEST_WEIGHTS"
UNET = "unet/diffusion_pytorch_model.fp16.safetensors"
VAE = "vae/diffusion_pytorch_model.fp16.safetensors"
TEXT_ENCODER = "text_encoder/model.fp16.safetensors"
PROMPTS = "prompts.safetensors"
SUMS = "SHA256SUMS"
LICENCE = "LICENSE-MODEL"
SEEN = ".sha256-seen.json"  # size, time and sha256 of files that were read whole before
# Of the configuration, what makes another network of the same weights' names.
ARCHITECTURE: Mapping[str, Mapping[str, Any]] = {
    "unet/config.json": {
        "in_channels": 9,
        "out_channels": 4,
        "block_out_channels": [320, 640, 1280, 1280],
        "layers_per_block": 2,
        "attention_head_dim": [5, 10, 20, 20],
        "cross_attention_dim": 1024,
        "use_linear_projection": True,
    },
    "vae/config.json": {
        "block_out_channels": [128, 256, 512, 512],
        "layers_per_block": 2,
        "latent_channels": 4,
    },
    "text_encoder/config.json": {
        "hidden_size": 1024,
        "num_hidden_layers": 23,
        "num_attention_heads": 16,
        "hidden_act": "gelu",
        "vocab_size": 49408,
    },
}


@dataclass(frozen=True)
class Pin:
    """A file of the pinned revision; ``size`` and ``sha256`` are 0 and "" where nobody says."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Weights:
    """A folder of weights that are what they should be, and the sha256 of what a job reads."""

    folder: Path
    name: str
    digests: Mapping[str, str]

    @property
    def digest(self) -> str:
        """What is painted depends on this, 16 hex digits."""
        parts = repr((self.name, sorted(self.digests.items())))
        return hashlib.sha256(parts.encode()).hexdigest()[:16]


def pins() -> list[Pin]:
    """The files of the pinned revision."""
    rows = tables.read(RESOURCES / "files.tsv").to_dict("records")
    return [Pin(row["path"], int(row["bytes"] or 0), row["sha256"]) for row in rows]


def fetch_command(folder: Path) -> str:
    """How to get them."""
    return verb(f"fetch sd2 --out {shlex.quote(str(folder))}")


def name_of(folder: Path) -> str:
    """What the weights in a folder are called, once ``checked`` found them to be the ones."""
    return TEST_NAME if (folder / TEST_MARK).is_file() else NAME


def checked(folder: Path) -> Weights:
    """The weights in a folder, once every file that a job reads is what is pinned.

    Raises
    ------
    UserError
        naming the first file that is absent, another one or too many, and what mends it
    """
    folder = Path(folder)
    is_test = (folder / TEST_MARK).is_file()
    listed = _listed(folder) if is_test else {pin.path: pin.sha256 for pin in pins()}
    digests = {}
    for path in (UNET, VAE):
        digests[path] = _same(folder, path, listed.get(path, ""))
        _check_architecture(folder, f"{Path(path).parent}/config.json", is_test)
    _refuse_indices(folder)
    own = _listed(folder)
    for path in (*(str(Path(path).with_name("config.json")) for path in (UNET, VAE)), PROMPTS):
        digests[path] = _same(folder, path, own.get(path, ""))
    return Weights(folder, name_of(folder), digests)


def _refuse_indices(folder: Path) -> None:
    """Refuse an index of weights in pieces: loaders prefer what it names to the verified file."""
    for path in (UNET, VAE, TEXT_ENCODER):
        for file in sorted((folder / path).parent.glob("*.index*.json")):
            raise UserError(
                str(file),
                "an index of weights in pieces, which would be loaded in the place of "
                f"{Path(path).name}",
                "remove it; the weights that count are one file",
            )


def _same(folder: Path, path: str, expected: str) -> str:
    """The sha256 of a file, which must be the expected one."""
    file = folder / path
    if not file.is_file():
        raise UserError(str(file), "there is no such file", f"run: {fetch_command(folder)}")
    found = digest(folder, path)
    if found != expected:
        raise UserError(
            str(file),
            f"it is not the file that is listed: sha256 expected {expected or 'none'}, "
            f"found {found}",
            f"remove it and run: {fetch_command(folder)}",
        )
    return found


def digest(folder: Path, path: str) -> str:
    """The sha256 of a file; a file of a size and time that were seen before is not read again.

    This tells a file that was damaged, cut off or exchanged by mistake. Who can write here and
    means harm could as well change the code.
    """
    file, note = folder / path, folder / SEEN
    state = file.stat()
    here = [state.st_size, state.st_mtime_ns]
    seen: dict[str, list[Any]] = {}
    with contextlib.suppress(OSError, ValueError):
        seen = json.loads(note.read_text("utf-8"))
    if seen.get(path, [])[:2] == here:
        return str(seen[path][2])
    found = _sha256(file, *here)
    # a folder that only its owner may write is read again by each process
    with contextlib.suppress(OSError), replacing(note) as tmp:
        tmp.write_text(json.dumps({**seen, path: [*here, found]}), "utf-8")
    return found


@functools.cache
def _sha256(file: Path, size: int, time_ns: int) -> str:
    """The sha256 of a file; of one that did not change since, without reading it again."""
    return sha256(file)


def _listed(folder: Path) -> dict[str, str]:
    """The digests in ``SHA256SUMS``, by path."""
    sums = folder / SUMS
    if not sums.is_file():
        raise UserError(str(sums), "there is no such file", f"run: {fetch_command(folder)}")
    lines = (line.split(maxsplit=1) for line in sums.read_text("utf-8").splitlines())
    return {path: digest for digest, path in lines}


def list_digests(folder: Path) -> None:
    """Write ``SHA256SUMS`` for all files of a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in files]
    lines = [
        f"{digest(folder, name)}  {name}\n" for name in names if name not in (SUMS, SEEN, TEST_MARK)
    ]
    with replacing(folder / SUMS) as tmp:
        tmp.write_text("".join(lines), "utf-8")


def _check_architecture(folder: Path, path: str, is_test: bool) -> None:
    """Refuse a configuration of another network than SD2's; a test's may be smaller."""
    file = folder / path
    if not file.is_file():
        raise UserError(str(file), "there is no such file", f"run: {fetch_command(folder)}")
    try:
        found = json.loads(file.read_text("utf-8"))
    except ValueError:
        found = {}
    expected = ARCHITECTURE[path]
    names = ("in_channels", "out_channels", "latent_channels") if is_test else tuple(expected)
    for name in names:
        if name in expected and found.get(name) != expected[name]:
            raise UserError(
                str(file),
                f"{name} is {found.get(name)!r}, of Stable Diffusion 2 inpainting "
                f"{expected[name]!r}",
                f"another network; remove it and run: {fetch_command(folder)}",
            )


def check_configurations(folder: Path) -> None:
    """Refuse configurations of another network, that of the text encoder too."""
    for path in ARCHITECTURE:
        _check_architecture(folder, path, (folder / TEST_MARK).is_file())
