"""Bring or take the weights of Stable Diffusion 2, and encode the prompts.

Every file is compared with ``resources/sd2/files.tsv`` before it counts; what is another file is
refused. It does not matter where a file comes from: the content decides. Digests that are pinned
come from third parties, so a refusal says whether the file or the digest is more likely wrong.
"""

import contextlib
import json
import shutil
import struct
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unburn import prompts, tables, weights
from unburn.containers import NETWORK_ERRORS
from unburn.errors import UserError
from unburn.files import replacing, sha256
from unburn.weights import Pin

TIMEOUT_S = 60
BLOCK_BYTES = 1 << 20
MIB = 1 << 20
Say = Callable[[str], None]


@dataclass(frozen=True)
class Refused:
    """A file that is not what is pinned: where it came from, its sha256, what is wrong with it."""

    source: str
    sha256: str
    why: str
    complete: bool


class AnotherFile(Exception):
    """What a source gave is not what is pinned; it is not kept."""

    def __init__(self, refused: Refused):
        super().__init__(refused.why)
        self.refused = refused


def sources() -> dict[str, str]:
    """Where the files can be had: a URL with ``{path}`` by the source's name."""
    rows = tables.read(weights.RESOURCES / "sources.tsv").to_dict("records")
    return {row["source"]: row["url"] for row in rows}


def fetch(
    out: Path,
    taken_from: Path | None,
    prompt: str,
    say: Say,
    pins: Sequence[Pin] | None = None,
    urls: dict[str, str] | None = None,
) -> None:
    """Fill a folder with verified weights, their licence and the encoded prompts.

    Parameters
    ----------
    out : the folder; files that are there and right are kept
    taken_from : a folder of the same layout to take the files from; None for the network
    prompt : with ``{modality}`` in it, where the modality shall be told
    say : takes a line for the screen
    pins, urls : other files or sources than the listed ones

    Raises
    ------
    UserError
        when a file cannot be had or is not what is pinned; nothing of it is left in ``out``
    """
    pins = weights.pins() if pins is None else pins
    urls = sources() if urls is None else urls
    if taken_from is not None:
        _check_complete(taken_from, out, pins)
    licence = (weights.RESOURCES / weights.LICENCE).read_text("utf-8")
    say(licence)
    say(f"By using the weights you accept this licence. It is kept as {out / weights.LICENCE}.\n")
    out.mkdir(parents=True, exist_ok=True)
    (out / weights.LICENCE).write_text(licence, "utf-8")
    for pin in pins:
        if (out / pin.path).is_file() and _mistake(out / pin.path, pin) is None:
            say(f"{pin.path}: there already")
        elif taken_from is not None:
            _take(taken_from / pin.path, out / pin.path, pin)
            say(f"{pin.path}: taken, {_verified(pin)}")
        else:
            source = _bring(out / pin.path, pin, urls, say)
            say(f"{pin.path}: from {source}, {_verified(pin)}")
    weights.check_configurations(out)
    encode_prompts(out, prompt, say)
    weights.list_digests(out)
    found = weights.checked(out)
    say(f"{found.name} is ready in {out}")


def _check_complete(folder: Path, out: Path, pins: Sequence[Pin]) -> None:
    """Refuse a folder that lacks files, before anything is said or written."""
    absent = [p.path for p in pins if not any((at / p.path).is_file() for at in (folder, out))]
    if absent:
        raise _absent(folder / absent[0], len(absent) - 1)


def _absent(file: Path, more: int = 0) -> UserError:
    return UserError(
        str(file),
        "there is no such file" + (f", and {more} more of the model are missing" if more else ""),
        "name a folder with the layout of the model's page",
    )


def encode_prompts(out: Path, prompt: str, say: Say) -> None:
    """Encode what a prompt can become, and keep it beside the weights."""
    # imported here: it takes seconds, and only now the files are known to be right
    from unburn.text_encoder import encode

    wanted = prompts.texts(prompt)
    say(f"encoding {len(wanted)} prompts")
    prompts.save(out, encode(out, wanted))


def _verified(pin: Pin) -> str:
    return "sha256 as listed" if pin.sha256 else "no sha256 is stated for it"


def _take(file: Path, out: Path, pin: Pin) -> None:
    """Copy a file, if it is the right one."""
    if not file.is_file():
        raise _absent(file)
    mistake = _mistake(file, pin)
    if mistake:
        raise _error(pin, [mistake])
    with replacing(out) as tmp:
        shutil.copyfile(file, tmp)


def _bring(out: Path, pin: Pin, urls: dict[str, str], say: Say) -> str:
    """Download a file from the first source that has the right one; return that source."""
    refused: list[Refused] = []
    unreachable: list[str] = []
    for source, url in urls.items():
        try:
            with replacing(out) as tmp:
                _download(url.format(path=pin.path), tmp, pin, say)
                mistake = _mistake(tmp, pin, source)
                if mistake:
                    raise AnotherFile(mistake)
            return source
        except AnotherFile as error:
            refused.append(error.refused)
            say(f"{pin.path}: {source} has another file ({error.refused.why})")
        except NETWORK_ERRORS as error:
            reason = getattr(error, "reason", None) or type(error).__name__
            unreachable.append(f"{source}: {reason}")
            say(f"{pin.path}: {unreachable[-1]}")
    if refused:
        raise _error(pin, refused)
    raise UserError(
        pin.path,
        f"no source could be reached ({'; '.join(unreachable)})",
        "try again later, or bring the files yourself and name their folder with --from",
    )


def _download(url: str, out: Path, pin: Pin, say: Say) -> None:
    """Write what a URL gives to a file.

    Raises
    ------
    URLError
        when another place without encryption answers, or the connection ends too early
    """
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer, open(out, "wb") as file:
        if url.startswith("https:") and not answer.url.startswith("https:"):
            raise urllib.error.URLError("it leads to an address without encryption")
        if pin.size > 100 * MIB:
            say(f"{pin.path}: {pin.size // MIB} MiB from {answer.url.split('/')[2]}")
        shutil.copyfileobj(answer, file, BLOCK_BYTES)
        # a small file has no sha256 that would tell
        if file.tell() < int(answer.headers.get("Content-Length") or 0):
            raise urllib.error.URLError("the connection ended before the file did")


def _mistake(file: Path, pin: Pin, source: str = "the file") -> Refused | None:
    """What is wrong with a file; None when it is the pinned one."""
    if not pin.sha256:
        return _content_mistake(file, pin, source)
    found = sha256(file)
    if found == pin.sha256:
        return None
    size = file.stat().st_size
    promised = promised_size(file)
    if promised is not None and size < promised:
        return Refused(source, found, f"cut off: {size} of {promised} bytes", False)
    if promised is None:
        return Refused(source, found, "no safetensors file", False)
    if size != pin.size:
        return Refused(source, found, f"{size} bytes, expected {pin.size}", False)
    return Refused(source, found, "complete, with another content", True)


def _content_mistake(file: Path, pin: Pin, source: str) -> Refused | None:
    """A small file without a sha256 must be what its name says."""
    text = file.read_text("utf-8", errors="replace")
    if pin.path.endswith(".json"):
        with contextlib.suppress(ValueError):
            if isinstance(json.loads(text), dict):
                return None
        return Refused(source, sha256(file), "no JSON", False)
    return None if text.startswith("#version") else Refused(source, sha256(file), "no list", False)


def promised_size(file: Path) -> int | None:
    """Bytes that a safetensors file has by its own header; None when it has none."""
    with open(file, "rb") as stream:
        start = stream.read(8)
        if len(start) < 8:
            return None
        (length,) = struct.unpack("<Q", start)
        if length > 100 * MIB:
            return None
        try:
            header = json.loads(stream.read(length))
            ends = [one["data_offsets"][1] for key, one in header.items() if key != "__metadata__"]
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
    return 8 + length + max(ends, default=0)


def _error(pin: Pin, refused: Sequence[Refused]) -> UserError:
    """Which file, what was expected, what was found, and which of the two is more likely wrong."""
    said = "; ".join(f"{one.source}: {one.why}, sha256 {one.sha256}" for one in refused)
    agreed = {one.sha256 for one in refused if one.complete}
    if len(refused) > 1 and len(agreed) == 1 and all(one.complete for one in refused):
        advice = (
            "several sources have the same complete file, so the digest listed in "
            "resources/sd2/files.tsv may be wrong; compare it with other publications of the "
            "model, and tell the project. Nothing was kept"
        )
    elif any(one.complete for one in refused):
        advice = (
            "the file is whole, so it is another version, or was changed, or the digest listed in "
            "resources/sd2/files.tsv is wrong; try another source. Nothing was kept"
        )
    else:
        advice = "damaged or not the file at all; fetch it again. Nothing was kept"
    return UserError(pin.path, f"sha256 expected {pin.sha256 or 'none'}; {said}", advice)
