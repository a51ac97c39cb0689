import getpass
import json
import platform
import re
import subprocess
from pathlib import Path

import pytest

from unburn import keys, provenance, weights
from unburn.files import sha256
from unburn.settings import REPO, _fill, schema

GIT = ["git", "-c", "user.name=x", "-c", "user.email=x@x"]


@pytest.fixture
def settings(tmp_path):
    """Complete settings that name a weight file and places on a disk."""
    (tmp_path / "weights.safetensors").write_bytes(b"weights")
    values = _fill({"sheet": "/home/jane/doe.tsv", "key_file": "/home/jane/doe.key"}, schema())
    values["detect"]["weights"] = str(tmp_path / "weights.safetensors")
    return values


def test_places_are_dropped_or_cut_to_the_name():
    settings = {"sheet": "s", "seed": 1, "detect": {"weights": "/home/jane/w.pt", "threshold": 0.5}}
    settings |= {"evaluate.truth": "/home/jane/lines_of_jane_doe.tsv"}
    kept = {"seed": 1, "detect": {"weights": "w.pt", "threshold": 0.5}}
    assert provenance.without_places(settings) == kept


def test_a_key_that_is_discarded_has_no_id(settings, tmp_path):
    settings["metadata"]["key"] = "discard"
    options = ["--settings", json.dumps(settings), "--key", str(tmp_path / "gone.key")]
    provenance.main([*options, "--out", str(tmp_path / "provenance.json")])
    assert json.loads((tmp_path / "provenance.json").read_text())["key_id"] == "discarded"


def test_record_is_complete_and_names_nobody(settings, tmp_path):
    keys.new(tmp_path / "unburn.key")
    options = ["--settings", json.dumps(settings), "--key", str(tmp_path / "unburn.key")]
    provenance.main([*options, "--out", str(tmp_path / "provenance.json")])
    text = (tmp_path / "provenance.json").read_text()
    record = json.loads(text)
    assert record["key_id"] == keys.key_id(keys.load(tmp_path / "unburn.key"))
    assert record["seed"] == settings["seed"]
    assert record["libraries"]["pydicom"]
    assert set(record["code"]) == set(provenance.STAGES)
    weights = {entry["setting"]: entry for entry in record["weights"]}
    assert weights["detect.weights"] == {
        "setting": "detect.weights",
        "file": "weights.safetensors",
        "sha256": sha256(tmp_path / "weights.safetensors"),
    }
    assert record["settings_changed"]["detect.weights"] == "weights.safetensors"
    assert record["readers"]["rapidocr"]["weights"]
    for secret in ("jane", str(tmp_path), str(REPO), str(Path.home()) + "/", platform.node()):
        assert secret not in text
    assert getpass.getuser() not in json.dumps(record["platform"])


def test_every_module_that_a_rule_calls_is_a_stage_with_a_digest():
    rules = "".join(file.read_text() for file in (REPO / "workflow" / "rules").glob("*.smk"))
    called = set(re.findall(r"python -m unburn\.(\w+)", rules))
    assert called - {"provenance", "submissions"} == set(provenance.STAGES)


def test_commit_says_whether_tracked_files_changed(tmp_path):
    for words in (["init", "-q"], ["add", "a"], ["commit", "-q", "-m", "x"]):
        (tmp_path / "a").write_text("1")
        subprocess.run([*GIT, *words], cwd=tmp_path, check=True)
    clean = provenance.commit(tmp_path)
    assert len(clean["commit"]) == 40
    assert clean["changed_since"] is False
    (tmp_path / "a").write_text("2")
    assert provenance.commit(tmp_path) == clean | {"changed_since": True}


def test_commit_of_a_copy_without_history_is_unknown(tmp_path):
    assert provenance.commit(tmp_path)["commit"] == "unknown"
    subprocess.run([*GIT, "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "copy").mkdir()
    assert provenance.commit(tmp_path / "copy")["commit"] == "unknown"


def test_program_that_is_missing_or_fails_gives_nothing():
    assert provenance.output_of("no-such-program") is None
    assert provenance.output_of("false") is None


def test_library_that_is_missing_has_no_version():
    assert provenance.versions(["no-such-library"]) == {"no-such-library": None}


def test_the_weights_of_a_generator_are_named_as_what_they_are(settings, tmp_path):
    values = {**settings, "inpaint": {**settings["inpaint"], "engine": "sd2"}}
    folder = tmp_path / "sd2"
    for path, text in (
        (weights.UNET, "a"), (weights.VAE, "b"), (weights.PROMPTS, "c"), (weights.TEST_MARK, ""),
        ("unet/config.json", '{"in_channels": 9, "out_channels": 4}'),
        ("vae/config.json", '{"latent_channels": 4}'),
    ):  # fmt: skip
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    weights.list_digests(folder)
    values["inpaint"]["sd2_weights"] = str(folder)
    found = {entry["file"]: entry["sha256"] for entry in provenance.weights(values)}
    assert found[f"{weights.TEST_NAME}: {weights.UNET}"] == sha256(folder / weights.UNET)
    assert not any(name.startswith("sd2:") for name in found)
