"""Square cut-outs of stored pixels, kept in one HDF5 file: crops, painted crops and exact fills.

A patch belongs to one frame of one item and writes only where its mask is set. Layout::

    patches                    one row per patch, see ROW
    <dtype>-<samples>-<side>/  the contents, stored once for all patches with the same content
        pixels                 (n, side, side, samples), stored values
        mask                   uint8 (n, side, side), 1 where the patch writes
        hidden                 uint8 (n, side, side), 1 where nothing is known: every masked pixel
                               in sight, also those of other patches, and what lies beyond the frame
        limits                 int64 (n, 4): lowest and highest value that may be written, lowest
                               and highest (0028,0120) Pixel Padding Value (low > high: none)
        modality               S16 (n), empty when it does not matter
        ybr                    uint8 (n), 1 where the three samples are YBR_FULL, not RGB
        engine                 S40 (n), what painted it; empty before

``pixels`` never holds a value that was masked in the source: see ``crop.blank``.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from unburn.files import Closing

ROW = np.dtype(
    [
        ("item", "<i4"),
        ("frame", "<i4"),
        ("top", "<i4"),
        ("left", "<i4"),
        ("rows", "<i4"),
        ("columns", "<i4"),
        ("group", "S32"),
        ("index", "<i4"),
    ]
)
CHUNK_SIDE = (
    512  # larger patches are cut into chunks of this side, so that a chunk stays near 1 MiB
)
NO_PADDING = (1, 0)
TABLES = {"patches", "digests"}  # what stands beside the groups; the second in painted batches


@dataclass(frozen=True)
class Content:
    """What a patch holds, without its place.

    ``pixels`` (side, side, samples) stored values; ``mask`` bool (side, side), where it writes;
    ``hidden`` bool (side, side), where nothing is known (contains ``mask``); ``limits`` (lowest,
    highest) value that may be written; ``padding`` (lowest, highest) padding value; ``ybr``
    whether its samples are YBR_FULL; ``engine`` what painted it.
    """

    pixels: np.ndarray
    mask: np.ndarray
    hidden: np.ndarray
    limits: tuple[int, int]
    padding: tuple[int, int] = NO_PADDING
    modality: str = ""
    ybr: bool = False
    engine: str = ""

    @property
    def group(self) -> str:
        """The group of the file it belongs to, for example ``uint16-1-256``."""
        side, _, samples = self.pixels.shape
        return f"{self.pixels.dtype.name}-{samples}-{side}"

    def digest(self) -> bytes:
        """16 bytes that name the content: equal contents, equal digests."""
        parts = hashlib.sha256(self.group.encode())
        colour = ("ybr",) if self.ybr else ()
        parts.update(repr((self.limits, self.padding, self.modality, *colour)).encode())
        for array in (self.pixels, self.mask, self.hidden):
            parts.update(np.ascontiguousarray(array).tobytes())
        return parts.digest()[:16]


@dataclass(frozen=True)
class Patch:
    """A content at a place: rows ``top`` to ``top + rows``, columns ``left`` to ``left + columns``.

    ``rows`` and ``columns`` are smaller than the side where the frame is smaller than the patch;
    the rest of the patch lies beyond the frame.
    """

    item: int
    frame: int
    top: int
    left: int
    rows: int
    columns: int
    content: Content


def apply(frame: np.ndarray, patch: Patch) -> int:
    """Write a patch into stored values ``frame`` (rows, columns[, samples]), in place.

    Returns the number of pixels written. Pixels outside the patch's mask are not touched.
    """
    mask = patch.content.mask[: patch.rows, : patch.columns]
    values = patch.content.pixels[: patch.rows, : patch.columns]
    target = frame[patch.top : patch.top + patch.rows, patch.left : patch.left + patch.columns]
    if target.dtype != values.dtype:
        raise TypeError(f"a patch of {values.dtype} for a frame of {target.dtype}")
    target[mask] = values[mask] if frame.ndim == 3 else values[mask][:, 0]
    return int(mask.sum())


class Writer(Closing):
    """Write patches one by one; equal contents are stored once. Same patches, same bytes."""

    def __init__(self, path: Path):
        self.file = h5py.File(path, "w", libver="latest", track_order=False)
        self.table = self.file.create_dataset(
            "patches", (0,), ROW, maxshape=(None,), chunks=(1024,), track_times=False
        )
        self.places: dict[bytes, tuple[str, int]] = {}

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def add(self, patch: Patch) -> None:
        """Append a patch."""
        key = patch.content.digest()
        if key not in self.places:
            self.places[key] = (patch.content.group, self.put(patch.content))
        group, index = self.places[key]
        row = (patch.item, patch.frame, patch.top, patch.left, patch.rows, patch.columns)
        self.rows(np.array([(*row, group.encode(), index)], ROW))

    def rows(self, rows: np.ndarray) -> None:
        """Append rows to the table as they are."""
        count = len(self.table)
        self.table.resize((count + len(rows),))
        self.table[count:] = rows

    def put(self, content: Content) -> int:
        """Append a content to its group and return its index there."""
        name = content.group
        if name not in self.file:
            self._make(name, content)
        group = self.file[name]
        index = len(group["pixels"])
        values = {
            "pixels": content.pixels,
            "mask": content.mask.astype(np.uint8),
            "hidden": content.hidden.astype(np.uint8),
            "limits": np.array((*content.limits, *content.padding), np.int64),
            "modality": content.modality.encode("ascii", "ignore")[:16],
            "ybr": content.ybr,
            "engine": content.engine.encode("ascii")[:40],
        }
        for field, value in values.items():
            group[field].resize(index + 1, axis=0)
            group[field][index] = value
        return index

    def _make(self, name: str, content: Content) -> None:
        group = self.file.create_group(name)
        side, _, samples = content.pixels.shape
        chunk = min(side, CHUNK_SIDE)
        shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...], np.dtype]] = {
            "pixels": ((side, side, samples), (chunk, chunk, samples), content.pixels.dtype),
            "mask": ((side, side), (chunk, chunk), np.dtype(np.uint8)),
            "hidden": ((side, side), (chunk, chunk), np.dtype(np.uint8)),
            "limits": ((4,), (4,), np.dtype(np.int64)),
            "modality": ((), (), np.dtype("S16")),
            "ybr": ((), (), np.dtype(np.uint8)),
            "engine": ((), (), np.dtype("S40")),
        }
        for field, (shape, chunks, dtype) in shapes.items():
            group.create_dataset(
                field,
                (0, *shape),
                dtype,
                maxshape=(None, *shape),
                chunks=(1 if shape[1:] else 1024, *chunks),
                compression="gzip" if shape[1:] else None,
                compression_opts=1 if shape[1:] else None,
                track_times=False,
            )


class Reader(Closing):
    """Read a file of patches; contents are read when asked for."""

    def __init__(self, path: Path):
        self.file = h5py.File(path, "r")
        self.table: np.ndarray = self.file["patches"][:]

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def contents(self) -> Iterator[tuple[str, int]]:
        """Group and index of every content, in a fixed order."""
        for name in sorted(name for name in self.file if name not in TABLES):
            for index in range(len(self.file[name]["pixels"])):
                yield name, index

    def content(self, group: str, index: int) -> Content:
        """One content."""
        stored = self.file[group]
        low, high, padding_low, padding_high = (int(v) for v in stored["limits"][index])
        return Content(
            pixels=stored["pixels"][index],
            mask=stored["mask"][index] > 0,
            hidden=stored["hidden"][index] > 0,
            limits=(low, high),
            padding=(padding_low, padding_high),
            modality=stored["modality"][index].decode("ascii"),
            ybr=bool(stored["ybr"][index]),
            engine=stored["engine"][index].decode("ascii"),
        )

    def patch(self, row: np.void) -> Patch:
        """The patch of one row of ``table``."""
        place = {name: int(row[name]) for name in ROW.names[:6]}  # type: ignore[index]
        return Patch(**place, content=self.content(row["group"].decode(), int(row["index"])))

    def of(self, item: int, frame: int) -> Iterator[Patch]:
        """The patches of one frame of one item."""
        for row in self.table[(self.table["item"] == item) & (self.table["frame"] == frame)]:
            yield self.patch(row)
