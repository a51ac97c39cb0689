"""The 18 identifiers of 45 CFR 164.514(b)(2)(i): which were taken out, and which were not.

The report says so for each submission, by the options that were in force, whatever its preset.
It is no legal opinion: the rule also asks that nobody knows how to identify a person with the rest.
"""

from dataclasses import dataclass

from unburn.presets import Options

DONE, NOT_DONE, NOT_APPLICABLE = "done", "not done", "not applicable"
IN_PICTURES = "; in pictures where text was found, within the bounds of this report"


@dataclass(frozen=True)
class Identifier:
    """One of the 18: its letter in the rule, what it is, and what became of it."""

    letter: str
    what: str
    state: str
    how: str


def identifiers(options: Options, key: str, faces: str, face_items: int) -> list[Identifier]:
    """Say what became of each of the 18.

    Parameters
    ----------
    options : of header cleaning
    key : ``metadata.key``, "keyed" or "discard"
    faces : ``gate.faces``
    face_items : released items of head volumes that could show a face
    """
    removed = (
        "attributes removed, free text cut down to a list of words, what software writes compared "
        "with the names and numbers of the same file" + IN_PICTURES
    )
    no_attribute = "DICOM has no attribute for them; free text is cut down to a list of words"
    return [
        Identifier("A", "Names", DONE, removed),
        Identifier("B", "Places smaller than a state", *_places(options)),
        Identifier("C", "Dates but for the year, ages over 89", *_dates(options)),
        Identifier("D", "Telephone numbers", DONE, removed),
        Identifier("E", "Fax numbers", DONE, removed),
        Identifier("F", "E-mail addresses", DONE, removed),
        Identifier("G", "Social security numbers", DONE, removed),
        Identifier("H", "Medical record numbers", DONE, "replaced by a pseudonym" + IN_PICTURES),
        Identifier("I", "Health plan numbers", DONE, removed),
        Identifier("J", "Account numbers", DONE, removed + "; accession numbers emptied"),
        Identifier("K", "Certificate and licence numbers", NOT_APPLICABLE, no_attribute),
        Identifier("L", "Vehicles, with licence plates", NOT_APPLICABLE, no_attribute),
        Identifier("M", "Devices, with serial numbers", *_devices(options)),
        Identifier("N", "Web addresses", DONE, removed + "; a maker's own, as its model, stays"),
        Identifier("O", "Network addresses", DONE, removed + "; application titles removed"),
        Identifier(
            "P",
            "Biometric identifiers, with finger and voice prints",
            NOT_DONE,
            "recordings and photographs of persons are held back, but anatomy stays as it is, and "
            "a rare one can be recognised",
        ),
        Identifier("Q", "Full-face photographs and the like", *_faces(faces, face_items)),
        Identifier("R", "Any other unique number, characteristic or code", *_codes(options, key)),
    ]


def _places(options: Options) -> tuple[str, str]:
    if options.institution == "kept":
        return NOT_DONE, "name, address and department of the institution stay"
    return DONE, "addresses and institutions removed" + IN_PICTURES


def _dates(options: Options) -> tuple[str, str]:
    ages = "; ages from 90 on are given as 90" if options.characteristics == "kept" else ""
    return {
        "kept": (NOT_DONE, f"dates stay as they were, birth dates are emptied{ages}"),
        "shifted": (
            NOT_DONE,
            "dates are moved by a number of days that is the same for a patient, not cut down to "
            f"the year; birth dates are emptied{ages}",
        ),
        "year": (DONE, f"cut down to the first of January, times emptied{ages}{IN_PICTURES}"),
        "removed": (DONE, f"removed{ages}{IN_PICTURES}"),
    }[options.dates]


def _devices(options: Options) -> tuple[str, str]:
    if options.device == "kept":
        return NOT_DONE, "serial numbers, station names and the like stay"
    return DONE, "serial numbers, station names and the like removed; maker and model stay"


def _faces(faces: str, face_items: int) -> tuple[str, str]:
    if faces == "hold":
        return DONE, "photographs of persons and head volumes that could show a face are held back"
    photographs = "photographs of persons are held back"
    if face_items:
        return NOT_DONE, (
            f"{photographs}, but {face_items} released items belong to head volumes from which a "
            "face could be drawn; faces are not removed"
        )
    return NOT_APPLICABLE, f"{photographs}; no released head volume could show a face"


def _codes(options: Options, key: str) -> tuple[str, str]:
    if options.uids == "kept":
        return NOT_DONE, "the original UIDs stay"
    if key == "keyed":
        return NOT_DONE, (
            "UIDs and numbers are replaced, but pseudonyms are a keyed hash of the originals, and "
            "164.514(c) allows no code that is derived from them; metadata.key: discard throws "
            "the key away"
        )
    return DONE, "UIDs and numbers replaced under a key that was deleted; no table links them"
