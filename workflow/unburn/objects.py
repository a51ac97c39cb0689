"""What happens to each kind of DICOM object: the table of SOP classes (PS3.4 annex B, PS3.6).

A class that is not in the table is held back. Modality, Burned In Annotation or Conversion Type
do not matter here: they are often wrong, and the SOP class decides what an object can hold.
"""

from dataclasses import dataclass

from pydicom import uid

STANDARD = "1.2.840.10008."  # the root of all classes that the standard defines


@dataclass(frozen=True)
class Outcome:
    """What the plan does with an object.

    ``kind`` names how it is cleaned; without one it ends here, and ``reason_code`` says why.
    ``pixels``: its frames are searched for text. ``read_all``: the gate reads every frame.
    """

    kind: str = ""
    reason_code: str = ""
    pixels: bool = False
    read_all: bool = False


IMAGE = Outcome(kind="image", pixels=True)
SECONDARY_CAPTURE = Outcome(kind="secondary_capture", pixels=True, read_all=True)
SEGMENTATION = Outcome(kind="segmentation")
PRESENTATION_STATE = Outcome(kind="presentation_state")
# Kinds that show or describe other objects.
REFERRING = frozenset(("segmentation", "rtstruct", "rtdose", "presentation_state", "key_object"))

# Without a name in pydicom 3.0: retired classes that archives still hold, and newer ones.
ULTRASOUND_MULTI_FRAME_RETIRED = "1.2.840.10008.5.1.4.1.1.3"
NUCLEAR_MEDICINE_RETIRED = "1.2.840.10008.5.1.4.1.1.5"
ULTRASOUND_RETIRED = "1.2.840.10008.5.1.4.1.1.6"
XRAY_ANGIOGRAPHIC_BIPLANE_RETIRED = "1.2.840.10008.5.1.4.1.1.12.3"
VL_IMAGE_RETIRED = "1.2.840.10008.5.1.4.1.1.77.1"
VL_MULTI_FRAME_RETIRED = "1.2.840.10008.5.1.4.1.1.77.2"
LABEL_MAP_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.7"

SLICES = {  # one slice a file: a series of them can be a volume
    uid.CTImageStorage,
    uid.MRImageStorage,
    uid.PositronEmissionTomographyImageStorage,
}
OF_FRAMES = {  # whose frames have types of their own, so that the object can be MIXED (C.8.16.1.1)
    uid.EnhancedCTImageStorage,
    uid.EnhancedMRImageStorage,
    uid.EnhancedMRColorImageStorage,
    uid.EnhancedPETImageStorage,
    uid.LegacyConvertedEnhancedCTImageStorage,
    uid.LegacyConvertedEnhancedMRImageStorage,
    uid.LegacyConvertedEnhancedPETImageStorage,
}
VOLUMES = OF_FRAMES | {  # many slices a file
    NUCLEAR_MEDICINE_RETIRED,
    uid.NuclearMedicineImageStorage,
    uid.XRay3DAngiographicImageStorage,
    uid.XRay3DCraniofacialImageStorage,
}
IMAGES = {
    uid.ComputedRadiographyImageStorage,
    uid.DigitalXRayImageStorageForPresentation,
    uid.DigitalXRayImageStorageForProcessing,
    uid.DigitalMammographyXRayImageStorageForPresentation,
    uid.DigitalMammographyXRayImageStorageForProcessing,
    uid.DigitalIntraOralXRayImageStorageForPresentation,
    uid.DigitalIntraOralXRayImageStorageForProcessing,
    uid.BreastTomosynthesisImageStorage,
    uid.BreastProjectionXRayImageStorageForPresentation,
    uid.BreastProjectionXRayImageStorageForProcessing,
    uid.XRayAngiographicImageStorage,
    uid.EnhancedXAImageStorage,
    uid.XRayRadiofluoroscopicImageStorage,
    uid.EnhancedXRFImageStorage,
    uid.UltrasoundImageStorage,
    uid.UltrasoundMultiFrameImageStorage,
    uid.EnhancedUSVolumeStorage,
    uid.PhotoacousticImageStorage,
    uid.IntravascularOpticalCoherenceTomographyImageStorageForPresentation,
    uid.IntravascularOpticalCoherenceTomographyImageStorageForProcessing,
    uid.RTImageStorage,
    uid.EnhancedRTImageStorage,
    uid.EnhancedContinuousRTImageStorage,
    uid.VLEndoscopicImageStorage,
    uid.VideoEndoscopicImageStorage,
    uid.VLMicroscopicImageStorage,
    uid.VideoMicroscopicImageStorage,
    uid.VLSlideCoordinatesMicroscopicImageStorage,
    uid.ConfocalMicroscopyImageStorage,
    uid.OphthalmicPhotography8BitImageStorage,
    uid.OphthalmicPhotography16BitImageStorage,
    uid.WideFieldOphthalmicPhotographyStereographicProjectionImageStorage,
    uid.WideFieldOphthalmicPhotography3DCoordinatesImageStorage,
    uid.OphthalmicTomographyImageStorage,
    uid.OphthalmicOpticalCoherenceTomographyEnFaceImageStorage,
    uid.OphthalmicThicknessMapStorage,
    uid.CornealTopographyMapStorage,
    ULTRASOUND_MULTI_FRAME_RETIRED,
    ULTRASOUND_RETIRED,
    XRAY_ANGIOGRAPHIC_BIPLANE_RETIRED,
    VL_IMAGE_RETIRED,
    VL_MULTI_FRAME_RETIRED,
}
SECONDARY_CAPTURES = {  # digitised film is among them
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameSingleBitSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
}
PRESENTATION_STATES = {
    uid.GrayscaleSoftcopyPresentationStateStorage,
    uid.ColorSoftcopyPresentationStateStorage,
    uid.PseudoColorSoftcopyPresentationStateStorage,
    uid.BlendingSoftcopyPresentationStateStorage,
    uid.XAXRFGrayscaleSoftcopyPresentationStateStorage,
    uid.GrayscalePlanarMPRVolumetricPresentationStateStorage,
    uid.CompositingPlanarMPRVolumetricPresentationStateStorage,
    uid.AdvancedBlendingPresentationStateStorage,
    uid.VolumeRenderingVolumetricPresentationStateStorage,
    uid.SegmentedVolumeRenderingVolumetricPresentationStateStorage,
    uid.MultipleVolumeRenderingVolumetricPresentationStateStorage,
    uid.VariableModalityLUTSoftcopyPresentationStateStorage,
}
PHOTOGRAPHS = {  # of the outside of a person
    uid.VLPhotographicImageStorage,
    uid.VideoPhotographicImageStorage,
    uid.DermoscopicPhotographyImageStorage,
}
WHOLE_SLIDES = {
    uid.VLWholeSlideMicroscopyImageStorage,
    uid.ConfocalMicroscopyTiledPyramidalImageStorage,
}

TABLE: dict[str, Outcome] = {
    **dict.fromkeys(SLICES | VOLUMES | IMAGES, IMAGE),
    **dict.fromkeys(SECONDARY_CAPTURES, SECONDARY_CAPTURE),
    **dict.fromkeys(PRESENTATION_STATES, PRESENTATION_STATE),
    **dict.fromkeys(PHOTOGRAPHS, Outcome(reason_code="photograph")),
    **dict.fromkeys(WHOLE_SLIDES, Outcome(reason_code="whole_slide")),
    uid.SegmentationStorage: SEGMENTATION,
    LABEL_MAP_SEGMENTATION: SEGMENTATION,
    uid.RTStructureSetStorage: Outcome(kind="rtstruct"),
    uid.RTDoseStorage: Outcome(kind="rtdose"),
    uid.KeyObjectSelectionDocumentStorage: Outcome(kind="key_object"),
    uid.MediaStorageDirectoryStorage: Outcome(reason_code="dicomdir"),
    uid.RawDataStorage: Outcome(reason_code="raw_data"),
}
FAMILIES = {  # classes that are not in the table, by the beginning of their UID
    "1.2.840.10008.5.1.4.1.1.88.": Outcome(reason_code="structured_report"),
    "1.2.840.10008.5.1.4.1.1.104.": Outcome(reason_code="encapsulated_document"),
    "1.2.840.10008.5.1.4.1.1.9.": Outcome(reason_code="waveform"),
}

# (0008,0060) Modality, the defined terms of PS3.3 section C.7.3.1.1.1: a closed list, as the
# value goes into results and a scanner can write anything there.
# fmt: off
MODALITIES = {
    "ANN", "AR", "ASMT", "AU", "BDUS", "BI", "BMD", "CFM", "CR", "CT", "CTPROTOCOL", "DMS",
    "DG", "DOC", "DX", "ECG", "EEG", "EMG", "EOG", "EPS", "ES", "FID", "GM", "HC", "HD",
    "IO", "IOL", "IVOCT", "IVUS", "KER", "KO", "LEN", "LS", "MG", "MR", "M3D", "NM", "OAM",
    "OCT", "OP", "OPM", "OPT", "OPTBSV", "OPTENF", "OPV", "OSS", "OT", "PA", "PLAN", "POS",
    "PR", "PT", "PX", "REG", "RESP", "RF", "RG", "RTDOSE", "RTIMAGE", "RTINTENT", "RTPLAN",
    "RTRAD", "RTRECORD", "RTSEGANN", "RTSTRUCT", "RWV", "SEG", "SM", "SMR", "SR", "SRF",
    "STAIN", "TEXTUREMAP", "TG", "US", "VA", "XA", "XAPROTOCOL", "XC",
}
# fmt: on


def classify(sop_class: str) -> Outcome:
    """What happens to an object of a SOP class, (0008,0016) SOP Class UID.

    RT plans and treatment records, registrations, parametric maps, spectroscopy, annotations and
    all others that are not in the table are held back as ``unsupported_sop_class``.
    """
    if not sop_class:
        return Outcome(reason_code="no_sop_class")
    if sop_class in TABLE:
        return TABLE[sop_class]
    for beginning, outcome in FAMILIES.items():
        if sop_class.startswith(beginning):
            return outcome
    if not sop_class.startswith(STANDARD):
        return Outcome(reason_code="private_sop_class")
    return Outcome(reason_code="unsupported_sop_class")


def modality(value: str) -> str:
    """A defined term of (0008,0060) Modality, or OT (other) for anything else."""
    return value if value in MODALITIES else "OT"
