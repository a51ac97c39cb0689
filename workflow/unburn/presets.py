"""The presets of header cleaning: the options of PS3.15 that each chooses, and what it demands.

A preset is no more than a choice of options, and each option has a setting of its own. The table
of the standard is looked up by option (see ``profile``), never by the name of a preset.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

# What each option can be, from the one that tells most to the strictest.
CHOICES: dict[str, tuple[str, ...]] = {
    "dates": ("kept", "shifted", "year", "removed"),
    "uids": ("kept", "replaced"),
    "device": ("kept", "removed"),
    "institution": ("kept", "removed"),
    "characteristics": ("kept", "removed"),
    "safe_private": ("kept", "removed"),
    "descriptors": ("cleaned", "removed"),
    "graphics": ("cleaned", "removed"),
    "structured": ("cleaned", "removed"),
}


@dataclass(frozen=True)
class Options:
    """The options of PS3.15 E.3 that are in force.

    dates : E.3.6; shifted by a patient's own number of days, or aggregated to the year
    uids, device, institution : E.3.9, E.3.8, E.3.11
    characteristics : E.3.7; sex, age up to 89, size, weight and the like
    safe_private : E.3.10; the elements of resources/safe_private.tsv
    descriptors : E.3.5; words of the allow-list stay
    graphics, structured : E.3.3, E.3.4; items without free text stay
    """

    dates: str
    uids: str
    device: str
    institution: str
    characteristics: str
    safe_private: str
    descriptors: str
    graphics: str
    structured: str


RESEARCH = Options(
    dates="shifted",
    uids="replaced",
    device="removed",
    institution="removed",
    characteristics="kept",
    safe_private="kept",
    descriptors="cleaned",
    graphics="cleaned",
    structured="cleaned",
)
PUBLIC = Options(**{name: choices[-1] for name, choices in CHOICES.items()})
PRESETS = {
    "research": RESEARCH,
    # 45 CFR 164.514(b)(2): no date below the year; sex, size and weight are none of the 18.
    "safe_harbor": Options(**asdict(RESEARCH) | {"dates": "year"}),
    "public": PUBLIC,
}
# Presets that promise something; a setting cannot take from it.
BINDING = ("safe_harbor", "public")
# Settings of other stages that a preset fixes.
DEMANDS: dict[str, dict[str, Any]] = {
    "public": {"gate.read": "all", "gate.faces": "hold", "report.pictures": 0}
}


def options(preset: str, chosen: Mapping[str, str | None]) -> Options:
    """The options of a preset, with those that were chosen by themselves (not None) instead."""
    own = {name: value for name, value in chosen.items() if value is not None}
    return Options(**asdict(PRESETS[preset]) | own)


def weakened(preset: str, explicit: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name each setting that would take from what a preset promises, and what it promises.

    Parameters
    ----------
    preset : its name
    explicit : what was set by hand, by dotted name
    """
    if preset in BINDING:
        for name, choices in CHOICES.items():
            value, promised = explicit.get(f"metadata.{name}"), getattr(PRESETS[preset], name)
            if value in choices and choices.index(value) < choices.index(promised):
                yield f"metadata.{name}", promised
    for name, promised in DEMANDS.get(preset, {}).items():
        if name in explicit and explicit[name] != promised:
            yield name, str(promised)
