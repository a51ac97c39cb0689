"""The environments install the same versions: .venv, envs/, containers/, each for CPU and GPU."""

import re
from importlib.metadata import distributions
from pathlib import Path

import pytest
import yaml
from rattler import MatchSpec

REPO = Path(__file__).parents[2]
LOCK = REPO / "envs" / "requirements.lock"
CONDA = yaml.safe_load((REPO / "envs" / "cpu.yaml").read_text())
GPU = yaml.safe_load((REPO / "envs" / "gpu.yaml").read_text())
DEPLOY = (REPO / "envs" / "cpu.post-deploy.sh").read_text()
IMAGES = {name: (REPO / "containers" / f"{name}.def").read_text() for name in ("cpu", "gpu")}
every_image = pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)


def locked():
    return set(re.findall(r"^[a-zA-Z0-9][\w.-]*==\S+", LOCK.read_text(), re.MULTILINE))


def torch():
    return re.search(r"^TORCH := (torch==\S+)$", (REPO / "Makefile").read_text(), re.MULTILINE)[1]


def version():
    text = (REPO / "pyproject.toml").read_text()
    return re.search(r'^version = "(.*)"$', text, re.MULTILINE)[1]


def test_conda_installs_what_the_lock_says():
    pins = next(part["pip"] for part in CONDA["dependencies"] if isinstance(part, dict))
    later = re.findall(r"[\w.-]+==\S+", DEPLOY)
    assert len(pins) == len(set(pins))
    assert {*pins, *later} == {*locked(), torch()}, "make lock writes envs/cpu.yaml again"


def test_the_gpu_environment_has_the_pins_of_the_other():
    pins = [
        next(p["pip"] for p in env["dependencies"] if isinstance(p, dict)) for env in (CONDA, GPU)
    ]
    assert pins[0] == pins[1], "make lock writes envs/gpu.yaml again"
    brought = [part for part in GPU["dependencies"] if isinstance(part, str)]
    assert brought == [p for p in CONDA["dependencies"] if p in brought] and len(brought) == 2
    assert GPU["channels"] == CONDA["channels"]


def test_conda_itself_brings_little_and_pins_it():
    assert CONDA["channels"] == ["conda-forge", "nodefaults"]
    brought = [part for part in CONDA["dependencies"] if isinstance(part, str)]
    assert all(re.fullmatch(r"[a-z]+=\d+\.\d+", part) for part in brought)
    assert {part.split("=")[0] for part in brought} == {"python", "pip", "tesseract"}


@pytest.mark.parametrize("environment", [CONDA, GPU], ids=["cpu", "gpu"])
def test_condas_own_parser_takes_each_pin_as_one_minor_version(environment):
    for part in environment["dependencies"]:
        if isinstance(part, str):
            spec = MatchSpec(part, strict=True)
            minor = part.split("=")[1]
            assert spec.name.normalized == part.split("=")[0] and str(spec.version) == f"{minor}.*"


def test_the_venv_has_the_versions_of_the_lock():
    found = {f"{re.sub(r'[-_.]+', '-', d.name).lower()}=={d.version}" for d in distributions()}
    assert {re.sub(r"[-_.]+(?=.*==)", "-", pin).lower() for pin in locked()} <= found
    assert any(pin.split("+")[0] == torch() for pin in found)


def test_the_lock_leaves_out_opencv_with_a_gui():
    assert not any(re.match(r"opencv-python==", pin) for pin in locked())
    assert any(pin.startswith("opencv-python-headless==") for pin in locked())


@every_image
def test_image_installs_torch_and_then_the_hashed_lock(image):
    steps = re.findall(r"^\s*\$pip install (.*)$", image, re.MULTILINE)
    assert steps == [
        f"--extra-index-url {{{{ TORCH_INDEX }}}} {torch()}",
        "--require-hashes --no-deps -r /opt/unburn/requirements.lock",
    ]
    assert "envs/requirements.lock /opt/unburn/requirements.lock" in image
    assert re.search(r"/opt/unburn/sbom.py unburn-\w+ (\S+) ", image)[1] == version()
    assert (REPO / "Makefile").read_text().count("--require-hashes --no-deps") == 1


@every_image
def test_arguments_of_the_image_have_values_without_quotes(image):
    section = re.search(r"%arguments\n(.*?)\n%", image, re.DOTALL)[1]
    given = re.findall(r"^\s*([A-Z_]+)=(.*)$", section, re.MULTILINE)
    assert all(
        re.fullmatch(r"[^\s\"']+", value) for _, value in given
    )  # Apptainer takes them as is
    assert {name for name, _ in given} == set(re.findall(r"{{ (\w+) }}", image))


@every_image
def test_versions_of_image_and_citation_follow_the_package(image):
    assert f"image.version {version()}" in image
    assert yaml.safe_load((REPO / "CITATION.cff").read_text())["version"] == version()
