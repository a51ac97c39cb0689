"""What is made of released series: masks of painted pixels and NIfTI volumes.

A mask is a DICOM SEG (PS3.3 A.51) by highdicom that refers to the released objects; a NIfTI
volume is made by dcm2niix from a complete series. Both depend on the released bytes, the key
and nothing else: no clock, no random UID, no path.
"""

import gzip
import logging
import math
import os
import re
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dcm2niix
import h5py
import nibabel
import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentDescription
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import pack_bits
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from unburn import __version__, keys, nifti, sidecars
from unburn.errors import ItemError
from unburn.files import replacing
from unburn.headers import glance, read_header
from unburn.metadata import quiet
from unburn.objects import modality
from unburn.presets import RESEARCH

log = logging.getLogger(__name__)

NIFTI_TIMEOUT_S = 1800

# Patient and study attributes of a mask: type 2 in their modules, so absent becomes empty.
PATIENT_AND_STUDY = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    *("AccessionNumber", "StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"),
)
# A mask is as de-identified as the object it belongs to, and says so in the same words.
DEIDENTIFICATION = (
    *("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"),
    "LongitudinalTemporalInformationModified",
)
GEOMETRY = ("FrameOfReferenceUID", "ImagePositionPatient", "ImageOrientationPatient")
# The standard wants a content date (type 1); where the study has none, a date that is clearly none.
NO_DATE, NO_TIME = "19000101", "000000"

CONVERSION_ERRORS = (
    subprocess.SubprocessError,
    ItemError,
    OSError,
    ValueError,
    nibabel.filebasedimages.ImageFileError,
)
# Second versions of a volume that dcm2niix writes beside the one with the stored slices.
RESLICED = re.compile(r"_(Eq|Tilt)(_\d+)?$")


@dataclass(frozen=True)
class Touched:
    """A released object in which pixels were painted."""

    file: Path  # the cleaned object
    masks: Path  # masks.h5 of its shard
    item: str  # its dataset there: /items/<item>, uint8 0/1 (frames, rows, columns)


@dataclass(frozen=True)
class Product:
    """A file made of a released series, still beside its final place."""

    file: Path
    sop_instance_uid: str  # empty for NIfTI
    frames: int


# --- masks of painted pixels


def painted_frames(touched: Touched) -> tuple[list[int], np.ndarray]:
    """Return the frames with a painted pixel (indices from 0) and their masks.

    The masks are uint8 0/1, (painted frames, rows, columns).
    """
    with h5py.File(touched.masks, "r") as file:
        stored = file["items"][touched.item]
        planes = {k: stored[k] for k in range(stored.shape[0]) if stored[k].any()}
        empty = np.zeros((0, *stored.shape[1:]), np.uint8)
    return list(planes), np.stack(list(planes.values())).astype(np.uint8) if planes else empty


def has_geometry(headers: Sequence[Dataset]) -> bool:
    """Say whether single-frame objects of one size lie in one patient coordinate system."""
    frames_of_reference = {header.get("FrameOfReferenceUID") for header in headers}
    positions = {tuple(header.get("ImagePositionPatient") or ()) for header in headers}
    orientations = {tuple(header.get("ImageOrientationPatient") or ()) for header in headers}
    return (
        len(frames_of_reference) == len(orientations) == 1
        and len(positions) == len(headers)
        and all(
            "NumberOfFrames" not in header
            and all(header.get(keyword) for keyword in (*GEOMETRY, "PixelSpacing"))
            for header in headers
        )
    )


def source_of(header: Dataset, geometry: bool) -> Dataset:
    """Reduce a cleaned header to what highdicom needs of a source image.

    Without geometry it is presented as a secondary capture: highdicom asks for a frame of
    reference where the source's kind ought to have one, and old objects often do not.
    """
    source = Dataset()
    source.file_meta = FileMetaDataset()
    source.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for keyword in PATIENT_AND_STUDY:
        setattr(source, keyword, "")
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Rows", "Columns"):
        setattr(source, keyword, header[keyword].value)
    source.SOPClassUID = header.SOPClassUID if geometry else SecondaryCaptureImageStorage
    source.Modality = modality(str(header.get("Modality", "")))
    if geometry:
        for keyword in (*GEOMETRY, "PixelSpacing", "SliceThickness"):
            if header.get(keyword):
                setattr(source, keyword, header[keyword].value)
    return source


def segment() -> SegmentDescription:
    """Describe the one segment: pixels that do not come from the scanner."""
    return SegmentDescription(
        segment_number=1,
        segment_label="Painted pixels",
        segmented_property_category=codes.SCT.SpatialAndRelationalConcept,
        segmented_property_type=codes.DCM.ImageArtifacts,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            name="unburn", family=codes.DCM.ArtificialIntelligence, version=__version__
        ),
    )


def reference(header: Dataset, frame: int | None = None) -> Dataset:
    """Refer to an object (PS3.3 table 10-11) or to one of its frames, counted from 1."""
    item = Dataset()
    item.ReferencedSOPClassUID = header.SOPClassUID
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    if frame is not None and "NumberOfFrames" in header:
        item.ReferencedFrameNumber = frame
    return item


def plain_frames(
    mask: Segmentation, headers: Sequence[Dataset], frames: Sequence[list[int]], planes: np.ndarray
) -> None:
    """Give a mask of one frame all its frames, each tied to the frame it was painted in.

    highdicom takes one frame only where there is no patient coordinate system (a cine of
    ultrasound, radiographs). The frames' order is the objects' and frames' own.

    Parameters
    ----------
    headers : of the objects
    frames : per object, indices from 0 of its painted frames
    planes : uint8 0/1, (all painted frames, rows, columns)
    """
    groups = []
    pattern = mask.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0]
    for header, painted in zip(headers, frames, strict=True):
        for k in painted:
            source = reference(header, k + 1)
            source.SpatialLocationsPreserved = "YES"
            source.PurposeOfReferenceCodeSequence = pattern.SourceImageSequence[
                0
            ].PurposeOfReferenceCodeSequence
            derivation = Dataset()
            derivation.SourceImageSequence = [source]
            derivation.DerivationCodeSequence = pattern.DerivationCodeSequence
            content = Dataset()
            content.DimensionIndexValues = 1
            group = Dataset()
            group.DerivationImageSequence = [derivation]
            group.FrameContentSequence = [content]
            groups.append(group)
    mask.PerFrameFunctionalGroupsSequence = groups
    mask.NumberOfFrames = len(groups)
    mask.PixelData = pack_bits(planes, pad=True)
    mask.SourceImageSequence = [reference(header) for header in headers]
    instances = [reference(header) for header in headers]
    mask.ReferencedSeriesSequence[0].ReferencedInstanceSequence = instances


def settle(mask: Segmentation, header: Dataset, key: bytes, name: str) -> None:
    """Replace what depends on the clock or chance, and copy what patient and study share."""
    mask["ContentDate"].value = header.get("StudyDate") or NO_DATE
    mask["ContentTime"].value = header.get("StudyTime") or NO_TIME
    for keyword in (
        "InstanceCreationDate",
        "InstanceCreationTime",
        "ContributingEquipmentSequence",
    ):
        if keyword in mask:
            del mask[keyword]
    dimension = keys.uid(key, f"seg dimension:{name}")
    for item in (*mask.DimensionOrganizationSequence, *mask.DimensionIndexSequence):
        item.DimensionOrganizationUID = dimension
    if "SpecificCharacterSet" in header:
        mask.SpecificCharacterSet = header.SpecificCharacterSet
    for keyword in (*PATIENT_AND_STUDY, *DEIDENTIFICATION):
        if keyword in header:
            mask[keyword] = header[keyword]
    mask.ContentLabel = "PAINTED"
    mask.ContentDescription = "Pixels painted in place of burned-in text"
    mask.SeriesDescription = "unburn: painted pixels"
    mask.BurnedInAnnotation = "NO"


def build_mask(
    headers: Sequence[Dataset],
    frames: Sequence[list[int]],
    planes: np.ndarray,
    key: bytes,
    name: str,
) -> Segmentation:
    """Make the SEG of the painted frames of objects of one series and one size.

    Parameters
    ----------
    headers : of the cleaned objects, in the order of ``planes``
    frames : per object, indices from 0 of its painted frames
    planes : uint8 0/1, (all painted frames, rows, columns)
    key : the project's key, from which the mask's UIDs come
    name : names the mask among all masks of the project
    """
    if has_geometry(headers):
        try:
            return assemble(headers, frames, planes, key, name, geometry=True)
        except (ValueError, TypeError, AttributeError, KeyError):
            pass  # a geometry that highdicom refuses; the mask lies on its pictures all the same
    return assemble(headers, frames, planes, key, name, geometry=False)


def assemble(
    headers: Sequence[Dataset],
    frames: Sequence[list[int]],
    planes: np.ndarray,
    key: bytes,
    name: str,
    geometry: bool,
) -> Segmentation:
    """Make the SEG, placed in the patient or not; arguments as in ``build_mask``."""
    sources = [source_of(header, geometry) for header in headers]
    mask = Segmentation(
        source_images=sources if geometry else sources[:1],
        pixel_array=planes if geometry else planes[:1],
        segmentation_type="BINARY",
        segment_descriptions=[segment()],
        series_instance_uid=keys.uid(key, f"seg series:{name}"),
        series_number=1,
        sop_instance_uid=keys.uid(key, f"seg:{name}"),
        instance_number=1,
        manufacturer="unburn",
        manufacturer_model_name="unburn",
        software_versions=__version__,
        device_serial_number="0",
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    if not geometry:
        plain_frames(mask, headers, frames, planes)
    settle(mask, headers[0], key, name)
    return mask


def write_volume_mask(touched: Touched, out: Path) -> Product:
    """Write the painted voxels of a NIfTI volume as a volume of the same geometry."""
    with nifti.Volume(touched.file) as volume, h5py.File(touched.masks, "r") as file:
        stored = file["items"][touched.item]
        with replacing(out) as tmp:
            nifti.write_mask(volume, (stored[k] for k in range(volume.frames)), tmp)
        return Product(out, "", volume.frames)


@quiet()  # highdicom sets values of the header, and pydicom complains aloud
def write_masks(touched: Sequence[Touched], folder: Path, key: bytes) -> list[Product]:
    """Write the painted pixels of one series as DICOM SEG, one file per picture size.

    Only painted frames are written; a NIfTI volume gets a mask of its own form.

    Raises
    ------
    ItemError
        ``mask_not_written``, when the mask cannot be made or an object has no painted pixel
    """
    groups: dict[tuple[int, int], list[tuple[Dataset, list[int], np.ndarray]]] = defaultdict(list)
    products = []
    try:
        for number, one in enumerate(touched, 1):
            if nifti.is_nifti(one.file):
                products.append(write_volume_mask(one, folder / f"mask_{number}.nii.gz"))
                continue
            frames, planes = painted_frames(one)
            if not frames:
                raise ItemError("mask_not_written")
            header = read_header(one.file, stop_before_pixels=True)
            groups[planes.shape[1:]].append((header, frames, planes))
        for number, size in enumerate(sorted(groups), 1):
            headers, frame_lists, stacks = zip(*groups[size], strict=True)
            name = f"{headers[0].SeriesInstanceUID}:{size[0]}x{size[1]}"
            mask = build_mask(headers, frame_lists, np.concatenate(stacks), key, name)
            out = folder / f"mask_{number}.dcm"
            with replacing(out) as tmp:
                mask.save_as(tmp, enforce_file_format=True)
            products.append(Product(out, mask.SOPInstanceUID, int(mask.NumberOfFrames)))
    # highdicom and pydicom refuse odd headers with whatever their inside meets first.
    except Exception as error:
        raise ItemError("mask_not_written") from error
    return products


# --- NIfTI


def convert(files: Sequence[Path], folder: Path) -> list[Path]:
    """Run dcm2niix on the objects of one series; return the volumes that hold the stored slices."""
    with tempfile.TemporaryDirectory() as inputs:
        _stage(files, Path(inputs))
        # -g i: no defaults file of the user; -ba n: all that the cleaned headers say, of which
        # ``sidecars`` takes what may stay; -z n: gzip has a clock
        options = ["-g", "i", "-b", "y", "-ba", "n", "-z", "n", "-f", "volume", "-w", "2"]
        subprocess.run(
            [dcm2niix.bin, *options, "-o", str(folder), inputs],
            check=True,
            capture_output=True,
            timeout=NIFTI_TIMEOUT_S,
            env={**os.environ, "TZ": "UTC", "OMP_NUM_THREADS": "1"},
        )
    return sorted(file for file in folder.glob("*.nii") if not RESLICED.search(file.stem))


def _stage(files: Sequence[Path], folder: Path) -> None:
    """Link the objects of a series into a folder, as one volume.

    dcm2niix divides a series by Image Type. Painted slices are DERIVED (PS3.3 C.7.6.1.1.2) and
    their neighbours ORIGINAL: for the conversion all are derived.
    """
    painted = [_image_type(glance(file, stop_before_pixels=True))[:1] for file in files]
    mixed = ["DERIVED"] in painted and ["ORIGINAL"] in painted
    for number, (file, first) in enumerate(zip(files, painted, strict=True), 1):
        staged = folder / f"{number:06d}.dcm"
        if mixed and first == ["ORIGINAL"]:
            dataset = dcmread(file)
            dataset.ImageType = ["DERIVED", *_image_type(dataset)[1:]]
            dataset.save_as(staged)
        else:
            staged.symlink_to(file.resolve())


def _image_type(dataset: Dataset) -> list[str]:
    value = dataset.get("ImageType") or []
    return [value] if isinstance(value, str) else list(value)


def without_texts(volume: Path) -> bytes:
    """A NIfTI volume without the texts of its header: dcm2niix writes the time of day there."""
    whole = volume.read_bytes()
    head = nifti.blank(whole)
    return head + whole[len(head) :]


def write_nifti(files: Sequence[Path], voxels: int, folder: Path) -> list[Product]:
    """Convert the objects of one complete volumetric series to .nii.gz and .json.

    Diffusion series get their b-values and gradient directions, .bval and .bvec, too.

    Parameters
    ----------
    files : the cleaned objects
    voxels : frames x rows x columns of all of them together
    folder : where products go, exists

    Returns
    -------
    list of Product
        empty when dcm2niix fails, writes nothing, or writes other than every voxel once
    """
    try:
        with tempfile.TemporaryDirectory(dir=folder) as converted:
            volumes = convert(files, Path(converted))
            # unscaled: all voxels must be there, but none is read
            shapes = [nibabel.nifti1.load(v).dataobj.get_unscaled().shape for v in volumes]
            if sum(math.prod(shape) for shape in shapes) != voxels:
                return []
            products = []
            for number, (volume, shape) in enumerate(zip(volumes, shapes, strict=True), 1):
                stem = folder / f"volume_{number}"
                packed = stem.with_suffix(".nii.gz")
                with replacing(packed) as tmp:
                    tmp.write_bytes(gzip.compress(without_texts(volume), nifti.GZIP_LEVEL, mtime=0))
                products.append(Product(packed, "", math.prod(shape[2:])))
                for suffix in nifti.BESIDE:
                    beside = volume.with_suffix(suffix)
                    if beside.is_file():
                        cleaned = stem.with_suffix(suffix)
                        # what the settings take is not in the headers any more
                        cleaned.write_bytes(sidecars.clean(beside.read_bytes(), suffix, RESEARCH))
                        products.append(Product(cleaned, "", 0))
            return products
    except CONVERSION_ERRORS:
        return []


def with_mask(dataset: Dataset, planes: np.ndarray) -> Dataset:
    """An object that shows its mask: ``planes`` uint8 0/1, (frames, rows, columns), as pixels.

    What a slope and an intercept would make of the values does not count; where a voxel goes does.
    """
    kind = f"{'i' if dataset.get('PixelRepresentation') else 'u'}{dataset.BitsAllocated // 8}"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    if "PlanarConfiguration" in dataset:
        del dataset.PlanarConfiguration
    for element in dataset.iterall():
        if element.keyword in ("RescaleSlope", "RescaleIntercept"):
            element.value = "1" if element.keyword == "RescaleSlope" else "0"
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = planes.astype(f"<{kind}").tobytes()
    dataset.PixelData = data + bytes(len(data) % 2)
    dataset["PixelData"].VR = "OW"
    return dataset


def write_nifti_masks(
    files: Sequence[Path], touched: Sequence[Touched], volumes: Sequence[Path], folder: Path
) -> list[Product]:
    """Write the painted voxels of converted volumes as volumes of the same geometry.

    The objects are converted once more with their masks in the place of their pixels, so that each
    voxel goes where its pixel went.

    Parameters
    ----------
    files : the cleaned objects, in the order in which ``write_nifti`` got them
    touched : those of them that were painted
    volumes : what ``write_nifti`` made of them
    folder : where products go, exists

    Returns
    -------
    list of Product
        one for each volume; empty when they do not fit
    """
    masks = {one.file: one for one in touched}
    try:
        with tempfile.TemporaryDirectory(dir=folder) as work:
            staged, converted = Path(work, "masks"), Path(work, "converted")
            staged.mkdir()
            converted.mkdir()
            for number, file in enumerate(files, 1):
                dataset = dcmread(file)
                shape = (int(dataset.get("NumberOfFrames") or 1), dataset.Rows, dataset.Columns)
                planes = _planes(masks[file]) if file in masks else np.zeros(shape, np.uint8)
                with_mask(dataset, planes).save_as(staged / f"{number:06d}.dcm")
            found = convert(sorted(staged.iterdir()), converted)
            products = []
            for number, (volume, mask) in enumerate(zip(volumes, found, strict=True), 1):
                out = folder / f"mask_{number}.nii.gz"
                products.append(_volume_of(volume, mask, out))
            return products
    except (*CONVERSION_ERRORS, KeyError, AttributeError):
        log.warning("painted voxels are marked by the DICOM SEG alone")
        return []


def _planes(touched: Touched) -> np.ndarray:
    """The mask of every frame of an object, uint8 0/1, (frames, rows, columns)."""
    with h5py.File(touched.masks, "r") as file:
        return (file["items"][touched.item][:] > 0).astype(np.uint8)


def _volume_of(volume: Path, converted: Path, out: Path) -> Product:
    """Write a converted mask beside the volume that it belongs to, 1 where it is painted."""
    image, mask = nibabel.nifti1.load(volume), nibabel.nifti1.load(converted)
    if image.shape != mask.shape or not np.array_equal(image.affine, mask.affine):
        raise ValueError("another geometry")
    header = mask.header.copy()
    header.set_data_dtype(np.uint8)
    header.set_slope_inter(1, 0)
    painted = (np.asarray(mask.dataobj) != 0).astype(np.uint8)
    nibabel.Nifti1Image(painted, mask.affine, header).to_filename(converted)
    with replacing(out) as tmp:
        tmp.write_bytes(gzip.compress(without_texts(converted), nifti.GZIP_LEVEL, mtime=0))
    return Product(out, "", math.prod(painted.shape[2:]))
