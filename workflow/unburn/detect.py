"""Find lines of burned-in text in every view of every frame."""

import argparse
import hashlib
import itertools
import json
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import cv2
import h5py
import numpy as np
import torch

from unburn import codes, crnn, lines, readers, reading, tables
from unburn.errors import command
from unburn.files import replacing
from unburn.identifiers import NOBODY, Identifiers, identifiers
from unburn.mask import covered
from unburn.parallel import in_order
from unburn.progress import told
from unburn.sources import described

log = logging.getLogger(__name__)

REDUCTIONS = (1, 4)  # letters too large for the detector are found in a smaller picture
SMALLEST = 128  # pixels of the short side that a reduced picture keeps
LARGE_PX = 20.0  # height from which a line counts that was found in a reduced picture
LARGE_SURE = 0.9  # score that such lines must reach, as whole organs look like faint letters there,
LARGE_SHARE = 0.5  # and those that are higher than so much of the frame's longer side, or than the
LARGEST_PX = 110.0  # letters that the detector was trained on
CODE_HEIGHT_PX = 20.0  # of a code, by which its mask grows as that of text
KNOWN = 0.8  # share of it that regions found before may cover; letters may stand in the rest
TILE, OVERLAP = 1280, 128  # pixels of a large picture that are looked at at once, and twice
EXTENT = 0.4  # of the threshold, down to which a region extends
CORE = 0.3  # probability from which a place belongs to a line's core
MARGIN_PX = 1.0  # around the places found, whose size is two pixels
FULLNESS = 0.45  # of a region's rectangle; a bent or branched region is cut into parts
BLOCK_BYTES = 16 << 20  # of views that one task looks at

REGION = np.dtype(
    [("item", "<i4"), ("frame", "<i4"), ("quad", "<f4", (4, 2)), ("score", "<f4"),
     ("height", "<f4"), ("source", "S12"), ("kind", "S12"), ("agreed", "?"),
     ("fact", "S48")]
)  # fmt: skip
EXAMINED = np.dtype(
    [("item", "<i4"), ("frame", "<i4"), ("suspicion", "<f4"), ("regions", "<i4"),
     ("comparable", "?")]
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """Section ``detect`` of the settings; its schema explains the values."""

    threshold: float
    tesseract: bool
    tesseract_min_confidence: float


@dataclass(frozen=True)
class Region:
    """A line of text.

    ``quad`` float32 (4, 2), corners as (column, row), clockwise from the top left; ``height`` of
    the text in pixels; ``source`` crnn, tesseract or code; ``kind``, ``agreed`` and ``fact`` as
    in ``reading.Class``, or code.
    """

    quad: np.ndarray
    score: float
    height: float
    source: str
    kind: str = "unread"
    agreed: bool = False
    fact: str = ""


# ------------------------------------------------------------------ maps


@dataclass(frozen=True)
class Seen:
    """Maps of a frame at one size: float32 (2, rows / 2, columns / 2) of the reduced frame."""

    reduction: int
    maps: np.ndarray


def look(network: crnn.Detector, pictures: np.ndarray) -> list[Seen]:
    """Look at all views of a frame at all sizes; maps of more than one pair are united.

    ``pictures`` uint8 (views, rows, columns). A frame of constant views gives an empty list.
    """
    telling = [pair for pair in pairs(pictures) if not _constant(pair)]
    seen: list[Seen] = []
    for reduction in REDUCTIONS if telling else ():
        if reduction > 1 and min(pictures.shape[1:]) < SMALLEST * reduction:
            break
        found = [_tiled(network, _reduced(pair, reduction)) for pair in telling]
        seen.append(Seen(reduction, np.maximum.reduce(found)))
    return seen


def pairs(pictures: np.ndarray) -> list[np.ndarray]:
    """Views of a frame, uint8 (views, rows, columns), two by two: (2, rows, columns) each.

    An odd one is there twice.
    """
    return [pictures[[k, min(k + 1, len(pictures) - 1)]] for k in range(0, len(pictures), 2)]


def _constant(pair: np.ndarray) -> bool:
    return bool((pair.min((1, 2)) == pair.max((1, 2))).all())


def _reduced(pair: np.ndarray, reduction: int) -> np.ndarray:
    if reduction == 1:
        return pair
    rows, columns = (round(side / reduction) for side in pair.shape[1:])
    return np.stack(
        [cv2.resize(one, (columns, rows), interpolation=cv2.INTER_AREA) for one in pair]
    )


def _tiled(network: crnn.Detector, pair: np.ndarray) -> np.ndarray:
    """Maps of a pair of pictures of any size, looked at in overlapping tiles of bounded size.

    Constant tiles are passed over: their maps stay 0.
    """
    rows, columns = pair.shape[1:]
    out = np.zeros((2, (rows + 1) // 2, (columns + 1) // 2), np.float32)
    for down, across in itertools.product(_spans(rows), _spans(columns)):
        tile = np.ascontiguousarray(pair[:, down.seen, across.seen])
        if not _constant(tile):
            maps = crnn.probabilities(network, tile[None])[0]
            out[:, down.to, across.to] = maps[:, down.near, across.near]
    return out


@dataclass(frozen=True)
class Span:
    """A tile along one side: the pixels it sees, and its part of the map there and in its own."""

    seen: slice
    to: slice
    near: slice


def _spans(length: int) -> Iterator[Span]:
    """Cut a side into tiles of equal length, each result from the tile that sees most around it."""
    count = max(1, math.ceil((length - OVERLAP) / (TILE - OVERLAP)))
    step = math.ceil((length - OVERLAP) / count / crnn.STRIDE) * crnn.STRIDE
    for number in range(count):
        start, last = number * step, number == count - 1
        first = start + OVERLAP // 2 if number else 0
        stop = length if last else start + step + OVERLAP // 2
        to = slice(first // 2, (stop + 1) // 2)
        near = slice(to.start - start // 2, to.stop - start // 2)
        yield Span(slice(start, length if last else start + step + OVERLAP), to, near)


# ------------------------------------------------------------------ regions


def regions_of(
    seen: Sequence[Seen], shape: tuple[int, int], threshold: float
) -> tuple[list[Region], float]:
    """Regions of a frame of ``shape`` (rows, columns), and its highest probability of text.

    Reduced pictures add what is too large for the detector, where nothing was found before.
    """
    regions: list[Region] = []
    suspicion = 0.0
    for size in seen:
        if size.reduction == 1:
            high = min(LARGEST_PX, LARGE_SHARE * max(shape))
            found = find(size.maps, threshold)
            regions = [one for one in found if one.height <= high or one.score >= LARGE_SURE]
            suspicion = float(size.maps[0].max())
            continue
        found = find(size.maps, max(threshold, LARGE_SURE))
        large = [region for region in found if region.height >= LARGE_PX]
        if not large:
            continue
        scaled = [_scaled(region, shape, size) for region in large]
        known = covered((region.quad for region in regions), shape) > 0
        for region in scaled:
            own = covered([region.quad], shape)
            # without the rim that is due to the coarser places, or each letter would come twice
            core = cv2.erode(own, np.ones((4 * size.reduction + 1,) * 2, np.uint8)) > 0
            if known[core if core.any() else own > 0].mean() < KNOWN:
                regions.append(region)
                suspicion = max(suspicion, region.score)
    return regions, suspicion


def _scaled(region: Region, shape: tuple[int, int], size: Seen) -> Region:
    """A region of a reduced picture in pixels of the frame."""
    rows, columns = (side / round(side / size.reduction) for side in shape)
    quad = (region.quad * np.array([columns, rows])).astype(np.float32)
    return replace(region, quad=quad, height=region.height * rows)


def find(maps: np.ndarray, threshold: float) -> list[Region]:
    """Turn the maps of a picture into regions of text.

    A region must reach the threshold somewhere and extends over all places around that reach
    ``EXTENT`` of it: faint ends of a line are covered, and specks of low probability are not
    taken for lines. Line cores tell lines apart that touch; each place belongs to the nearest.
    """
    low = EXTENT * threshold
    text = maps[0] >= low
    if maps[0].max() < threshold:
        return []
    _, parts = cv2.connectedComponents(text.astype(np.uint8), connectivity=8)
    cores = text & (maps[1] >= max(CORE, low))
    count, core = 1, np.zeros(text.shape, np.int64)
    if cores.any():
        # the distance to the nearest core, and which core that is
        _, nearest = cv2.distanceTransformWithLabels(
            (~cores).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP
        )
        count, core = int(nearest.max()) + 1, nearest.astype(np.int64)
    label = np.where(text, parts.astype(np.int64) * count + core, 0)
    rows, columns = np.nonzero(text)
    labels = label[rows, columns]
    order = np.argsort(labels, kind="stable")
    rows, columns, labels = rows[order], columns[order], labels[order]
    starts = np.flatnonzero(np.diff(labels, prepend=-1))
    found = []
    for places in np.split(np.stack([columns, rows], 1), starts[1:]):
        score = float(maps[0][places[:, 1], places[:, 0]].max())
        if score < threshold:
            continue
        found += [_region(quad, score) for quad in _rectangles(places)]
    return found


def _rectangles(places: np.ndarray, depth: int = 5) -> Iterator[np.ndarray]:
    """Rectangles, upright or turned, around places of the map: float32 (4, 2) in pixels."""
    low, high = places.min(0), places.max(0) + 1
    area = float(np.prod(high - low))
    upright = np.array([low, (high[0], low[1]), high, (low[0], high[1])], np.float32)
    # places come row by row: the ends of each row are all that the hull can touch
    inner = (np.diff(places[:, 1], prepend=-1) == 0) & (np.diff(places[:, 1], append=-1) == 0)
    ends = places[~inner]
    corners = np.concatenate([ends + offset for offset in ((0, 0), (1, 0), (1, 1), (0, 1))])
    turned = cv2.minAreaRect(cv2.convexHull(corners.astype(np.float32)))
    turned_area = turned[1][0] * turned[1][1]
    smallest = min(area, turned_area)
    if depth and len(places) > 30 and len(places) < FULLNESS * smallest:
        axis = int(np.argmax(high - low))
        middle = (low[axis] + high[axis]) // 2
        before = places[:, axis] < middle
        if before.any() and not before.all():
            yield from _rectangles(places[before], depth - 1)
            yield from _rectangles(places[~before], depth - 1)
            return
    quad = upright if turned_area > 0.8 * area else _ordered(cv2.boxPoints(turned))
    yield quad * 2


def _ordered(quad: np.ndarray) -> np.ndarray:
    """Corners clockwise, beginning at the top left one of the line as it is read upright."""
    centre = quad.mean(0)
    quad = quad[np.argsort(np.arctan2(quad[:, 1] - centre[1], quad[:, 0] - centre[0]))]
    return np.roll(quad, -int(np.argmin(quad.sum(1))), axis=0).astype(np.float32)


def _region(quad: np.ndarray, score: float) -> Region:
    across, down = quad[1] - quad[0], quad[3] - quad[0]
    width, height = float(np.hypot(*across)), float(np.hypot(*down))
    x, y = across / max(width, 1e-6) * MARGIN_PX, down / max(height, 1e-6) * MARGIN_PX
    grown = quad + np.stack([-x - y, x - y, x + y, y - x])
    text_height = min(width, height) if max(width, height) > 1.3 * height else max(width, height)
    return Region(grown.astype(np.float32), score, text_height, "crnn")


# ------------------------------------------------------------------ frames


@dataclass(frozen=True)
class Frame:
    """What was found in one frame; ``suspicion`` is its highest probability of text.

    ``comparable`` when lines could be compared with a header that names the patient.
    """

    regions: tuple[Region, ...]
    suspicion: float
    comparable: bool = False


def nobody() -> Identifiers:
    """What identifies the patient of a picture that has no header."""
    return NOBODY


def examine(
    pictures: np.ndarray,
    network: crnn.Detector,
    reader: lines.Reader,
    settings: Settings,
    header: Callable[[], Identifiers | None] = nobody,
) -> Frame:
    """Look at all views of a frame, uint8 (views, rows, columns).

    ``header`` gives what lines are compared with, where there are any; without, nothing counts as
    read.
    """
    seen = look(network, pictures)
    if not seen:
        return Frame((), 0.0)
    regions, suspicion = regions_of(seen, pictures.shape[1:], settings.threshold)
    if settings.tesseract:
        regions += _cross_check(pictures[0], settings)
    coded = [_code(quad) for quad in codes.find(pictures[0])]
    whose = header() if regions or coded else None
    if whose is None:
        return Frame((*regions, *coded), suspicion)
    quads = [region.quad for region in regions]
    classes = reading.classes(reader, _second_reader(), pictures, quads, whose)
    classed = (replace(region, **vars(one)) for region, one in zip(regions, classes, strict=True))
    return Frame((*classed, *coded), suspicion, whose.comparable)


def _code(quad: np.ndarray) -> Region:
    """A QR or bar code; it is never decoded."""
    sides = np.linalg.norm(quad - np.roll(quad, 1, axis=0), axis=1)
    height = min(float(sides.min()), CODE_HEIGHT_PX)
    return Region(quad, 1.0, height, "code", "code")


@lru_cache(maxsize=1)
def _second_reader() -> readers.Recogniser:
    return readers.Recogniser()


@lru_cache(maxsize=8)
def header_of(original: Path) -> Identifiers | None:
    """What identifies the patient in an original's header; None where it cannot be read."""
    try:
        return identifiers(described(original))
    except Exception as error:  # the gate holds the item back; here its lines stay unread
        log.warning("a header could not be read (%s)", type(error).__name__)
        return None


def _cross_check(picture: np.ndarray, settings: Settings) -> list[Region]:
    """Lines that Tesseract read; what it read stays here."""
    found = []
    for line in _tesseract().read(picture):
        if line.score >= settings.tesseract_min_confidence and line.text.strip():
            found.append(replace(_region(line.quad, line.score), source="tesseract"))
    return found


@lru_cache(maxsize=1)
def _tesseract() -> readers.Reader:
    return readers.tesseract()


@lru_cache(maxsize=1)
def _networks(weights: Path, reader_weights: Path) -> tuple[crnn.Detector, lines.Reader]:
    """Both networks, loaded once in each process, which runs on one thread."""
    torch.set_num_threads(1)
    return crnn.load(weights), lines.load(reader_weights)


@dataclass(frozen=True)
class Looker:
    """Everything that examining a frame needs, small enough to send to a process."""

    weights: Path
    reader_weights: Path
    settings: Settings

    def check(self) -> None:
        """Raise a UserError where something is missing, before any work."""
        for path in (self.weights, self.reader_weights):
            crnn.verified(path, crnn.REMEDY)
        readers.check_weights()
        if self.settings.tesseract:
            _tesseract()

    def look(
        self, pictures: np.ndarray, header: Callable[[], Identifiers | None] = nobody
    ) -> Frame:
        """Examine one frame, uint8 (views, rows, columns)."""
        networks = _networks(self.weights, self.reader_weights)
        return examine(pictures, *networks, self.settings, header)


# ------------------------------------------------------------------ the stage


@dataclass(frozen=True)
class Block:
    """Frames ``first`` to ``first + count`` of one item, the work of one task."""

    frames: Path
    original: Path
    item: int
    first: int
    count: int


def blocks(frames: Path, originals: Mapping[int, Path]) -> Iterator[Block]:
    """Cut all items of a file of frames into tasks of bounded size; ``originals`` by item."""
    with h5py.File(frames, "r") as file:
        items = file.get("items", {})
        sizes = {int(name): items[name].shape for name in items}
    for item, (count, *rest) in sorted(sizes.items()):
        step = max(1, BLOCK_BYTES // int(np.prod(rest)))
        for first in range(0, count, step):
            yield Block(frames, originals[item], item, first, min(step, count - first))


def look_at(block: Block, looker: Looker) -> list[Frame]:
    """Examine the frames of one block; equal frames are looked at once."""
    known: dict[bytes, Frame] = {}
    found = []
    header = partial(header_of, block.original)
    with h5py.File(block.frames, "r") as file:
        stored = file["items"][str(block.item)]
        for number in range(block.first, block.first + block.count):
            pictures = stored[number]
            digest = hashlib.sha256(pictures.tobytes()).digest()
            if digest not in known:
                known[digest] = looker.look(pictures, header)
            found.append(known[digest])
    return found


def search(
    frames: Path, originals: Mapping[int, Path], looker: Looker, threads: int, out: Path
) -> tuple[int, int]:
    """Examine every frame of a shard and write what was found; return counts."""
    regions, examined = [np.zeros(0, REGION)], [np.zeros(0, EXAMINED)]
    work = list(blocks(frames, originals))
    done = in_order(partial(look_at, looker=looker), work, threads)
    sizes = [block.count for block in work]
    for block, found in zip(work, told(done, sizes, "frames"), strict=True):
        numbered = list(enumerate(found, block.first))
        looked = [
            (block.item, number, frame.suspicion, len(frame.regions), frame.comparable)
            for number, frame in numbered
        ]
        there = [
            (block.item, number, region.quad, region.score, region.height,
             region.source.encode(), region.kind.encode(), region.agreed, region.fact.encode())
            for number, frame in numbered for region in frame.regions
        ]  # fmt: skip
        examined.append(np.array(looked, EXAMINED))
        regions.append(np.array(there, REGION))
    written = {"regions": np.concatenate(regions), "examined": np.concatenate(examined)}
    with replacing(out) as tmp, h5py.File(tmp, "w", libver="latest") as file:
        for name, table in written.items():
            file.create_dataset(name, data=table, compression="gzip", track_times=False)
    return len(written["examined"]), len(written["regions"])


def main(argv: Sequence[str] | None = None) -> None:
    """Find lines of burned-in text in every frame of a shard."""
    parser = argparse.ArgumentParser(prog="python -m unburn.detect", description=main.__doc__)
    parser.add_argument("--frames", type=Path, required=True, help="frames.h5 of the shard")
    parser.add_argument("--shard", type=Path, required=True, help="table of the shard's items")
    parser.add_argument("--weights", type=Path, required=True, help="of the detector")
    parser.add_argument("--reader-weights", type=Path, required=True, help="of the line reader")
    parser.add_argument("--settings", required=True, help="section detect, as JSON")
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, required=True, help="regions.h5 to write")
    options = parser.parse_args(argv)
    settings = Settings(**json.loads(options.settings))
    looker = Looker(options.weights, options.reader_weights, settings)
    looker.check()
    items = tables.read(options.shard).to_dict("records")
    originals = {int(row["item"]): Path(row["path"]) for row in items}
    frames, regions = search(options.frames, originals, looker, options.threads, options.out)
    log.info("%d items, %d frames, %d regions", len(items), frames, regions)


if __name__ == "__main__":
    command(main)
