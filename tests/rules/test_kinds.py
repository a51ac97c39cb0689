"""Every kind of object from plan to release, as the table of the design says: one run for all.

Each image has a line of text in every frame; what `detect` would find is written by hand.
"""

from pathlib import Path

import h5py
import nibabel
import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import pack_bits
from test_promises import Blind, Run

from unburn import gate, marks, nifti, objects
from unburn.detect import EXAMINED, REGION
from unburn.ledger import records
from unburn.sources import open_frames

ROWS, COLUMNS = 64, 96
LEFT, TOP, RIGHT, BOTTOM = 20, 24, 70, 34  # of the line
REFERENCE = "1.2.3.4.1"  # the CT that others refer to


def image(sop_class, modality, samples=1, bits=8, signed=False, frames=1, **more):
    """What makes a kind of image; ``more`` are attributes and ``syntax``."""
    return {"sop_class": sop_class, "modality": modality, "samples": samples, "bits": bits} | {
        **{"signed": signed, "frames": frames},
        **more,
    }


GROUPS = {"PerFrameFunctionalGroupsSequence": [Dataset() for _ in range(3)]}
MULTI = {"frames": 3}
IMAGES = {
    "CT": image(
        uid.CTImageStorage, "CT", bits=12, signed=True, RescaleSlope=1, PixelPaddingValue=-7
    ),
    "CT big endian": image(uid.CTImageStorage, "CT", bits=12, syntax=uid.ExplicitVRBigEndian),
    "CT implicit": image(uid.CTImageStorage, "CT", bits=16, syntax=uid.ImplicitVRLittleEndian),
    "MR": image(uid.MRImageStorage, "MR", bits=12, syntax=uid.RLELossless),
    "MR deflated": image(
        uid.MRImageStorage, "MR", bits=12, syntax=uid.DeflatedExplicitVRLittleEndian
    ),
    "PET": image(
        uid.PositronEmissionTomographyImageStorage, "PT", bits=16, syntax=uid.JPEG2000Lossless
    ),
    "CR": image(
        uid.ComputedRadiographyImageStorage,
        "CR",
        bits=10,
        photometric="MONOCHROME1",
        syntax=uid.JPEGLSLossless,
    ),
    "DX": image(uid.DigitalXRayImageStorageForPresentation, "DX", bits=14),
    "MG": image(uid.DigitalMammographyXRayImageStorageForProcessing, "MG", bits=12),
    "tomosynthesis": image(uid.BreastTomosynthesisImageStorage, "MG", bits=10, **MULTI),
    "US": image(uid.UltrasoundImageStorage, "US", samples=3, planar=1),
    "US multi-frame": image(
        uid.UltrasoundMultiFrameImageStorage, "US", samples=3, syntax=uid.RLELossless, **MULTI
    ),
    "US retired": image(objects.ULTRASOUND_RETIRED, "US"),
    "XA": image(uid.XRayAngiographicImageStorage, "XA", syntax=uid.JPEGLSLossless, **MULTI),
    "RF": image(uid.XRayRadiofluoroscopicImageStorage, "RF", bits=10, **MULTI),
    "NM": image(uid.NuclearMedicineImageStorage, "NM", bits=16, **MULTI),
    "SC": image(uid.SecondaryCaptureImageStorage, "OT", samples=3, syntax=uid.JPEG2000Lossless),
    "SC bit": image(uid.MultiFrameSingleBitSecondaryCaptureImageStorage, "OT", bits=1, **MULTI),
    "SC byte": image(uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage, "OT", **MULTI),
    "SC word": image(
        uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage, "OT", bits=12, **MULTI
    ),
    "SC true colour": image(
        uid.MultiFrameTrueColorSecondaryCaptureImageStorage, "OT", samples=3, **MULTI
    ),
    "endoscopy": image(uid.VLEndoscopicImageStorage, "ES", samples=3),
    "microscopy": image(uid.VLMicroscopicImageStorage, "GM", samples=3),
    "ophthalmic": image(uid.OphthalmicPhotography8BitImageStorage, "OP", samples=3),
    "ophthalmic tomography": image(uid.OphthalmicTomographyImageStorage, "OPT", **MULTI),
    "IVOCT": image(
        uid.IntravascularOpticalCoherenceTomographyImageStorageForPresentation, "IVOCT", **MULTI
    ),
    "enhanced CT": image(uid.EnhancedCTImageStorage, "CT", bits=12, **MULTI, **GROUPS),
    "enhanced MR": image(uid.EnhancedMRImageStorage, "MR", bits=12, **MULTI, **GROUPS),
    "enhanced PET": image(uid.EnhancedPETImageStorage, "PT", bits=16, **MULTI, **GROUPS),
    "enhanced US": image(uid.EnhancedUSVolumeStorage, "US", **MULTI, **GROUPS),
    "enhanced XA": image(uid.EnhancedXAImageStorage, "XA", bits=10, **MULTI, **GROUPS),
    "RT image": image(uid.RTImageStorage, "RTIMAGE", bits=16),
}
REFERRING = {
    "segmentation": (uid.SegmentationStorage, "SEG"),
    "structure set": (uid.RTStructureSetStorage, "RTSTRUCT"),
    "dose": (uid.RTDoseStorage, "RTDOSE"),
    "presentation state": (uid.GrayscaleSoftcopyPresentationStateStorage, "PR"),
    "key object": (uid.KeyObjectSelectionDocumentStorage, "KO"),
}
ENDED = {
    "structured report": (uid.ComprehensiveSRStorage, "structured_report"),
    "dose report": (uid.XRayRadiationDoseSRStorage, "structured_report"),
    "PDF": (uid.EncapsulatedPDFStorage, "encapsulated_document"),
    "CDA": (uid.EncapsulatedCDAStorage, "encapsulated_document"),
    "ECG": (uid.TwelveLeadECGWaveformStorage, "waveform"),
    "raw data": (uid.RawDataStorage, "raw_data"),
    "photograph": (uid.VLPhotographicImageStorage, "photograph"),
    "dermoscopy": (uid.DermoscopicPhotographyImageStorage, "photograph"),
    "whole slide": (uid.VLWholeSlideMicroscopyImageStorage, "whole_slide"),
    "RT plan": (uid.RTPlanStorage, "unsupported_sop_class"),
    "RT ion plan": (uid.RTIonPlanStorage, "unsupported_sop_class"),
    "RT record": (uid.RTBeamsTreatmentRecordStorage, "unsupported_sop_class"),
    "registration": (uid.SpatialRegistrationStorage, "unsupported_sop_class"),
    "deformable registration": (uid.DeformableSpatialRegistrationStorage, "unsupported_sop_class"),
    "parametric map": (uid.ParametricMapStorage, "unsupported_sop_class"),
    "spectroscopy": (uid.MRSpectroscopyStorage, "unsupported_sop_class"),
    "surface": (uid.SurfaceSegmentationStorage, "unsupported_sop_class"),
    "fiducials": (uid.SpatialFiducialsStorage, "unsupported_sop_class"),
    "private": ("1.3.12.2.1107.5.9.1", "private_sop_class"),
    "DICOMDIR": (uid.MediaStorageDirectoryStorage, "dicomdir"),
}
VOLUMES = ("volume.nii.gz", "colour.nii", "time.nii")


def scene(samples, bits, signed, frames):
    """Textured frames with a bright line of text at one place, in stored values."""
    rng = np.random.default_rng(3)
    top = 2 ** (bits - 1 if signed else bits) - 1
    shape = (frames, ROWS, COLUMNS) + ((samples,) if samples > 1 else ())
    dtype = f"{'int' if signed else 'uint'}{8 if bits <= 8 else 16}"
    stored = rng.integers(top // 5, top // 3 + 1, shape).astype(dtype)
    stored[:, TOP:BOTTOM:3, LEFT:RIGHT:2] = top
    return stored


def header(sop_class, modality, number):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, f"1.2.3.4.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", f"1.2.3.{number}"
    dataset.PatientName, dataset.PatientID, dataset.Modality = "Doe^Jane", "4711-0815", modality
    return dataset


def write_image(path, number, sop_class, modality, samples, bits, signed, frames, **more):
    stored = scene(samples, bits, signed, frames)
    dataset = header(sop_class, modality, number)
    syntax = more.pop("syntax", uid.ExplicitVRLittleEndian)
    planar = more.pop("planar", 0)
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = ROWS, COLUMNS, samples
    usual = "RGB" if samples == 3 else "MONOCHROME2"
    dataset.PhotometricInterpretation = more.pop("photometric", usual)
    if samples == 3:
        dataset.PlanarConfiguration = planar
    if frames > 1:
        dataset.NumberOfFrames = frames
    dataset.BitsAllocated = 1 if bits == 1 else 8 * stored.dtype.itemsize
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, bits - 1, int(signed)
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    order = "<" if syntax.is_little_endian else ">"
    cells = stored.transpose(0, 3, 1, 2) if planar else stored
    cells = np.ascontiguousarray(cells).astype(stored.dtype.newbyteorder(order))
    dataset.PixelData = pack_bits(stored) if bits == 1 else cells.tobytes()
    dataset["PixelData"].VR = "OW" if bits > 8 else "OB"
    if syntax.is_encapsulated:
        dataset.compress(syntax, generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(path, enforce_file_format=True)


def write_referring(path, number, sop_class, modality, refers_to=REFERENCE):
    dataset = header(sop_class, modality, number)
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = uid.CTImageStorage, refers_to
    dataset.ReferencedImageSequence = [item]
    if modality in ("SEG", "RTDOSE"):
        bits = 1 if modality == "SEG" else 16
        dataset.Rows, dataset.Columns, dataset.SamplesPerPixel, dataset.NumberOfFrames = 8, 8, 1, 2
        dataset.PhotometricInterpretation, dataset.PixelRepresentation = "MONOCHROME2", 0
        dataset.BitsAllocated = dataset.BitsStored = bits
        dataset.HighBit = bits - 1
        dataset.PixelData = bytes(range(16)) * bits
        dataset["PixelData"].VR = "OB" if bits == 1 else "OW"
    dataset.save_as(path, enforce_file_format=True)


class Kinds(Run):
    """A submission of every kind."""

    def look(self):
        """Plan, decode, and write a line at its place in every frame, as a detector could."""
        self.decode()
        found, looked = [], []
        with h5py.File(self.frames) as file:
            for item, views in file["items"].items():
                box = (LEFT, TOP, RIGHT, BOTTOM)
                left, top, right, bottom = box if views.shape[2:] == (ROWS, COLUMNS) else [0] * 4
                quad = [(left, top), (right, top), (right, bottom), (left, bottom)]
                for frame in range(len(views)):
                    looked.append((int(item), frame, 0.9, int(right > 0), True))
                    if right:
                        found.append(
                            (int(item), frame, quad, 0.9, 10, b"crnn", b"text", False, b"")
                        )
        with h5py.File(self.regions, "w") as file:
            file["regions"] = np.array(found, REGION)
            file["examined"] = np.array(looked, EXAMINED)

    def handed_out(self):
        """The objects and volumes among the results."""
        rows = records(self.results / "released.tsv")
        return {
            self.results / row["output"] for row in rows if row["kind"] not in ("mask", "nifti")
        }


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = Kinds(tmp_path_factory.mktemp("kinds"))
    for number, (name, form) in enumerate(IMAGES.items(), 1):
        write_image(made.data / f"{name}.dcm", number, **form)
    for number, (name, form) in enumerate(REFERRING.items(), 100):
        write_referring(made.data / f"{name}.dcm", number, *form)
    write_referring(made.data / "lost.dcm", 199, uid.SegmentationStorage, "SEG", "1.2.9")
    for number, (name, (sop_class, _)) in enumerate(ENDED.items(), 200):
        header(sop_class, "OT", number).save_as(made.data / f"{name}.dcm", enforce_file_format=True)
    for name in VOLUMES:
        stored = scene(3 if name == "colour.nii" else 1, 8, False, 4).swapaxes(1, 2)
        stored = np.moveaxis(stored, 0, 2)
        if name == "colour.nii":
            stored = np.ascontiguousarray(stored).view([(c, "u1") for c in "RGB"])[..., 0]
        if name == "time.nii":
            stored = np.stack([stored, stored // 2], axis=3)
        volume = nibabel.Nifti1Image(stored, np.diag([-1.0, -1, 4, 1]))  # as DICOM stores
        volume.header["descrip"] = b"DOE^JANE"
        volume.to_filename(made.data / name)
    (made.data / "volume.json").write_text('{"PatientName": "Doe^Jane", "EchoTime": 0.03}')
    (made.data / "volume.bval").write_text("0 1000")
    made.look()
    made.clean()
    with pytest.MonkeyPatch.context() as patch:
        gate._reader.cache_clear()
        patch.setitem(gate.READERS, "rapidocr", Blind)
        made.check()
    gate._reader.cache_clear()
    made.ends = made.release()
    ledger = records(made.work / "ledger.tsv")
    made.outputs = {
        Path(r["input"]).name: made.results / r["output"] for r in ledger if r["output"]
    }
    return made


def frames_of(path):
    with open_frames(path) as source:
        return np.stack([source[k] for k in range(len(source))])


def text_is_gone_and_nothing_else(before, after):
    line = np.zeros((ROWS, COLUMNS), bool)
    line[TOP - 8 : BOTTOM + 8, LEFT - 8 : RIGHT + 8] = True  # masks are wider than ink
    assert before.dtype == after.dtype and before.shape == after.shape
    assert np.array_equal(before[:, ~line], after[:, ~line])
    ink = before[0, TOP, LEFT]
    for frame in after:
        assert not np.array_equal(frame[TOP, LEFT], ink) or ink.max() <= 1


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_is_cleaned_and_released(run, name):
    path, form = run.data / f"{name}.dcm", IMAGES[name]
    assert run.ends[path.name] == "released"
    out = run.outputs[path.name]
    text_is_gone_and_nothing_else(frames_of(path), frames_of(out))
    before, after = pydicom.dcmread(path), pydicom.dcmread(out)
    assert (after.SOPClassUID, after.Modality) == (form["sop_class"], form["modality"])
    same = "Rows Columns SamplesPerPixel BitsAllocated BitsStored HighBit PixelRepresentation"
    same += " PhotometricInterpretation PlanarConfiguration NumberOfFrames PixelPaddingValue"
    for keyword in same.split():
        assert before.get(keyword) == after.get(keyword), keyword
    syntax = form.get("syntax", uid.ExplicitVRLittleEndian)
    expected = uid.ExplicitVRLittleEndian if syntax == uid.ExplicitVRBigEndian else syntax
    assert after.file_meta.TransferSyntaxUID == expected
    found = pydicom.pixels.pixel_array(after, raw=True)  # a decoder that is not ours
    assert np.array_equal(found.reshape(frames_of(out).shape), frames_of(out))
    kind = "MIXED" if form["sop_class"] in marks.OF_FRAMES else "DERIVED"
    assert after.ImageType[0] == kind and after.BurnedInAnnotation == "NO"
    if name in ("SC", "SC bit", "SC byte", "SC word", "SC true colour"):
        (row,) = [r for r in records(run.shard) if Path(r["path"]).name == path.name]
        assert row["read_all"] == "1"


def test_painted_pixels_have_a_mask_in_each_series(run):
    rows = records(run.results / "released.tsv")
    masks = [run.results / row["output"] for row in rows if row["kind"] == "mask"]
    of_objects = [file for file in masks if file.suffix == ".dcm"]
    of_volumes = {file for file in masks if file.suffix != ".dcm"}
    assert len(of_objects) == len(IMAGES)
    for file in of_objects:
        assert pydicom.dcmread(file).SOPClassUID == uid.SegmentationStorage
    made = [run.results / row["output"] for row in rows if row["kind"] == "nifti"]
    converted = [file for file in made if file.suffix == ".gz"]
    assert converted and len(of_volumes) == len(VOLUMES) + len(converted)
    for file in of_volumes:
        assert set(np.unique(np.asarray(nibabel.load(file).dataobj))) == {0, 1}
    for file in converted:
        mask = run.results / "masks" / file.relative_to(run.results / "nifti")
        one, two = nibabel.load(file), nibabel.load(mask)
        assert mask in of_volumes and one.shape == two.shape
        assert np.array_equal(one.affine, two.affine)


@pytest.mark.parametrize("name", REFERRING)
def test_an_object_that_refers_to_images_goes_with_them(run, name):
    path = run.data / f"{name}.dcm"
    assert run.ends[path.name] == "released"
    before, after = pydicom.dcmread(path), pydicom.dcmread(run.outputs[path.name])
    assert after.get("PixelData") == before.get("PixelData")
    new = pydicom.dcmread(run.outputs["CT.dcm"]).SOPInstanceUID
    assert after.ReferencedImageSequence[0].ReferencedSOPInstanceUID == new
    assert "Doe" not in str(after)


@pytest.mark.parametrize("name", ENDED)
def test_other_kinds_end_with_their_reason(run, name):
    assert run.ends[f"{name}.dcm"] == ENDED[name][1] and f"{name}.dcm" not in run.outputs


def test_an_object_without_its_images_is_held(run):
    assert run.ends["lost.dcm"] == "reference_held"


@pytest.mark.parametrize("name", VOLUMES)
def test_a_volume_is_cleaned_and_released(run, name):
    assert run.ends[name] == "released"
    before, after = run.data / name, run.outputs[name]
    assert after.name.endswith(name.partition(".")[2])
    text_is_gone_and_nothing_else(frames_of(before), frames_of(after))
    one, two = nibabel.load(before), nibabel.load(after)
    assert np.array_equal(one.affine, two.affine) and one.shape == two.shape
    head, _ = nifti.parts(after)
    assert b"DOE" not in head


def test_what_lies_beside_a_volume_goes_with_it(run):
    volume = run.outputs["volume.nii.gz"]
    for ending, text in ((".json", '{\n  "EchoTime": 0.03\n}\n'), (".bval", "0 1000\n")):
        out = run.outputs[f"volume{ending}"]
        assert out == volume.with_name(volume.name.replace(".nii.gz", ending))
        assert out.read_text() == text


def test_every_file_is_accounted_for_and_none_names_the_patient(run):
    assert len(run.ends) == len(list(run.data.iterdir()))
    for file in run.results.rglob("*"):
        if file.is_file() and file.suffix != ".gz":
            assert b"Doe" not in file.read_bytes() and b"4711-0815" not in file.read_bytes()
