"""Images of any kind by one interface: their frames, and what names the patient."""

from pathlib import Path

from pydicom.dataset import Dataset

from unburn import nifti
from unburn.headers import glance
from unburn.pixels import StoredFrames

Frames = StoredFrames | nifti.Volume


def open_frames(path: Path) -> Frames:
    """The frames of a DICOM object or a NIfTI volume, told by the content.

    Raises
    ------
    ItemError
        as ``StoredFrames`` and ``nifti.Volume``
    """
    return nifti.Volume(path) if nifti.is_nifti(path) else StoredFrames(path)


def described(path: Path, kind: str = "") -> Dataset:
    """The header of an object without its pixels; of a volume what its sidecar says.

    ``kind`` as in the plan's table; a file beside a volume is not known by its content.

    Raises
    ------
    ItemError
        as ``read_header``
    """
    if kind in nifti.KINDS or nifti.is_nifti(path):
        return nifti.named(path)
    return glance(path, stop_before_pixels=True)
