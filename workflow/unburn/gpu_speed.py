"""How fast Stable Diffusion 2 paints on a GPU, beside diffusers' own pipeline in the same run.

The networks have SD2's architecture and random weights: speed and memory do not depend on the
values. Ours paints crops as a job does, what puts them under the masks included. The pipeline is
called for one picture at a time with its defaults (50 steps, guidance 7.5) in fp16; prompts are
given to it encoded, which spares it the text encoder.
"""

import argparse
import json
import logging
import platform
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    PNDMScheduler,
    StableDiffusionInpaintPipeline,
    UNet2DConditionModel,
)

from unburn import crop, engines, prompts, sd2, weights
from unburn.errors import command
from unburn.files import replacing
from unburn.patches import Content
from unburn.settings import defaults

log = logging.getLogger(__name__)

SAMPLE_S = 0.1  # between two looks at the load of the GPU
TOKENS = 77
WARM_UP = 2  # batches before the clock starts
HOLE = (40, 300)  # rows and columns of each mask


@dataclass(frozen=True)
class Shape:
    """The size of the networks; as it stands, Stable Diffusion 2's."""

    sample: int = 64
    unet: tuple[int, ...] = (320, 640, 1280, 1280)
    heads: tuple[int, ...] = (5, 10, 20, 20)
    vae: tuple[int, ...] = (128, 256, 512, 512)
    layers: int = 2
    width: int = 1024
    groups: int = 32


def write_weights(folder: Path, shape: Shape, prompt: str) -> Path:
    """Write random weights and encoded prompts in SD2's layout, marked as test weights."""
    torch.manual_seed(1)
    levels = len(shape.unet) - 1
    unet = UNet2DConditionModel(
        sample_size=shape.sample,
        in_channels=9,
        out_channels=4,
        block_out_channels=shape.unet,
        layers_per_block=shape.layers,
        down_block_types=("CrossAttnDownBlock2D",) * levels + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * levels,
        attention_head_dim=list(shape.heads),
        cross_attention_dim=shape.width,
        use_linear_projection=True,
        norm_num_groups=shape.groups,
    )
    vae = AutoencoderKL(
        block_out_channels=shape.vae,
        down_block_types=("DownEncoderBlock2D",) * len(shape.vae),
        up_block_types=("UpDecoderBlock2D",) * len(shape.vae),
        layers_per_block=shape.layers,
        latent_channels=4,
        norm_num_groups=shape.groups,
        sample_size=8 * shape.sample,
    )
    networks: tuple[tuple[Any, str], ...] = ((unet, "unet"), (vae, "vae"))
    for network, name in networks:
        log.info("%s: %.2f million parameters", name, network.num_parameters() / 1e6)
        network.half().save_pretrained(folder / name, variant="fp16")
    rng = np.random.default_rng(1)
    prompts.save(
        folder,
        {
            text: rng.normal(0, 1, (TOKENS, shape.width)).astype(np.float16)
            for text in prompts.texts(prompt)
        },
    )
    (folder / weights.TEST_MARK).touch()
    weights.list_digests(folder)
    return folder


def crops(count: int, side: int) -> list[Content]:
    """Made-up anatomy with a masked box, 16 bits; each another."""
    rows, columns = np.mgrid[:side, :side]
    mask = np.zeros((side, side), bool)
    height, width = (min(length, side // 2) for length in HOLE)
    top, left = (side - height) // 2, (side - width) // 2
    mask[top : top + height, left : left + width] = True
    found = []
    for number in range(count):
        rng = np.random.default_rng(number)
        slow = 20000 + 9000 * np.sin(rows / (40 + number)) * np.cos(columns / 60)
        stored = (slow + rng.normal(0, 400, slow.shape)).astype(np.uint16)[..., None]
        kind = crop.Kind((0, 65535), modality="MR")
        content = crop.cut(crop.blank(stored, mask, (0,)), mask, mask, kind, side)[-1]
        found.append(content)
    return found


class Load:
    """The mean load of the GPUs while the block runs, in percent; None without nvidia-smi."""

    percent: float | None = None

    def __enter__(self) -> "Load":
        self._seen: list[float] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.percent = float(np.mean(self._seen)) if self._seen else None

    def _watch(self) -> None:
        program = shutil.which("nvidia-smi")
        words = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        while program and not self._done.wait(SAMPLE_S):
            found = subprocess.run([program, *words], capture_output=True, text=True).stdout
            self._seen += [float(line) for line in found.split() if line.isdecimal()]


def ours(folder: Path, contents: list[Content], how: sd2.Settings, threads: int) -> dict[str, Any]:
    """Crops a second, load and memory of our engine."""
    settings = engines.Settings.of({**defaults()["inpaint"], "engine": weights.NAME, "seed": 1})
    device = sd2.devices(how.device)[0]
    own = sd2.Painter(folder, how, device)
    seen = [engines.view(content, settings) for content in contents[: how.gpu_batch]]
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    own.draw([view for view in seen if view is not None])
    memory = torch.cuda.max_memory_reserved() / 2**30 if device != "cpu" else None
    del own
    if device != "cpu":
        torch.cuda.empty_cache()

    first = WARM_UP * how.gpu_batch
    painting = sd2.paint_contents(contents, folder, settings, how, threads)
    for _ in islice(painting, first):  # reads the weights, and warms up
        pass
    with Load() as load:
        started = time.perf_counter()
        for _ in painting:
            pass
        seconds = time.perf_counter() - started
    return {
        "crops_per_s": (len(contents) - first) / seconds,
        "seconds": seconds,
        "gpu_load_percent": load.percent,
        "memory_gib_of_a_batch": memory,
        "steps": how.steps,
        "guidance": how.guidance,
        "precision": str(sd2.dtype_for(how.precision, device)),
        "gpu_batch": how.gpu_batch,
    }


def theirs(folder: Path, contents: list[Content], device: str, steps: int) -> dict[str, Any]:
    """Pictures a second of diffusers' own pipeline, one call for each."""
    kind = torch.float32 if device == "cpu" else torch.float16
    unet, vae = (
        network.from_pretrained(folder / name, variant="fp16", torch_dtype=kind)
        for network, name in ((UNet2DConditionModel, "unet"), (AutoencoderKL, "vae"))
    )
    scheduler = PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True,
        steps_offset=1,
    )  # fmt: skip
    pipeline: Any = StableDiffusionInpaintPipeline(
        vae, None, None, unet, scheduler, None, None, requires_safety_checker=False
    )
    pipeline.to(device)
    pipeline.set_progress_bar_config(disable=True)
    told = torch.zeros((1, TOKENS, unet.config.cross_attention_dim), dtype=kind, device=device)
    times = []
    for content in contents:
        picture = (content.pixels[..., 0] / 65535).astype(np.float32)
        started = time.perf_counter()
        pipeline(
            image=torch.from_numpy(np.stack([picture] * 3))[None],
            mask_image=torch.from_numpy(content.mask.astype(np.float32))[None, None],
            prompt_embeds=told, negative_prompt_embeds=told, height=len(picture),
            width=len(picture), num_inference_steps=steps, output_type="np",
        )  # fmt: skip
        times.append(time.perf_counter() - started)
    return {"pictures_per_s": 1 / float(np.median(times)), "steps": steps, "guidance": 7.5}


def measure(
    folder: Path, shape: Shape, how: sd2.Settings, count: int, steps: int, threads: int
) -> dict[str, Any]:
    """Both in one run; ``steps`` are the pipeline's, its first picture warms up."""
    write_weights(folder, shape, how.prompt)
    contents = crops(count + WARM_UP * how.gpu_batch, 8 * shape.sample)
    device = sd2.devices(how.device)[0]
    mine = ours(folder, contents, how, threads)
    peer = theirs(folder, contents[:4], device, steps)
    name = "CPU" if device == "cpu" else torch.cuda.get_device_name(device)
    return {
        "weights": "random, of the architecture of Stable Diffusion 2"
        if shape == Shape()
        else "random, of another architecture than Stable Diffusion 2",
        "device": name,
        "devices": len(sd2.devices(how.device)),
        "ours": mine,
        "pipeline": peer,
        "times_faster": mine["crops_per_s"] / peer["pictures_per_s"],
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "diffusers": diffusers.__version__,
        },
    }


def table(found: dict[str, Any]) -> str:
    """What was measured beside what it should be, as Markdown."""
    mine, peer = found["ours"], found["pipeline"]

    def shown(value: float | None, digits: int = 1) -> str:
        return "not measured" if value is None else f"{value:.{digits}f}"

    rows = [
        ("crops a second", shown(mine["crops_per_s"], 2), ">= 15"),
        ("diffusers' pipeline, pictures a second", shown(peer["pictures_per_s"], 3), ""),
        ("times faster", shown(found["times_faster"]), ">= 20"),
        ("load of the GPU while painting, %", shown(mine["gpu_load_percent"]), ">= 85"),
        ("memory of a batch, GiB", shown(mine["memory_gib_of_a_batch"]), "<= 16"),
    ]
    lines = [
        f"{found['device']} ({found['devices']}), weights: {found['weights']}. "
        f"Ours: {mine['precision']}, {mine['steps']} steps, guidance {mine['guidance']}, "
        f"batch {mine['gpu_batch']}; the pipeline: {peer['steps']} steps, guidance "
        f"{peer['guidance']}, one picture at a time.",
        "",
        "| figure | measured | target (H200 class) |",
        "|---|---|---|",
        *(f"| {figure} | {value} | {target} |" for figure, value, target in rows),
    ]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure on the GPUs that are there."""
    parser = argparse.ArgumentParser(prog="python -m unburn.gpu_speed", description=main.__doc__)
    parser.add_argument("--settings", type=json.loads, required=True, help="section gpu as JSON")
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--weights", type=Path, required=True, help="written here")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    how = sd2.Settings.of({**defaults()["inpaint"], **args.settings["inpaint"]})
    sd2.devices(how.device)  # a GPU that is missing is told before gigabytes are written
    found = measure(
        args.weights,
        Shape(),
        how,
        args.settings["crops"],
        args.settings["pipeline_steps"],
        args.threads,
    )
    args.out.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("speed.json", json.dumps(found, indent=2) + "\n"),
        ("table.md", table(found)),
    ):
        with replacing(args.out / name) as tmp:
            tmp.write_text(text, "utf-8")


if __name__ == "__main__":
    command(main)
