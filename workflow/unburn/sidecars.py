"""Files beside a NIfTI volume: what may stay of a BIDS sidecar, and tables of diffusion gradients.

A list of what stays, as nobody can list what identifies: numbers and codes of the acquisition that
dcm2niix and BIDS name. Text is cut down to the words that may stay in a header.
"""

import json
import math
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword

from unburn.dates import OLDEST_YEARS, clean_time, limit_age
from unburn.elements import SMALLEST_LONG, digits_of
from unburn.errors import ItemError
from unburn.names import ACCESSION, NUMBERING_GROUPS, RECORDS, words_of
from unburn.presets import Options
from unburn.profile import DEFINED_TERMS, has_times
from unburn.vocabulary import (
    Naming,
    allowed,
    makers,
    numbers_in,
    records_in,
    technical,
    tells,
    words_in,
)

# Numbers, truths and lists of such; a text in their place goes.
NUMBERS = frozenset(
    re.findall(
        r"\S+",
        """
    AcquisitionDuration AcquisitionMatrixPE AcquisitionNumber AcquisitionVoxelSize
    BandwidthPerPixelPhaseEncode BaseResolution BolusCutOffDelayTime BolusCutOffFlag CTDIvol
    DecayCorrectionFactor DecayFactor DelayTime DerivedVendorReportedEchoSpacing
    DoseCalibrationFactor DwellTime EchoNumber EchoTime EchoTime1 EchoTime2 EchoTrainLength
    EffectiveEchoSpacing EPIFactor EstimatedEffectiveEchoSpacing EstimatedTotalReadoutTime
    ExposureTime FlipAngle FrameDuration FrameTimesStart GantryTilt ImageDecayCorrected
    ImageDecayCorrectionTime ImageOrientationPatientDICOM ImagingFrequency InjectedMass
    InjectedRadioactivity InjectedVolume InjectionEnd InjectionStart InterpolationFactor
    InversionTime IsotopeHalfLife KVP LabelingDuration MagneticFieldStrength MixingTime
    MolarActivity MTState MultibandAccelerationFactor NonlinearGradientCorrection NumberOfAverages
    NumberOfVolumesDiscardedByScanner NumberOfVolumesDiscardedByUser NumberShots
    ParallelReductionFactorInPlane ParallelReductionFactorOutOfPlane ParallelReductionOutOfPlane
    PartialFourier PercentPhaseFOV PercentSampling PhaseEncodingPolarityGE PhaseEncodingSteps
    PhaseEncodingStepsNoPartialFourier PhaseEncodingStepsOutOfPlane PhaseOversampling
    PhaseResolution PhilipsRescaleIntercept PhilipsRescaleSlope PhilipsScaleSlope PixelBandwidth
    PostLabelingDelay RadionuclideHalfLife RadionuclidePositronFraction RadionuclideTotalDose
    RawImage ReconFilterSize ReconMatrixPE ReconMethodParameterValues RefLinesPE RepetitionTime
    RepetitionTimeExcitation RepetitionTimeInversion RepetitionTimePreparation SAR ScanStart
    ScatterFraction SeriesNumber ShimSetting SliceThickness SliceTiming SpacingBetweenSlices
    SpecificRadioactivity TotalReadoutTime TxRefAmp UsePhilipsFloatNotDisplayScaling
    VendorReportedEchoSpacing VolumeTiming WaterFatShift XRayExposure XRayTubeCurrent
        """,
    )
)
# Of these, numbers of six digits and more; of others they would be a date, a time or a record's.
LARGE = frozenset(
    re.findall(
        r"\S+",
        """
    DoseCalibrationFactor ImagingFrequency InjectedRadioactivity IsotopeHalfLife MolarActivity
    PixelBandwidth RadionuclideHalfLife RadionuclideTotalDose SpecificRadioactivity
        """,
    )
)
# Codes and technical text that software writes.
CODES = frozenset(
    re.findall(
        r"\S+",
        """
    ArterialSpinLabelingType AttenuationCorrection CoilCombinationMethod CoilString
    ConversionSoftware ConversionSoftwareVersion ConvolutionKernel DecayCorrection
    ImageOrientationText ImageType InPlanePhaseEncodingDirectionDICOM InjectedMassUnits
    InjectedRadioactivityUnits InjectedVolumeUnits MRAcquisitionType Manufacturer
    ManufacturersModelName MatrixCoilMode Modality MolarActivityUnits
    ParallelAcquisitionTechnique PatientPosition PhaseEncodingAxis PhaseEncodingDirection
    PulseSequenceName PulseSequenceType Radionuclide Radiopharmaceutical RandomsCorrectionMethod
    ReceiveCoilActiveElements ReceiveCoilName ReconMethodName ReconMethodParameterLabels
    ReconMethodParameterUnits ScanOptions ScanningSequence ScatterCorrectionMethod SequenceName
    SequenceVariant SliceEncodingDirection SoftwareVersions SpecificRadioactivityUnits
    SpoilingType TracerName TracerRadionuclide Units
        """,
    )
)
VERSIONS = frozenset(("ConversionSoftwareVersion", "SoftwareVersions"))  # of them; 3.2.19 is one
MAKERS = VERSIONS | {"ConversionSoftware", "Manufacturer", "ManufacturersModelName"}
# What people type.
WORDS = frozenset(
    re.findall(
        r"\S+",
        """
    ModeOfAdministration ProcedureStepDescription ProtocolName
    PulseSequenceDetails SeriesDescription TaskName
        """,
    )
)
PARTS = frozenset(("BodyPart", "BodyPartExamined"))  # dcm2niix's name and DICOM's
CHARACTERISTICS = frozenset(("PatientAge", "PatientSex", "PatientSize", "PatientWeight"))
TIMES = frozenset(("AcquisitionTime",))  # of day
SEXES = frozenset("FMO")
NESTED = frozenset(("global", "const", "time", "samples"))  # dcmstack's levels
LONGEST_CODE = 64
UNNAMED = Naming()
_NUMBER = re.compile(r"[+-]?(\d{1,9}(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
LARGEST = {".bval": 100_000.0, ".bvec": 1.01}  # s/mm2; parts of a direction


def clean_json(content: object, options: Options, naming: Naming = UNNAMED) -> dict[str, Any]:
    """What may stay of a sidecar's content; anything but an object leaves nothing.

    ``options`` are those of the header. ``naming`` is what names the patient; what the sidecar
    itself holds of that, at any level, is added.
    """
    kept: dict[str, Any] = {}
    if not isinstance(content, dict):
        return kept
    naming = naming.and_of(_naming(content))
    for name, value in content.items():
        if name in NESTED and isinstance(value, dict):
            value = clean_json(value, options, naming)
        elif name in NUMBERS:
            good = _is_numeric(value, naming) and (name in LARGE or _is_short(value))
            value = value if good else None
        elif name in CODES | PARTS or (name in WORDS and options.descriptors == "cleaned"):
            value = _clean_text(value, name, naming)
        elif name in CHARACTERISTICS and options.characteristics == "kept":
            value = _characteristic(name, value, naming)
        elif name in TIMES and has_times(options):
            value = clean_time(value) if isinstance(value, str) else None
        else:
            continue
        if value not in (None, "", [], {}):
            kept[name] = value
    return kept


def _naming(content: dict[str, Any]) -> Naming:
    """Words of names, numbers and IDs of the patient, under DICOM's keywords at all levels."""
    words: set[str] = set()
    numbered: set[str] = set()
    for level in levels(content):
        for keyword, value in level.items():
            tag = tag_for_keyword(keyword)
            if tag is None or not isinstance(value, str | int) or isinstance(value, bool):
                continue
            text = str(value)
            if dictionary_VR(tag) == "PN":
                words |= words_of(text)
            elif tag >> 16 in NUMBERING_GROUPS or tag == ACCESSION:
                words |= numbers_in(text)
            if tag in RECORDS:
                numbered |= records_in(text)
    return Naming(frozenset(words), frozenset(numbered))


def levels(content: object) -> Iterator[dict[str, Any]]:
    """The objects in a sidecar's content, the outermost first."""
    waiting = [content]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, dict):
            yield one
            waiting += one.values()


def _is_numeric(value: object, naming: Naming) -> bool:
    """Say whether these are numbers that JSON has, and none of the patient's."""
    if isinstance(value, list):
        return all(_is_numeric(one, naming) for one in value)
    if not isinstance(value, bool | int | float):
        return False
    if not math.isfinite(value):
        return False
    return not naming.is_long_record(digits_of(abs(value)).partition(".")[0])


def _is_short(value: Any) -> bool:
    """Say whether numbers have fewer than six digits before the point."""
    if isinstance(value, list):
        return all(map(_is_short, value))
    return abs(value) < SMALLEST_LONG


def _characteristic(name: str, value: object, naming: Naming) -> object:
    if isinstance(value, str):
        sex = value if name == "PatientSex" and value in SEXES else None
        return limit_age(value) if name == "PatientAge" else sex
    if name == "PatientSex" or not isinstance(value, int | float):
        return None
    if not _is_numeric(value, naming):
        return None
    return min(value, OLDEST_YEARS + 1) if name == "PatientAge" else value


def _clean_text(value: object, name: str, naming: Naming) -> Any:
    if isinstance(value, list):
        cleaned = [_clean_text(one, name, naming) for one in value]
        return cleaned if all(cleaned) else None
    if isinstance(value, bool | int | float):
        return value if _is_numeric(value, naming) else None
    if not isinstance(value, str):
        return None
    if value in DEFINED_TERMS.get(tag_for_keyword(name) or 0, ()):
        return value
    value = naming.without_records(value)
    telling = tells(value, name in VERSIONS) or naming.words & words_in(value)
    if name not in CODES or telling or len(value) > LONGEST_CODE:
        return allowed(value, naming.words)
    if _is_coded(name) and all(technical(part, True) == part for part in value.split("_")):
        return value
    return technical(value, False, name in VERSIONS, makers() if name in MAKERS else None)


@cache
def _is_coded(name: str) -> bool:
    """Say whether a name is that of codes in DICOM, of which dcm2niix joins several: SK_SP."""
    tag = tag_for_keyword(name)
    return tag is not None and dictionary_VR(tag) == "CS"


def to_text(content: dict[str, Any]) -> str:
    """A sidecar's text: sorted, so that the same content is the same bytes."""
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def clean_table(text: str, suffix: str) -> str:
    """A table of b-values or directions, one blank between numbers that stay as they are written.

    Raises
    ------
    ItemError
        ``sidecar_failed`` when there is anything but such numbers
    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    numbers = [number for line in lines for number in line]
    if not numbers or not all(
        _NUMBER.fullmatch(number) and abs(float(number)) <= LARGEST[suffix] for number in numbers
    ):
        raise ItemError("sidecar_failed", suffix)
    return "".join(" ".join(line) + "\n" for line in lines)


def clean(content: bytes, suffix: str, options: Options, naming: Naming = UNNAMED) -> bytes:
    """A cleaned .json, .bval or .bvec; ``options`` and ``naming`` as in ``clean_json``.

    Raises
    ------
    ItemError
        ``sidecar_failed`` when it cannot be read as such
    """
    try:
        text = content.decode("utf-8")
        if suffix == ".json":
            return to_text(clean_json(json.loads(text), options, naming)).encode()
        return clean_table(text, suffix).encode()
    except (ValueError, RecursionError):
        raise ItemError("sidecar_failed", suffix) from None
