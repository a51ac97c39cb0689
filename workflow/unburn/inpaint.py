"""Paint crops by an engine; measure how well the paint fits; the verb for folders of pictures."""

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from unburn import crop
from unburn.engines import ENGINES, NOISE_REACH_PX, Settings, paint_content, surroundings
from unburn.errors import UserError, command
from unburn.files import replacing
from unburn.parallel import in_order
from unburn.patches import Content, Patch, Reader, Writer, apply

log = logging.getLogger(__name__)

FLAT_TOLERANCE = 0.02  # for pictures; a run takes it from the settings
PICTURES = (".png", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg")


# --- measures


def texture_ratio(frame: np.ndarray, mask: np.ndarray) -> float:
    """Fineness of what was painted, relative to its surroundings: 1 is ideal, 0 is too smooth.

    Standard deviation of the Laplacian inside the mask over that in the ring.

    Parameters
    ----------
    frame : (rows, columns[, samples]) of numbers, painted; samples are averaged
    mask : bool (rows, columns)

    Returns
    -------
    NaN where the surroundings have no texture or one of the two is empty
    """
    grey = _grey(frame)
    laplacian = cv2.Laplacian(grey, cv2.CV_64F, borderType=cv2.BORDER_REPLICATE)
    # a Laplacian across the border of the mask measures the seam, not the texture
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inside = cv2.erode(mask.astype(np.uint8), cross, borderValue=1) > 0
    outside = surroundings(mask, cv2.dilate(mask.astype(np.uint8), cross) > 0, NOISE_REACH_PX)
    if not inside.any() or not outside.any() or laplacian[outside].std() == 0:
        return float("nan")
    return float(laplacian[inside].std() / laplacian[outside].std())


def seam_step(frame: np.ndarray, mask: np.ndarray) -> float:
    """Step across the border of the mask, in the frame's units, beyond what is usual there.

    Mean absolute difference between neighbours of which one is masked, minus that between
    neighbours in the ring. Near 0: no visible border. Arguments as in ``texture_ratio``.

    Returns
    -------
    NaN where there is no border
    """
    grey = _grey(frame)
    ring = surroundings(mask, mask)
    across, usual = [], []
    for axis in (0, 1):
        step = np.abs(np.diff(grey, axis=axis))
        first, second = (
            (slice(None, -1), slice(1, None))
            if axis == 0
            else ((slice(None), slice(None, -1)), (slice(None), slice(1, None)))
        )
        across.append(step[mask[first] != mask[second]])
        usual.append(step[ring[first] & ring[second]])
    border, near = np.concatenate(across), np.concatenate(usual)
    if not len(border) or not len(near):
        return float("nan")
    return float(border.mean() - near.mean())


def _grey(frame: np.ndarray) -> np.ndarray:
    """Mean over samples, float64 (rows, columns)."""
    values = frame.astype(np.float64)
    return values.mean(axis=2) if values.ndim == 3 else values


# --- files


def paint_crops(crops: Path, out: Path, settings: Settings, threads: int) -> int:
    """Paint every crop of a file and write the same patches to ``out``; return how many."""
    count = 0
    with replacing(out) as tmp, Reader(crops) as reader, Writer(tmp) as writer:
        contents = in_order(
            partial(painted, settings=settings),
            (reader.content(group, index) for group, index in reader.contents()),
            threads,
        )
        for content in contents:
            writer.put(content)
            count += 1
        writer.rows(reader.table)
    return count


def painted(content: Content, settings: Settings) -> Content:
    """A crop with its mask painted."""
    return replace(content, pixels=paint_content(content, settings))


def paint_picture(
    stored: np.ndarray, mask: np.ndarray, modality: str, settings: Settings
) -> np.ndarray:
    """Paint one picture as a frame of a DICOM file: flat places exactly, the rest by crops.

    ``stored`` uint8 or uint16 (rows, columns[, samples]); ``mask`` bool (rows, columns). Returns a
    new array, equal outside the mask.
    """
    result = stored.copy()
    samples = 1 if stored.ndim == 2 else stored.shape[2]
    kind = crop.Kind((0, np.iinfo(stored.dtype).max), zero=(0,) * samples, modality=modality)
    for is_fill, (top, left, rows, columns, content) in crop.patches_of(
        stored, mask, kind, settings
    ):
        done = content if is_fill else painted(content, settings)
        apply(result, Patch(0, 0, top, left, rows, columns, done))
    return result


def folder(
    inputs: Path, masks: Path, out: Path, engine: str, modality: str = "", seed: int = 1
) -> None:
    """Paint the masked places of a folder's pictures: the verb ``python -m unburn inpaint``.

    A picture ``a/b.png`` has its mask at ``a/b.mask.png`` below ``masks`` (not 0: paint) and comes
    out as ``a/b.png`` below ``out``, with the depth it had.

    Raises
    ------
    UserError
        before anything is written, when a mask is missing or two pictures share a name
    """
    if engine not in ENGINES:
        raise UserError("--engine", f"no engine {engine!r}", f"one of {', '.join(ENGINES)}")
    if out.resolve() == inputs.resolve():
        raise UserError("--out", "is the folder of the pictures", "name another, or they are lost")
    pairs = paired(inputs, masks)
    settings = Settings(engine, FLAT_TOLERANCE, noise=True, seed=seed)
    for picture, mask_path, name in pairs:
        stored, mask = read(picture, cv2.IMREAD_UNCHANGED), read(mask_path, cv2.IMREAD_GRAYSCALE)
        if stored.dtype not in (np.uint8, np.uint16):
            raise UserError(str(picture), f"{stored.dtype} pixels", "give 8 or 16 bit pictures")
        if stored.shape[:2] != mask.shape:
            raise UserError(
                str(mask_path),
                f"{mask.shape[1]} x {mask.shape[0]} px for a picture of "
                f"{stored.shape[1]} x {stored.shape[0]} px",
                "make the mask from this very picture",
            )
        result = paint_picture(stored, mask > 0, modality, settings) if mask.any() else stored
        with replacing(out / name) as tmp:
            if not cv2.imwrite(str(tmp), result):
                raise UserError(str(out / name), "cannot be written", "look at the disk")
    log.info("painted %d pictures", len(pairs))


def paired(inputs: Path, masks: Path) -> list[tuple[Path, Path, Path]]:
    """Each picture of a folder with its mask and the name of its output, sorted."""
    if not inputs.is_dir():
        raise UserError(str(inputs), "no such folder", "--input takes a folder of pictures")
    found = sorted(
        path
        for path in inputs.rglob("*")
        if path.suffix.lower() in PICTURES and not path.stem.endswith(".mask")
    )
    if not found:
        raise UserError(str(inputs), "no picture in it", f"it reads {', '.join(PICTURES)}")
    pairs, owners = [], dict[Path, Path]()
    missing = []
    for picture in found:
        name = picture.relative_to(inputs).with_suffix(".png")
        if name in owners:
            raise UserError(
                str(picture),
                f"would be written to the same name as {owners[name]}",
                "rename one of the two",
            )
        owners[name] = picture
        mask = masks / name.with_suffix(".mask.png")
        if not mask.is_file():
            missing.append((picture, mask))
        pairs.append((picture, mask, name))
    if missing:
        picture, mask = missing[0]
        raise UserError(
            str(picture),
            f"has no mask at {mask}" + (f", nor have {len(missing) - 1} more" * (len(missing) > 1)),
            "make masks with 'python -m unburn detect'; a black one means: nothing to paint",
        )
    return pairs


def read(path: Path, how: int) -> np.ndarray:
    """Read a picture's values as they are stored."""
    picture = cv2.imread(str(path), how)
    if picture is None:
        raise UserError(str(path), "cannot be read as a picture", "repair it or leave it out")
    return picture


def main(argv: Sequence[str] | None = None) -> None:
    """Rule ``inpaint``."""
    parser = argparse.ArgumentParser(prog="python -m unburn.inpaint")
    parser.add_argument("--crops", type=Path, required=True)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    settings = Settings(**args.settings)
    count = paint_crops(args.crops, args.out, settings, args.threads)
    log.info("painted %d crops with %s", count, settings.engine)


if __name__ == "__main__":
    command(main)
