"""The engine ``sd2``: latent diffusion, as in Stable Diffusion 2 inpainting, on crops.

The networks are diffusers' own classes, loaded from a folder that was checked (module
``weights``); the loop over noise levels and the numbers of the scheduler stand here. What goes in
is blanked already (``crop.blank``), each masked value once more zeroed as in SD2's training, and
the loop begins at pure noise (strength 1): what was hidden cannot come out. What comes out is put
under the mask by ``engines.fit``, as for every engine.
"""

import functools
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    UNet2DConditionModel,
)

from unburn import engines, parallel, prompts, weights
from unburn.engines import View
from unburn.errors import UserError
from unburn.patches import Content

log = logging.getLogger(__name__)

SIDE_PX = 512  # what SD2 was trained on
SCALING = 0.18215  # of latents, SD2's
VAE_BATCH = 4  # pictures that the autoencoder takes at a time: it needs more memory than the UNet
AHEAD = 2  # tasks waiting for each device
# SD2's noise levels (its 512 px line predicts noise, not v); never read from a file
LEVELS = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    # from the last level on, as the loop begins at pure noise (Lin et al., 2024, section 3.3)
    "timestep_spacing": "trailing",
}
SCHEDULERS: dict[str, tuple[type, dict[str, Any]]] = {
    "dpmsolver": (DPMSolverMultistepScheduler, {"solver_order": 2}),
    "ddim": (DDIMScheduler, {"clip_sample": False, "set_alpha_to_one": False}),
    "euler": (EulerDiscreteScheduler, {}),
}
PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


@dataclass(frozen=True)
class Settings:
    """The part of section ``inpaint`` that concerns this engine; its schema explains the values."""

    scheduler: str
    steps: int
    guidance: float
    prompt: str
    context: bool
    device: str
    precision: str
    gpu_batch: int

    @classmethod
    def of(cls, section: dict[str, Any]) -> "Settings":
        """Take what concerns this engine out of the section."""
        return cls(**{one.name: section[one.name] for one in fields(cls)})


def devices(wanted: str) -> list[str]:
    """The devices to paint on: every GPU that the job sees, or the CPU.

    Raises
    ------
    UserError
        when a GPU is asked for and none is there
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "cuda" and not count:
        built = "" if torch.version.cuda else "; the installed torch is built without CUDA"
        raise UserError(
            "inpaint.device",
            f"cuda is asked for, and no GPU can be used{built}",
            "give the job a GPU, or set device: cpu or auto",
        )
    return [f"cuda:{k}" for k in range(count)] if count and wanted != "cpu" else ["cpu"]


def dtype_for(precision: str, device: str) -> torch.dtype:
    """The numbers to calculate with."""
    if precision != "auto":
        return PRECISIONS[precision]
    if device == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


class Painter:
    """The networks on one device, and the loop that draws with them."""

    def __init__(self, folder: Path, settings: Settings, device: str):
        found = weights.checked(folder)
        self.name, self.settings, self.device = found.name, settings, device
        self.dtype = dtype_for(settings.precision, device)
        self.batch = settings.gpu_batch
        self.unet = self._load(UNet2DConditionModel, folder / "unet")
        self.vae = self._load(AutoencoderKL, folder / "vae")
        # the last layer in full precision: bf16 would leave no more than 256 levels
        last = self.vae.decoder.conv_out.float()
        last.register_forward_pre_hook(lambda _, given: (given[0].float(),))
        self.factor = 2 ** (len(self.vae.config.block_out_channels) - 1)
        is_sd2 = found.name == weights.NAME
        self.side = SIDE_PX if is_sd2 else self.unet.config.sample_size * self.factor
        self.scaling = SCALING if is_sd2 else self.vae.config.scaling_factor
        told = prompts.load(folder, prompts.texts(settings.prompt))
        self.prompts = {
            text: torch.from_numpy(tensor).to(device, self.dtype) for text, tensor in told.items()
        }
        torch.set_num_threads(1)  # sums on a CPU keep their order, whatever the cores of a job
        torch.backends.cudnn.deterministic = True

    def _load(self, kind: Any, folder: Path) -> Any:
        """A network in half the memory, every weight of which was in the file, and no other."""
        try:
            network, about = kind.from_pretrained(
                folder,
                variant="fp16",
                use_safetensors=True,
                local_files_only=True,
                low_cpu_mem_usage=False,
                torch_dtype=self.dtype,
                output_loading_info=True,
            )
            fits = not (about["missing_keys"] or about["unexpected_keys"])
        except RuntimeError:  # tensors of another shape
            fits = False
        if not fits:
            raise UserError(
                str(folder),
                "the weights do not fit config.json",
                f"run: {weights.fetch_command(folder.parent)}",
            )
        network = network.to(self.device).eval().requires_grad_(False)
        return network.to(memory_format=torch.channels_last)

    def draw(self, views: Sequence[View]) -> list[np.ndarray]:
        """Draw pictures: float32 (side, side, samples) each, on the scale of the views.

        Where the memory does not hold a batch, it is halved and stays so.
        """
        done: list[np.ndarray] = []
        while len(done) < len(views):
            part = views[len(done) : len(done) + self.batch]
            drawn = self._try(part)
            if drawn is None:
                self._halve(len(part))
            else:
                done += drawn
        return done

    def _try(self, views: Sequence[View]) -> list[np.ndarray] | None:
        """Draw a batch; None when the memory does not hold it."""
        try:
            with torch.inference_mode():
                return self._draw(views)
        except torch.OutOfMemoryError:
            return None

    def _halve(self, count: int) -> None:
        if count == 1:
            raise UserError(
                self.device,
                "its memory does not hold one crop",
                "use a GPU with more memory, set precision: fp16, or device: cpu",
            )
        self.batch = count // 2
        torch.cuda.empty_cache()
        log.warning("%s: out of memory, batch halved to %d crops", self.device, self.batch)

    def _draw(self, views: Sequence[View]) -> list[np.ndarray]:
        """The loop over noise levels, for one batch."""
        pictures = self._tensor([_enlarged(view.values, self.side) for view in views])
        hidden = self._tensor([_covered(view.hidden, self.side)[..., None] for view in views])
        latent_mask = torch.nn.functional.max_pool2d(hidden, self.factor)
        masked = (pictures * 2 - 1) * (1 - hidden)
        surroundings = torch.cat(
            [self.vae.encode(part).latent_dist.mode() for part in masked.split(VAE_BATCH)]
        )
        given = torch.cat([latent_mask, surroundings * self.scaling], dim=1)

        scheduler = self._scheduler()
        latents = torch.stack([self._noise(view.seed) for view in views]).to(self.device)
        latents = latents * scheduler.init_noise_sigma
        told = self._told(views)
        for level in scheduler.timesteps:
            seen = scheduler.scale_model_input(latents, level).to(self.dtype)
            noise = self._predict(torch.cat([seen, given], dim=1), level, told)
            latents = scheduler.step(noise.float(), level, latents).prev_sample

        latents = (latents / self.scaling).to(self.dtype)
        drawn = torch.cat([self.vae.decode(part).sample for part in latents.split(VAE_BATCH)])
        drawn = (drawn.float() + 1) / 2
        if all(view.values.shape[2] == 1 for view in views):
            drawn = drawn.mean(dim=1, keepdim=True)
        values = drawn.permute(0, 2, 3, 1).cpu().numpy()
        return [
            _reduced(picture, view.values.shape)
            for picture, view in zip(values, views, strict=True)
        ]

    def _predict(self, seen: torch.Tensor, level: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        """The noise in latents; away from the empty prompt where there is guidance."""
        if self.settings.guidance <= 1:
            return self.unet(seen, level, encoder_hidden_states=told).sample
        empty = self.prompts[prompts.NOTHING].expand_as(told)
        both = self.unet(
            torch.cat([seen, seen]), level, encoder_hidden_states=torch.cat([empty, told])
        ).sample.float()
        without, with_prompt = both.chunk(2)
        return without + self.settings.guidance * (with_prompt - without)

    def _scheduler(self) -> Any:
        kind, more = SCHEDULERS[self.settings.scheduler]
        scheduler = kind(**LEVELS, **more)
        scheduler.set_timesteps(self.settings.steps, device=self.device)
        return scheduler

    def _noise(self, seed: int) -> torch.Tensor:
        """Standard normal latents, made on the CPU: the same on any device and in any batch."""
        side = self.side // self.factor
        return torch.randn((4, side, side), generator=torch.Generator().manual_seed(seed))

    def _told(self, views: Sequence[View]) -> torch.Tensor:
        """The prompts of a batch, (batch, tokens, width)."""
        how = self.settings
        return torch.stack(
            [self.prompts[prompts.text(how.prompt, view.modality, how.context)] for view in views]
        )

    def _tensor(self, arrays: Sequence[np.ndarray]) -> torch.Tensor:
        """Stack (rows, columns, samples) to (batch, samples, rows, columns) on the device."""
        stacked = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2)
        return stacked.to(self.device, self.dtype, memory_format=torch.channels_last)


def _resized(picture: np.ndarray, side: int) -> np.ndarray:
    """Bring float32 (rows, rows, samples) to (side, side, samples)."""
    if len(picture) == side:
        return picture
    how = cv2.INTER_AREA if side < len(picture) else cv2.INTER_CUBIC
    return cv2.resize(picture, (side, side), interpolation=how).reshape(side, side, -1)


def _enlarged(values: np.ndarray, side: int) -> np.ndarray:
    """Bring a view to the size of the network, float32 (side, side, 3)."""
    return np.broadcast_to(np.clip(_resized(values, side), 0, 1), (side, side, 3))


def _covered(hidden: np.ndarray, side: int) -> np.ndarray:
    """Bring a mask to the size of the network, float32 0 or 1; what it touches is in it."""
    how = cv2.INTER_AREA if side < len(hidden) else cv2.INTER_LINEAR
    resized = cv2.resize(hidden.astype(np.float32), (side, side), interpolation=how)
    return (resized > 0).astype(np.float32)


def _reduced(drawn: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Bring a drawing, float32 (rows, rows, 1 or 3), to the shape of the view."""
    resized = _resized(drawn, shape[0])
    return resized if resized.shape[2] == shape[2] else resized.mean(axis=2, keepdims=True)


# --- crops


def paint_contents(
    contents: Iterable[Content],
    folder: Path,
    settings: engines.Settings,
    how: Settings,
    threads: int,
) -> Iterator[Content]:
    """Paint crops with the weights in ``folder`` on all devices of the job, in their order.

    ``threads`` processes put the drawings under the masks while the devices draw the next. The
    weights are verified by the process that loads them, ``Painter``, and nothing is painted before.
    """
    name = weights.name_of(folder)
    drawn = _drawn(_batches(contents, settings, how.gpu_batch), folder, how)
    work = functools.partial(engines.finished, name=name, settings=settings)
    yield from parallel.in_order(work, drawn, threads)


Batch = list[tuple[Content, View | None]]


def _batches(contents: Iterable[Content], settings: engines.Settings, size: int) -> Iterator[Batch]:
    """Crops with what a generator sees of them, ``size`` at a time."""
    pairs = ((content, engines.view(content, settings)) for content in contents)
    while batch := list(islice(pairs, size)):
        yield batch


def _drawn(batches: Iterator[Batch], folder: Path, how: Settings) -> Iterator[engines.Drawn]:
    """Draw batches on the devices in turn; which device drew a batch does not matter to it."""
    places = devices(how.device)
    if places == ["cpu"]:
        for batch in batches:
            yield from _joined(batch, _draw_on("cpu", folder, how, _seen(batch)))
        return
    pools = [parallel.processes(1) for _ in places]
    waiting: deque[tuple[Batch, Future[list[np.ndarray]]]] = deque()
    try:
        for number, batch in enumerate(batches):
            place = number % len(places)
            pool: ProcessPoolExecutor = pools[place]
            task = pool.submit(_draw_on, places[place], folder, how, _seen(batch))
            waiting.append((batch, task))
            if len(waiting) >= AHEAD * len(places):
                done, task = waiting.popleft()
                yield from _joined(done, task.result())
        while waiting:
            done, task = waiting.popleft()
            yield from _joined(done, task.result())
    finally:
        for pool in pools:
            pool.shutdown(cancel_futures=True)


def _seen(batch: Batch) -> list[View]:
    return [view for _, view in batch if view is not None]


def _joined(batch: Batch, pictures: list[np.ndarray]) -> Iterator[engines.Drawn]:
    left = iter(pictures)
    for content, view in batch:
        yield engines.Drawn(content, view, None if view is None else next(left))


def _draw_on(device: str, folder: Path, how: Settings, views: list[View]) -> list[np.ndarray]:
    """Draw in this process, which keeps its networks for the next batch."""
    return painter(device, folder, how).draw(views) if views else []


@functools.lru_cache(maxsize=1)
def painter(device: str, folder: Path, how: Settings) -> Painter:
    """The networks on a device, loaded once."""
    log.info("%s: loading", device)
    return Painter(folder, how, device)
