import json

import pytest

from unburn import gpu_speed, sd2, settings, weights
from unburn.errors import UserError
from unburn.gpu_speed import Shape

SMALL = Shape(sample=8, unet=(8, 16), heads=(1, 2), vae=(4, 4, 8, 8), layers=1, width=8, groups=4)
HOW = sd2.Settings.of(
    {**settings.defaults()["inpaint"], "device": "cpu", "steps": 1, "gpu_batch": 1}
)


def test_both_are_measured_in_one_run(tmp_path):
    found = gpu_speed.measure(tmp_path / "weights", SMALL, HOW, count=2, steps=1, threads=1)
    assert found["ours"]["crops_per_s"] > 0 and found["pipeline"]["pictures_per_s"] > 0
    ratio = found["ours"]["crops_per_s"] / found["pipeline"]["pictures_per_s"]
    assert found["times_faster"] == pytest.approx(ratio)
    assert found["device"] == "CPU" and "another architecture" in found["weights"]
    page = gpu_speed.table(found)
    assert "| memory of a batch, GiB | not measured | <= 16 |" in page
    assert "Stable Diffusion 2" in page and "random" in page


def test_the_shape_is_that_of_stable_diffusion_2():
    unet, vae = weights.ARCHITECTURE["unet/config.json"], weights.ARCHITECTURE["vae/config.json"]
    shape = Shape()
    assert list(shape.unet) == unet["block_out_channels"]
    assert list(shape.heads) == unet["attention_head_dim"]
    assert shape.width == unet["cross_attention_dim"] and shape.layers == unet["layers_per_block"]
    assert list(shape.vae) == vae["block_out_channels"] and 8 * shape.sample == sd2.SIDE_PX


def test_crops_differ_and_are_masked_alike():
    first, second = gpu_speed.crops(2, 64)
    assert (first.mask == second.mask).all() and first.mask.sum() == 32 * 32
    assert (first.pixels != second.pixels).mean() > 0.9


def test_without_a_gpu_it_ends_in_a_sentence_before_it_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(sd2.torch.cuda, "is_available", lambda: False)
    section = {"crops": 1, "pipeline_steps": 1, "inpaint": {"device": "cuda"}}
    arguments = ["--settings", json.dumps(section), "--weights", str(tmp_path / "weights")]
    with pytest.raises(UserError, match="no GPU can be used"):
        gpu_speed.main([*arguments, "--out", str(tmp_path / "out")])
    assert list(tmp_path.iterdir()) == []
