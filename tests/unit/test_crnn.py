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
    maps = crnn.probabilities(network, np.zeros((3, 2, *shape), np.uint8))
    assert maps.shape == (3, 2, (shape[0] + 1) // 2, (shape[1] + 1) // 2)
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


def lively(network):
    """A network whose batch norms do something, as after training."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values in (module.weight.data, module.bias.data, module.running_mean):
                values.uniform_(0.5, 1.5)
            module.running_var.uniform_(0.5, 2)
    return network.eval()


def test_a_coarse_map_is_mixed_before_it_is_doubled():
    torch.manual_seed(0)
    block = lively(crnn._conv(5 + 3, 4, 1))
    coarse, fine = torch.rand(2, 5, 4, 6), torch.rand(2, 3, 8, 12)
    doubled = coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)
    expected = block(torch.cat([doubled, fine], 1))
    assert torch.allclose(crnn._up(block, coarse, fine), expected, atol=1e-6)


def test_features_are_joined_with_both_contexts():
    torch.manual_seed(0)
    network = lively(crnn.Detector(SMALL))
    features = torch.rand(2, 8, 4, 6)
    across = torch.stack([
        torch.stack([network.rows(row.T)[0].T for row in one.unbind(1)], 1) for one in features
    ])  # fmt: skip
    down = torch.stack([
        torch.stack([network.columns(c.T)[0].T for c in one.unbind(2)], 2) for one in features
    ])  # fmt: skip
    expected = network.join(torch.cat([features, across, down], 1))
    assert torch.allclose(network._along(features), expected, atol=1e-5)


NOISE = np.random.default_rng(0).integers(0, 255, (2, 2, 64, 96)).astype(np.uint8)
FAINT = {
    "greys side by side": 243 + NOISE % 2,
    "specks": 219 + NOISE // 250,
    "even": 0 * NOISE + 201,
}


@pytest.mark.parametrize("pictures", [NOISE, *FAINT.values()], ids=["full contrast", *FAINT])
def test_opencv_prepares_pictures_as_training_saw_them(pictures):
    shades = torch.from_numpy(pictures).float() / 255
    expected = crnn._unshuffled(shades - 0.5, crnn._local_contrast(shades))
    assert torch.allclose(crnn._blocks(pictures), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("pictures", [NOISE, *FAINT.values()], ids=["full contrast", *FAINT])
def test_maps_are_those_of_pictures_prepared_as_in_training(pictures):
    torch.manual_seed(0)
    network = lively(crnn.Detector(SMALL))
    pictures = np.tile(pictures, (1, 1, 2, 2))  # of a size that is not padded
    with torch.inference_mode():
        expected = torch.sigmoid(network(torch.from_numpy(pictures).float() / 255)).numpy()
    found = crnn.probabilities(network, pictures)
    assert np.abs(found - expected).max() <= 1 / crnn.STEPS


def test_folding_batch_norms_changes_no_map():
    torch.manual_seed(0)
    network = lively(crnn.Detector(SMALL))
    picture = np.random.default_rng(0).integers(0, 255, (1, 2, 64, 96)).astype(np.uint8)
    expected = crnn.probabilities(network, picture)
    folded = crnn.folded(network)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    assert np.allclose(crnn.probabilities(folded, picture), expected, atol=1e-5)


def test_faint_and_strong_text_look_alike_to_the_contrast_channel():
    text = (np.random.default_rng(0).random((64, 64)) > 0.8).astype(np.float32)
    grey = torch.from_numpy(text)[None, None]
    strong, faint = crnn._local_contrast(grey * 0.9), crnn._local_contrast(grey * 0.3 + 0.5)
    assert (strong - faint).abs().max() < 0.05


def test_weights_come_back_as_they_were(tmp_path):
    torch.manual_seed(1)
    network = crnn.Detector(SMALL).eval()
    back = crnn.load(shipped(tmp_path, network))
    picture = np.random.default_rng(0).integers(0, 255, (1, 2, 64, 96)).astype(np.uint8)
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
