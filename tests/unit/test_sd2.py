import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionInpaintPipeline
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from safetensors.torch import load_file, save_file

import tiny_sd2
from unburn import (
    crop,
    engines,
    paint_pictures,
    prompts,
    sd2,
    settings,
    text_encoder,
    weights,
)
from unburn.blending import texture_ratio
from unburn.errors import UserError
from unburn.patches import Content

SECTION = {**settings.defaults()["inpaint"], "engine": "sd2", "seed": 1, "steps": 2}
SETTINGS = engines.Settings.of(SECTION)
HOW = sd2.Settings.of({**SECTION, "device": "cpu"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_sd2.write(tmp_path_factory.mktemp("tiny") / "sd2")


@pytest.fixture(scope="module")
def painter(folder):
    return sd2.Painter(folder, HOW, "cpu")


def anatomy(side=64, samples=1, seed=1):
    rows, columns = np.mgrid[:side, :side]
    slow = 1000 + 300 * np.sin(rows / 13) * np.cos(columns / 17)
    grey = slow + np.random.default_rng(seed).normal(0, 20, (side, side))
    return np.repeat(grey[..., None], samples, axis=2) * np.array([1, 0.8, 0.6])[:samples]


def box(side=64, top=24, left=8, height=12, width=48):
    mask = np.zeros((side, side), bool)
    mask[top : top + height, left : left + width] = True
    return mask


def content(picture, mask, dtype=np.uint16, **more):
    blanked = crop.blank(picture.astype(dtype), mask, (0,) * picture.shape[2])
    limits = (int(blanked[~mask].min()), int(blanked[~mask].max()))
    return Content(blanked, mask, mask.copy(), **{"limits": limits, **more})


def paint(contents, folder, how=HOW, threads=1, **more):
    chosen = replace(SETTINGS, **more)
    return list(sd2.paint_contents(contents, folder, chosen, how, threads))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32])
def test_only_the_mask_changes_and_stays_within_the_surroundings(dtype, folder):
    picture = anatomy() / (8 if dtype == np.uint8 else 1) - (1000 if dtype == np.int16 else 0)
    source = content(picture, box(), dtype)
    (done,) = paint([source], folder)
    assert done.pixels.dtype == dtype
    assert (done.pixels[~box()] == source.pixels[~box()]).all()
    inside = done.pixels[box()]
    assert source.limits[0] <= inside.min() and inside.max() <= source.limits[1]
    assert (inside != source.pixels[box()]).mean() > 0.5
    assert done.engine == "sd2-tiny (random test weights)"


@pytest.mark.parametrize("samples", [1, 3])
def test_a_drawing_of_another_brightness_is_brought_to_that_of_the_surroundings(samples):
    """A drawing that is right but for a slope ends within 1 % of the picture's range."""
    rows, columns = np.mgrid[:64, :64]
    picture = 1000 + 300 * np.sin(rows / 13) * np.cos(columns / 17)
    picture = np.repeat(picture[..., None], samples, axis=2)
    source = content(picture, box())
    seen = engines.view(source, SETTINGS)
    low, high = source.limits
    right = ((picture - low) / (high - low) - seen.low) / (seen.high - seen.low)
    slope = (0.3 + columns / 300)[..., None]
    drawn = (right + slope).astype(np.float32)
    done = engines.fit(source, seen, drawn, replace(SETTINGS, noise=False))
    assert np.abs(done[box()] - picture[box()]).max() < 0.01 * (high - low)


def test_a_smooth_drawing_gets_the_noise_of_the_surroundings():
    source = content(anatomy(side=128), box(128, 50, 20, 24, 90))
    seen = engines.view(source, SETTINGS)
    smooth = cv2.GaussianBlur(seen.values, (0, 0), 4)[..., None]
    ratios = [
        texture_ratio(
            engines.fit(source, seen, drawing, replace(SETTINGS, noise=noise)), source.mask
        )
        for drawing, noise in ((smooth, True), (smooth, False))
    ]
    assert 0.6 < ratios[0] < 1.5 and ratios[1] < 0.3


def test_16_bit_keeps_its_depth(folder):
    ramp = np.tile(np.linspace(0, 60000, 64), (64, 1))[..., None]
    (done,) = paint([content(ramp, box())], folder, noise=False)
    values = np.unique(done.pixels[box()])
    assert len(values) > 400  # of 576 pixels; 8 bits would leave at most 192 in this range
    assert len(np.unique(values % 256)) > 150


@pytest.mark.parametrize("ybr", [False, True])
def test_colour_stays_near_that_of_the_surroundings(ybr, folder):
    rgb = np.full((64, 64, 3), (200, 120, 40), np.uint8)
    rgb[:, ::4] = (180, 100, 20)
    picture = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]] if ybr else rgb
    (done,) = paint([content(picture, box(), np.uint8, ybr=ybr)], folder, noise=False)
    inside = done.pixels[box()].astype(float).mean(axis=0)
    assert np.abs(inside - picture[~box()].astype(float).mean(axis=0)).max() < 15


def test_ybr_is_shown_to_the_generator_as_rgb_and_comes_back():
    rgb = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    ybr = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]
    source = content(ybr, box(), np.uint8, ybr=True, limits=(3, 250))
    unit = engines.unit_values(source)
    shown = engines._rgb(unit, source)
    assert np.abs(shown * 247 + 3 - rgb)[~box()].max() < 2
    assert np.allclose(engines._ybr(shown, source), unit)


def test_seeds_are_of_the_crop_not_of_the_batch(folder):
    sources = [content(anatomy(seed=seed), box()) for seed in range(3)]
    together = paint(sources, folder)
    alone = [paint([source], folder)[0] for source in sources]
    for one, other in zip(together, alone, strict=True):
        difference = np.abs(one.pixels.astype(float) - other.pixels)
        assert difference.max() <= 2  # other sums of a batch give other last bits
    assert paint(sources[:1], folder)[0].pixels.tobytes() == alone[0].pixels.tobytes()
    other = paint(sources[:1], folder, seed=2)[0]
    assert not np.array_equal(other.pixels, alone[0].pixels)


def test_the_same_bytes_with_two_processes(folder):
    sources = [content(anatomy(seed=seed), box()) for seed in range(3)]
    for one, two in zip(paint(sources, folder), paint(sources, folder, threads=2), strict=True):
        assert np.array_equal(one.pixels, two.pixels)


@pytest.mark.parametrize("scheduler", sd2.SCHEDULERS)
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_every_scheduler_ends_in_a_picture(scheduler, guidance, folder):
    how = replace(HOW, scheduler=scheduler, guidance=guidance, steps=3)
    seen = engines.view(content(anatomy(), box()), SETTINGS)
    (drawn,) = sd2.Painter(folder, how, "cpu").draw([seen])
    assert drawn.shape == (64, 64, 1) and drawn.dtype == np.float32
    assert np.isfinite(drawn).all() and drawn.std() > 0


def test_the_loop_is_that_of_diffusers_own_pipeline(folder, painter, monkeypatch):
    """Same latents, prompt and scheduler: the same picture, at a guidance above 1."""
    monkeypatch.setattr(
        DiagonalGaussianDistribution, "sample", lambda self, generator=None: self.mode()
    )
    how = replace(HOW, scheduler="ddim", guidance=2.5, steps=4)
    own = sd2.Painter(folder, how, "cpu")
    seen = engines.view(content(anatomy(samples=3), box()), SETTINGS)
    (drawn,) = own.draw([seen])

    told = own.prompts[prompts.text(how.prompt, "", True)][None]
    scheduler = DDIMScheduler(**sd2.LEVELS, **sd2.SCHEDULERS["ddim"][1])
    pipeline = StableDiffusionInpaintPipeline(
        own.vae, None, None, own.unet, scheduler, None, None, requires_safety_checker=False
    )
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        image=torch.from_numpy(seen.values).permute(2, 0, 1)[None] * 2 - 1,
        mask_image=torch.from_numpy(box().astype(np.float32))[None, None],
        prompt_embeds=told,
        negative_prompt_embeds=own.prompts[""][None],
        latents=own._noise(seen.seed)[None],
        height=64, width=64, strength=1.0, num_inference_steps=4, guidance_scale=2.5,
        output_type="np",
    ).images[0]  # fmt: skip
    assert np.abs(np.clip(drawn, 0, 1) - theirs).max() < 1e-3


def test_the_mask_of_latents_covers_thin_masks_whole():
    hidden = np.zeros((128, 128), bool)
    hidden[61] = True
    covered = sd2._covered(hidden, 64)
    assert covered[30].all() and covered.sum() < 64 * 4


def test_what_a_generator_cannot_do_the_default_engine_does(folder):
    flat = content(np.full((64, 64, 1), 700.0), box())
    four = content(np.repeat(anatomy(), 4, axis=2), box())
    unknown = replace(content(anatomy(), box()), hidden=np.ones((64, 64), bool))
    usual = content(anatomy(), box())
    done = paint([flat, usual, four, unknown], folder)
    assert [one.engine.split("-")[0] for one in done] == ["classic", "sd2", "classic", "classic"]
    assert (done[0].pixels == 700).all()
    classic = engines.paint_content(four, replace(SETTINGS, engine="classic"))
    assert np.array_equal(done[2].pixels, classic)


def test_values_that_are_no_numbers_fall_back_and_are_told(folder, monkeypatch, caplog):
    usual = content(anatomy(), box())
    nothing = np.full((64, 64, 1), np.nan, np.float32)
    monkeypatch.setattr(sd2, "_draw_on", lambda *_: [nothing])
    (done,) = paint([usual], folder)
    assert done.engine == "classic" and "no numbers; classic painted the crop" in caplog.text
    assert (done.pixels[~box()] == usual.pixels[~box()]).all()


def test_out_of_memory_halves_the_batch_and_goes_on(folder, monkeypatch, caplog):
    small = sd2.Painter(folder, HOW, "cpu")
    views = [engines.view(content(anatomy(seed=k), box()), SETTINGS) for k in range(5)]
    whole = small.draw(views)
    real = small._draw

    def draw(part):
        if len(part) > 1:
            raise torch.OutOfMemoryError("full")
        return real(part)

    monkeypatch.setattr(small, "_draw", draw)
    for one, other in zip(small.draw(views), whole, strict=True):
        assert np.abs(one - other).max() < 1e-3
    assert small.batch == 1 and "batch halved to 2 crops" in caplog.text

    def full(part):
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(small, "_draw", full)
    with pytest.raises(UserError, match="does not hold one crop"):
        small.draw(views)


def test_a_gpu_that_is_asked_for_and_not_there_is_a_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="no GPU can be used") as error:
        sd2.devices("cuda")
    assert "device: cpu or auto" in error.value.advice
    assert sd2.devices("auto") == sd2.devices("cpu") == ["cpu"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert sd2.devices("auto") == ["cuda:0", "cuda:1"] and sd2.devices("cpu") == ["cpu"]


def test_batches_go_to_the_devices_in_turn_and_come_back_in_order(folder, monkeypatch):
    """Two devices that are both the CPU; threads stand for their processes."""
    sources = [content(anatomy(seed=seed), box()) for seed in range(3)]
    how = replace(HOW, gpu_batch=1)
    alone = paint(sources, folder, how)
    monkeypatch.setattr(sd2, "devices", lambda wanted: ["cpu", "cpu"])
    monkeypatch.setattr(sd2.parallel, "processes", lambda threads: ThreadPoolExecutor(threads))
    for one, other in zip(paint(sources, folder, how), alone, strict=True):
        assert np.array_equal(one.pixels, other.pixels) and one.engine == other.engine


def test_bf16_does_not_leave_256_levels(folder):
    """The autoencoder's last layer is in full precision."""
    how = replace(HOW, precision="bf16")
    seen = engines.view(content(anatomy(), box()), SETTINGS)
    (drawn,) = sd2.Painter(folder, how, "cpu").draw([seen])
    assert len(np.unique(drawn)) > 2000


def test_weights_that_do_not_fit_are_refused(folder, tmp_path):
    other = tiny_sd2.write(tmp_path / "other")
    config = other / "unet" / "config.json"
    config.write_text(config.read_text().replace('"layers_per_block": 1', '"layers_per_block": 2'))
    weights.list_digests(other)
    with pytest.raises(UserError, match="the weights do not fit"):
        sd2.Painter(other, HOW, "cpu")


def test_the_text_encoder_tells_texts_apart(folder):
    encoded = text_encoder.encode(folder, ["", "ultrasound image", "medical image"])
    shapes = {tensor.shape for tensor in encoded.values()}
    assert shapes == {(tiny_sd2.TOKENS, tiny_sd2.WIDTH)}
    assert {tensor.dtype.name for tensor in encoded.values()} == {"float16"}
    assert not np.array_equal(encoded["ultrasound image"], encoded["medical image"])


def test_prompts_reach_the_network(folder):
    seen = engines.view(content(anatomy(), box()), SETTINGS)
    drawn = [
        sd2.Painter(folder, replace(HOW, context=told), "cpu").draw([replace(seen, modality="US")])
        for told in (True, False)
    ]
    assert not np.array_equal(*drawn)


def test_jobs_verify_the_weights(folder, tmp_path):
    broken = tiny_sd2.write(tmp_path / "broken")
    with open(broken / weights.UNET, "r+b") as file:
        file.seek(2000)
        file.write(b"x")
    with pytest.raises(UserError, match="sha256 expected"):
        sd2.Painter(broken, HOW, "cpu")


def test_what_is_painted_does_not_depend_on_what_was_hidden(folder):
    mask = np.zeros((150, 200), bool)
    mask[20:40, 30:120] = True
    mask[70:100, 60:160] = True
    picture = np.tile(anatomy(128)[..., 0], (2, 2))[:150, :200].astype(np.uint16)
    section = {**SECTION, "sd2_weights": str(folder), "device": "cpu"}
    results = []
    for seed in (1, 2):
        hidden = np.random.default_rng(seed).integers(0, 65535, picture.shape).astype(np.uint16)
        stored = np.where(mask, hidden, picture)
        painter = paint_pictures.painter(section)
        results.append(paint_pictures.paint_picture(stored, mask, "CT", painter))
    assert np.array_equal(*results)
    assert (results[0][~mask] == picture[~mask]).all()


def test_the_verb_paints_a_picture_and_keeps_its_depth(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(sd2, "devices", lambda wanted: ["cpu"])
    for name in ("in", "masks"):
        (tmp_path / name).mkdir()
    picture, mask = anatomy()[..., 0].astype(np.uint16), box()
    cv2.imwrite(str(tmp_path / "in" / "a.png"), picture)
    cv2.imwrite(str(tmp_path / "masks" / "a.mask.png"), mask.astype(np.uint8) * 255)
    paths = (tmp_path / "in",), tmp_path / "masks", tmp_path / "out"
    assert paint_pictures.folder(*paths, "sd2", "MR", 1, folder) == 0
    painted = cv2.imread(str(tmp_path / "out" / "a.png"), cv2.IMREAD_UNCHANGED)
    assert painted.dtype == np.uint16 and (painted[~mask] == picture[~mask]).all()
    assert (painted[mask] != picture[mask]).mean() > 0.9
    with pytest.raises(UserError, match="no such file"):
        paint_pictures.folder(*paths, "sd2", "MR", 1, tmp_path / "nowhere")


def test_the_autoencoder_is_read_by_its_old_names_too(folder, tmp_path):
    """The published file is older than the names that diffusers gives to attention today."""
    old = Path(shutil.copytree(folder, tmp_path / "old"))
    names = {
        ".to_q.": ".query.",
        ".to_k.": ".key.",
        ".to_v.": ".value.",
        ".to_out.0.": ".proj_attn.",
    }
    tensors = {}
    for name, tensor in load_file(old / weights.VAE).items():
        for new, published in names.items():
            name = name.replace(new, published)
        tensors[name] = tensor
    assert any(".proj_attn." in name for name in tensors)
    save_file(tensors, old / weights.VAE, metadata={"format": "pt"})
    weights.list_digests(old)
    seen = engines.view(content(anatomy(), box()), SETTINGS)
    drawn = [sd2.Painter(place, HOW, "cpu").draw([seen])[0] for place in (folder, old)]
    assert np.array_equal(*drawn)
