"""The kinds of objects of the answer key: what each holds beside patient, study and series.

Attributes are those that PS3.3 asks of the kind, with made-up values that say nothing about anyone;
what identifies is planted by ``answer_key``. ``CT_IMAGE`` and its like stand for UIDs that are
known only when the objects are made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydicom import uid

CT_IMAGE = "the SOP Instance UID of the CT slice of the same patient"
CT_SERIES = "the Series Instance UID of that slice"
CT_STUDY = "its Study Instance UID"
CT_FRAME = "its Frame of Reference UID"
OWN = "a new UID"  # and with a number behind it the same UID each time in one object


@dataclass(frozen=True)
class Kind:
    """A kind of object.

    ``pixels`` is (frames, rows, columns, samples, bits allocated, bits stored, signed), None for
    objects without pictures; ``text``: lines are burned in; ``refers``: it needs the CT slice.
    """

    name: str
    sop_class: str
    modality: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    pixels: tuple[int, int, int, int, int, int, bool] | None = None
    photometric: str = "MONOCHROME2"
    syntax: str = uid.ExplicitVRLittleEndian
    text: bool = False
    refers: bool = False
    held: str = ""  # reason code with which the policy holds it back


def code(value: str, scheme: str, meaning: str) -> dict[str, str]:
    """An item of a code sequence."""
    return {"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning}


GREY8 = (1, 224, 288, 1, 8, 8, False)
GREY16 = (1, 224, 288, 1, 16, 12, False)
SIGNED16 = (1, 224, 288, 1, 16, 16, True)
COLOUR = (1, 224, 288, 3, 8, 8, False)

PLANE = {
    "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
    "ImagePositionPatient": [-100, -100, 12.5],
    "PixelSpacing": [0.75, 0.75],
    "SliceThickness": 2.5,
    "PositionReferenceIndicator": "",
    "PatientPosition": "HFS",
}
REFERENCED = [{"ReferencedSOPClassUID": uid.CTImageStorage, "ReferencedSOPInstanceUID": CT_IMAGE}]
HEAD = code("69536005", "SCT", "Head")
ABDOMEN = code("818983003", "SCT", "Abdomen")
PROJECTION = {
    "PatientOrientation": ["L", "F"], "KVP": 81.2, "ExposureTime": 12, "XRayTubeCurrent": 250,
    "ImagerPixelSpacing": [0.15, 0.15], "DistanceSourceToDetector": 1500,
    "PixelIntensityRelationship": "LOG",
}  # fmt: skip
DIGITAL = {
    **PROJECTION, "ImageLaterality": "U", "PixelIntensityRelationshipSign": -1,
    "RescaleIntercept": 0, "RescaleSlope": 1, "RescaleType": "US",
    "PresentationLUTShape": "IDENTITY",
    "LossyImageCompression": "00", "BurnedInAnnotation": "NO", "DetectorType": "DIRECT",
    "AcquisitionContextSequence": [], "WindowCenter": 2048, "WindowWidth": 4096,
    "AnatomicRegionSequence": [HEAD], "PositionerType": "NONE",
    "PresentationIntentType": "FOR PRESENTATION",
}  # fmt: skip
DIMENSIONS = {
    "DimensionOrganizationSequence": [{"DimensionOrganizationUID": f"{OWN} 1"}],
    "DimensionIndexSequence": [
        {
            "DimensionOrganizationUID": f"{OWN} 1", "DimensionIndexPointer": 0x00209057,
            "FunctionalGroupPointer": 0x00209111, "DimensionDescriptionLabel": "In-Stack",
        }
    ],
}  # fmt: skip


def functional_groups(
    frames: int, shared: Mapping[str, Any], own: Mapping[str, Any]
) -> dict[str, Any]:
    """Shared and per-frame functional groups: a stack of planes 2.5 mm apart."""
    return {
        "SharedFunctionalGroupsSequence": [
            {
                "PlaneOrientationSequence": [{"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}],
                "PixelMeasuresSequence": [{"PixelSpacing": [0.75, 0.75], "SliceThickness": 2.5}],
                **shared,
            }
        ],
        "PerFrameFunctionalGroupsSequence": [
            {
                "FrameContentSequence": [
                    {"StackID": "1", "InStackPositionNumber": k + 1, "DimensionIndexValues": k + 1}
                ],
                "PlanePositionSequence": [{"ImagePositionPatient": [-100, -100, 2.5 * k]}],
                **own,
            }
            for k in range(frames)
        ],
    }


ENHANCED = {
    **DIMENSIONS, "PositionReferenceIndicator": "", "PatientPosition": "HFS",
    "ContentQualification": "RESEARCH", "PixelPresentation": "MONOCHROME",
    "VolumetricProperties": "VOLUME", "VolumeBasedCalculationTechnique": "NONE",
    "BurnedInAnnotation": "NO", "LossyImageCompression": "00", "PresentationLUTShape": "IDENTITY",
    "AcquisitionContextSequence": [],
}  # fmt: skip
FRAME_VOI = [{"WindowCenter": 200, "WindowWidth": 800}]
FRAME_TYPE = {
    "FrameType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], "PixelPresentation": "MONOCHROME",
    "VolumetricProperties": "VOLUME", "VolumeBasedCalculationTechnique": "NONE",
}  # fmt: skip
FRAME_ANATOMY = [{"FrameLaterality": "U", "AnatomicRegionSequence": [HEAD]}]

CAPTURE = {
    "ConversionType": "WSD", "BurnedInAnnotation": "YES", "PatientOrientation": "",
    "PresentationLUTShape": "IDENTITY", "RescaleIntercept": 0, "RescaleSlope": 1,
    "RescaleType": "US",
}  # fmt: skip
CAPTURED_FRAMES = {**CAPTURE, "FrameIncrementPointer": 0x00182002, "PageNumberVector": [1, 2]}
ULTRASOUND = {
    "PatientOrientation": "", "LossyImageCompression": "00", "TransducerType": "SECTOR_PHASED",
    "SequenceOfUltrasoundRegions": [
        {
            "RegionSpatialFormat": 1, "RegionDataType": 1, "RegionFlags": 0,
            "RegionLocationMinX0": 40, "RegionLocationMinY0": 60, "RegionLocationMaxX1": 250,
            "RegionLocationMaxY1": 220, "PhysicalUnitsXDirection": 3, "PhysicalUnitsYDirection": 3,
            "PhysicalDeltaX": 0.03, "PhysicalDeltaY": 0.03,
        }
    ],
}  # fmt: skip
ANGIOGRAPHY = {
    **PROJECTION, "RadiationSetting": "GR", "PositionerMotion": "STATIC", "FrameTime": 66.0,
    "FrameIncrementPointer": 0x00181063, "PositionerPrimaryAngle": 10.0,
    "LossyImageCompression": "00", "PositionerSecondaryAngle": 0.0,
}  # fmt: skip
OPHTHALMIC = {
    "PatientOrientation": ["L", "F"], "ImageLaterality": "R", "DetectorType": "CCD",
    "BurnedInAnnotation": "YES", "LossyImageCompression": "00", "PatientEyeMovementCommanded": "NO",
    "AcquisitionDeviceTypeCodeSequence": [code("409898007", "SCT", "Fundus Camera")],
    "IlluminationTypeCodeSequence": [code("111741", "DCM", "Transmission illumination")],
    "LightPathFilterTypeStackCodeSequence": [code("111609", "DCM", "No filter")],
    "AnatomicRegionSequence": [code("81745001", "SCT", "Eye")],
    "RefractiveStateSequence": [], "EmmetropicMagnification": None, "IntraOcularPressure": None,
    "HorizontalFieldOfView": None, "PupilDilated": None, "PresentationLUTShape": "IDENTITY",
    "PixelSpacing": [0.01, 0.01],
}  # fmt: skip
PET = {
    **PLANE, "SeriesType": ["STATIC", "IMAGE"], "Units": "BQML", "CountsSource": "EMISSION",
    "DecayCorrection": "START", "NumberOfSlices": 3, "CorrectedImage": ["DECY", "ATTN"],
    "CollimatorType": "NONE", "DecayFactor": 1.02, "FrameReferenceTime": 1000,
    "ActualFrameDuration": 120000, "RescaleIntercept": 0, "AxialAcceptance": 20,
}  # fmt: skip
DOSE = {
    "DoseUnits": "GY", "DoseType": "PHYSICAL", "DoseSummationType": "PLAN", "DoseGridScaling": 1e-4,
    "GridFrameOffsetVector": [0, 2.5, 5], "FrameIncrementPointer": 0x3004000C, **PLANE,
    "TissueHeterogeneityCorrection": "IMAGE",
}  # fmt: skip
STRUCTURES = {
    "StructureSetLabel": "ROIS",
    "ReferencedFrameOfReferenceSequence": [
        {
            "FrameOfReferenceUID": CT_FRAME,
            "RTReferencedStudySequence": [
                {
                    "ReferencedSOPClassUID": "1.2.840.10008.3.1.2.3.1",
                    "ReferencedSOPInstanceUID": CT_STUDY,
                    "RTReferencedSeriesSequence": [
                        {"SeriesInstanceUID": CT_SERIES, "ContourImageSequence": REFERENCED}
                    ],
                }
            ],
        }
    ],
    "StructureSetROISequence": [
        {
            "ROINumber": 1, "ReferencedFrameOfReferenceUID": CT_FRAME, "ROIName": "LIVER",
            "ROIGenerationAlgorithm": "MANUAL",
        }
    ],
    "ROIContourSequence": [
        {
            "ReferencedROINumber": 1, "ROIDisplayColor": [255, 0, 0],
            "ContourSequence": [
                {
                    "ContourImageSequence": REFERENCED, "ContourGeometricType": "CLOSED_PLANAR",
                    "NumberOfContourPoints": 3,
                    "ContourData": [-10, -10, 12.5, 10, -10, 12.5, 0, 10, 12.5],
                }
            ],
        }
    ],
    "RTROIObservationsSequence": [
        {
            "ObservationNumber": 1, "ReferencedROINumber": 1, "RTROIInterpretedType": "ORGAN",
            "ROIInterpreter": "",
        }
    ],
}  # fmt: skip
SEGMENTED = {
    "ImageType": ["DERIVED", "PRIMARY"], "SegmentationType": "BINARY", "ContentLabel": "LIVER",
    "ContentDescription": "Liver", "LossyImageCompression": "00", "PositionReferenceIndicator": "",
    "SegmentSequence": [
        {
            "SegmentNumber": 1, "SegmentLabel": "Liver", "SegmentAlgorithmType": "MANUAL",
            "SegmentedPropertyCategoryCodeSequence": [code("123037004", "SCT", "Body structure")],
            "SegmentedPropertyTypeCodeSequence": [code("10200004", "SCT", "Liver")],
        }
    ],
    **DIMENSIONS,
    "ReferencedSeriesSequence": [
        {"SeriesInstanceUID": CT_SERIES, "ReferencedInstanceSequence": REFERENCED}
    ],
    **functional_groups(1, {
        "SegmentIdentificationSequence": [{"ReferencedSegmentNumber": 1}],
        "DerivationImageSequence": [
            {
                "DerivationCodeSequence": [code("113076", "DCM", "Segmentation")],
                "SourceImageSequence": [
                    {
                        "ReferencedSOPClassUID": uid.CTImageStorage,
                        "ReferencedSOPInstanceUID": CT_IMAGE,
                        "PurposeOfReferenceCodeSequence": [
                            code("121322", "DCM", "Source image for image processing operation")
                        ],
                    }
                ],
            }
        ],
    }, {}),
}  # fmt: skip
SOFTCOPY = {
    "ContentLabel": "WINDOWED", "ContentDescription": "Abdomen window",
    "PresentationLUTShape": "IDENTITY",
    "ReferencedSeriesSequence": [
        {"SeriesInstanceUID": CT_SERIES, "ReferencedImageSequence": REFERENCED}
    ],
    "DisplayedAreaSelectionSequence": [
        {
            "ReferencedImageSequence": REFERENCED, "PresentationSizeMode": "SCALE TO FIT",
            "DisplayedAreaTopLeftHandCorner": [1, 1], "PresentationPixelAspectRatio": [1, 1],
            "DisplayedAreaBottomRightHandCorner": [288, 224],
        }
    ],
    "SoftcopyVOILUTSequence": [{"WindowCenter": 40, "WindowWidth": 400}],
}  # fmt: skip
KEY_OBJECT = {
    "ReferencedPerformedProcedureStepSequence": [], "ValueType": "CONTAINER",
    "ContinuityOfContent": "SEPARATE",
    "ConceptNameCodeSequence": [code("113000", "DCM", "Of Interest")],
    "CurrentRequestedProcedureEvidenceSequence": [
        {
            "StudyInstanceUID": CT_STUDY,
            "ReferencedSeriesSequence": [
                {"SeriesInstanceUID": CT_SERIES, "ReferencedSOPSequence": REFERENCED}
            ],
        }
    ],
    "ContentTemplateSequence": [{"MappingResource": "DCMR", "TemplateIdentifier": "2010"}],
    "ContentSequence": [
        {
            "RelationshipType": "CONTAINS", "ValueType": "IMAGE",
            "ReferencedSOPSequence": REFERENCED,
        }
    ],
}  # fmt: skip
NUCLEAR = {
    "PatientOrientation": "", "FrameIncrementPointer": [0x00540010, 0x00540020],
    "EnergyWindowVector": [1, 1], "NumberOfEnergyWindows": 1, "DetectorVector": [1, 2],
    "NumberOfDetectors": 2, "CountsAccumulated": 123456, "ActualFrameDuration": 1000,
    "PixelSpacing": [2.4, 2.4], "PatientOrientationCodeSequence": [],
    "EnergyWindowInformationSequence": [
        {"EnergyWindowRangeSequence": [
            {"EnergyWindowLowerLimit": 126, "EnergyWindowUpperLimit": 154}
        ]}
    ],
    "RadiopharmaceuticalInformationSequence": [
        {"RadionuclideCodeSequence": [], "RadiopharmaceuticalStartTime": "081500"}
    ],
    "DetectorInformationSequence": [
        {"CollimatorType": "PARA", "CollimatorGridName": "LEHR"},
        {"CollimatorType": "PARA", "CollimatorGridName": "LEHR"},
    ],
    "PatientGantryRelationshipCodeSequence": [], "ImageType": ["ORIGINAL", "PRIMARY", "STATIC",
    "EMISSION"],
}  # fmt: skip


def _two(pixels: tuple[int, int, int, int, int, int, bool]) -> Any:
    return (2, *pixels[1:])


KINDS = (
    Kind("CT", uid.CTImageStorage, "CT", {
        **PLANE, "KVP": 120, "RescaleIntercept": -1024, "RescaleSlope": 1, "AcquisitionNumber": 1,
        "ConvolutionKernel": "B30f", "PatientOrientation": "",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    }, SIGNED16),
    Kind("MR", uid.MRImageStorage, "MR", {
        **PLANE, "ImageType": ["ORIGINAL", "PRIMARY", "OTHER"],
        "ScanningSequence": "SE", "SequenceVariant": "NONE", "ScanOptions": "",
        "MRAcquisitionType": "2D", "EchoTime": 80, "RepetitionTime": 4000, "EchoTrainLength": 12,
        "MagneticFieldStrength": 3, "FlipAngle": 90, "SequenceName": "*tse2d1_12",
    }, GREY16, syntax=uid.JPEGLSLossless),
    Kind("PET", uid.PositronEmissionTomographyImageStorage, "PT", PET, (1, 96, 96, 1, 16, 16, True),
         syntax=uid.ImplicitVRLittleEndian),
    Kind("CR", uid.ComputedRadiographyImageStorage, "CR", {
        **PROJECTION, "ViewPosition": "AP", "BodyPartExamined": "CHEST",
    }, GREY16, photometric="MONOCHROME1", text=True),
    Kind("DX", uid.DigitalXRayImageStorageForPresentation, "DX", {
        **DIGITAL, "ViewPosition": "PA", "ViewCodeSequence": [code("399348003", "SCT", "AP")],
        "ImageType": ["ORIGINAL", "PRIMARY", ""],
    }, GREY16, syntax=uid.JPEG2000Lossless, text=True),
    Kind("MG", uid.DigitalMammographyXRayImageStorageForPresentation, "MG", {
        **DIGITAL, "ImageLaterality": "L", "OrganExposed": "BREAST",
        "AnatomicRegionSequence": [code("76752008", "SCT", "Breast")],
        "ViewCodeSequence": [
            {**code("399162004", "SCT", "cranio-caudal"), "ViewModifierCodeSequence": []}
        ],
        "BreastImplantPresent": "NO", "PartialView": "NO", "ImageType": ["ORIGINAL", "PRIMARY", ""],
    }, GREY16),
    Kind("IO", uid.DigitalIntraOralXRayImageStorageForPresentation, "IO", {
        **DIGITAL, "AnatomicRegionSequence": [code("22688005", "SCT", "Tooth")],
        "ImageType": ["ORIGINAL", "PRIMARY", ""],
    }, GREY16),
    Kind("US", uid.UltrasoundImageStorage, "US", ULTRASOUND, COLOUR, "RGB", uid.RLELossless, True),
    Kind("US multi-frame", uid.UltrasoundMultiFrameImageStorage, "US", {
        **ULTRASOUND, "FrameTime": 33.3, "FrameIncrementPointer": 0x00181063,
    }, _two(GREY8), text=True),
    Kind("XA", uid.XRayAngiographicImageStorage, "XA", ANGIOGRAPHY, _two(GREY8)),
    Kind("RF", uid.XRayRadiofluoroscopicImageStorage, "RF", ANGIOGRAPHY, _two(GREY16), text=True),
    Kind("NM", uid.NuclearMedicineImageStorage, "NM", NUCLEAR, (2, 128, 128, 1, 16, 16, False),
         syntax=uid.ExplicitVRBigEndian),
    Kind("SC", uid.SecondaryCaptureImageStorage, "OT", CAPTURE, COLOUR, "RGB", text=True),
    Kind("SC single bit", uid.MultiFrameSingleBitSecondaryCaptureImageStorage, "OT",
         CAPTURED_FRAMES, (2, 224, 288, 1, 1, 1, False), text=True),
    Kind("SC grey byte", uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage, "OT",
         CAPTURED_FRAMES, _two(GREY8), syntax=uid.RLELossless, text=True),
    Kind("SC grey word", uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage, "OT",
         CAPTURED_FRAMES, _two(GREY16), text=True),
    Kind("SC true colour", uid.MultiFrameTrueColorSecondaryCaptureImageStorage, "OT",
         CAPTURED_FRAMES, _two(COLOUR), "RGB", text=True),
    Kind("VL endoscopic", uid.VLEndoscopicImageStorage, "ES", {
        "ImageType": ["ORIGINAL", "PRIMARY"], "LossyImageCompression": "00",
        "PatientOrientation": ["L", "F"], "AcquisitionContextSequence": [],
    }, COLOUR, "RGB", text=True),
    Kind("VL microscopic", uid.VLMicroscopicImageStorage, "GM", {
        "ImageType": ["ORIGINAL", "PRIMARY"], "LossyImageCompression": "00",
        "PatientOrientation": ["L", "F"], "AcquisitionContextSequence": [],
    }, COLOUR, "RGB"),
    Kind("OP 8 bit", uid.OphthalmicPhotography8BitImageStorage, "OP", OPHTHALMIC, COLOUR, "RGB",
         text=True),
    Kind("enhanced CT", uid.EnhancedCTImageStorage, "CT", {
        **ENHANCED, "ImageType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        **functional_groups(3, {
            "CTImageFrameTypeSequence": [FRAME_TYPE], "FrameAnatomySequence": FRAME_ANATOMY,
            "FrameVOILUTSequence": FRAME_VOI,
            "PixelValueTransformationSequence": [
                {"RescaleIntercept": -1024, "RescaleSlope": 1, "RescaleType": "HU"}
            ],
        }, {}),
    }, (3, *GREY16[1:])),
    Kind("enhanced MR", uid.EnhancedMRImageStorage, "MR", {
        **ENHANCED, "ImageType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        "ComplexImageComponent": "MAGNITUDE", "AcquisitionContrast": "T2",
        "PulseSequenceName": "tse", "MRAcquisitionType": "2D", "ResonantNucleus": "1H",
        "MagneticFieldStrength": 3, "AcquisitionDuration": 90.0, "KSpaceFiltering": "NONE",
        **functional_groups(3, {
            "MRImageFrameTypeSequence": [
                {**FRAME_TYPE, "ComplexImageComponent": "MAGNITUDE", "AcquisitionContrast": "T2"}
            ],
            "MREchoSequence": [{"EffectiveEchoTime": 80.0}], "FrameAnatomySequence": FRAME_ANATOMY,
            "FrameVOILUTSequence": FRAME_VOI,
        }, {}),
    }, (3, *GREY16[1:])),
    Kind("enhanced PET", uid.EnhancedPETImageStorage, "PT", {
        **ENHANCED, "ImageType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        "CountsSource": "EMISSION", "DecayCorrected": "YES",
        **functional_groups(3, {
            "PETFrameTypeSequence": [FRAME_TYPE], "FrameAnatomySequence": FRAME_ANATOMY,
        }, {}),
    }, (3, *GREY16[1:])),
    Kind("enhanced US volume", uid.EnhancedUSVolumeStorage, "US", {
        **ENHANCED, "ImageType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        "DimensionOrganizationType": "3D", "UltrasoundAcquisitionGeometry": "PATIENT",
        "PatientFrameOfReferenceSource": "TABLE",
        **functional_groups(3, {
            "USImageDescriptionSequence": [
                {"FrameType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
                 "VolumetricProperties": "VOLUME", "VolumeBasedCalculationTechnique": "NONE"}
            ],
        }, {}),
    }, (3, *GREY8[1:])),
    Kind("breast tomosynthesis", uid.BreastTomosynthesisImageStorage, "MG", {
        **ENHANCED, "ImageType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        "PresentationIntentType": "FOR PRESENTATION",
        **functional_groups(2, {"FrameAnatomySequence": FRAME_ANATOMY}, {}),
    }, _two(GREY16), syntax=uid.DeflatedExplicitVRLittleEndian),
    Kind("RT image", uid.RTImageStorage, "RTIMAGE", {
        "RTImageLabel": "PORTAL", "ImageType": ["DERIVED", "SECONDARY", "PORTAL"],
        "ConversionType": "DI", "RTImagePlane": "NORMAL", "XRayImageReceptorTranslation": [0, 0, 0],
        "ImagePlanePixelSpacing": [0.4, 0.4], "RTImagePosition": [-100, 100], "GantryAngle": 0,
        "RadiationMachineName": "LINAC", "RadiationMachineSAD": 1000, "RTImageSID": 1500,
        "PatientOrientation": "", "OperatorsName": "",
    }, GREY8),
    Kind("RT dose", uid.RTDoseStorage, "RTDOSE", DOSE, (3, 48, 48, 1, 16, 16, False), refers=True),
    Kind("RT structure set", uid.RTStructureSetStorage, "RTSTRUCT", STRUCTURES, refers=True),
    Kind("segmentation", uid.SegmentationStorage, "SEG", SEGMENTED, (1, 224, 288, 1, 1, 1, False),
         refers=True),
    Kind("presentation state", uid.GrayscaleSoftcopyPresentationStateStorage, "PR", SOFTCOPY,
         refers=True),
    Kind("key object", uid.KeyObjectSelectionDocumentStorage, "KO", KEY_OBJECT, refers=True),
    Kind("structured report", uid.BasicTextSRStorage, "SR", {
        "ReferencedPerformedProcedureStepSequence": [], "ValueType": "CONTAINER",
        "ContinuityOfContent": "SEPARATE", "CompletionFlag": "COMPLETE",
        "VerificationFlag": "UNVERIFIED", "PerformedProcedureCodeSequence": [],
        "ConceptNameCodeSequence": [code("11528-7", "LN", "Radiology Report")],
    }, held="structured_report"),
    Kind("encapsulated PDF", uid.EncapsulatedPDFStorage, "DOC", {
        "BurnedInAnnotation": "YES", "DocumentTitle": "Report", "ConceptNameCodeSequence": [],
        "MIMETypeOfEncapsulatedDocument": "application/pdf", "EncapsulatedDocument": b"%PDF-1.4\n ",
    }, held="encapsulated_document"),
    Kind("raw data", uid.RawDataStorage, "MR", {"CreatorVersionUID": OWN}, held="raw_data"),
    Kind("photograph", uid.VLPhotographicImageStorage, "XC", {
        "ImageType": ["ORIGINAL", "PRIMARY"], "LossyImageCompression": "00",
        "PatientOrientation": ["L", "F"], "AcquisitionContextSequence": [],
    }, COLOUR, "RGB", held="photograph"),
)  # fmt: skip
