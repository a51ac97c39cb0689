"""Tiny random weights in the exact layout of Stable Diffusion 2's folder."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

from unburn import prompts, settings, text_encoder, weights

WIDTH, TOKENS = 32, 77


def write(folder: Path, seed: int = 1) -> Path:
    """Write everything that `fetch sd2` leaves, marked as test weights; return the folder."""
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / weights.TEST_MARK).touch()
    networks(folder)
    encoder(folder)
    (folder / weights.LICENCE).write_text("these weights are random and nobody's\n")
    default = settings.defaults()["inpaint"]["prompt"]
    prompts.save(folder, text_encoder.encode(folder, prompts.texts(default)))
    weights.list_digests(folder)
    return folder


def networks(folder: Path) -> None:
    """UNet and autoencoder; pictures of 64 px, latents an eighth of it."""
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=9,
        out_channels=4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=[2, 4],
        use_linear_projection=True,
        norm_num_groups=8,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=64,
    )
    for network, name in ((unet, "unet"), (vae, "vae")):
        network.half().save_pretrained(folder / name, variant="fp16")
    DDIMScheduler().save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text(
        json.dumps({"_class_name": "StableDiffusionInpaintPipeline"})
    )


def encoder(folder: Path) -> None:
    """Text encoder and a tokenizer that knows single characters."""
    marks = ["<|startoftext|>", "<|endoftext|>"]
    letters = [chr(code) for code in range(33, 127)]
    vocabulary = [*letters, *(f"{letter}</w>" for letter in letters), *marks]
    config = CLIPTextConfig(
        vocab_size=len(vocabulary),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=TOKENS,
        hidden_act="gelu",
        bos_token_id=len(vocabulary) - 2,
        eos_token_id=len(vocabulary) - 1,
    )
    CLIPTextModel(config).half().save_pretrained(folder / "text_encoder", variant="fp16")
    published = folder / weights.TEXT_ENCODER
    tensors = load_file(published)
    tensors = {f"text_model.{name.removeprefix('text_model.')}": t for name, t in tensors.items()}
    save_file(tensors, published, metadata={"format": "pt"})  # names as SD2's file has them
    (folder / "tokenizer").mkdir()
    files = {
        "vocab.json": {token: number for number, token in enumerate(vocabulary)},
        "special_tokens_map.json": {"pad_token": "!", "unk_token": marks[1]},
        "tokenizer_config.json": {
            "tokenizer_class": "CLIPTokenizer",
            "model_max_length": TOKENS,
            "bos_token": marks[0],
            "eos_token": marks[1],
            "unk_token": marks[1],
            "pad_token": "!",
        },
    }
    for name, content in files.items():
        (folder / "tokenizer" / name).write_text(json.dumps(content))
    (folder / "tokenizer" / "merges.txt").write_text("#version: 0.2\n")
