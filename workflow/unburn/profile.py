"""What happens to an attribute: Table E.1-1 of PS3.15 by option, else a rule per VR.

What the table does not list is kept by the standard. Here numbers, codes and UIDs of the standard
stay, other UIDs are replaced, text is cut down to the allow-list, and names, AE titles, links,
unknown and private attributes go.
"""

import csv
import re
from functools import cache
from itertools import permutations, product
from pathlib import Path

from pydicom.datadict import dictionary_has_tag, dictionary_VM, dictionary_VR, tag_for_keyword

from unburn.elements import LONG_TEXT_VRS, TEXT_VRS
from unburn.objects import MODALITIES
from unburn.presets import Options

RESOURCES = Path(__file__).resolve().parents[2] / "resources"
TABLE = RESOURCES / "ps3.15" / "table_e1-1.csv"
TYPE_1 = RESOURCES / "ps3.3" / "type_1.txt"
TABLE_REVISION = "2024b"


def tags(words: str) -> frozenset[int]:
    """Tags of keywords that are separated by blanks."""
    found = [tag_for_keyword(word) for word in words.split()]
    return frozenset(int(tag) for tag in found if tag is not None)


# Not in the table, and text or bytes that may hold anything.
ALWAYS_REMOVED = tags(
    "TextObjectSequence CompoundGraphicSequence PatientBirthDateInAlternativeCalendar"
    " PatientDeathDateInAlternativeCalendar PatientAlternativeCalendar EncryptedAttributesSequence"
    " MACParametersSequence ContributingEquipmentSequence BreedRegistrationNumber"
    " BreedRegistrationSequence DeidentificationMethod DeidentificationMethodCodeSequence"
    " PatientIdentityRemoved LongitudinalTemporalInformationModified SpecificCharacterSet"
    " ComponentWelderIDs RepairID OwnerID HL7InstanceIdentifier"
    " GroupOfPatientsIdentificationSequence IssuerOfAccessionNumberSequence"
    " IssuerOfPatientIDQualifiersSequence OrderPlacerIdentifierSequence"
    " OrderFillerIdentifierSequence AssigningFacilitySequence AssigningJurisdictionCodeSequence"
    " AssigningAgencyOrDepartmentCodeSequence FloatPixelData DoubleFloatPixelData"
    " PrivateDataElementCharacteristicsSequence"
)
# Text of the factory and of programs, which has its own words (resources/makers.txt).
MAKER = tags(
    "Manufacturer ManufacturerModelName SoftwareVersions ReceiveCoilManufacturerName"
    " TransmitCoilManufacturerName DetectorManufacturerName DetectorManufacturerModelName"
    " SecondaryCaptureDeviceManufacturer SecondaryCaptureDeviceManufacturerModelName"
    " SecondaryCaptureDeviceSoftwareVersions AlgorithmName AlgorithmVersion"
    " ApplicationName ApplicationVersion ApplicationManufacturer ManufacturerModelVersion"
    " SegmentAlgorithmName"
)
# Technical text that a scanner writes, with names that a site can give to coils and sequences.
TECHNICAL = tags(
    "SequenceName PulseSequenceName ImagedNucleus FilterType ConvolutionKernel ReceiveCoilName"
    " TransmitCoilName MultiCoilElementName MultiCoilConfiguration CollimatorGridName"
    " Radiopharmaceutical RadiopharmaceuticalRoute ContrastBolusRoute PVCRejection TypeOfFilters"
    " AcquisitionMode DoseModeName PhosphorType PlateType AcquisitionDeviceProcessingCode"
    " TransducerData ProcessingFunction ImageFilter RescaleType ModalityLUTType"
    " AttenuationCorrectionMethod ReconstructionMethod DetectorLinesOfResponseUsed"
    " ScatterCorrectionMethod StackID DimensionDescriptionLabel SourceIsotopeName"
    " CodingSchemeVersion DigitalImageFormatAcquired VideoImageFormatAcquired"
    " PositionReferenceIndicator ChannelLabel OpticalPathIdentifier ReferencedOpticalPathIdentifier"
    " TriggerSourceOrType CardiacFramingType FilterMaterial GridAbsorbingMaterial"
)
# Numbers that can have six digits and more: counts of photons, pixel values, times, doses, places
# in a file or a large picture. A longer one elsewhere (Series Number) is a date or a record's.
QUANTITIES = tags(
    "CountsAccumulated PrimaryCountsAccumulated SecondaryCountsAccumulated ActualFrameDuration"
    " FrameReferenceTime FrameTime FrameTimeVector FrameDelay TriggerTime TriggerDelayTime"
    " AcquisitionDuration ExposureTime ExposureTimeInuS ExposureInuAs RadionuclideTotalDose"
    " RadionuclideHalfLife RadiopharmaceuticalSpecificActivity DoseCalibrationFactor WindowCenter"
    " WindowWidth RescaleIntercept RescaleSlope DoseGridScaling AreaDoseProduct"
    " ImageAndFluoroscopyAreaDoseProduct TransmitterFrequency TransducerFrequency PixelBandwidth"
    " AcquiredImageAreaDoseProduct XAAcquisitionDuration FrameAcquisitionDuration ExposureTimeInms"
    " TimeRange EventTimeOffset TemporalPositionTimeOffset NominalCardiacTriggerDelayTime"
    " ActualCardiacTriggerDelayTime NominalRespiratoryTriggerDelayTime RWaveTimeVector"
    " ActualRespiratoryTriggerDelayTime TerminationCountsThreshold TerminationTimeThreshold"
    " ExclusionDuration TreatmentTimeLimit TotalProcessingTime SpectralWidth DecouplingFrequency"
    " CenterFrequency LowerCutoffFrequency UpperCutoffFrequency PulseRepetitionFrequency"
    " ALineRate AscanRate BscanRate MinimumStoredValueMapped MaximumStoredValueMapped"
    " RealWorldValueIntercept RealWorldValueSlope RealWorldValueLUTData"
    " DoubleFloatRealWorldValueFirstValueMapped DoubleFloatRealWorldValueLastValueMapped"
    " FloatPixelPaddingValue FloatPixelPaddingRangeLimit DoubleFloatPixelPaddingValue"
    " DoubleFloatPixelPaddingRangeLimit PixelComponentMask PixelComponentRangeStart"
    " PixelComponentRangeStop TableOfXBreakPoints TableOfYBreakPoints TableOfPixelValues"
    " TableOfParameterValues HistogramData LengthToEnd EncapsulatedPixelDataValueTotalLength"
    " FileOffsetInContainer FileLengthInContainer TotalPixelMatrixColumns TotalPixelMatrixRows"
    " ColumnPositionInTotalImagePixelMatrix RowPositionInTotalImagePixelMatrix"
    " DisplayedAreaTopLeftHandCorner DisplayedAreaBottomRightHandCorner NumberOfMapPoints"
    " NumberOfSurfacePoints NumberOfVectors"
)
LONG_VRS = frozenset(("UL", "SL", "UV", "SV", "FL", "FD"))  # binary, with room for such numbers
TYPE_2_SEQUENCES = tags("AcquisitionContextSequence")  # PS3.3 C.7.6.14; the table says X/Z

# Coded by people at the console although its VR is CS.
TYPED_CODES = tags("BodyPartExamined")
# Defined terms of PS3.3 that are people's names, too, and stand nowhere else.
DEFINED_TERMS = {
    0x00189064: frozenset(("FERMI", "HAMMING", "TUKEY")),  # K-space Filtering
    0x00541100: frozenset(("SING",)),  # Randoms Correction Method
    0x00541220: frozenset(("SING",)),  # Secondary Counts Type
    0x300A01B0: frozenset(("BREAST_BRIDGE",)),  # Setup Technique
}
# What pixels and objects are read by, of closed lists: it stays even if the patient is called so,
# as Palette, Ko, Lin, Di Marco and Al-Hassan are.
CLOSED_TERMS = {
    0x00080060: frozenset(MODALITIES),  # Modality
    0x00080064: frozenset(("DV", "DI", "DF", "WSD", "SD", "SI", "DRW", "SYN")),  # Conversion Type
    0x00200020: frozenset(  # Patient Orientation: to the left, front and head; PS3.3 C.7.6.1.1.1
        "".join(order)
        for sides in product("LR", "AP", "HF")
        for count in (1, 2, 3)
        for order in permutations(sides, count)
    ),
    0x00280004: frozenset(  # Photometric Interpretation
        (
            *("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_ICT", "YBR_RCT"),
            *("YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_PARTIAL_422"),
        )
    ),
    0x00280051: frozenset(("LIN",)),  # Corrected Image: linearity
    0x00281040: frozenset(("LIN", "LOG", "DISP")),  # Pixel Intensity Relationship
}
# Text and codes that objects need a value of: emptied they would make one invalid. A body part is
# needed of few, and an empty one is the truth.
NEEDED = tags(TYPE_1.read_text(encoding="ascii")) - TYPED_CODES
TRACKING_ID = 0x00620020  # a label, although its VR is for long text
CODE_ITEM = tags("CodeValue LongCodeValue CodeMeaning CodingSchemeDesignator")
CLASS_UIDS = tags(
    "SOPClassUID ReferencedSOPClassUID RelatedGeneralSOPClassUID OriginalSpecializedSOPClassUID"
    " SOPClassesInStudy SOPClassesSupported CodingSchemeUID ContextUID MappingResourceUID"
)
# What the table's column of patient characteristics does not name yet.
CHARACTERISTICS = tags(
    "PatientBodyMassIndex PatientSizeCodeSequence MeasuredAPDimension MeasuredLateralDimension"
    " ExaminedBodyThickness EthnicGroupCodeSequence DischargeDiagnosisCodeSequence"
    " GeneticModificationsSequence StrainCodeSequence PatientSpeciesCodeSequence"
    " PatientBreedCodeSequence QualityControlSubject"
)
# Those of the object itself; pictures in its sequences are searched by no stage and go.
PIXELS = tags("PixelData ExtendedOffsetTable ExtendedOffsetTableLengths")
BULK_BYTES = PIXELS | tags(
    "RedPaletteColorLookupTableData GreenPaletteColorLookupTableData"
    " BluePaletteColorLookupTableData AlphaPaletteColorLookupTableData LUTData"
    " SegmentedRedPaletteColorLookupTableData SegmentedGreenPaletteColorLookupTableData"
    " SegmentedBluePaletteColorLookupTableData SegmentedAlphaPaletteColorLookupTableData"
    " BlendingLookupTableData TrianglePointIndexList EdgePointIndexList VertexPointIndexList"
    " PrimitivePointIndexList RecommendedDisplayCIELabValueList"
)

ICC_PROFILE = 0x00282000
GRAPHIC_LAYER = 0x00700002  # typed, and of type 1

# Of the standard, the same for everybody: moved, they would tell by how much other dates were.
PUBLIC_DATES = tags("ContextGroupVersion ContextGroupLocalVersion")
BYTE_VRS = frozenset(("OB", "OW", "UN", "OB or OW"))
DATE_ACTIONS = {"DA": "date", "DT": "datetime", "TM": "time", "SH": "zone"}
DATE_COLUMNS = {"kept": "full_dates", "shifted": "modified_dates", "year": "modified_dates"}
REMOVE = "remove"
DECODE = "decode"  # pydicom has to look at the bytes first


@cache
def table() -> dict[int, dict[str, str]]:
    """Table E.1-1 by tag, without its rows for groups of tags, which are always removed here."""
    with open(TABLE, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {int(row["tag"], 16): row for row in rows if re.fullmatch("[0-9a-f]{8}", row["tag"])}


@cache
def listed_vr(tag: int) -> str:
    """VR of the dictionary, "US or SS" and the like as they are; empty for an unknown tag."""
    return dictionary_VR(tag) if dictionary_has_tag(tag) else ""


@cache
def most_values(tag: int) -> float:
    """Return how many values the dictionary allows; "1-3" is three, "2-2n" any number."""
    most = dictionary_VM(tag).partition("-")[2] or dictionary_VM(tag)
    return int(most) if most.isdigit() else float("inf")


def has_times(options: Options) -> bool:
    """Say whether times of day stay; they say too much beside a date cut down to its year."""
    return options.dates in ("kept", "shifted")


def _basic(row: dict[str, str], vr: str) -> str:
    """Choose between the codes of the Basic Profile: the one that leaves any object valid."""
    code = row["basic"]
    if code == "U" or (vr == "UI" and code == "D"):
        return "uid"
    if code == "X/Z/U*":
        return "items"
    if vr == "SQ":
        return "empty" if code == "Z" or int(row["tag"], 16) in TYPE_2_SEQUENCES else REMOVE
    return "dummy" if "D" in code else "empty" if "Z" in code else REMOVE


def _by_table(row: dict[str, str], vr: str, options: Options) -> str | None:
    """Look an attribute up in the columns of the options; None leaves it to its VR.

    Dates come first: what says when is never kept for saying which device.
    """
    if row["modified_dates"]:
        column = DATE_COLUMNS.get(options.dates)
        if column and row[column] and (has_times(options) or vr in ("DA", "DT")):
            return DATE_ACTIONS.get(vr) or _basic(row, vr)
        return _basic(row, vr)
    if options.uids == "kept" and row["uids"] == "K":
        return "items" if vr == "SQ" else "kept uid"
    for column, option in (("device", options.device), ("institution", options.institution)):
        if option == "kept" and row[column]:
            if vr == "SQ":
                return "items"
            if vr == "UI":
                return "kept uid"
            return "words" if row[column] == "C" else "whole"
    if options.characteristics == "kept" and row["patient"]:
        return None if row["patient"] == "K" else "words"
    if options.descriptors == "cleaned" and row["descriptors"]:
        if vr == "SQ":
            return "items"
        if vr in TEXT_VRS:
            return "words"
    if options.structured == "cleaned" and row["structured"]:
        return "content"
    if options.graphics == "cleaned" and row["graphics"]:
        return "graphics"
    return _basic(row, vr)


def _by_vr(tag: int, vr: str, options: Options) -> str:
    """Rule for what the table does not list, or leaves as it is."""
    if tag in TYPED_CODES:
        return "part"
    if tag in TECHNICAL or tag in MAKER:
        return "terms"
    if tag == GRAPHIC_LAYER:
        return "layer"
    if vr == "PN":
        return "empty"
    if vr in TEXT_VRS:
        if tag == TRACKING_ID:
            return "words"
        if vr in LONG_TEXT_VRS:
            return "dummy" if tag in NEEDED else "empty"
        no_words = options.descriptors == "removed"
        return "empty" if no_words and tag not in NEEDED else "words"
    if vr == "UI":
        kept = "kept uid" if options.uids == "kept" else "uid"
        return "class uid" if tag in CLASS_UIDS else kept
    if vr in ("DA", "DT"):
        return "empty" if options.dates == "removed" else DATE_ACTIONS[vr]
    if vr == "TM":
        return "time" if has_times(options) else "empty"
    if vr in ("AE", "UR", "UN"):
        return REMOVE
    if tag == ICC_PROFILE:
        return "colours"
    if vr in BYTE_VRS or tag in BULK_BYTES:
        return "bytes" if tag in BULK_BYTES else REMOVE
    if vr in ("DS", "IS"):
        return "quantity" if tag in QUANTITIES else "number"
    if vr in LONG_VRS and tag not in QUANTITIES:
        return "keep short"
    return {"SQ": "items", "CS": "code", "AS": "age"}.get(vr, "keep")


def action(tag: int, vr: str, options: Options) -> str:
    """Name what happens to an attribute; the names are the branches of ``metadata``'s cleaner."""
    group = tag >> 16
    if (
        group % 2
        or group < 0x0008
        or not tag & 0xFFFF
        or 0x5000 <= group <= 0x50FF
        or 0x6000 <= group <= 0x60FF
        or tag in ALWAYS_REMOVED
        or (tag in CHARACTERISTICS and options.characteristics == "removed")
        or not listed_vr(tag)
    ):
        return REMOVE
    if tag in CODE_ITEM:
        return "coded"
    if tag in PUBLIC_DATES and options.dates != "kept":
        return "dummy"
    row = table().get(tag)
    return (row and _by_table(row, vr, options)) or _by_vr(tag, vr, options)


@cache
def compatible(listed: str, stored: str) -> str | None:
    """VR to go by: the dictionary's or the file's, None when that is of quite another kind."""
    if " or " in stored or stored in listed.split(" or "):
        return stored
    for kind in (TEXT_VRS | {"CS"}, {"DS", "IS"}):
        if stored in kind and listed in kind:
            return listed
    for kind in ({"US", "SS", "UL", "SL"}, {"OB", "OW"}):
        if stored in kind and listed in kind:
            return stored
    return None


class Rules(dict[tuple[int, str], str]):
    """What happens to attributes under some options, by tag and VR; found out once each.

    ``stored`` : VR to go by and action for an attribute that is still bytes, by tag and the file's
    VR. None is the VR of an implicit transfer syntax, "" of an attribute that is no bytes any more
    """

    def __init__(self, options: Options):
        super().__init__()
        self.options = options
        self.stored = _Stored(self)

    def of_decoded(self, tag: int, stored: str) -> tuple[str, str]:
        """VR to go by and action for an attribute whose VR is known."""
        vr = compatible(listed_vr(tag), stored)
        return (vr, self[tag, vr]) if vr else ("", REMOVE)

    def __missing__(self, key: tuple[int, str]) -> str:
        """Find out, and remember."""
        self[key] = action(*key, self.options)
        return self[key]


class _Stored(dict[tuple[int, str | None], tuple[str, str]]):
    def __init__(self, rules: Rules):
        super().__init__()
        self.rules = rules

    def __missing__(self, key: tuple[int, str | None]) -> tuple[str, str]:
        """Find out, and remember."""
        tag, stored = key
        listed = listed_vr(tag)
        # PS3.5 6.2.2: UN is what a writer did not know; the dictionary knows it
        vr = listed if stored in (None, "UN") else stored or "SQ"
        if self.rules[tag, listed] == REMOVE:
            self[key] = "", REMOVE
        elif "SQ" in (vr, listed) or " or " in vr:
            self[key] = "", DECODE
        else:
            self[key] = self.rules.of_decoded(tag, vr)
        return self[key]


@cache
def rules(options: Options) -> Rules:
    """Return the rules of some options; one table per process."""
    return Rules(options)


def dummy_of(tag: int) -> str:
    """Say what stands in for a value that could not be cleaned: "dummy", "empty" or "remove"."""
    code = table()[tag]["basic"] if tag in table() else "D" if tag in NEEDED else "Z"
    return "dummy" if "D" in code else "empty" if "Z" in code else REMOVE
