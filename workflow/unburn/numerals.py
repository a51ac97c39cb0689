"""How a page writes numbers: in groups of three digits, and never a remainder rounded away."""

from collections.abc import Mapping

NARROW_SPACE = "\u202f"  # at which no line breaks
NONE = "–"  # of nothing; the page says why


def count_text(number: int) -> str:
    """Write a whole number in groups of three digits: 12 345."""
    return f"{number:,}".replace(",", NARROW_SPACE)


def percent_text(share: float | None) -> str:
    """Write a share in percent with three figures; never rounds a remainder away to 0 or 100."""
    if share is None:
        return NONE
    percent = 100 * share
    if percent in (0, 100):
        return f"{percent:.0f}{NARROW_SPACE}%"
    if percent < 0.001:
        return f"<{NARROW_SPACE}0.001{NARROW_SPACE}%"
    if percent > 99.9:
        digits = 3 if percent > 99.99 else 2
        return f"{min(percent, 99.999):.{digits}f}{NARROW_SPACE}%"
    digits = 1 if percent >= 10 else 2 if percent >= 0.1 else 3
    return f"{percent:.{digits}f}{NARROW_SPACE}%"


def number_text(value: float | None) -> str:
    """Write a ratio with two decimals."""
    return NONE if value is None else f"{value:.2f}"


def score_text(value: float | None) -> str:
    """Write a probability with three decimals, as those near a threshold differ little."""
    return NONE if value is None else f"{value:.3f}"


def unit_of_hours(hours: float) -> tuple[str, float]:
    """The unit in which a time reads best, and how many of it an hour has."""
    if hours >= 1:
        return "h", 1
    return ("min", 60) if hours * 60 >= 1 else ("s", 3600)


def hours_text(hours: float) -> str:
    """Write a time that is given in hours with three figures: 27.5 s, 4.12 min, 1 250 h."""
    if hours == 0:
        return f"0{NARROW_SPACE}s"
    unit, many = unit_of_hours(hours)
    time = hours * many
    text = count_text(round(time)) if time >= 100 else f"{time:.3g}"
    return f"{text}{NARROW_SPACE}{unit}"


def spread_text(spread: Mapping[str, float | None]) -> str:
    """Write median and percentiles: 0.98 (0.91 to 1.04)."""
    if spread["median"] is None:
        return NONE
    low, high = number_text(spread["p05"]), number_text(spread["p95"])
    return f"{number_text(spread['median'])} ({low} to {high})"


def noun(number: int, one: str, many: str = "") -> str:
    """The noun of a number: file, files."""
    return one if number == 1 else many or one + "s"


def things(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun: 1 file, 2 files."""
    return f"{count_text(number)} {noun(number, one, many)}"
