import hashlib

import numpy as np
import pytest
import torch

from unburn import crnn
from unburn.errors import UserError

SMALL = crnn.Shape((8, 8, 8, 8), 4)


def shipped(folder, network):
    """Write weights and the list of their digest, as resources/models holds them."""
    path = folder / "detector.safetensors"
    crnn.save(path, network, network.shape, {"seed": "1"})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  {path.name}\n")
    return path


@pytest.mark.parametrize("shape", [(1, 1), (31, 65), (64, 64), (100, 37)])
def test_maps_have_half_the_size_of_any_picture(shape):
    network = crnn.Detector(SMALL).eval()
    maps = crnn.probabilities(network, np.zeros((2, *shape), np.uint8))
    assert maps.shape == (2, 2, (shape[0] + 1) // 2, (shape[1] + 1) // 2)
    assert (maps >= 0).all() and (maps <= 1).all()


def test_context_reaches_along_rows_and_along_columns():
    torch.manual_seed(0)
    network = crnn.Detector(SMALL).eval()
    features = torch.rand(1, 8, 6, 6)
    changed = features.clone()
    changed[0, :, 0, 0] += 1
    moved = (network._along(features) - network._along(changed)).abs().amax(1)[0] > 0
    assert moved[0].all() and moved[:, 0].all()
    assert not moved[1:, 1:].any()


def test_faint_and_strong_text_look_alike_to_the_contrast_channel():
    text = (np.random.default_rng(0).random((64, 64)) > 0.8).astype(np.float32)
    grey = torch.from_numpy(text)[None, None]
    strong, faint = crnn._local_contrast(grey * 0.9), crnn._local_contrast(grey * 0.3 + 0.5)
    assert (strong - faint).abs().max() < 0.05


def test_weights_come_back_as_they_were(tmp_path):
    torch.manual_seed(1)
    network = crnn.Detector(SMALL).eval()
    back = crnn.load(shipped(tmp_path, network))
    picture = np.random.default_rng(0).integers(0, 255, (1, 64, 96)).astype(np.uint8)
    expected = crnn.probabilities(network, picture)
    assert np.allclose(crnn.probabilities(back, picture), expected, atol=1e-6)
    assert back.shape == SMALL


def test_missing_weights_name_the_remedy(tmp_path):
    with pytest.raises(UserError, match=r"weights are missing\s+hint: restore the file"):
        crnn.load(tmp_path / "detector.safetensors")


def test_altered_weights_are_refused(tmp_path):
    path = shipped(tmp_path, crnn.Detector(SMALL))
    path.write_bytes(path.read_bytes()[:-1] + b"\x00\x01")
    with pytest.raises(UserError, match="not the ones listed"):
        crnn.load(path)


def test_weights_without_a_digest_are_refused(tmp_path):
    path = shipped(tmp_path, crnn.Detector(SMALL))
    (tmp_path / "SHA256SUMS").write_text("")
    with pytest.raises(UserError, match="is not listed"):
        crnn.load(path)
    (tmp_path / "SHA256SUMS").unlink()
    with pytest.raises(UserError, match="list of digests"):
        crnn.load(path)
