"""Codes that everyone can look up: what DICOM PS3.16 says that they mean."""

from functools import cache

SNOMED_RT = frozenset(("SRT", "SNM3", "99SDM"))  # one code under three names


@cache
def _meanings() -> dict[str, dict[str, set[str]]]:
    """Meanings in lower case by scheme and code value; big, and few objects need it."""
    from pydicom.sr._concepts_dict import concepts
    from pydicom.sr._snomed_dict import mapping

    found: dict[str, dict[str, set[str]]] = {}
    everything: dict[str, dict[str, dict[str, tuple[str, list[int]]]]] = concepts  # type: ignore
    for scheme, by_keyword in everything.items():
        values = found.setdefault(scheme, {})
        for codes in by_keyword.values():
            for value, (meaning, _) in codes.items():
                values.setdefault(value, set()).add(meaning.lower())
    newer = found["SCT"]
    found["SRT"] = {old: newer[new] for old, new in mapping["SRT"].items() if new in newer}
    return found


def says(scheme: str, value: str, text: str) -> bool:
    """Say whether a text is the value of a code that the standard lists, or its meaning there."""
    listed = _meanings().get("SRT" if scheme in SNOMED_RT else scheme, {})
    return value in listed and (text == value or text.lower() in listed[value])
