"""Builds the images of containers/ for tests, as containers/build.sh does for everybody.

The base is Debian itself, as no registry of images is asked. What was built is kept in the user's
cache, named after the digest of all that went into it.
"""

import hashlib
import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, unquote, urlparse

REPO = Path(__file__).resolve().parents[1]
INSTALL = REPO / "tests" / "apptainer" / "install.sh"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "unburn-tests"
BUILDER = "unburn-build"
SOURCES = ("containers/build.sh", "containers/sbom.py", "envs/requirements.lock")
BASE = "--variant=minbase --include=ca-certificates,python3,python3-venv bookworm"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def image(stack: str) -> Path:
    """Where the image lies, with its digest, its list of contents and the public key."""
    recipe = "".join((REPO / name).read_text() for name in (*SOURCES, f"containers/{stack}.def"))
    folder = CACHE / hashlib.sha256((BASE + recipe).encode()).hexdigest()[:16]
    if not (folder / f"{stack}.sif.sha256").is_file():
        build(stack, base(), folder)
    return folder / f"{stack}.sif"


def base() -> Path:
    """An image of Debian with Python, made from its packages."""
    made = CACHE / f"base-{hashlib.sha256(BASE.encode()).hexdigest()[:16]}.sif"
    if not made.is_file():
        work = workplace()
        rootfs = work / "rootfs"
        run(["mmdebstrap", "--quiet", "--mode=root" if os.getuid() == 0 else "--mode=unshare",
             *BASE.split(), rootfs, mirror()])  # fmt: skip
        run(["apptainer", "--silent", "build", "--force", work / "base.sif", rootfs])
        shutil.move(work / "base.sif", made)
        shutil.rmtree(work)
    return made


def build(stack: str, base: Path, folder: Path) -> None:
    """Build, test, sign and list an image as an ordinary user, with a new key."""
    work = workplace()
    for name in (*SOURCES, f"containers/{stack}.def"):
        (work / name).parent.mkdir(exist_ok=True)
        shutil.copy(REPO / name, work / name)
    shutil.copy(base, work / "base.sif")
    run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", work / "key"])
    options = ["--build-arg", "BOOTSTRAP=localimage", "--build-arg", f"BASE={work}/base.sif"]
    options += torch_index(work)
    options += ["--mksquashfs-args", "-comp zstd -Xcompression-level 3"]  # a quarter of gzip's time
    if Path(CERTIFICATES).is_file():  # those of this machine, for the packages' index
        options += ["--bind", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
    run(["chown", "--recursive", as_user(), work])
    run([*as_builder(), work / "containers" / "build.sh", stack, "--key", work / "key", *options])
    folder.mkdir(parents=True, exist_ok=True)
    for file in (work / "containers").glob(f"{stack}.*"):
        if file.suffix != ".def":
            shutil.copy(file, folder)
    shutil.rmtree(work)


def torch_index(work: Path) -> list[str]:
    """Where the image takes torch for CPUs from: this machine's wheel, if pip has one at hand."""
    named = next(
        line.split()[-1]
        for line in (REPO / "containers" / "cpu.def").read_text().splitlines()
        if "$pip install" in line and "torch==" in line
    )
    report = run([sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps",
                  "--ignore-installed", "--report", "-", named])  # fmt: skip
    url = json.loads(report)["install"][0]["download_info"]["url"]
    if not url.startswith("file:"):
        return ["--build-arg", "TORCH_INDEX=https://download.pytorch.org/whl/cpu"]
    wheel = Path(unquote(urlparse(url).path))
    index = work / "index" / "torch"
    index.mkdir(parents=True)
    shutil.copy(wheel, index)
    (index / "index.html").write_text(f'<a href="{quote(wheel.name)}">{wheel.name}</a>\n')
    return ["--build-arg", "TORCH_INDEX=file:///mnt", "--bind", f"{index.parent}:/mnt:ro"]


def mirror() -> str:
    """The mirror of Debian that this machine uses."""
    listed = run(["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"])
    return next(site for site in listed.split() if site.rstrip("/").endswith("/debian"))


def workplace() -> Path:
    """A new folder that the user who builds can enter."""
    home = Path(pwd.getpwnam(BUILDER).pw_dir) if os.getuid() == 0 else CACHE
    work = home / f"build-{os.getpid()}-{os.urandom(4).hex()}"
    work.mkdir(parents=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    return work


def as_user() -> str:
    """The name of the user who builds."""
    return BUILDER if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name


def as_builder() -> list[str]:
    """What a command begins with to be run by the user who builds."""
    if os.getuid():
        return []
    home = pwd.getpwnam(BUILDER).pw_dir
    path = f"{os.environ['PATH']}:/usr/sbin"
    return [
        *("runuser", "-u", BUILDER, "--"),
        *("env", "--unset=APPTAINER_NO_PRIVS", f"HOME={home}", f"PATH={path}"),
    ]


def run(command: list) -> str:
    """What a command prints; its errors where it fails."""
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd="/")
    assert result.returncode == 0, f"{command}\n{(result.stdout + result.stderr)[-4000:]}"
    return result.stdout
