"""Everything that a compute node does, in a network namespace that has no network."""

import socket
import subprocess
import sys

import cv2
import numpy as np
import pytest
import yaml

from runs import DEMO, REPO, clean_environment, make_run, snakemake, tree, without_network
from unburn.files import sha256


@pytest.fixture(scope="module")
def offline():
    return without_network()


def verb(offline, folder, *words):
    return subprocess.run(
        [*offline, sys.executable, "-m", "unburn", *map(str, words)],
        cwd=folder, capture_output=True, text=True, env=clean_environment(),
    )  # fmt: skip


def test_no_address_can_be_reached(offline):
    with socket.create_server(("127.0.0.1", 0)) as server:
        reach = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}))"
        assert subprocess.run([sys.executable, "-c", reach]).returncode == 0
        failed = subprocess.run([*offline, sys.executable, "-c", reach], capture_output=True)
        assert failed.returncode != 0 and b"Network is unreachable" in failed.stderr


def test_the_demo_is_cleaned(offline, demo_run, tmp_path):
    run = make_run(
        tmp_path / "run", {"demo": DEMO / "data"}, evaluate={"truth": str(DEMO / "truth.tsv")}
    )
    result = snakemake(run, inside=offline)
    assert result.returncode == 0, result.stderr
    made = tree(run / "results" / "demo" / "dicom")
    assert made and made == tree(demo_run / "results" / "demo" / "dicom")


def test_stable_diffusion_paints(offline, sd2_run, tiny, tmp_path):
    inpaint = yaml.safe_load((sd2_run / "config.yaml").read_text())["inpaint"]
    run = make_run(tmp_path / "run", {"lab": tiny}, inpaint=inpaint)
    (run / "unburn.key").write_bytes((sd2_run / "unburn.key").read_bytes())
    result = snakemake(run, inside=offline)
    assert result.returncode == 0, result.stderr
    made = tree(run / "results" / "lab" / "dicom")
    assert made and made == tree(sd2_run / "results" / "lab" / "dicom")


def test_the_verbs_work(offline, tmp_path):
    picture = np.full((96, 256), 20, np.uint8)
    cv2.putText(picture, "DOE JANE", (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 255, 2)
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "a.png"), picture)
    for words in (
        ("detect", "--input", "in", "--out", "masks"),
        ("inpaint", "--input", "in", "--masks", "masks", "--out", "out"),
        ("key", "new"),
        ("doctor", "--configfile", REPO / "config" / "config.yaml"),
    ):
        folder = REPO if words[0] == "doctor" else tmp_path
        result = verb(offline, folder, *words)
        assert result.returncode == 0, f"{words[0]}: {result.stderr}"
    assert cv2.imread(str(tmp_path / "out" / "a.png"), cv2.IMREAD_GRAYSCALE).max() < 255


def test_an_image_is_taken_from_a_disk_and_weights_that_are_nowhere_are_explained(
    offline, tmp_path
):
    image = tmp_path / "disk" / "cpu.sif"
    image.parent.mkdir()
    image.write_bytes(b"an image")
    brought = ("fetch", "cpu", "--from", image, "--out", tmp_path / "cpu.sif")
    result = verb(offline, tmp_path, *brought, "--sha256", sha256(image))
    assert result.returncode == 0 and (tmp_path / "cpu.sif").read_bytes() == b"an image"
    result = verb(offline, tmp_path, "fetch", "sd2", "--out", tmp_path / "sd2")
    assert result.returncode != 0 and "Traceback" not in result.stderr
    assert "no source could be reached" in result.stderr and "--from" in result.stderr
