"""NIfTI volumes: frames as a scanner shows them, and files without what can name a person.

A volume has no patient, no modality and no word about what its voxels are. Its header holds five
free texts, any number of extensions, and bytes and numbers without a meaning; all of these go. What
places, scales and times the voxels stays as it is: dimensions, affines and their codes, units,
slope and intercept, byte order.

Text was burned into the planes of the acquisition, upright for the eyes of a radiologist. So
frames are the planes across the slice axis, turned as DICOM shows them: columns to the left or to
the back of the patient, rows to the back or to the feet.
"""

import gzip
import io
import json
import zlib
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import IO, Any, Literal

import nibabel
import numpy as np
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

from unburn import sidecars
from unburn.encapsulation import MOST_DECODED, MOST_RATIO
from unburn.errors import ItemError
from unburn.files import Closing
from unburn.image_pixel import MOST_PIXELS
from unburn.metadata import quiet
from unburn.vocabulary import Naming, known, records_in, words_in

VOLUME, SIDECAR = KINDS = ("nifti_volume", "nifti_sidecar")  # of items
SUFFIXES = (".nii.gz", ".nii", ".hdr", ".img")
BESIDE = (".json", ".bval", ".bvec")  # of the same name: what BIDS and dcm2niix put there
FOLDERS = 4  # of a path, that can name the subject or session: sub-01/ses-1/anat/sub-01_T1w.json
HEADERS = {348: nibabel.nifti1.header_dtype, 540: nibabel.nifti2.header_dtype}
HEADER_CLASSES = {348: nibabel.nifti1.Nifti1Header, 540: nibabel.nifti2.Nifti2Header}
ORDERS: tuple[Literal["little", "big"], ...] = ("little", "big")
MAGIC = {348: (b"n+1", b"ni1"), 540: (b"n+2", b"ni2")}
TEXTS = ("data_type", "db_name", "descrip", "aux_file", "intent_name")
UNUSED = ("extents", "session_error", "regular", "glmax", "glmin", "unused_str")
# Numbers that mean nothing while their code is 0 (unknown).
UNDER_CODE = {
    "intent_code": ("intent_p1", "intent_p2", "intent_p3"),
    "qform_code": (*("quatern_b", "quatern_c", "quatern_d"), "qoffset_x", "qoffset_y", "qoffset_z"),
    "sform_code": ("srow_x", "srow_y", "srow_z"),
}
END_OF_LINE = (13, 10, 26, 10)  # of NIfTI-2, which tells whether text was converted
TYPES = {  # datatype: stored values
    **{2: "u1", 4: "i2", 8: "i4", 256: "i1", 512: "u2", 768: "u4"},
    128: "u1",  # red, green, blue
}
RGB = 128
# Read as int32 where every value is a whole number that fits: label maps, and what programs that
# know floating point numbers only make of a scanner's values.
WIDE = {16: "f4", 64: "f8", 1024: "i8", 1280: "u8"}
MOST_WHOLE = {"f4": 1 << 24, "f8": (1 << 31) - 1, "i8": (1 << 31) - 1, "u8": (1 << 31) - 1}
MOST_PLANES = 1 << 31  # bytes of one time point, which is held in memory
DEFLATE_RATIO = 1032  # of zlib's format at most
MOST_BEHIND = 64  # MiB after the voxels that are looked at
THICK = 1.2  # a spacing larger than the others by this is the distance of slices
UNPLACED = np.diag([-1.0, 1, 1, 1])  # as readers take a volume that has no affine
GZIP_LEVEL = 1  # noise of 12 bits: a fifth of the time of 6, files up to 5 % larger


def magic(head: bytes) -> bool:
    """Whether a file's first 352 bytes are those of a NIfTI header."""
    return head[344:347] in MAGIC[348] or head[4:7] in MAGIC[540]


def is_nifti(path: Path) -> bool:
    """Whether a file is a NIfTI volume or the header of one, compressed or not."""
    try:
        with open(path, "rb") as file:
            head = file.read(352)
        if head[:2] == b"\x1f\x8b":
            with gzip.open(path) as file:
                head = file.read(352)
        return magic(head)
    except (OSError, EOFError, zlib.error):
        return False


def stem_of(path: str) -> str:
    """A path without the suffix of a volume or of what lies beside one."""
    for suffix in (*SUFFIXES, *BESIDE):
        if path.lower().endswith(suffix):
            return path[: -len(suffix)]
    return path


def suffix_of(path: Path) -> str:
    """How the cleaned volume ends: compressed as it was; a pair becomes one file."""
    return ".nii.gz" if _is_gzip(path) else ".nii"


def _is_gzip(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path) if _is_gzip(path) else open(path, "rb")  # type: ignore[return-value]


class Volume(Closing):
    """The frames of a volume, with the interface of ``pixels.StoredFrames``.

    ``volume[k]`` is frame k as a scanner shows it, stored values (rows, columns[, 3]); the frames
    of one time point follow each other.

    Raises
    ------
    ItemError
        On opening: ``unreadable``, ``broken``, ``bad_geometry``, ``too_large``, ``nifti_type``;
        of a pair ``pixels_missing``, ``link_outside``.
        On a frame: ``undecodable``, ``float_pixels`` when a value is no whole number of 32 bits.
    """

    lossy = False
    palette = None

    def __init__(self, path: Path):
        self.path = Path(path)
        self.dataset = Dataset()  # nothing is known
        self._file: IO[bytes] | None = None
        self._last: tuple[int, np.ndarray] | None = None
        try:
            with _open(self.path) as file:
                self.block, self.header = _read_header(file)
            paired = self.header["magic"].item()[:2] == b"ni"
            self.voxels_path = _partner(self.path) if paired else self.path
            self._read_form()
            self._check_size()
        except (OSError, EOFError, zlib.error) as error:
            denied = isinstance(error, PermissionError | FileNotFoundError)
            raise ItemError("unreadable" if denied else "broken") from None
        self._turn()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __len__(self) -> int:
        return self.frames

    @property
    def photometric(self) -> str:
        """(0028,0004) Photometric Interpretation that fits the values."""
        return "RGB" if self.samples == 3 else "MONOCHROME2"

    def _read_form(self) -> None:
        sizes = self.header["dim"].tolist()
        if not 1 <= sizes[0] <= 7 or min(sizes[1 : sizes[0] + 1]) < 1:
            raise ItemError("bad_geometry")
        sizes = [*sizes[1 : sizes[0] + 1], 1, 1]
        self.shape = tuple(sizes[:3])
        self.points = prod(sizes[3:])  # of time, and whatever the further dimensions are
        code = int(self.header["datatype"])
        if code not in TYPES | WIDE:
            raise ItemError("nifti_type")
        order = self.header.dtype["sizeof_hdr"].byteorder
        self.cells = np.dtype((TYPES | WIDE)[code]).newbyteorder(order)
        self.dtype = np.dtype(TYPES.get(code, "i4"))
        self.samples = 3 if code == RGB else 1
        self.signed = self.dtype.kind == "i"
        self.bits_stored = 8 * self.dtype.itemsize
        if int(self.header["bitpix"]) != 8 * self.cells.itemsize * self.samples:
            raise ItemError("bad_geometry")
        self.point_bytes = prod(self.shape) * self.samples * self.cells.itemsize
        offset = float(self.header["vox_offset"])
        least = 0 if self.voxels_path != self.path else len(self.block)
        if not (least <= offset < 1 << 40 and offset == int(offset)):
            raise ItemError("bad_geometry")
        self.offset = int(offset)

    def _check_size(self) -> None:
        """Compare what the header promises with limits and with the bytes there."""
        there, needed = self.voxels_path.stat().st_size, self.points * self.point_bytes
        packed = _is_gzip(self.voxels_path)
        if needed + self.offset > (DEFLATE_RATIO * there if packed else there):
            raise ItemError("bad_geometry")
        if (
            sorted(self.shape)[1] * sorted(self.shape)[2] > MOST_PIXELS
            or self.point_bytes > MOST_PLANES
            or needed > max(MOST_DECODED, MOST_RATIO * there)
        ):
            raise ItemError("too_large")

    def _turn(self) -> None:
        """Find the slice axis, and how a plane is turned to be shown."""
        try:
            kind = HEADER_CLASSES[int(self.header["sizeof_hdr"])]
            order = "<" if self.header.dtype["sizeof_hdr"].byteorder in "<=" else ">"
            affine = kind(binaryblock=self.block, endianness=order, check=False).get_best_affine()
            axes = nibabel.io_orientation(affine)
        except Exception:  # a quaternion or matrix that means nothing
            axes = np.full((3, 2), np.nan)
        if not np.isfinite(axes).all():
            axes = nibabel.io_orientation(UNPLACED)
        zooms = np.abs(self.header["pixdim"][1:4].astype(float))
        self.axis = slice_axis(self.shape, zooms, int(self.header["dim_info"]))
        one, two = (k for k in range(3) if k != self.axis)
        self._swapped = bool(axes[one][0] < axes[two][0])  # columns run along the earlier of x y z
        rows, columns = (two, one) if self._swapped else (one, two)
        self._steps = tuple(-1 if axes[k][1] > 0 else 1 for k in (rows, columns))
        self.rows, self.columns = self.shape[rows], self.shape[columns]
        self.slices = self.shape[self.axis]
        self.frames = self.points * self.slices

    def show(self, plane: np.ndarray) -> np.ndarray:
        """A stored plane (two axes in their order, then samples) as it is shown."""
        turned = plane.swapaxes(0, 1) if self._swapped else plane
        return turned[:: self._steps[0], :: self._steps[1]]

    def unshow(self, frame: np.ndarray) -> np.ndarray:
        """The stored plane of a frame, or of its mask: the inverse of ``show``."""
        turned = frame[:: self._steps[0], :: self._steps[1]]
        return turned.swapaxes(0, 1) if self._swapped else turned

    def __getitem__(self, index: int) -> np.ndarray:
        if not 0 <= index < self.frames:
            raise IndexError(index)
        point, k = divmod(index, self.slices)
        plane = np.take(self.point(point), k, axis=self.axis)
        return np.ascontiguousarray(self.show(plane), self.dtype)

    def point(self, index: int) -> np.ndarray:
        """One time point: stored values, (three axes[, 3])."""
        if self._last is not None and self._last[0] == index:
            return self._last[1]
        try:
            if self._file is None:
                self._file = _open(self.voxels_path)
            self._file.seek(self.offset + index * self.point_bytes)
            raw = self._file.read(self.point_bytes)
            if index == self.points - 1:
                _read_on(self._file)
        except (OSError, EOFError, zlib.error):
            raise ItemError("undecodable") from None
        if len(raw) != self.point_bytes:
            raise ItemError("undecodable")
        shape = ((3,) if self.samples == 3 else ()) + self.shape
        values = whole_numbers(np.frombuffer(raw, self.cells)).reshape(shape, order="F")
        if self.samples == 3:
            values = np.moveaxis(values, 0, -1)
        self._last = (index, values)
        return values


def whole_numbers(values: np.ndarray) -> np.ndarray:
    """Values of 64 bits or floating point as int32, others as they are.

    Raises
    ------
    ItemError
        ``float_pixels`` when one of them would not come back as it was, bit for bit
    """
    kind = values.dtype.str[1:]
    if kind not in MOST_WHOLE:
        return values
    if not np.isfinite(values).all() or np.abs(values.astype(np.float64)).max() > MOST_WHOLE[kind]:
        raise ItemError("float_pixels")
    whole = values.astype(np.int32)
    if whole.astype(values.dtype).tobytes() != values.tobytes():
        raise ItemError("float_pixels")
    return whole


def _read_on(file: IO[bytes]) -> None:
    """Read what follows the voxels, within reason: gzip's checksum stands at the end."""
    for _ in range(MOST_BEHIND):
        if not file.read(1 << 20):
            return


def slice_axis(shape: tuple[int, ...], zooms: np.ndarray, dim_info: int) -> int:
    """The axis along which slices were taken, 0 to 2.

    That of one voxel, or that of clearly the largest spacing, or the one that ``dim_info`` (bits
    4 and 5) names, or the last.
    """
    single = [axis for axis in range(3) if shape[axis] == 1]
    if len(single) == 1:
        return single[0]
    thickest = int(np.argmax(zooms))
    others = np.delete(zooms, thickest)
    if np.isfinite(zooms).all() and others.min() > 0 and zooms[thickest] > THICK * others.max():
        return thickest
    named = dim_info >> 4 & 3
    return named - 1 if named else 2


def _read_header(file: IO[bytes]) -> tuple[bytes, Any]:
    """The header's bytes and its fields, in the byte order of the file."""
    head = file.read(max(HEADERS))
    for size, fields in HEADERS.items():
        for order in ORDERS:
            if len(head) >= size and int.from_bytes(head[:4], order) == size:
                record = np.frombuffer(head[:size], fields.newbyteorder(order))[0]
                if record["magic"].item() in MAGIC[size]:
                    return head[:size], record
    raise ItemError("broken")


def _partner(path: Path) -> Path:
    """The voxels of a header file: .img beside .hdr."""
    partner = path.with_suffix(".img")
    if partner.is_symlink():
        raise ItemError("link_outside")
    if not partner.is_file():
        raise ItemError("pixels_missing")
    return partner


# --- writing


def blank(block: bytes) -> bytes:
    """A header's bytes without texts and bytes that mean nothing.

    Raises
    ------
    ItemError
        ``broken`` when it is no header
    """
    whole, header = _read_header(io.BytesIO(block))
    record = np.frombuffer(whole, header.dtype).copy()
    codeless = [name for code, names in UNDER_CODE.items() if not record[code] for name in names]
    for name in (*TEXTS, *UNUSED, *codeless):
        if name in (record.dtype.names or ()):
            record[name] = np.zeros(1, record.dtype[name])
    used = int(record["dim"][0, 0]) + 1
    # the fifth spacing is the repetition time, which single volumes have too
    for beyond in (record["dim"][0, used:], record["pixdim"][0, max(used, 5) :]):
        beyond[beyond != 0] = 1
    if "eol_check" in (record.dtype.names or ()):
        record["eol_check"] = END_OF_LINE
    return record.tobytes()


def clean_header(volume: Volume) -> tuple[bytes, int]:
    """The header of a single file without texts, extensions and unused bytes.

    Returns its bytes up to the voxels, and how many bytes of the original were removed or changed.
    """
    size, blanked = len(volume.block), blank(volume.block)
    removed = sum(one != other for one, other in zip(volume.block, blanked, strict=True))
    record = np.frombuffer(blanked, volume.header.dtype).copy()
    record["vox_offset"] = size + 4
    record["magic"] = MAGIC[size][0]
    extensions = volume.offset - size if volume.voxels_path == volume.path else volume.offset
    return record.tobytes() + bytes(4), removed + max(extensions - 4, 0)


def write(volume: Volume, frames: Iterable[np.ndarray] | None, out: Path) -> int:
    """Write a volume without what can name a person; returns how many bytes went.

    ``frames`` are all of its frames as they are shown, painted where they were masked; None
    leaves the voxels' bytes as they are. A name that ends in .gz is compressed, without a clock.
    """
    head, removed = clean_header(volume)
    with open(out, "wb") as file:
        packed = gzip.GzipFile("", "wb", GZIP_LEVEL, file, 0) if out.suffix == ".gz" else file
        packed.write(head)
        if frames is None:
            _copy_voxels(volume, packed)
        else:
            waiting = iter(frames)
            for _ in range(volume.points):
                planes = [volume.unshow(next(waiting)) for _ in range(volume.slices)]
                packed.write(_stored_bytes(np.stack(planes, axis=volume.axis), volume))
        if packed is not file:
            packed.close()
    return removed


def write_plane(volume: Volume, frame: np.ndarray, out: Path) -> None:
    """Write a volume of one plane, without a sidecar: ``frame`` as it is shown."""
    head, _ = clean_header(volume)
    record = np.frombuffer(head[: len(volume.block)], volume.header.dtype).copy()
    sizes = [1 if axis == volume.axis else volume.shape[axis] for axis in range(3)]
    record["dim"][0] = [3, *sizes, 1, 1, 1, 1]
    plane = np.expand_dims(volume.unshow(frame), volume.axis)
    out.write_bytes(record.tobytes() + bytes(4) + _stored_bytes(plane, volume))


def _copy_voxels(volume: Volume, out: Any) -> None:
    left = volume.points * volume.point_bytes
    try:
        with _open(volume.voxels_path) as file:
            file.seek(volume.offset)
            while left:
                block = file.read(min(left, 1 << 20))
                if not block:
                    raise ItemError("undecodable")
                out.write(block)
                left -= len(block)
            _read_on(file)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise ItemError("undecodable") from None


def _stored_bytes(point: np.ndarray, volume: Volume) -> bytes:
    """Values (three axes[, 3]) as the file stores them: first axis fastest, samples before it."""
    if volume.samples == 3:
        point = np.moveaxis(point, -1, 0)
    return point.astype(volume.cells, order="F").tobytes(order="F")


def write_mask(volume: Volume, masks: Iterable[np.ndarray], out: Path) -> None:
    """Write masks of all frames (rows, columns) as a volume of 0 and 1 on the original's grid."""
    head, _ = clean_header(volume)
    record = np.frombuffer(head[: len(volume.block)], volume.header.dtype).copy()
    record["datatype"], record["bitpix"] = 2, 8
    record["scl_slope"], record["scl_inter"] = 1, 0
    record["cal_max"] = record["cal_min"] = record["intent_code"] = 0
    waiting = iter(masks)
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", GZIP_LEVEL, packed, 0) as file:
        file.write(record.tobytes() + bytes(4))
        for _ in range(volume.points):
            planes = [volume.unshow(next(waiting)) for _ in range(volume.slices)]
            cells = np.stack(planes, axis=volume.axis).astype(np.uint8)
            file.write(cells.tobytes(order="F"))
    out.write_bytes(packed.getvalue())


def parts(path: Path) -> tuple[bytes, bytes]:
    """A cleaned volume's bytes: those before the voxels, and the voxels."""
    with Volume(path) as volume, _open(path) as file:
        raw = file.read()
    return raw[: volume.offset], raw[volume.offset :]


# --- what a sidecar says about the patient


def told(path: Path) -> Naming:
    """What may name the patient of a volume: words that no list knows, numbers and IDs.

    It stands in its header's texts, its name or those of the folders around it; ``path`` is that
    of the volume or of a file beside it.
    """
    texts = list(path.parts[-FOLDERS:])
    for suffix in SUFFIXES:
        for ending in (suffix, suffix.upper()):
            try:
                with _open(path.with_name(stem_of(path.name) + ending)) as file:
                    _, header = _read_header(file)
            except (OSError, EOFError, zlib.error, ItemError):
                continue
            there = [name for name in TEXTS if name in header.dtype.names]
            texts += [header[name].item().decode("latin-1") for name in there]
    parts = {part for name in path.parts[-FOLDERS:] for part in stem_of(name).split("_")}
    return Naming(
        frozenset(one for one in words_in(" ".join(texts)) if len(one) > 1 and not known(one)),
        frozenset(form for part in parts for form in records_in(part)),
    )


def named(path: Path) -> Dataset:
    """What the JSON beside a volume says about the patient, as a DICOM header.

    dcm2niix writes names, IDs and dates there under DICOM's keywords, when it is asked to, dcmstack
    in levels.
    """
    found = Dataset()
    endings = (".json", ".JSON")
    beside = [path.with_name(stem_of(path.name) + ending) for ending in endings]
    try:
        there = next((one for one in beside if one.is_file()), beside[0])
        content = json.loads(there.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return found
    pairs = [pair for level in sidecars.levels(content) for pair in level.items()]
    with quiet():
        for keyword, value in reversed(pairs):  # the outermost level has the last word
            keyword = "BodyPartExamined" if keyword == "BodyPart" else keyword  # dcm2niix's name
            tag = tag_for_keyword(keyword)
            if tag is None or not isinstance(value, str) or dictionary_VR(tag) == "SQ":
                continue
            text = value.replace("-", "") if dictionary_VR(tag) == "DA" else value
            try:
                setattr(found, keyword, text)
            except Exception:  # pydicom raises many kinds
                continue
    return found
