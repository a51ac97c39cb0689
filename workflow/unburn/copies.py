"""Files that name the same SOP Instance: copies to leave out, and different objects to keep apart.

A SOP Instance UID should name one object for ever. In submissions it also names exact copies, the
same picture in other transfer syntaxes, and different pictures whose UID nobody changed after
editing. A picture in two encodings is released once, so that a volume has no slice twice.
Different ones are all released, each with a new UID of its own, made of the old one and the file's
content: nothing is lost, and patients are never merged.
"""

import collections
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pydicom.dataset import Dataset

from unburn.elements import text_of
from unburn.errors import ItemError
from unburn.files import sha256
from unburn.parallel import in_order
from unburn.pixels import StoredFrames

# Who and what it is, and what the stored values mean: objects that differ in one of these are
# different objects, whatever their pixels say.
IDENTITY = (
    *("PatientID", "IssuerOfPatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"),
    *("RescaleSlope", "RescaleIntercept", "RescaleType", "Units", "DoseGridScaling", "DoseUnits"),
    *("GridFrameOffsetVector", "FrameTime", "PixelPaddingValue"),
    *("RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData"),
    *("BluePaletteColorLookupTableData", "Laterality", "ImageLaterality", "PatientOrientation"),
)
MEANING = (
    "ModalityLUTSequence",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "SegmentSequence",
)


def content(path: Path) -> str:
    """Digest of a file's bytes, empty when they cannot be read any more."""
    try:
        return sha256(path)
    except OSError:
        return ""


def picture(path: Path) -> str:
    """Digest of a picture and of what it means, the same in every lossless encoding.

    Of an object without a picture, or one that cannot be decoded, it is that of the bytes.
    """
    try:
        with StoredFrames(path) as source:
            digest = hashlib.sha256(b"\0".join(_meaning(source.dataset)))
            for index in range(len(source)):
                stored = source[index]
                digest.update(f"{source.photometric} {stored.dtype} {stored.shape}".encode())
                digest.update(stored.tobytes())
        return "picture " + digest.hexdigest()
    except ItemError:
        return content(path)


def _meaning(dataset: Dataset) -> Iterator[bytes]:
    for keyword in IDENTITY:
        yield text_of(dataset, keyword).encode("utf-8", "surrogatepass")
    for keyword in MEANING:
        try:
            items = [item.to_json_dict() for item in dataset.get(keyword) or ()]
            yield json.dumps(items, sort_keys=True, default=repr).encode()
        except Exception:  # malformed: pydicom raises many kinds
            raise ItemError("undecodable") from None


def sort_out(
    instances: Sequence[str],
    ended: Sequence[bool],
    path_of: Callable[[int], Path],
    threads: int,
) -> tuple[dict[int, str], set[int], dict[int, str]]:
    """Decide about files that share a SOP Instance UID with another one.

    Parameters
    ----------
    instances : (0008,0018) SOP Instance UID of each file, empty for files that have none
    ended : whether a file is held back or ignored already; pictures of such are not compared
    path_of : a function of the index; the first of equal files stays

    Returns
    -------
    reason codes by index of the files that are not released (``duplicate``, ``same_picture``,
    ``unreadable``); indices of those that share their UID with another object and need one of
    their own; sha256 by index of all that were read
    """
    times = collections.Counter(instances)
    groups: dict[str, list[int]] = collections.defaultdict(list)
    for index, instance in enumerate(instances):
        if instance and times[instance] > 1:
            groups[instance].append(index)
    several = list(groups.values())
    members = [index for group in several for index in group]
    digests = dict(zip(members, in_order(content, map(path_of, members), threads), strict=True))
    codes: dict[int, str] = {i: "unreadable" for i, digest in digests.items() if not digest}
    rivals: list[list[int]] = []
    for group in several:
        first: dict[str, int] = {}
        for index in group:
            if digests[index] and first.setdefault(digests[index], index) != index:
                codes[index] = "duplicate"
        left = [i for i in first.values() if not ended[i]]
        if len(left) > 1:
            rivals.append(left)
    compared = [index for group in rivals for index in group]
    shown = in_order(picture, map(path_of, compared), threads, content)
    pictures = dict(zip(compared, shown, strict=True))
    sharing: set[int] = set()
    for group in rivals:
        first = {}
        for index in group:
            if first.setdefault(pictures[index], index) != index:
                codes[index] = "same_picture"
        if len(first) > 1:
            sharing.update(first.values())
    return codes, sharing, digests
