"""The text detector: convolutions, and recurrent layers along rows and along columns.

Two pictures of a frame go in, as a person sees it and with every step spread, for text can show in
either; two maps at half their size come out: where text is, and the core of each line. The
recurrent layers carry the context of a line in all four directions, so that upright and turned
lines are found alike.
"""

import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from unburn.errors import UserError
from unburn.files import replacing, sha256

PICTURES = 2  # of a frame that are looked at together
STRIDE = 32  # pictures are padded to a multiple of it,
LEAST = 128  # and to this side, as the network never saw smaller ones
STEPS = 1024  # of a probability: processors that sum in other orders agree on these
DIGESTS = "SHA256SUMS"  # beside the weights: sha256sum's own format


@dataclass(frozen=True)
class Shape:
    """Widths of the detector: channels at stride 4, 8, 16 and 32, hidden units per direction."""

    widths: tuple[int, int, int, int] = (32, 64, 96, 128)
    hidden: int = 48


Network = TypeVar("Network", bound=nn.Module)


class _Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu_(self.first_norm(self.first(x)))
        return functional.relu_(self.second_norm(self.second(inner)).add_(x))


def _conv(before: int, after: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


class Detector(nn.Module):
    """Pairs of pictures to maps of text; see ``forward``."""

    def __init__(self, shape: Shape = Shape()):
        super().__init__()
        self.shape = shape
        w4, w8, w16, w32 = shape.widths
        self.stem = nn.Sequential(_conv(PICTURES * 32, w4), _Residual(w4))
        self.down8 = nn.Sequential(_conv(w4, w8, stride=2), _Residual(w8))
        self.down16 = nn.Sequential(_conv(w8, w16, stride=2), _Residual(w16))
        self.down32 = nn.Sequential(_conv(w16, w32, stride=2), _Residual(w32))
        self.up16 = _conv(w32 + w16, w16, 1)
        self.rows = nn.LSTM(w16, shape.hidden, bidirectional=True)
        self.columns = nn.LSTM(w16, shape.hidden, bidirectional=True)
        self.join = _conv(w16 + 4 * shape.hidden, w16, 1)
        self.up8 = _conv(w16 + w8, w8, 1)
        self.mix8 = _conv(w8, w8)
        self.up4 = _conv(w8 + w4, 32, 1)
        self.head = nn.Sequential(_conv(32, 32), nn.Conv2d(32, 8, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits of (text, line core).

        Parameters
        ----------
        pictures : float32 (n, 2, rows, columns), 0..1, rows and columns multiples of ``STRIDE``

        Returns
        -------
        float32 (n, 2, rows / 2, columns / 2)
        """
        return self.maps(_unshuffled(pictures - 0.5, _local_contrast(pictures)))

    def maps(self, blocks: Tensor) -> Tensor:
        """``forward`` from what the first layer sees, float32 (n, 64, rows / 4, columns / 4)."""
        at4 = self.stem(blocks)
        at8 = self.down8(at4)
        at16 = self.down16(at8)
        at32 = self.down32(at16)
        up = self._along(_up(self.up16, at32, at16))
        up = self.mix8(_up(self.up8, up, at8))
        up = _up(self.up4, up, at4)
        return functional.pixel_shuffle(self.head(up), 2)

    def _along(self, features: Tensor) -> Tensor:
        """Features joined with the context along their row and their column."""
        n, channels, rows, columns = features.shape
        places = features.permute(0, 2, 3, 1)
        # a layer takes one step of all lines after the other: (steps, lines, channels)
        across = self.rows(places.permute(2, 0, 1, 3).reshape(columns, n * rows, channels))[0]
        down = self.columns(places.transpose(0, 1).reshape(rows, n * columns, channels))[0]
        across = across.reshape(columns, n, rows, -1).permute(1, 2, 0, 3)
        down = down.reshape(rows, n, columns, -1).transpose(0, 1)
        parts = (places, across, down)
        flat = [part.reshape(n * rows * columns, -1) for part in parts]
        joined = _side_by_side(_first(self.join), flat)
        return self.join[1:](joined.reshape(n, rows, columns, -1).permute(0, 3, 1, 2))


def _unshuffled(*parts: Tensor) -> Tensor:
    """``pixel_unshuffle`` by 4 of parts side by side, written channels last at once."""
    n, channels, rows, columns = parts[0].shape
    blocks = parts[0].new_empty(n, rows // 4, columns // 4, len(parts), channels, 4, 4)
    for place, part in enumerate(parts):
        cut = part.reshape(n, channels, rows // 4, 4, columns // 4, 4)
        blocks[:, :, :, place] = cut.permute(0, 2, 4, 1, 3, 5)
    return blocks.flatten(3).permute(0, 3, 1, 2)


def _first(block: nn.Sequential) -> nn.Conv2d:
    conv = block[0]
    assert isinstance(conv, nn.Conv2d)
    return conv


def _side_by_side(conv: nn.Conv2d, parts: Sequence[Tensor]) -> Tensor:
    """A 1 x 1 convolution of features side by side, each (places, channels), not put together."""
    weights = conv.weight.flatten(1).split([part.shape[1] for part in parts], 1)
    mixed = functional.linear(parts[0], weights[0], conv.bias)
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        mixed = torch.addmm(mixed, part, weight.t())
    return mixed


def _up(block: nn.Sequential, coarse: Tensor, fine: Tensor) -> Tensor:
    """``block`` on (coarse features at double size, fine ones).

    Its 1 x 1 convolution comes before the doubling, which gives the same for a quarter of the work.
    """
    conv, rest = _first(block), block[1:]
    channels = coarse.shape[1]
    weight = conv.weight.flatten(1)
    mixed = _pointwise(coarse, weight[:, :channels], conv.bias)
    mixed = functional.interpolate(mixed, scale_factor=2.0, mode="nearest")
    return rest(mixed + _pointwise(fine, weight[:, channels:]))


def _pointwise(features: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A 1 x 1 convolution, which is fastest as a product of matrices."""
    return functional.linear(features.permute(0, 2, 3, 1), weight, bias).permute(0, 3, 1, 2)


def _local_contrast(grey: Tensor) -> Tensor:
    """(value - mean) / deviation over about 24 pixels, clipped to -1..1.

    It makes faint text on an even ground as plain as bright text, whatever the window was.
    """
    exact = grey.double()  # in float32 the difference of two squares is noise on even ground
    small = functional.avg_pool2d(exact, 8)
    squares = functional.avg_pool2d(exact * exact, 8)
    pad = (1, 1, 1, 1)
    mean = functional.avg_pool2d(functional.pad(small, pad, mode="replicate"), 3, 1)
    square = functional.avg_pool2d(functional.pad(squares, pad, mode="replicate"), 3, 1)
    deviation = ((square - mean * mean).clamp_min(0).sqrt() + 0.01).to(grey.dtype)
    size = grey.shape[-2:]
    mean = mean.to(grey.dtype)
    mean = functional.interpolate(mean, size=size, mode="bilinear", align_corners=False)
    deviation = functional.interpolate(deviation, size=size, mode="bilinear", align_corners=False)
    return ((grey - mean) / (4 * deviation)).clamp(-1, 1)


def _blocks(pictures: np.ndarray) -> Tensor:
    """What `Detector.forward` gives its first layer, of uint8 pictures and by OpenCV: much faster.

    Parameters
    ----------
    pictures : uint8 (n, 2, rows, columns)

    Returns
    -------
    float32 (n, 64, rows / 4, columns / 4), channels last
    """
    n, channels, rows, columns = pictures.shape
    # four neighbours of a row stay together: they are moved as one number of 16 bytes
    blocks = np.empty((n, rows // 4, columns // 4, 2, channels, 4), np.complex128)
    for number, place in np.ndindex(n, channels):
        grey = pictures[number, place].astype(np.float32)
        shade = grey / np.float32(255) - np.float32(0.5)
        for part, values in enumerate((shade, _contrast(grey))):
            fours = values.view(np.complex128).reshape(rows // 4, 4, columns // 4)
            blocks[number, :, :, part, place] = fours.swapaxes(1, 2)
    seen = torch.from_numpy(blocks.view(np.float32))
    return seen.reshape(n, rows // 4, columns // 4, -1).permute(0, 3, 1, 2)


def _contrast(grey: np.ndarray) -> np.ndarray:
    """`_local_contrast` of a picture, float32 (rows, columns) of 0..255: the same shape."""
    means = []
    for values in (grey, grey * grey):  # whose sums over 8 x 8 pixels are exact
        small = cv2.resize(values, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
        means.append(cv2.blur(small.astype(float), (3, 3), borderType=cv2.BORDER_REPLICATE))
    mean, square = means
    deviation = np.sqrt(np.maximum(square - mean * mean, 0)) + 2.55
    size = grey.shape[::-1]
    level = cv2.resize(mean.astype(np.float32), size)
    spread = cv2.resize((4 * deviation).astype(np.float32), size)
    return np.clip((grey - level) / spread, -1, 1)


def probabilities(network: Detector, pictures: np.ndarray) -> np.ndarray:
    """Text maps of pairs of pictures of one size, whatever that size is.

    Parameters
    ----------
    pictures : uint8 (n, 2, rows, columns)

    Returns
    -------
    float32 (n, 2, ceil(rows / 2), ceil(columns / 2)): probability of text and of a line's core,
    in multiples of 1 / ``STEPS``
    """
    rows, columns = pictures.shape[2:]
    below, beside = (max(LEAST - side, -side % STRIDE) for side in (rows, columns))
    padded = np.pad(pictures, ((0, 0), (0, 0), (0, below), (0, beside)), mode="edge")
    with torch.inference_mode():
        maps = torch.sigmoid(network.maps(_blocks(padded)))
        maps = maps.mul_(STEPS).round_().div_(STEPS)
    return maps[:, :, : (rows + 1) // 2, : (columns + 1) // 2].contiguous().numpy()


# ------------------------------------------------------------------ weights


def save(path: Path, network: nn.Module, shape: object, about: dict[str, str]) -> None:
    """Write weights as safetensors; widths and ``about`` stand in its header."""
    tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    header = {**about, "shape": json.dumps(asdict(shape))}  # type: ignore[call-overload]
    with replacing(Path(path)) as tmp:
        save_file(tensors, tmp, metadata=header)


def verified(path: Path, remedy: str) -> Path:
    """Return ``path`` if its sha256 is the one listed beside it.

    Raises
    ------
    UserError
        if the weights are absent, not listed, or not what is listed
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(str(path), "the weights are missing", remedy)
    digests = path.parent / DIGESTS
    if not digests.is_file():
        raise UserError(str(digests), "the list of digests of the weights is missing", remedy)
    entries = (line.split(maxsplit=1) for line in digests.read_text().splitlines())
    listed = {name: digest for digest, name in entries}
    if path.name not in listed:
        raise UserError(str(digests), f"{path.name} is not listed", remedy)
    if sha256(path) != listed[path.name]:
        raise UserError(str(path), "the weights are not the ones listed in " + DIGESTS, remedy)
    return path


REMEDY = (
    "restore the file (git checkout -- resources/models), or train anew with workflow/train.smk "
    "and list the sha256 in SHA256SUMS beside it"
)


def load(path: Path) -> Detector:
    """Read verified detector weights, ready for use."""
    path = verified(path, REMEDY)
    with safe_open(path, framework="pt") as file:
        shape = json.loads(file.metadata()["shape"])
        network = Detector(Shape(tuple(shape["widths"]), shape["hidden"]))
        network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    return channels_last(folded(network.eval()))


def folded(network: Network) -> Network:
    """Fold every batch norm, which is fixed after training, into the convolution before it."""
    for module in network.modules():
        pairs = list(itertools.pairwise(module.named_children()))
        for (name, conv), (norm_name, norm) in pairs:
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, name, fuse_conv_bn_eval(conv, norm))
                setattr(module, norm_name, nn.Identity())
    return network


def channels_last(network: Network) -> Network:
    """Keep the weights in the order that convolutions on a CPU are fastest with."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
