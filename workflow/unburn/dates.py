"""Dates, times and ages of a header: moved, kept, cut down to the year, or refused.

Whoever reads a date here gets it back in the form of PS3.5 section 6.2, or None when it was
malformed, so that nothing is kept that only claims to be a date.
"""

import re
from datetime import date, timedelta
from functools import lru_cache

from unburn import keys

# PS3.15 leaves it open; 45 CFR 164.514(b)(2)(i)(C) draws the line here.
OLDEST_YEARS = 89

# PS3.5 Table 6.2-1; a number of six digits is not always a time.
_HOUR, _MINUTE, _SECOND = r"(?:[01]\d|2[0-3])", r"[0-5]\d", r"(?:[0-5]\d|60)(?:\.\d{1,6})?"
_OFFSET = r"[+-](?:0\d|1[0-4])[0-5]\d"
_DATE = re.compile(r"(\d{4})([.-]?)(\d{2})\2(\d{2})", re.ASCII)
_DATETIME = re.compile(
    r"(?P<date>\d{4}(\d{2}(\d{2})?)?)"
    rf"(?P<time>(?<=\d{{8}}){_HOUR}({_MINUTE}({_SECOND})?)?)?(?P<zone>{_OFFSET})?",
    re.ASCII,
)
_TIME = re.compile(rf"{_HOUR}(:?{_MINUTE}(:?{_SECOND})?)?", re.ASCII)
_ZONE = re.compile(_OFFSET, re.ASCII)
_AGE = re.compile(r"(\d{3})([DWMY])", re.ASCII)
_YEARS_PER = {"D": 365.25, "W": 52.18, "M": 12, "Y": 1}
# What machines and programs write for no date: the first days of their calendars. Moved, they
# would tell by how much the others were.
PLACEHOLDERS = frozenset(
    (
        *("18991230", "18991231", "19000101", "19040101", "19691231", "19700101"),
        *("19800101", "19800106", "20000101"),
    )
)
OLDEST_IMAGE, LATEST_IMAGE = 1895, 2100  # years; before X-rays were found, and much after now
_MIDDLE = {4: "0701", 6: "15", 8: ""}  # of what a partial date leaves open


def shift_days(key: bytes, identity: str, limit: int) -> int:
    """Days by which a patient's dates move into the past: 1 to ``limit``, from a keyed hash."""
    return 1 + int.from_bytes(keys.keyed(key, "date shift", identity), "big") % limit


def _is_placeholder(known: str) -> bool:
    """Say whether a date YYYYMMDD, or the first part of one, is that of nothing that happened."""
    if not OLDEST_IMAGE <= int(known[:4]) <= LATEST_IMAGE:
        return True
    return any(day.startswith(known) for day in PLACEHOLDERS)


def _as_date(text: str) -> date | None:
    match = _DATE.fullmatch(text)
    try:
        return date(int(match[1]), int(match[3]), int(match[4])) if match else None
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def clean_date(text: str, how: str, days: int) -> str | None:
    """Return a DA (YYYYMMDD, or the old YYYY.MM.DD) as the option ``dates`` wants it.

    Parameters
    ----------
    how : "kept", "shifted" (``days`` into the past; a placeholder of machines is malformed then)
        or "year" (its first day, PS3.15 E.3.6 note 1)
    """
    day = _as_date(text.strip())
    if day is None:
        return None
    if how == "year":
        day = day.replace(month=1, day=1)
    elif how == "shifted":
        if _is_placeholder(day.isoformat().replace("-", "")):
            return None
        try:
            day -= timedelta(days=days)
        except OverflowError:
            return None
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"


@lru_cache(maxsize=4096)
def clean_datetime(text: str, how: str, days: int) -> str | None:
    """Return a DT as the option ``dates`` wants it; a partial one stays as short as it was.

    Time and zone stay with whole days, so that intervals across midnight and between zones stay.
    """
    match = _DATETIME.fullmatch(text.strip())
    if not match:
        return None
    known = match["date"]
    if how == "shifted" and _is_placeholder(known):
        return None
    moved = clean_date(known + _MIDDLE[len(known)], how, days)
    if moved is None:
        return None
    if how == "year":
        return moved[:4]
    return moved[: len(known)] + (match["time"] or "") + (match["zone"] or "")


@lru_cache(maxsize=4096)
def clean_time(text: str) -> str | None:
    """Return a TM as it is."""
    return text if _TIME.fullmatch(text) else None


def clean_zone(text: str) -> str | None:
    """Return (0008,0201) Timezone Offset From UTC as it is."""
    return text if _ZONE.fullmatch(text) else None


@lru_cache(maxsize=4096)
def limit_age(text: str) -> str | None:
    """Return an AS as it is, 090Y for anyone older than 89."""
    match = _AGE.fullmatch(text.strip())
    if not match:
        return None
    return "090Y" if int(match[1]) >= (OLDEST_YEARS + 1) * _YEARS_PER[match[2]] else match[0]
