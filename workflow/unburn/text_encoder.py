"""Encode prompts with the text encoder of Stable Diffusion 2: by ``fetch`` alone, not by jobs."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import CLIPTextModel, CLIPTokenizer

from unburn import weights
from unburn.errors import UserError


def encode(folder: Path, texts: Iterable[str]) -> dict[str, np.ndarray]:
    """Encode texts: float16 (tokens, width) by text.

    The state after the last of 23 layers, which is the last but one of the encoder that SD2 was
    trained with.
    """
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    loaded: Any = CLIPTextModel.from_pretrained(
        folder / "text_encoder",
        variant="fp16",
        dtype=torch.float32,
        use_safetensors=True,
        local_files_only=True,
        output_loading_info=True,
    )
    encoder, about = loaded
    if about["missing_keys"] or about["mismatched_keys"]:
        raise UserError(
            str(folder / "text_encoder"),
            "tensors of the weights do not fit config.json",
            f"run: {weights.fetch_command(folder)}",
        )
    encoder.eval()
    length = encoder.config.max_position_embeddings
    encoded = {}
    with torch.inference_mode():
        for text in texts:
            tokens = tokenizer(
                text, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
            )
            state = encoder(tokens.input_ids).last_hidden_state[0]
            encoded[text] = state.to(torch.float16).numpy()
    return encoded
