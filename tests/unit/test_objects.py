import pytest
from pydicom import uid

from unburn import objects
from unburn.objects import classify, modality
from unburn.reasons import REASONS

KINDS = {
    uid.CTImageStorage: "image",
    uid.MRImageStorage: "image",
    uid.PositronEmissionTomographyImageStorage: "image",
    uid.NuclearMedicineImageStorage: "image",
    uid.UltrasoundMultiFrameImageStorage: "image",
    objects.ULTRASOUND_RETIRED: "image",
    uid.ComputedRadiographyImageStorage: "image",
    uid.DigitalXRayImageStorageForPresentation: "image",
    uid.DigitalMammographyXRayImageStorageForPresentation: "image",
    uid.BreastTomosynthesisImageStorage: "image",
    uid.XRayAngiographicImageStorage: "image",
    uid.XRayRadiofluoroscopicImageStorage: "image",
    uid.VLEndoscopicImageStorage: "image",
    uid.OphthalmicPhotography8BitImageStorage: "image",
    uid.EnhancedMRImageStorage: "image",
    uid.LegacyConvertedEnhancedPETImageStorage: "image",
    uid.RTImageStorage: "image",
    uid.SecondaryCaptureImageStorage: "secondary_capture",
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage: "secondary_capture",
    uid.SegmentationStorage: "segmentation",
    uid.RTStructureSetStorage: "rtstruct",
    uid.RTDoseStorage: "rtdose",
    uid.GrayscaleSoftcopyPresentationStateStorage: "presentation_state",
    uid.KeyObjectSelectionDocumentStorage: "key_object",
}
HELD = {
    uid.BasicTextSRStorage: "structured_report",
    uid.XRayRadiationDoseSRStorage: "structured_report",
    uid.EncapsulatedPDFStorage: "encapsulated_document",
    uid.TwelveLeadECGWaveformStorage: "waveform",
    uid.RawDataStorage: "raw_data",
    uid.VLPhotographicImageStorage: "photograph",
    uid.VLWholeSlideMicroscopyImageStorage: "whole_slide",
    uid.RTPlanStorage: "unsupported_sop_class",
    uid.ParametricMapStorage: "unsupported_sop_class",
    uid.MRSpectroscopyStorage: "unsupported_sop_class",
    uid.SpatialRegistrationStorage: "unsupported_sop_class",
    "1.2.840.10008.5.1.4.1.1.9999": "unsupported_sop_class",
    "1.3.12.2.1107.5.9.1": "private_sop_class",
    uid.MediaStorageDirectoryStorage: "dicomdir",
    "": "no_sop_class",
}


@pytest.mark.parametrize("sop_class", KINDS)
def test_classify_cleans_the_kinds_of_the_contract(sop_class):
    outcome = classify(sop_class)
    assert (outcome.kind, outcome.reason_code) == (KINDS[sop_class], "")
    assert outcome.pixels == (outcome.kind in ("image", "secondary_capture"))
    assert outcome.read_all == (outcome.kind == "secondary_capture")


@pytest.mark.parametrize("sop_class", HELD)
def test_classify_ends_other_kinds_with_a_reason(sop_class):
    outcome = classify(sop_class)
    assert (outcome.kind, outcome.reason_code) == ("", HELD[sop_class])


def test_every_outcome_of_the_table_is_a_kind_or_a_known_reason():
    for outcome in [*objects.TABLE.values(), *objects.FAMILIES.values()]:
        assert bool(outcome.kind) != (outcome.reason_code in REASONS)


def test_modality_lets_only_defined_terms_through():
    assert modality("CT") == "CT"
    assert modality("DOE^JANE") == "OT"
    assert modality("") == "OT"
