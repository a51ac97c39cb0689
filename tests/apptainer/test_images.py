"""Real images: what they hold, and that the workflow releases the same bytes in them."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from images import run as call
from runs import (
    DEMO,
    REPO,
    clean_environment,
    jobs,
    leaks,
    make_run,
    snakemake,
    tree,
    without_network,
)
from unburn import containers, settings
from unburn.doctor import locked


@pytest.fixture(params=["cpu", "gpu"])
def image(request):
    return request.getfixturevalue(f"{request.param}_image")


def components(image):
    """Name to version of the image's packages of one kind, as its list of contents has them."""
    text = image.with_name(f"{image.stem}.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    found = {"pypi": {}, "deb": {}}
    for component in json.loads(text)["components"]:
        kind = re.match(r"pkg:(\w+)/", component["purl"])[1]
        found[kind][component["purl"].split("/")[-1].split("@")[0]] = component["version"]
    return found


def test_an_image_holds_the_versions_of_the_lock_and_says_so(image):
    found = components(image)
    pins = {name.lower().replace("_", "-").replace(".", "-"): v for name, v in locked().items()}
    held = {name.replace(".", "-"): version for name, version in found["pypi"].items()}
    assert {name: held.get(name) for name in pins} == pins
    assert held["torch"].startswith("2.13.0") and "opencv-python" not in held
    assert len(found["deb"]) > 80 and ("tesseract-ocr" in found["deb"]) == (image.stem == "cpu")


def test_an_image_is_signed_and_its_digest_is_that_of_the_file(image, tmp_path):
    key = image.with_name(f"{image.name}.pub")
    call(["apptainer", "verify", "--key", key, image])
    call(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", tmp_path / "k"])
    call(["openssl", "pkey", "-in", tmp_path / "k", "-pubout", "-out", tmp_path / "other.pub"])
    other = ["apptainer", "verify", "--key", tmp_path / "other.pub", image]
    assert subprocess.run(other, capture_output=True).returncode != 0
    containers.bring(tmp_path / "new" / image.name, str(image), None, print)
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == [
        image.name,
        f"{image.name}.sha256",
    ]


def test_an_image_names_what_it_was_made_from(image):
    labels = json.loads(call(["apptainer", "inspect", "--json", "--labels", image]))
    labels = labels["data"]["attributes"]["labels"]
    assert labels["org.opencontainers.image.title"] == f"unburn-{image.stem}"
    assert labels["org.opencontainers.image.base.name"].endswith("base.sif")
    assert set(labels) >= {
        f"org.opencontainers.image.{name}" for name in ("version", "revision", "licenses")
    }


def test_jobs_see_their_data_read_only_and_no_network(cpu_image, tmp_path, monkeypatch):
    data = tmp_path / "JANE DOE"
    data.mkdir()
    (data / "a.dcm").touch()
    run = make_run(tmp_path / "a run", {"lab": data})
    monkeypatch.chdir(run)
    given = containers.environment(settings.load_file(run / "config.yaml"), {})
    script = f"ls '{data}'; touch '{data}/b' 2>&1; ls '{REPO}/Makefile'; tail -n +3 /proc/net/dev"
    result = subprocess.run(
        ["apptainer", "exec", "--home", run, cpu_image, "sh", "-c", script],
        capture_output=True, text=True, env=clean_environment() | given,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    listed, touched, makefile, *interfaces = result.stdout.splitlines()
    assert listed == "a.dcm" and "Read-only file system" in touched
    assert makefile == f"{REPO}/Makefile"
    assert [line.split(":")[0].strip() for line in interfaces] == ["lo"]


def test_the_demo_in_the_image_releases_the_same_bytes(cpu_image, demo_run, tmp_path, canaries):
    run = make_run(
        tmp_path / "run in an image",
        {"demo": DEMO / "data"},
        evaluate={"truth": str(DEMO / "truth.tsv")},
        containers={"cpu": str(link(cpu_image, tmp_path / "an image.sif"))},
    )
    result = snakemake(run, "--sdm", "apptainer", inside=without_network())
    (run / "screen.txt").write_text(result.stdout + result.stderr)
    assert result.returncode == 0, result.stderr
    for folder in ("dicom", "masks", "nifti"):
        made = tree(run / "results" / "demo" / folder)
        assert made and made == tree(demo_run / "results" / "demo" / folder)
    # the link to the image is no place of the run's own
    (run / ".snakemake" / "images" / "cpu.sif").unlink()
    assert not leaks(run, canaries)
    assert '"commit": "unknown"' not in (run / "results" / "demo" / "provenance.json").read_text()
    result = snakemake(run, "--sdm", "apptainer")
    assert result.returncode == 0 and not jobs(result.stdout + result.stderr)


def test_stable_diffusion_paints_in_its_image(cpu_image, gpu_image, sd2_run, tiny, tmp_path):
    run = make_run(
        tmp_path / "run",
        {"lab": tiny},
        inpaint=yaml.safe_load((sd2_run / "config.yaml").read_text())["inpaint"],
        containers={"cpu": str(cpu_image), "gpu": str(gpu_image)},
    )
    (run / "unburn.key").write_bytes((sd2_run / "unburn.key").read_bytes())
    result = snakemake(run, "--sdm", "apptainer")
    assert result.returncode == 0, result.stderr
    assert "paint_batch" in jobs(result.stdout + result.stderr)
    made = tree(run / "results" / "lab" / "dicom")
    assert made and made == tree(sd2_run / "results" / "lab" / "dicom")


def link(image: Path, name: Path) -> Path:
    """A name with a blank for an image."""
    name.symlink_to(image)
    return name
