"""What jobs in an Apptainer image need of the outside: the image, folders to see, no network.

Apptainer takes its options from the environment as well. So a submission's folder, whose path can
hold a name, stands on no command line, in no log and in no scheduler's list of jobs.
"""

import http.client
import shutil
import ssl
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from unburn import weights
from unburn.cluster import asks_for_gpu
from unburn.errors import UserError, verb
from unburn.files import replacing, sha256
from unburn.settings import REPO, Run

STACKS = ("cpu", "gpu")
TIMEOUT_S = 60
# Of a download; other OSErrors are of this machine: a full disk, a closed folder.
NETWORK_ERRORS = (
    *(urllib.error.URLError, http.client.HTTPException),
    *(ConnectionError, TimeoutError, ssl.SSLError),
)
# Apptainer separates binds, and the parts of one, by these and knows no way to quote them.
SEPARATORS = ",:"
# For a path with a blank, which Snakemake refuses: a link in the folder of the run.
LINKS = Path(".snakemake") / "images"


@dataclass(frozen=True)
class Bind:
    """A file or folder that jobs see under the path it has outside.

    ``what`` names it without its path, ``where`` is the place in settings or sheet that does.
    Originals are guarded: read-only also in a folder that is not.
    """

    path: Path
    what: str
    where: str
    writable: bool = False
    guarded: bool = False


def wanted(run: Run) -> Iterator[Bind]:
    """All that jobs read or write, whether it is there or not; originals cannot be written."""
    yield Bind(Path.cwd(), "the folder of the run", "the current folder", writable=True)
    yield Bind(REPO, "the folder of unburn", "where unburn lies")
    for name in ("results", "work"):
        yield Bind(Path(run.config[name]), f"the folder of `{name}`", name, writable=True)
    yield Bind(Path(tempfile.gettempdir()), "the folder of TMPDIR", "TMPDIR", writable=True)
    for name in ("sheet", "key_file"):
        yield Bind(Path(run.config[name]), f"the file of `{name}`", name)
    for label, row in run.rows.items():
        where = f"{run.config['sheet']}:{row.line}"
        yield Bind(row.path, f"the folder of the submission {label}", where, guarded=True)
        for section, name in (
            ("detect", "weights"),
            ("detect", "reader_weights"),
            ("mask", "device_rules"),
            ("inpaint", "sd2_weights"),
            ("evaluate", "truth"),
        ):
            path = run.section(label, section)[name]
            if path:
                yield Bind(Path(path), f"what `{section}.{name}` names", f"{section}.{name}")


def binds(run: Run) -> list[Bind]:
    """What has to be bound, outer folders first; what is missing or seen already is left out.

    Raises
    ------
    UserError
        if a path has a character that Apptainer cannot bind
    """
    chosen: dict[Path, Bind] = {}
    for bind in wanted(run):
        for path in (bind.path.resolve(), bind.path.absolute()):
            if path.exists() and not (path in chosen and chosen[path].writable):
                chosen.setdefault(path, replace(bind, path=path))
    found: list[Bind] = []
    for path, bind in sorted(chosen.items(), key=lambda pair: len(pair[0].parts)):
        around = next((one for one in reversed(found) if path.is_relative_to(one.path)), None)
        guards = bind.guarded and around and around.writable
        writes = bind.writable and around and not around.writable
        if around and (path.resolve() != path or not (guards or writes)):
            continue  # it is seen there, or is a link that leads to what is bound
        if any(character in str(path) for character in SEPARATORS):
            raise UserError(
                bind.where,
                f"the path of {bind.what} has a comma or a colon, which Apptainer cannot bind",
                "name a link to it that has none, or run without --sdm apptainer",
            )
        found.append(bind)
    return found


def environment(run: Run, given: Mapping[str, str], originals: bool = True) -> dict[str, str]:
    """Variables for Apptainer: the binds, no network, the GPU where one is asked for.

    Parameters
    ----------
    given : the environment as it is; what it sets of this stays, and its binds come first
    originals : whether the submissions' folders are bound

    The folder of results is made: what is not there cannot be bound.
    """
    Path(run.config["results"]).mkdir(parents=True, exist_ok=True)
    ours = [
        f"{one.path}:{one.path}:{'rw' if one.writable else 'ro'}"
        for one in binds(run)
        if originals or not one.guarded
    ]
    theirs = [one for one in given.get("APPTAINER_BIND", "").split(",") if one]
    values = {"BIND": ",".join(dict.fromkeys([*theirs, *ours]))}
    if given.get("APPTAINER_NET") != "0":
        values |= {"NET": "1", "NETWORK": given.get("APPTAINER_NETWORK", "none")}
    if asks_for_gpu(run):
        values["NV"] = given.get("APPTAINER_NV", "1")
    # SingularityCE reads the second name, Apptainer the first.
    return {
        f"{program}_{name}": value
        for name, value in values.items()
        for program in ("APPTAINER", "SINGULARITY")
    }


def needed(run: Run) -> list[str]:
    """The images that a run needs."""
    engines = {run.section(label, "inpaint")["engine"] for label in run.rows}
    return ["cpu", "gpu"] if weights.NAME in engines else ["cpu"]


def check(run: Run) -> None:
    """Refuse a run whose images are not there, or whose folders cannot be bound.

    Raises
    ------
    UserError
        naming the setting and the ways to get the image
    """
    binds(run)
    for stack in needed(run):
        image = run.config["containers"][stack]
        if "://" in image:
            raise UserError(
                f"containers.{stack}",
                "it is an address, and jobs download nothing",
                f"bring the image first: {verb(f'fetch {stack} --from FILE|URL --sha256 DIGEST')}",
            )
        if not Path(image).is_file():
            raise UserError(
                f"containers.{stack}",
                f"there is no file {image}",
                f"build it (containers/build.sh {stack}), or bring one: "
                f"{verb(f'fetch {stack} --from FILE|URL --sha256 DIGEST')}",
            )


def without_blanks(image: str, stack: str, link: bool) -> str:
    """A path without blanks that leads to an image; ``link`` makes the link that it needs.

    Snakemake refuses an image whose path has a blank, also where no image is asked for.
    """
    if len(image.split()) < 2:
        return image
    name = LINKS / f"{stack}.sif"
    if link:
        name.parent.mkdir(parents=True, exist_ok=True)
        target = Path(image).absolute()
        if not (name.is_symlink() and name.readlink() == target):
            with replacing(name) as tmp:
                tmp.symlink_to(target)
    return str(name)


def digest_file(image: Path) -> Path:
    """Where the sha256 of an image stands, as `containers/build.sh` and `fetch` write it."""
    return image.with_name(f"{image.name}.sha256")


def listed(image: Path) -> str | None:
    """The sha256 that stands beside an image; None where there is none."""
    file = digest_file(image)
    words = file.read_text("ascii", errors="replace").split() if file.is_file() else []
    return words[0] if words else None


def bring(image: Path, source: str, digest: str | None, say: Callable[[str], None]) -> None:
    """Copy or download an image, compare it with its sha256, and keep both.

    Parameters
    ----------
    image : where it goes
    source : a path or an address (https, http)
    digest : the sha256; for a path None takes the one that stands beside it

    Raises
    ------
    UserError
        when there is no digest, the source cannot be had, or it is another file; nothing is left
    """
    remote = "://" in source
    expected = digest or (None if remote else listed(Path(source)))
    if expected is None:
        raise UserError(
            source,
            "no sha256 is known for it",
            "name it with --sha256, as whoever built the image tells it",
        )
    image.parent.mkdir(parents=True, exist_ok=True)
    with replacing(image) as tmp:
        if remote:
            _download(source, tmp)
        elif Path(source).is_file():
            shutil.copyfile(source, tmp)
        else:
            raise UserError(source, "there is no such file", "name the image, a .sif file")
        found = sha256(tmp)
        if found != expected.lower():
            raise UserError(
                source,
                f"sha256 expected {expected}, found {found}",
                "it is damaged or another image; nothing was kept",
            )
    with replacing(digest_file(image)) as tmp:
        tmp.write_text(f"{found}  {image.name}\n", "ascii")
    say(f"{image}: sha256 as listed")


def _download(url: str, out: Path) -> None:
    """Write what an address gives to a file; what ends early has another sha256."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer, open(out, "wb") as file:
            shutil.copyfileobj(answer, file, 1 << 20)
    except (*NETWORK_ERRORS, ValueError) as error:
        raise UserError(
            url,
            f"it could not be had ({getattr(error, 'reason', None) or type(error).__name__})",
            "bring the file by another way and name its path with --from",
        ) from None
