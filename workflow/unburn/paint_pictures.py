"""Paint the masked places of pictures: the verb ``python -m unburn inpaint``."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from unburn import crop, pictures, weights
from unburn.engines import GENERATOR, NAMES, Settings
from unburn.errors import ItemError, UserError
from unburn.files import replacing
from unburn.inpaint import painted
from unburn.patches import Content, Patch, apply
from unburn.settings import defaults

log = logging.getLogger(__name__)

DICOM = "a DICOM file, whose header names people too; clean it by the workflow"
ALPHA = 4  # channels of a picture that has it


class UnfitMask(Exception):
    """A mask that cannot be used for its picture: where it lies, and what is wrong."""


def folder(
    inputs: Sequence[Path],
    masks: Path,
    out: Path,
    engine: str,
    modality: str = "",
    seed: int = 1,
    sd2_weights: Path | None = None,
) -> int:
    """Paint the masked places of pictures.

    A picture ``a/b.png`` has its mask at ``a/b.mask.png`` below ``masks`` (not 0: paint) and comes
    out as ``a/b.png`` below ``out``, with the depth it had; frame k of a file with several frames
    has ``a/b.f0001.mask.png`` and comes out as ``a/b.f0001.png``, and so on. Returns how many
    files could not be painted, as they or their masks do not serve; each gets a sentence.

    Raises
    ------
    UserError
        before anything is written, when a mask is missing, or two pictures share a name
    """
    if engine not in NAMES:
        raise UserError("--engine", f"no engine {engine!r}", f"one of {', '.join(NAMES)}")
    found = pictures.listed(inputs, out)
    mine = {path.resolve() for path in found.files.values()}
    for name, path in found.files.items():
        if (out / f"{name}.png").resolve() in mine:
            raise UserError("--out", f"{path} would be written over", "name another folder")
    unread = _check_masks(found.files, masks)
    settings = {**defaults()["inpaint"], "engine": engine, "seed": seed}
    if sd2_weights:
        settings["sd2_weights"] = str(sd2_weights)
    paint = painter(settings)
    done, failed = 0, len(found.troubles)
    for path, sentence in found.troubles:
        log.warning("%s: %s", path, sentence)
    for name, path in found.files.items():
        try:
            if path in unread:
                raise ItemError(unread[path])
            kind = pictures.kind(path)
            if kind == pictures.PICTURE:
                _paint_file(name, path, masks, out, modality, paint)
                done += 1
            elif kind == pictures.DICOM:
                failed += 1
                log.warning("%s: %s", path, DICOM)
            elif path in found.given:
                raise ItemError(kind)
            else:
                log.info("%s: %s", path, pictures.sentence(kind))
        except ItemError as error:
            failed += 1
            log.warning("%s: %s", path, pictures.sentence(error.code))
        except UnfitMask as error:
            failed += 1
            log.warning("%s; make the mask from this very picture, with the verb detect", error)
    log.info("%d pictures painted, %d files not", done, failed)
    return failed


def _paint_file(
    name: str, path: Path, masks: Path, out: Path, modality: str, paint: "Painter"
) -> None:
    """Paint every frame of one file; none is left of one that cannot be painted to its end."""
    written = []
    try:
        for number, count, stored in pictures.frames(path):
            frame = pictures.frame_name(name, number, count)
            mask = _mask(masks / (frame + pictures.MASK), stored)
            result = paint_picture(stored, mask, modality, paint) if mask.any() else stored
            target = out / f"{frame}.png"
            with replacing(target) as tmp:
                if not cv2.imwrite(str(tmp), result):
                    raise UserError(str(target), "cannot be written", "look at the disk")
            written.append(target)
    except (ItemError, UnfitMask):
        for target in written:
            target.unlink()
        raise


def _mask(path: Path, stored: np.ndarray) -> np.ndarray:
    """Read a mask, bool (rows, columns), that fits a picture.

    Every value but 0 counts: a label of 1 in 16 bits would be 0 in 8, dark blue 0 in grey. Where
    some of it is transparent, nobody knows what was meant: it is refused.
    """
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if mask is None:
        raise UnfitMask(f"{path}: it cannot be read as a picture")
    mask = np.atleast_3d(mask)
    if mask.shape[2] == ALPHA:
        if not mask[..., -1].any() or np.ptp(mask[..., -1]):
            raise UnfitMask(f"{path}: parts of it are transparent; save it without transparency")
        mask = mask[..., :-1]
    if stored.shape[:2] != mask.shape[:2]:
        raise UnfitMask(
            f"{path}: {mask.shape[1]} x {mask.shape[0]} px for a picture of "
            f"{stored.shape[1]} x {stored.shape[0]} px"
        )
    return np.asarray(mask.any(axis=2))


def _check_masks(files: dict[str, Path], masks: Path) -> dict[Path, str]:
    """Refuse to begin while a picture has no mask; return those that need none, and why."""
    missing, unread = [], {}
    for name, path in files.items():
        try:
            if pictures.kind(path) != pictures.PICTURE:
                continue
            count = pictures.frame_count(path)
            names = (pictures.frame_name(name, number, count) for number in range(count))
            absent = [m for m in (masks / (n + pictures.MASK) for n in names) if not m.is_file()]
            if absent and all(True for _ in pictures.frames(path)):
                missing.append((path, absent[0]))
        except ItemError as error:
            unread[path] = error.code
    if missing:
        path, mask = missing[0]
        more = f", nor have {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UserError(
            str(path),
            f"has no mask at {mask}{more}",
            "make masks with the verb detect; a black one means: nothing to paint",
        )
    return unread


@dataclass(frozen=True)
class Painter:
    """An engine with its settings, and how it paints crops."""

    settings: Settings
    crops: Callable[[list[Content]], Iterable[Content]]


def painter(section: dict[str, Any]) -> Painter:
    """The engine that a section ``inpaint`` with a seed names."""
    settings = Settings.of(section)
    if settings.engine != GENERATOR:
        return Painter(settings, lambda crops: (painted(crop, settings) for crop in crops))
    weights.checked(Path(section["sd2_weights"]))
    # imported here: the other engines need no torch
    from unburn import sd2

    folder, how = Path(section["sd2_weights"]), sd2.Settings.of(section)
    return Painter(settings, lambda crops: sd2.paint_contents(crops, folder, settings, how, 1))


def paint_picture(
    stored: np.ndarray, mask: np.ndarray, modality: str, paint: Painter
) -> np.ndarray:
    """Paint one picture as a frame of a DICOM file: flat places exactly, the rest by crops.

    ``stored`` uint8 or uint16 (rows, columns[, samples]); ``mask`` bool (rows, columns). Returns a
    new array, equal outside the mask.
    """
    result = stored.copy()
    samples = 1 if stored.ndim == 2 else stored.shape[2]
    kind = crop.Kind((0, np.iinfo(stored.dtype).max), zero=(0,) * samples, modality=modality)
    patches = list(crop.patches_of(stored, mask, kind, paint.settings))
    crops = iter(paint.crops([content for is_fill, (*_, content) in patches if not is_fill]))
    for is_fill, (top, left, rows, columns, content) in patches:
        done = content if is_fill else next(crops)
        apply(result, Patch(0, 0, top, left, rows, columns, done))
    return result
