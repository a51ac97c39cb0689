import json

import numpy as np
import pytest

from unburn import prompts, weights
from unburn.errors import UserError
from unburn.files import sha256


def make(folder, mark=True):
    """A folder as fetch leaves it, with a few bytes for each file."""
    for path in (weights.UNET, weights.VAE):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_bytes(path.encode())
    (folder / "unet/config.json").write_text('{"in_channels": 9, "out_channels": 4}')
    (folder / "vae/config.json").write_text('{"latent_channels": 4}')
    prompts.save(folder, {"": np.zeros((2, 3), np.float16)})
    if mark:
        (folder / weights.TEST_MARK).touch()
    weights.list_digests(folder)
    return folder


def refused(folder):
    with pytest.raises(UserError) as error:
        weights.checked(folder)
    return error.value


def test_test_weights_are_named_so(tmp_path):
    found = weights.checked(make(tmp_path))
    assert found.name == "sd2-tiny (random test weights)"
    configurations = {"unet/config.json", "vae/config.json"}
    assert set(found.digests) == {weights.UNET, weights.VAE, weights.PROMPTS} | configurations


def test_nothing_but_the_pinned_files_is_called_sd2(tmp_path):
    error = refused(make(tmp_path, mark=False))
    pinned = {pin.path: pin.sha256 for pin in weights.pins()}[weights.UNET]
    assert error.where == str(tmp_path / weights.UNET)
    assert f"expected {pinned}, found" in error.found
    assert f"fetch sd2 --out {tmp_path}" in error.advice


def test_the_pinned_files_are_called_sd2(tmp_path, monkeypatch):
    make(tmp_path, mark=False)
    for path, expected in weights.ARCHITECTURE.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(json.dumps(dict(expected)))
    pins = [weights.Pin(p, 0, weights.digest(tmp_path, p)) for p in (weights.UNET, weights.VAE)]
    monkeypatch.setattr(weights, "pins", lambda: pins)
    weights.list_digests(tmp_path)
    assert weights.checked(tmp_path).name == "sd2"
    (tmp_path / "unet/config.json").write_text('{"in_channels": 4}')
    assert "in_channels is 4, of Stable Diffusion 2 inpainting 9" in refused(tmp_path).found


def test_absent_files_are_named_with_the_command(tmp_path):
    error = refused(tmp_path)
    assert error.where == str(tmp_path / weights.UNET)
    assert "no such file" in error.found and "unburn fetch sd2" in error.advice
    make(tmp_path)
    (tmp_path / weights.PROMPTS).unlink()
    assert refused(tmp_path).where == str(tmp_path / weights.PROMPTS)
    (tmp_path / weights.SUMS).unlink()
    assert refused(tmp_path).where == str(tmp_path / weights.SUMS)


def test_a_changed_file_is_refused_and_an_unchanged_one_is_read_once(tmp_path, monkeypatch):
    make(tmp_path)
    before = weights.checked(tmp_path)
    monkeypatch.setattr(weights, "sha256", lambda path: pytest.fail("read again"))
    assert weights.checked(tmp_path) == before
    monkeypatch.undo()
    (tmp_path / weights.VAE).write_bytes(b"cut")
    error = refused(tmp_path)
    assert error.where == str(tmp_path / weights.VAE)
    assert before.digests[weights.VAE] in error.found


def test_a_configuration_that_was_changed_is_refused(tmp_path):
    make(tmp_path)
    file = tmp_path / "vae/config.json"
    file.write_text('{"latent_channels": 4, "act_fn": "relu"}')  # the weights would fit as well
    assert refused(tmp_path).where == str(file)


@pytest.mark.parametrize("ending", ["index.fp16.json", "fp16.index.json", "index.json"])
def test_an_index_of_other_weights_is_refused(tmp_path, ending):
    index = make(tmp_path) / "unet" / f"diffusion_pytorch_model.safetensors.{ending}"
    index.write_text('{"weight_map": {"conv_in.weight": "other.safetensors"}}')
    assert refused(tmp_path).where == str(index)


def test_a_folder_that_cannot_be_written_is_read_each_time(tmp_path, monkeypatch):
    make(tmp_path)
    (tmp_path / weights.SEEN).unlink()

    def closed(path):
        raise PermissionError(path)

    monkeypatch.setattr(weights, "replacing", closed)
    assert weights.checked(tmp_path).name == weights.TEST_NAME


def test_the_pins_are_complete_for_what_a_job_reads():
    pins = {pin.path: pin for pin in weights.pins()}
    for path in (weights.UNET, weights.VAE, weights.TEXT_ENCODER):
        assert len(pins[path].sha256) == 64 and pins[path].size > 10**8
    assert set(weights.ARCHITECTURE) <= set(pins)


def test_a_folder_that_cannot_be_written_is_read_once_by_a_process(tmp_path, monkeypatch):
    """Root may write anywhere, so the note is refused here."""
    make(tmp_path)
    (tmp_path / weights.SEEN).unlink(missing_ok=True)
    read = []
    monkeypatch.setattr(weights, "sha256", lambda file: read.append(file) or sha256(file))

    def refuse(path):
        raise PermissionError(path)

    monkeypatch.setattr(weights, "replacing", refuse)
    weights._sha256.cache_clear()
    weights.checked(tmp_path)
    first = len(read)
    assert first == len(set(read)) > 0
    weights.checked(tmp_path)
    assert len(read) == first
    weights._sha256.cache_clear()
