"""Masks of burned-in text for pictures and DICOM files: the verb ``python -m unburn detect``."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from unburn import detect, mask, pictures, settings
from unburn.errors import ItemError
from unburn.files import replacing
from unburn.frames import views
from unburn.parallel import in_order
from unburn.pixels import StoredFrames

log = logging.getLogger(__name__)


def standard(weights: Path | None = None) -> tuple[detect.Looker, mask.Settings]:
    """The detector and the masking of a run in which nothing is set but its weights."""
    finding, masking = (settings.defaults()[name] for name in ("detect", "mask"))
    looker = detect.Looker(
        weights or Path(finding["weights"]),
        Path(finding["reader_weights"]),
        detect.Settings(**{one.name: finding[one.name] for one in fields(detect.Settings)}),
    )
    return looker, mask.Settings(**{one.name: masking[one.name] for one in fields(mask.Settings)})


def folder(
    inputs: Sequence[Path], out: Path, threads: int, looker: detect.Looker, masking: mask.Settings
) -> int:
    """Write a mask (255 = text) for each picture or DICOM frame, and ``regions.json``.

    ``a/b.png`` below a folder of ``inputs`` has its mask at ``a/b.mask.png`` below ``out``, frame
    k of a file with several frames at ``a/b.f0001.mask.png`` and so on. Masks lie in the matrix
    as it is stored. Returns how many files could not be read; each gets a sentence, and no mask
    is left of it.
    """
    found = pictures.listed(inputs, out)
    looker.check()
    listed, looked, failed = {}, 0, len(found.troubles)
    for path, sentence in found.troubles:
        log.warning("%s: %s", path, sentence)
    work = partial(_masks_of, out=out, looker=looker, masking=masking)
    tasks = list(found.files.items())
    for (name, path), (frames, code) in zip(
        tasks, in_order(work, tasks, threads, _crashed), strict=True
    ):
        if not code:
            listed[name] = frames
            looked += len(frames)
        elif code == pictures.OTHER and path not in found.given:
            log.info("%s: %s", path, pictures.sentence(code))
        else:
            failed += 1
            log.warning("%s: %s", path, pictures.sentence(code))
            pictures.remove_masks(name, out)
    with replacing(out / "regions.json") as tmp:
        tmp.write_text(json.dumps(listed, indent=1, sort_keys=True) + "\n")
    log.info("%d frames of %d files looked at, %d files not read", looked, len(listed), failed)
    return failed


Outcome = tuple[list[dict[str, object]], str]  # what was found in each frame, or why not


def _crashed(task: tuple[str, Path]) -> Outcome:
    """A file whose decoder ended the process."""
    return [], "undecodable"


def _masks_of(
    task: tuple[str, Path], out: Path, looker: detect.Looker, masking: mask.Settings
) -> Outcome:
    """Write the masks of one file."""
    name, path = task
    found: list[dict[str, object]] = []
    try:
        for number, count, shown, reach in _shown(path, masking):
            frame = looker.look(shown)
            drawn = np.zeros(shown.shape[1:], np.uint8)
            for region in frame.regions:
                mask.draw(drawn, region.quad, mask.radius(region.height, masking))
            drawn = mask.grow(drawn, *reach) if frame.regions else drawn
            target = out / (pictures.frame_name(name, number, count) + pictures.MASK)
            with replacing(target) as tmp:
                tmp.write_bytes(cv2.imencode(".png", drawn * 255)[1].tobytes())
            regions = [_plain(region, shown.shape[1:]) for region in frame.regions]
            found.append({"suspicion": round(frame.suspicion, 4), "regions": regions})
    except ItemError as error:
        return [], error.code
    return found, pictures.OTHER if not found else ""


def _plain(region: detect.Region, shape: tuple[int, ...]) -> dict[str, object]:
    """A region for regions.json: numbers in pixels, and what kind of text it is; never the text."""
    rows, columns = shape
    low, high = np.floor(region.quad.min(0)), np.ceil(region.quad.max(0))
    box = np.clip([*low, *high], 0, [columns, rows, columns, rows]).astype(int)
    return {
        "box": box.tolist(),
        "quad": np.round(region.quad.astype(float), 1).tolist(),
        "orientation": orientation(region.quad),
        "height": round(region.height, 1),
        "score": round(region.score, 4),
        "source": region.source,
        "kind": region.kind,
    }


def orientation(quad: np.ndarray) -> float:
    """Direction of a line in degrees, counter-clockwise from the rows: above -90, up to 90.

    ``quad`` as in ``detect.Region``. Which way along it a line runs is not told.
    """
    across, down = (quad[1] - quad[0]).astype(float), (quad[3] - quad[0]).astype(float)
    column, row = across if np.hypot(*across) >= np.hypot(*down) else down
    degrees = np.degrees(np.arctan2(-row, column))
    return float(round(90 - (90 - degrees) % 180, 1)) + 0.0


def _shown(
    path: Path, masking: mask.Settings
) -> Iterator[tuple[int, int, np.ndarray, tuple[int, int]]]:
    """Frames of a file: (number, how many, views uint8 (views, rows, columns), ``mask.reach``).

    A file that holds no picture has none.
    """
    kind = pictures.kind(path)
    if kind == pictures.PICTURE:
        syntax = pictures.traces(path)
        for number, count, stored in pictures.frames(path):
            samples = stored.shape[2] if stored.ndim == 3 else 1
            reach = mask.reach(syntax is not None, syntax or "", samples, masking)
            yield number, count, _views(stored), reach
    elif kind == pictures.DICOM and pictures.promises_image(path):
        with StoredFrames(path) as source:
            reach = mask.reach(source.lossy, source.syntax, source.samples, masking)
            for number in range(len(source)):
                stored = source[number]
                shown = views(stored, source.photometric, source.bits_stored, source.palette)
                yield number, len(source), shown, reach


def _views(stored: np.ndarray) -> np.ndarray:
    """Views of a picture as OpenCV reads it, of its transparency, and of both together."""
    bits = 8 * stored.dtype.itemsize
    if stored.ndim == 2:
        return views(stored, bits_stored=bits)
    colours = 3 if stored.shape[2] >= 3 else 1
    colour = np.ascontiguousarray(stored[..., :colours][..., ::-1])
    shown = views(colour, "RGB", bits) if colours == 3 else views(colour[..., 0], bits_stored=bits)
    if stored.shape[2] == colours or stored[..., -1].min() == stored[..., -1].max():
        return shown
    alpha = stored[..., -1]
    share = alpha.astype(np.float32) / np.iinfo(alpha.dtype).max
    together = np.rint(colour.max(axis=2) * share).astype(stored.dtype)
    return np.concatenate(
        [shown, views(alpha, bits_stored=bits), views(together, bits_stored=bits)]
    )
