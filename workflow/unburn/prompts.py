"""What a generator is told, and where the encoded prompts lie, so that no job loads a text encoder.

``prompts.safetensors`` holds one tensor (tokens, width) of float16 for each text; which is which
stands in its metadata.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from unburn import weights
from unburn.errors import UserError
from unburn.files import replacing

NOTHING = ""  # what guidance leads away from
WITHOUT = "medical"
MODALITIES = {  # (0008,0060) Modality, PS3.3 section C.7.3.1.1.1, in words; no other value is told
    "CR": "computed radiography",
    "CT": "computed tomography",
    "DX": "digital radiography",
    "ES": "endoscopy",
    "IO": "dental radiography",
    "MG": "mammography",
    "MR": "magnetic resonance",
    "NM": "nuclear medicine",
    "OP": "ophthalmic photography",
    "OPT": "optical coherence tomography",
    "OT": WITHOUT,
    "PT": "positron emission tomography",
    "PX": "panoramic radiography",
    "RF": "fluoroscopy",
    "RTIMAGE": "radiotherapy portal",
    "SC": WITHOUT,
    "US": "ultrasound",
    "XA": "angiography",
}


def text(prompt: str, modality: str, context: bool) -> str:
    """The prompt for a crop; ``modality`` is a value of (0008,0060) or empty."""
    told = MODALITIES.get(modality, WITHOUT) if context else WITHOUT
    return prompt.replace("{modality}", told)


def texts(prompt: str) -> list[str]:
    """Every text that a prompt can become, with and without context, and the empty one."""
    told = {WITHOUT, *MODALITIES.values()}
    return sorted({NOTHING, *(prompt.replace("{modality}", words) for words in told)})


def save(folder: Path, encoded: Mapping[str, np.ndarray]) -> None:
    """Write encoded texts, float16 (tokens, width) each, beside those that are there already."""
    together = {**_read(folder, None), **encoded}
    named = {_key(one): one for one in sorted(together)}
    with replacing(folder / weights.PROMPTS) as tmp:
        save_file(
            {key: np.ascontiguousarray(together[one]) for key, one in named.items()},
            tmp,
            metadata={"texts": json.dumps(named)},
        )


def load(folder: Path, wanted: Iterable[str]) -> dict[str, np.ndarray]:
    """Encoded texts, float16 (tokens, width), by text.

    Raises
    ------
    UserError
        when a text was not encoded
    """
    wanted = set(wanted)
    found = _read(folder, wanted)
    if wanted - found.keys():
        raise UserError(
            "inpaint.prompt",
            "this prompt was not encoded yet, and jobs load no text encoder",
            f"run: {weights.fetch_command(folder)} --prompt 'your prompt'",
        )
    return found


def _read(folder: Path, wanted: set[str] | None) -> dict[str, np.ndarray]:
    file = folder / weights.PROMPTS
    if not file.is_file():
        return {}
    with safe_open(file, framework="numpy") as tensors:
        named = json.loads(tensors.metadata()["texts"])
        return {
            one: tensors.get_tensor(key)
            for key, one in named.items()
            if wanted is None or one in wanted
        }


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
