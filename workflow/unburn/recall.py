"""What controls showed: how many planted lines were found, and which kinds of device are held back.

A class of devices is a modality, a manufacturer and a model. Outside of ``work/`` it is called by
its modality and a number. A class is held back when so few of its lines were masked that a class
of exactly the recall ``controls.min_recall`` would show it by chance in fewer than ``SIGNIFICANCE``
of all cases (binomial test, line by line). Lines of one copy are alike, so it is held back rather
too early than too late; bounds count that in (``judging.bounds_by_frame``). A class none of whose
copies could be taken through is held back, too: nothing shows what is found on it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy import special

from unburn import judging
from unburn.files import replacing

SIGNIFICANCE = 0.01
PLACES = (EMPTY := "empty ground", "over anatomy")


@dataclass(frozen=True)
class Line:
    """A planted line that people can see.

    ``frame`` is the number of its copy; ``name`` of its class of devices, ``size`` of its class of
    heights; ``empty`` whether it stands on empty ground; ``found`` whether it was masked; ``held``
    whether its frame was held back, ``read`` whether the gate reads such a frame in any series, and
    not as one of a sample.
    """

    frame: int
    name: str
    size: str
    empty: bool
    found: bool
    held: bool
    read: bool


@dataclass(frozen=True)
class Class:
    """A kind of device in a submission: its public name, its items and its controls.

    ``calm_frames`` are those without text, from which ``frames`` were drawn to become controls.
    """

    name: str
    modality: str
    device: str
    items: int
    calm_frames: int
    frames: int


def too_few(found: int, lines: int, min_recall: float) -> bool:
    """Whether chance alone would rarely leave so few where the recall is ``min_recall``."""
    return lines > 0 and float(special.bdtr(found, lines, min_recall)) < SIGNIFICANCE


def figures(lines: Sequence[Line]) -> dict[str, Any]:
    """Lines, those found, and recall with its bounds by frame; null of nothing."""
    found = sum(line.found for line in lines)
    low, high = judging.bounds_by_frame(lines) if lines else (None, None)
    return {
        "lines": len(lines),
        "found": found,
        "recall": found / len(lines) if lines else None,
        "lower_bound": low,
        "upper_bound": high,
    }


def average(shares: Sequence[float]) -> float | None:
    """The mean of some shares, None of nothing."""
    return sum(shares) / len(shares) if shares else None


def by_size(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Figures of each class of heights, the smallest first."""
    names = [judging.height(highest) for _, highest in judging.HEIGHTS]
    groups = {name: [line for line in lines if line.size == name] for name in names}
    return [{"height": name, **figures(own)} for name, own in groups.items() if own]


def by_place(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Figures of lines on an empty ground, and of those over anatomy."""
    groups = {name: [line for line in lines if line.empty == (name == EMPTY)] for name in PLACES}
    return [{"place": name, **figures(own)} for name, own in groups.items() if own]


def gated(lines: Sequence[Line]) -> dict[str, int]:
    """What became of lines that were missed.

    ``held`` in frames that the gate held back; ``held_if_read`` likewise, but only because it read
    the frame: in a long series it would have read a sample of such frames; ``left`` in frames that
    it would have released.
    """
    missed = [line for line in lines if not line.found]
    return {
        "missed": len(missed),
        "held": sum(line.held and line.read for line in missed),
        "held_if_read": sum(line.held and not line.read for line in missed),
        "left": sum(not line.held for line in missed),
    }


def section(
    classes: Sequence[Class],
    lines: Sequence[Line],
    share: float,
    min_recall: float,
    reason: str = "",
    faint: Sequence[bool] = (),
    masked: Sequence[tuple[str, float]] = (),
) -> dict[str, Any]:
    """The section ``controls`` of the metrics.

    Parameters
    ----------
    reason : why there are none: off, too_few_frames, no_text_free_frames; empty where there are
    faint : of the lines that can hardly be seen, whether each was found; they count apart
    masked : class and masked share of the pixels of each control that was cleaned: a mask over all
        finds every line. Of those that could not be made or cleaned no line counts
    """
    rows = []
    for one in classes:
        shares = [share_ for name, share_ in masked if name == one.name]
        numbers = figures([line for line in lines if line.name == one.name])
        held = too_few(numbers["found"], numbers["lines"], min_recall)
        rows.append(
            {
                "class": one.name,
                "modality": one.modality,
                "items": one.items,
                "text_free_frames": one.calm_frames,
                "frames": one.frames,
                "failed_frames": one.frames - len(shares),
                "masked_share": average(shares),
                **numbers,
                "held_back": held or (not shares and one.frames > 0),
            }
        )
    return {
        "reason": reason,
        "share": share,
        "min_recall": min_recall,
        "significance": SIGNIFICANCE,
        "confidence": judging.CONFIDENCE,
        "frames": sum(one.frames for one in classes),
        "failed_frames": sum(row["failed_frames"] for row in rows),
        "masked_share": average([share_ for _, share_ in masked]),
        **figures(lines),
        "hardly_visible": {"lines": len(faint), "found": sum(faint)},
        "gate": gated(lines),
        "by_class": rows,
        "by_size": by_size(lines),
        "by_place": by_place(lines),
    }


# --- files


def write(path: Path, metrics: Mapping[str, Any], devices: Sequence[Mapping[str, str]]) -> None:
    """Write the metrics and, for people who may know, which devices the classes are."""
    why = {
        row["class"]: "controls_failed"
        if row["failed_frames"] == row["frames"]
        else "controls_missed"
        for row in metrics["by_class"]
        if row["held_back"]
    }
    found = {
        "metrics": metrics,
        "devices": list(devices),
        "held_back": [
            [one["modality"], one["device"], why[one["class"]]]
            for one in devices
            if one["class"] in why
        ],
    }
    with replacing(path) as tmp:
        tmp.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def measured(showed: Sequence[Path], share: float, min_recall: float) -> dict[str, Any]:
    """The section ``controls`` of a submission's metrics.

    ``showed`` is the file of what they showed, none where there were no controls; then ``share``
    and ``min_recall`` are those of the settings.
    """
    if showed:
        found: dict[str, Any] = json.loads(showed[0].read_text("utf-8"))["metrics"]
        return found
    return section([], [], share, min_recall, "too_few_frames" if share else "off")
