"""What a cleaned object says about its cleaning: only what was really done."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from pydicom.dataset import Dataset

from unburn import __version__
from unburn.presets import Options
from unburn.profile import TABLE_REVISION

# PS3.16 CID 7050, De-identification Method. 113102, Clean Recognizable Visual Features, is never
# claimed: faces are looked for and reported, not removed.
METHOD_CODES = {
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113103": "Clean Graphics Option",
    "113104": "Clean Structured Content Option",
    "113105": "Clean Descriptors Option",
    "113106": "Retain Longitudinal Temporal Information Full Dates Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
    "113109": "Retain Device Identity Option",
    "113110": "Retain UIDs Option",
    "113111": "Retain Safe Private Option",
    "113112": "Retain Institution Identity Option",
}
# Options that count for every object, and by the value that puts them in force.
IN_FORCE = {
    ("descriptors", "cleaned"): "113105",
    ("dates", "kept"): "113106",
    ("dates", "shifted"): "113107",
    ("dates", "year"): "113107",
    ("characteristics", "kept"): "113108",
    ("device", "kept"): "113109",
    ("uids", "kept"): "113110",
    ("institution", "kept"): "113112",
}
# Options that are claimed where the object had something of the kind.
MET = {"graphics": "113103", "structured": "113104", "safe_private": "113111"}
TEMPORAL = {"kept": "UNMODIFIED", "shifted": "MODIFIED", "year": "MODIFIED", "removed": "REMOVED"}


@dataclass(frozen=True)
class Touched:
    """What was done to the pixels of an object that was searched for text.

    masked_pixels : number of pixels that were filled, 0 when nothing was found
    engine : what filled them
    was_lossy : the pixels came from a lossy transfer syntax
    """

    masked_pixels: int
    engine: str
    was_lossy: bool


def method_codes(options: Options, met: Iterable[str], touched: Touched | None) -> tuple[str, ...]:
    """Codes of (0012,0064), sorted.

    ``met`` names the options of ``MET`` that kept something of this object.
    """
    codes = {code for (name, value), code in IN_FORCE.items() if getattr(options, name) == value}
    codes |= {"113100"} | {MET[name] for name in met}
    if touched:
        codes.add("113101")
    return tuple(sorted(codes))


def declare(
    dataset: Dataset, preset: str, options: Options, met: Iterable[str], touched: Touched | None
) -> None:
    """Write what was done into the object (PS3.15 E.1, PS3.3 C.7.1.1 and C.7.6.1)."""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = [
        f"unburn {__version__}",
        f"PS3.15 Table E.1-1 {TABLE_REVISION}, preset {preset}",
    ]
    codes = method_codes(options, met, touched)
    dataset.DeidentificationMethodCodeSequence = [_code(code) for code in codes]
    dataset.LongitudinalTemporalInformationModified = TEMPORAL[options.dates]
    if touched is None:
        return
    dataset.BurnedInAnnotation = "NO"
    if touched.masked_pixels:
        if "ImageType" not in dataset:
            dataset.ImageType = ["DERIVED", "PRIMARY"]
        dataset.DerivationDescription = (
            f"Places of burned-in text were filled with made-up pixels by unburn {__version__}"
            f" (engine {touched.engine})"
        )
        if touched.was_lossy:
            dataset.LossyImageCompression = "01"


@cache
def _code(value: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = value, "DCM"
    item.CodeMeaning = METHOD_CODES[value]
    return item
