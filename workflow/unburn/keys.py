"""Keys: one secret master key per lab, one derived key per project, and what is made with them.

Pseudonyms, new UIDs and date shifts are keyed hashes, so that jobs agree without a database and
nobody without the key can test a guess ("is this the label of patient 4711?").
"""

import base64
import hashlib
import hmac
import os
import secrets
import stat
from functools import lru_cache
from pathlib import Path

from unburn.errors import UserError, verb

HEADER = "unburn-key-1"
KEY_BYTES = 32
LABEL_LETTERS = 16
# Bits of a UUID that say its version and variant (RFC 4122 section 4.1), and the others.
_VERSION_5, _FREE_BITS = 0x5000_8000 << 48, ~(0xF000_C000 << 48)

# The demo's key is public: it stands here and in the repository. Whoever has it can undo pseudonyms
# by guessing, so a run takes it for the demo's made-up patients only.
DEMO_KEY = f"""\
# The public key of unburn's demo. Never use it for a real patient.
{HEADER}
{hashlib.sha256(b"the public key of the unburn demo").hexdigest()}
"""

NEW_KEY = f"""\
# A secret of unburn. Whoever has it can link pseudonyms to patients: keep it private, and keep it,
# since the same key gives the same pseudonyms again.
{HEADER}
{{hex}}
"""


def _parse(text: str) -> bytes | None:
    """Return the 32 bytes of a key file's text, None when it is no key file."""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if len(lines) != 2 or lines[0] != HEADER:
        return None
    try:
        master = bytes.fromhex(lines[1])
    except ValueError:
        return None
    return master if len(master) == KEY_BYTES else None


def new(path: Path) -> str:
    """Make a master key file with mode 0600 and return the key's id; never overwrites."""
    path = Path(path)
    master = secrets.token_bytes(KEY_BYTES)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UserError(
            where=str(path),
            found="there is a file already, and a key that is lost cannot be made again",
            advice="choose another name, or use the key that is there",
        ) from None
    except OSError as error:
        raise UserError(
            where=str(path),
            found=f"the key file cannot be written ({error.strerror})",
            advice="choose a folder that exists and that you may write to",
        ) from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(NEW_KEY.format(hex=master.hex()))
    return key_id(master)


def write_known(path: Path, phrase: str) -> None:
    """Write a master key that follows from a phrase; for benchmarks, whose persons are made up."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(NEW_KEY.format(hex=hashlib.sha256(phrase.encode()).hexdigest()))


def load(path: Path) -> bytes:
    """Read a master key, 32 bytes.

    Raises
    ------
    UserError
        if the file is missing, is no key file, or can be read by others than its owner. The
        demo's key is public and comes with a checkout, so its mode does not matter.
    """
    path = Path(path)
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        master = _parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            where=str(path),
            found="there is no key file",
            advice=f"make one with: {verb(f'key new {path}')}",
        ) from None
    except UnicodeDecodeError:
        master = None
    except OSError as error:
        raise UserError(
            where=str(path),
            found=f"the key file cannot be read ({error.strerror})",
            advice="name a key file of yours in the setting key_file",
        ) from None
    if master is None:
        raise UserError(
            where=str(path),
            found=f"not a key file: expected the line {HEADER} and a line of 64 hex digits",
            advice="name another file in the setting key_file, "
            f"or make a key with: {verb('key new FILE')}",
        )
    if mode & 0o077 and not is_demo(master):
        raise UserError(
            where=str(path),
            found=f"others can read this key (mode {mode:04o}, expected 0600)",
            advice=f"close it with: chmod 600 {path}",
        )
    return master


def is_demo(master: bytes) -> bool:
    """Say whether this is the demo's public key, which protects nobody."""
    demo = _parse(DEMO_KEY)
    return demo is not None and hmac.compare_digest(master, demo)


@lru_cache(maxsize=4096)
def keyed(key: bytes, domain: str, text: str) -> bytes:
    """HMAC-SHA256 of a text; ``domain`` keeps uses apart, so equal texts do not show as equal."""
    message = f"{domain}\0{text}".encode("utf-8", "surrogatepass")
    return hmac.digest(key, message, "sha256")


def key_id(master: bytes) -> str:
    """Name a master key in public, 16 hex digits that say nothing about the key itself."""
    return keyed(master, "key id", "").hex()[:16]


def project_key(master: bytes, project: str) -> bytes:
    """Derive the key of a project, 32 bytes: other projects get unrelated pseudonyms."""
    return keyed(master, "project key", project)


def uid(key: bytes, old: str) -> str:
    """Return the new UID of an old one: 2.25 and a UUID as integer (PS3.5 annex B.2)."""
    number = int.from_bytes(keyed(key, "uid", old)[:16], "big")
    return f"2.25.{number & _FREE_BITS | _VERSION_5}"


def label(key: bytes, domain: str, text: str) -> str:
    """Return a pseudonym, 16 letters a-z and digits 2-7 (80 bits), fit for a file name and SH."""
    return base64.b32encode(keyed(key, domain, text)).decode("ascii").lower()[:LABEL_LETTERS]
