"""A real Apptainer and real images, made once and kept for the next time (see images.py)."""

import os
import pwd
import subprocess
from pathlib import Path

import images
import pytest


@pytest.fixture(scope="session")
def apptainer():
    """Make sure that Apptainer is there and may run; skip with a sentence where it cannot."""
    result = subprocess.run([images.HERE / "install.sh"], capture_output=True, text=True)
    if result.returncode:
        pytest.skip(result.stderr.strip().splitlines()[-1])
    if os.getuid() == 0:
        # as udev sets it where it runs; an ordinary user builds the images
        Path("/dev/fuse").chmod(0o666)
        try:
            pwd.getpwnam(images.BUILDER)
        except KeyError:
            subprocess.run(["useradd", "--create-home", images.BUILDER], check=True)
        # in a sandbox, root lacks capabilities that Apptainer would ask for
        os.environ["APPTAINER_NO_PRIVS"] = "1"
    probe = subprocess.run(
        [*images.as_builder(), "unshare", "--user", "--map-root-user", "true"], capture_output=True
    )
    if probe.returncode:
        pytest.skip("this machine allows no user namespaces, without which no image can be built")


@pytest.fixture(scope="session")
def cpu_image(apptainer):
    """The image of all stages but one."""
    return images.image("cpu")


@pytest.fixture(scope="session")
def gpu_image(apptainer):
    """The image of the GPU rule, with the CPU build of torch."""
    return images.image("gpu")
