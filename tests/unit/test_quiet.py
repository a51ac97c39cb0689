"""No library that unburn uses reports to its maker, or keeps a number for the machine."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("package", ["unburn.readers", "unburn.sd2"])
def test_a_library_leaves_nothing_in_the_home_folder(package, tmp_path):
    kept = ("PATH", "PYTHONPATH", "LANG")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", f"import {package}"], check=True, env=environment)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []
