"""From regions to masks: what of every frame will be painted over.

Regions are filled as whole quadrangles, never as the shape of letters, so that a mask cannot be
read. Text that stands still is masked in every frame of its file or series, also where the
detector missed it: once found, it is masked wherever the same strokes are at the same place, and
text that changes is masked everywhere at places where it was found in most frames. What the
header gives away (``known``) is masked as well.

What the policy lets stay is not masked (``policy``, which also says what it writes in masks.h5).

Beside the masks, ``known`` of masks.h5 counts: item, source (ultrasound or device), name of the
rule or "all" for what is outside of ultrasound areas, "unusable" for areas that were not usable.
``drawn`` are the boxes of people (``decisions``). ``failed`` has the reason codes of items without
frames, which nobody needs after this stage.
"""

import argparse
import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import cv2
import h5py
import numpy as np

from unburn import decisions, devices, known, policy, pooling, tables
from unburn.errors import UserError, command
from unburn.files import replacing
from unburn.ledger import records

log = logging.getLogger(__name__)

JPEG_DCT = {f"1.2.840.10008.1.2.4.{k}" for k in (50, 51, 53, 55)}
BLOCK = 8  # ITU-T T.81: the DCT spreads an error over its block of 8 x 8
NO_REGIONS = np.zeros(0, [("quad", "<f4", (4, 2)), ("height", "<f4")])
CHROMA_BLOCK = 16  # of pixels, where chroma has half the resolution
CHROMA_BLEED_PX = 2  # decoders interpolate chroma across the border of its block
RECURRING_SHARE = 0.5  # of a region's pixels that must count for the whole region to be pooled
KNOWN = np.dtype([("item", "<i4"), ("source", "S12"), ("rule", "S24")])
FAR_PX = 100_000
SUBPIXEL_BITS = 4  # OpenCV draws with coordinates in 1/16 px


@dataclass(frozen=True)
class Settings:
    """Section ``mask`` of the settings; its schema explains the values."""

    pool: bool
    pool_fraction: float
    dilate_px: int
    dilate_relative: float
    lossy_margin_px: int
    outside_ultrasound_regions: str
    policy: str


@dataclass(frozen=True)
class Item:
    """What masking needs to know of one image: its number, shape and how it was compressed."""

    number: int
    series: str
    frames: int
    rows: int
    columns: int
    block: int  # side of the blocks that the mask must consist of, 1 for none
    margin: int  # px that are added for the reach of a lossy codec
    given: known.Known = known.NOTHING


def draw(mask: np.ndarray, quad: np.ndarray, radius: float) -> None:
    """Set every pixel of ``mask`` within ``radius`` px of a filled quadrangle, in place.

    ``mask`` uint8 (rows, columns); ``quad`` float (4, 2), corners as (column, row) in any order
    around the outline, of which the convex hull is filled.
    """
    if not mask.size:
        return
    # OpenCV's coordinates are integers that must not overflow; no frame is as large as FAR_PX
    quad = np.clip(quad, -FAR_PX, FAR_PX).astype(np.float32)
    points = cv2.convexHull(quad.reshape(-1, 1, 2))
    fixed = np.round(points * (1 << SUBPIXEL_BITS)).astype(np.int32)
    thickness = 2 * math.ceil(radius) + 1
    cv2.fillPoly(mask, [fixed], 1, cv2.LINE_8, SUBPIXEL_BITS)
    cv2.polylines(mask, [fixed], True, 1, thickness, cv2.LINE_8, SUBPIXEL_BITS)


def radius(height: float, settings: Settings) -> float:
    """Dilation in px for a line of text of this height in px."""
    return settings.dilate_px + settings.dilate_relative * max(float(height), 0.0)


def covered(quads: Iterable[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Union of undilated quadrangles: uint8 (rows, columns), 0 or 1."""
    mask = np.zeros(shape, np.uint8)
    for quad in quads:
        draw(mask, quad, 0)
    return mask


def recurring(
    found: Sequence[np.ndarray], shape: tuple[int, int], settings: Settings
) -> np.ndarray:
    """Find places at which there is text in most frames of one file or series: clocks, counters.

    Parameters
    ----------
    found : for each frame its regions, structured arrays with ``quad`` and ``height``
    shape : (rows, columns)

    Returns
    -------
    uint8 (rows, columns): dilated mask for every frame

    Notes
    -----
    A pixel counts when regions cover it in ``pool_fraction`` of the frames and in at least
    two, so that a few false alarms in a long volume are not spread over all of it. Boxes of one
    line differ by a few pixels between frames and may be split or joined: a region counts when
    half of it does, and is then pooled whole.
    """
    mask = np.zeros(shape, np.uint8)
    needed = max(2, math.ceil(settings.pool_fraction * len(found) - 1e-9))
    with_regions = [regions for regions in found if len(regions)]
    if len(with_regions) < needed:
        return mask
    count = np.zeros(shape, np.int32)
    for regions in with_regions:
        count += covered(regions["quad"], shape)
    core = count >= needed
    if not core.any():
        return mask
    distinct = {
        (tuple(np.round(region["quad"], 1).ravel().tolist()), float(region["height"]))
        for regions in with_regions
        for region in regions
    }
    for corners, height in distinct:
        quad = np.array(corners).reshape(4, 2)
        inside = _inside(quad, core)
        if inside.size and inside.mean() >= RECURRING_SHARE:
            draw(mask, quad, radius(height, settings))
    return mask | _dilate(core.astype(np.uint8), settings.dilate_px)


def _dilate(mask: np.ndarray, margin: int) -> np.ndarray:
    """Grow a mask by ``margin`` px in each direction, corners included."""
    return cv2.dilate(mask, np.ones((2 * margin + 1, 2 * margin + 1), np.uint8))


def _window(quad: np.ndarray, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the frame that a quadrangle can touch, as slices."""
    low = np.floor(quad.min(axis=0)).astype(int) - 2
    high = np.ceil(quad.max(axis=0)).astype(int) + 3
    columns, rows = (
        slice(*np.clip((low[axis], high[axis]), 0, shape[1 - axis]).tolist()) for axis in (0, 1)
    )
    return rows, columns


def _outline(quad: np.ndarray, shape: tuple[int, int]) -> tuple[tuple[int, int], np.ndarray]:
    """Row and column of a quadrangle's window, and its undilated mask within."""
    rows, columns = _window(quad, shape)
    corner = (rows.start, columns.start)
    size = (rows.stop - rows.start, columns.stop - columns.start)
    return corner, covered([quad - (columns.start, rows.start)], size)


def _inside(quad: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The values of a mask, (rows, columns), that lie in a quadrangle, in one row."""
    (top, left), own = _outline(quad, mask.shape)
    window = mask[top : top + own.shape[0], left : left + own.shape[1]]
    return np.asarray(window[own > 0])


def grow(mask: np.ndarray, block: int, margin: int) -> np.ndarray:
    """Let a mask cover what a lossy codec may have spread: whole blocks, then a margin.

    ``mask`` uint8 (rows, columns); blocks start in the first row and column. Returns uint8 of the
    same shape that contains ``mask``.
    """
    rows, columns = mask.shape
    if block > 1:
        padded = np.pad(mask, ((0, -rows % block), (0, -columns % block)))
        blocks = padded.reshape(padded.shape[0] // block, block, padded.shape[1] // block, block)
        touched = blocks.max(axis=(1, 3))
        mask = touched.repeat(block, axis=0).repeat(block, axis=1)[:rows, :columns]
    if margin:
        mask = _dilate(mask, margin)
    return np.ascontiguousarray(mask)


def reach(lossy: bool, transfer_syntax: str, samples: int, settings: Settings) -> tuple[int, int]:
    """Block side and margin in px for a source.

    JPEG spreads what it hides over its blocks, twice as wide where chroma is subsampled (not known
    from the header, so every colour JPEG counts). Wavelets, near-lossless JPEG-LS and images that
    were lossy before they were stored plainly have no grid to rely on: they get a margin.
    """
    if not lossy:
        return 1, 0
    if transfer_syntax not in JPEG_DCT:
        return 1, settings.lossy_margin_px
    return (CHROMA_BLOCK, CHROMA_BLEED_PX) if samples > 1 else (BLOCK, 0)


def pools(items: Sequence[Item], settings: Settings) -> Iterator[list[Item]]:
    """Group items whose frames share static text.

    A file of several frames is a pool of its own; single frames of a series that have the same
    size are one. Without pooling every item stands alone.
    """
    groups: dict[object, list[Item]] = {}
    for item in items:
        alone = item.frames > 1 or not settings.pool
        key = item.number if alone else (item.series, item.rows, item.columns)
        groups.setdefault(key, []).append(item)
    yield from groups.values()


def masks(
    pool: Sequence[Item],
    regions: dict[tuple[int, int], np.ndarray],
    settings: Settings,
    pictures: Callable[[Item, int], np.ndarray],
) -> Iterator[tuple[Item, int, np.ndarray]]:
    """Yield item, frame and mask (uint8, rows x columns, 0 or 1) for every frame with a mask.

    ``regions`` holds the regions of a frame under (item, frame); ``pictures`` gives the views of
    a frame, as many for each frame of the pool.
    """
    shape = (pool[0].rows, pool[0].columns)
    places = [(item, frame) for item in pool for frame in range(item.frames)]
    found = [regions.get((item.number, frame), NO_REGIONS) for item, frame in places]
    everywhere = np.zeros(shape, np.uint8)
    standing = [np.zeros((0, 2), np.int64)] * len(places)
    if settings.pool and len(places) > 1 and any(map(len, found)):
        everywhere = recurring(found, shape, settings)
        standing = pooling.standing(
            found, lambda number: pictures(*places[number]), partial(_outline, shape=shape)
        )
    pooled = bool(everywhere.any())
    for number, (item, frame) in enumerate(places):
        here = [*found[number], *(found[other][row] for other, row in standing[number])]
        given = item.given.mask(shape)
        if not pooled and not here and given is None:
            continue
        mask = everywhere.copy() if given is None else everywhere | given
        for region in here:
            draw(mask, region["quad"], radius(region["height"], settings))
        if mask.any():
            yield item, frame, grow(mask, item.block, item.margin)


def by_frame(regions: np.ndarray) -> dict[tuple[int, int], np.ndarray]:
    """Regions of each frame, under (item, frame)."""
    order = np.lexsort((regions["frame"], regions["item"]))
    ordered = regions[order]
    keys = np.stack((ordered["item"], ordered["frame"]), axis=1)
    starts = np.flatnonzero(np.any(np.diff(keys, axis=0, prepend=-1), axis=1))
    parts = np.split(ordered, starts[1:]) if len(starts) else []
    return {(int(part["item"][0]), int(part["frame"][0])): part for part in parts}


def check(regions: np.ndarray, items: Sequence[Item], where: str) -> None:
    """Refuse regions that do not belong to the shard's frames."""
    frames = {item.number: item.frames for item in items}
    strangers = [
        (int(number), int(frame))
        for number, frame in zip(regions["item"], regions["frame"], strict=True)
        if not 0 <= frame < frames.get(int(number), 0)
    ]
    if strangers:
        raise UserError(
            where,
            f"{len(strangers)} regions lie in frames that the shard does not have, "
            f"the first in item {strangers[0][0]}, frame {strangers[0][1]}",
            "frames and regions are of different runs; remove both and run again",
        )
    bad = ~np.isfinite(regions["quad"]).all(axis=(1, 2)) | ~np.isfinite(regions["height"])
    if bad.any():
        raise UserError(
            where,
            f"{int(bad.sum())} regions have no place",
            "the detector's weights do not fit this version; fetch them again",
        )


def read_items(
    shard: Path, frames: Path, settings: Settings, rules: Sequence[devices.Rule] = ()
) -> list[Item]:
    """The images of a shard whose frames were read, in the order of the table."""
    outside = settings.outside_ultrasound_regions == "all"
    table = tables.read(shard)
    items = []
    with h5py.File(frames, "r") as file:
        stored = file.get("items", {})
        for row in table.to_dict("records"):
            if row["item"] not in stored:
                continue
            count, _, rows, columns = stored[row["item"]].shape
            block, margin = reach(
                row["lossy"] == "1", row["transfer_syntax"], int(row["samples"] or 1), settings
            )
            given = known.read(Path(row["path"]), row["modality"], rows, columns, rules, outside)
            items.append(
                Item(int(row["item"]), row["series"], count, rows, columns, block, margin, given)
            )
    return items


def views_of(file: h5py.File, pool: Sequence[Item]) -> Callable[[Item, int], np.ndarray]:
    """A function of item and frame: its views, black ones added up to the most in the pool."""
    stored = {item.number: file["items"][str(item.number)] for item in pool}
    most = max(one.shape[1] for one in stored.values())

    def pictures(item: Item, frame: int) -> np.ndarray:
        views = stored[item.number][frame]
        return np.pad(views, ((0, most - len(views)), (0, 0), (0, 0)))

    return pictures


def _share(quad: np.ndarray, mask: np.ndarray) -> float:
    """Share of a quadrangle that a mask covers; 1 where the quadrangle is outside of the frame."""
    inside = _inside(quad, mask)
    return float(inside.mean()) if inside.size else 1.0


def _cover(region: np.ndarray, item: Item, settings: Settings) -> np.ndarray:
    """The mask of one region, grown: uint8 (rows, columns)."""
    mask = np.zeros((item.rows, item.columns), np.uint8)
    draw(mask, region["quad"], radius(float(region["height"]), settings))
    return grow(mask, item.block, item.margin)


def with_kept(
    pool: Sequence[Item],
    found: policy.Places,
    kept: policy.Places,
    settings: Settings,
    pictures: Callable[[Item, int], np.ndarray],
) -> Iterator[tuple[Item, int, np.ndarray]]:
    """Masks of a pool where some lines may stay; ``kept`` holds those that do afterwards."""
    shape = (pool[0].rows, pool[0].columns)
    places = [(item.number, frame) for item in pool for frame in range(item.frames)]
    policy.settle(places, found, kept, partial(draw, radius=0), _share, shape)
    for item, frame, mask in masks(pool, found, settings, pictures):
        here = kept.get((item.number, frame))
        if here is not None:
            cover = partial(_cover, item=item, settings=settings)
            mask, kept[item.number, frame] = policy.give_way(mask, here, cover, _share)
        yield item, frame, mask


def box_mask(item: Item, frame: int, drawn: Iterable[decisions.Box]) -> np.ndarray | None:
    """The boxes that people drew in a frame, grown as text of a lossy source; None without any.

    Returns uint8 (rows, columns), 0 or 1.
    """
    mask = np.zeros((item.rows, item.columns), np.uint8)
    for box in drawn:
        if box.frame in (None, frame):
            mask[box.top : box.bottom, box.left : box.right] = 1
    return grow(mask, item.block, item.margin) if mask.any() else None


def check_boxes(item: Item, drawn: Iterable[decisions.Box]) -> None:
    """Refuse a box outside of an item's frames: no mask does what it asks for."""
    for box in drawn:
        if box.left >= item.columns or box.top >= item.rows or (box.frame or 0) >= item.frames:
            raise UserError(
                f"{decisions.FILE}, item {item.number}",
                "a box lies outside of its frames",
                f"it has {item.frames} frames of {item.rows} rows and {item.columns} columns",
            )


def take_up(
    pool: Sequence[Item],
    found: policy.Places,
    kept: policy.Places,
    drawn: Mapping[int, Sequence[decisions.Box]],
) -> None:
    """Move lines that may stay to those that are masked where a box that people drew touches one.

    Half a line would be left otherwise, which nobody judged.
    """
    for item in pool:
        for frame in range(item.frames) if item.number in drawn else ():
            place = (item.number, frame)
            here, boxes = kept.get(place), box_mask(item, frame, drawn[item.number])
            if here is None or boxes is None:
                continue
            over = np.array([_inside(region["quad"], boxes).any() for region in here], bool)
            found[place] = np.concatenate([found.get(place, here[:0]), here[over]])
            kept[place] = here[~over]


def with_boxes(
    pool: Sequence[Item],
    masked: Iterable[tuple[Item, int, np.ndarray]],
    drawn: Mapping[int, Sequence[decisions.Box]],
) -> Iterator[tuple[Item, int, np.ndarray]]:
    """Masks of a pool with the boxes that people drew, by item."""
    those = [item for item in pool if item.number in drawn]
    left = {(item.number, frame): item for item in those for frame in range(item.frames)}
    for item, frame, mask in masked:
        boxes = None
        if left.pop((item.number, frame), None):
            boxes = box_mask(item, frame, drawn[item.number])
        yield item, frame, mask if boxes is None else mask | boxes
    for (_, frame), item in left.items():
        boxes = box_mask(item, frame, drawn[item.number])
        if boxes is not None:
            yield item, frame, boxes


def write(
    out: Path,
    frames: Path,
    items: Sequence[Item],
    regions: np.ndarray,
    comparable: frozenset[int],
    settings: Settings,
    drawn: Mapping[int, Sequence[decisions.Box]] = MappingProxyType({}),
) -> int:
    """Write masks.h5 and return the number of masked frames; memory holds a few frames.

    ``comparable`` are the items whose header names the patient; ``drawn`` the boxes of people.
    """
    masked = 0
    stays = policy.stays(regions, comparable, settings.policy)
    found, kept = by_frame(regions[~stays]), by_frame(regions[stays])
    with h5py.File(frames, "r") as source, h5py.File(out, "w", libver="latest") as file:
        group = file.create_group("items")
        for pool in pools(items, settings):
            views = views_of(source, pool)
            for item in pool:
                check_boxes(item, drawn.get(item.number, ()))
            take_up(pool, found, kept, drawn)
            masked_frames = with_kept(pool, found, kept, settings, views)
            for item, frame, mask in with_boxes(pool, masked_frames, drawn):
                name = str(item.number)
                if name not in group:
                    group.create_dataset(
                        name,
                        (item.frames, *mask.shape),
                        np.uint8,
                        chunks=(1, *mask.shape),
                        compression="gzip",
                        compression_opts=1,
                        track_times=False,
                    )
                group[name][frame] = mask
                masked += 1
        table = np.array([line for item in items for line in known_of(item)], KNOWN)
        file.create_dataset("known", data=table, track_times=False)
        policy.write(file, settings.policy, kept, regions, comparable)
        decisions.write_drawn(file, drawn)
        file.attrs["failed"] = source.attrs["failed"]  # for those that come when frames are gone
    return masked


def known_of(item: Item) -> Iterator[tuple[int, bytes, bytes]]:
    """Lines of ``known`` for an item."""
    if item.given.shown:
        yield item.number, b"ultrasound", b"all"
    if item.given.unusable:
        yield item.number, b"ultrasound", b"unusable"
    for name in item.given.rules:
        yield item.number, b"device", name.encode("ascii")


def main(argv: Sequence[str] | None = None) -> None:
    """Rule ``mask``."""
    parser = argparse.ArgumentParser(prog="python -m unburn.mask")
    parser.add_argument("--shard", type=Path, required=True)
    parser.add_argument("--frames", type=Path, required=True)
    parser.add_argument("--regions", type=Path, required=True)
    parser.add_argument("--device-rules", type=Path, nargs="*", default=[], help="of the user")
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    settings = Settings(**args.settings)
    rules = devices.read(devices.SHIPPED, "shipped")
    for path in args.device_rules:
        rules += devices.read(path, "own")
    items = read_items(args.shard, args.frames, settings, rules)
    with h5py.File(args.regions, "r") as file:
        regions, examined = file["regions"][:], file["examined"][:]
    comparable = frozenset(examined["item"][examined["comparable"]].tolist())
    check(regions, items, args.regions.name)
    drawn = decisions.boxes(args.shard.parents[1], records(args.shard))
    with replacing(args.out) as tmp:
        masked = write(tmp, args.frames, items, regions, comparable, settings, drawn)
        stayed = policy.read(tmp)
    frames = sum(item.frames for item in items)
    log.info("masked %d of %d frames, %d regions", masked, frames, len(regions))
    log.info(
        "policy %s: %d lines kept; %d items fell back to all, their headers name nobody",
        stayed.policy,
        sum(map(len, stayed.kept.values())),
        len(stayed.fell_back),
    )
    if drawn:
        log.info(
            "%d boxes that people drew, in %d items", sum(map(len, drawn.values())), len(drawn)
        )
    given = sum(item.given != known.NOTHING for item in items)
    log.info("%d of %d items with known regions", given, len(items))


if __name__ == "__main__":
    command(main)
