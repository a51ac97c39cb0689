"""Places of an image that its header gives away: outside of ultrasound areas, and device rules.

They are masked in every frame, beside what the detector finds; nothing here takes from a mask.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from unburn import devices, nifti, ultrasound
from unburn.devices import Rule
from unburn.errors import ItemError
from unburn.headers import read_header
from unburn.ultrasound import Rectangle


@dataclass(frozen=True)
class Known:
    """What is known of an image.

    ``shown`` are areas outside of which all is masked, if there are any; ``hidden`` rectangles
    are masked. ``rules`` are the names of the device rules that fit and have a place in the frame,
    ``unusable`` counts ultrasound regions that could not be used.
    """

    shown: tuple[Rectangle, ...] = ()
    hidden: tuple[Rectangle, ...] = ()
    rules: tuple[str, ...] = ()
    unusable: int = 0

    def mask(self, shape: tuple[int, int]) -> np.ndarray | None:
        """Mask of every frame, uint8 (rows, columns), 0 or 1; None where nothing is known."""
        if not self.shown and not self.hidden:
            return None
        mask = ultrasound.outside(self.shown, shape)
        for left, top, right, bottom in self.hidden:
            mask[top:bottom, left:right] = 1
        return mask


NOTHING = Known()


def of(header: Dataset, rows: int, columns: int, rules: Sequence[Rule], outside: bool) -> Known:
    """What a header says about the places of text in its frames.

    ``rules`` that could fit by modality and size; ``outside``: whether all that is outside of
    the declared ultrasound areas is masked.
    """
    shown, unusable = ultrasound.areas(header, rows, columns) if outside else ([], 0)
    hidden: dict[Rectangle, None] = {}
    names = []
    for rule in devices.fitting(rules, header):
        cut = [devices.cut(rectangle, rows, columns) for rectangle in rule.rectangles]
        inside = [rectangle for rectangle in cut if rectangle]
        hidden |= dict.fromkeys(inside)
        names += [rule.name] if inside else []
    return Known(tuple(shown), tuple(hidden), tuple(names), unusable)


def read(
    path: Path, modality: str, rows: int, columns: int, rules: Sequence[Rule], outside: bool
) -> Known:
    """As ``of``, of a file; its header is read only if it could say something.

    A file that cannot be read any more is masked whole: the frames were made from another state.
    """
    possible = [rule for rule in rules if rule.could_fit(modality, rows, columns)]
    if not possible and not outside:
        return NOTHING
    if nifti.is_nifti(path):
        return NOTHING
    tags = [*devices.KEYWORDS, "SequenceOfUltrasoundRegions"]
    try:
        header = read_header(path, stop_before_pixels=True, specific_tags=tags)
    except ItemError:
        return Known(hidden=((0, 0, columns, rows),))
    return of(header, rows, columns, possible, outside)
