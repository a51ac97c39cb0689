"""The words that may stay in a cleaned header: allow-lists, since nobody can list all names."""

import re
import unicodedata
from collections.abc import Collection, Set
from functools import lru_cache
from itertools import groupby, permutations
from pathlib import Path
from typing import NamedTuple

from unburn.addresses import ADDRESS
from unburn.ages import age, age_in_words

RESOURCES = Path(__file__).resolve().parents[2] / "resources"
VOCABULARY, TERMS = RESOURCES / "vocabulary.txt", RESOURCES / "terms.txt"
MAKERS = RESOURCES / "makers.txt"
LETTERS_APART = set("clrtwx")  # "C spine", "L", "R", "W contrast", "X ray"; others are initials
LONGEST_NUMBER = 3  # digits; four are a year, more a date, a telephone number or an ID
MOST_DIGITS = 6

# 45 CFR 164.514(b)(2)(i)(C) counts ages over 89 as identifiers.
_OVER_89 = r"(?:9\d|1[0-4]\d)"
# What goes as a whole, before words are judged one by one
_CUT = re.compile(rf"{age(_OVER_89)}|{age_in_words(_OVER_89)}|{ADDRESS}")
_YEAR = r"(?:18|19|20)\d\d"
_MONTH = r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[A-Za-z]{0,6}"
_TIME_OF_DAY = r"(?:\d\d?:\d\d(?::\d\d)?[ .,_-](?:[A-Z]{2,5} )?)?"  # or none
# 12 AUG 57, AUG 12, 1957, Mon Aug 12 09:02:14 EDT 1957: words of the lists may be months.
_WRITTEN_DATE = re.compile(
    rf"(?<![A-Za-z0-9])(?:\d\d?[ ._-]?{_MONTH}[ .,_-]{{0,2}}\d\d(?:\d\d)?"
    rf"|{_MONTH}[ ._-]?\d\d?[ .,_-]{{1,2}}{_TIME_OF_DAY}{_YEAR})"
)
_DAY, _MONTH_NUMBER = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])"
_PADDED_MONTH = r"(?:0[1-9]|1[0-2])"
_NO_UNIT = r"(?!\d|[ _]?(?i:mm|cm|ms|s|sec|min|t|m?l|[mc]?gy|[km]?hz|x|kg)(?![A-Za-z]))"
_OF_SLASHES = rf"(?:{_DAY}/{_MONTH_NUMBER}|{_MONTH_NUMBER}/\d\d|\d\d/{_PADDED_MONTH})"
# 04/07, 61/07, 07/1961, 04.07., 12.03, 04-07: days of a month and months of a year, that may be
# counts (3/20), but not 5/5 mm, 12.03 mm and pairs of vertebrae: L4/5, L 4/5, LWK 4/5
_PARTIAL_DATE = re.compile(
    r"(?<!\d)(?<!\d[-./])(?:"
    rf"(?=0\d){_OF_SLASHES}"
    rf"|(?<![A-Za-z])(?<!(?<![A-Za-z])[CTLS][ _-])(?<![HBL]W[KS][ _-]){_OF_SLASHES}{_NO_UNIT}"
    rf"|(?<![A-Za-z]){_DAY}\.{_MONTH_NUMBER}\."
    rf"|(?<![A-Za-z])(?:{_PADDED_MONTH}\.\d\d|\d\d\.{_PADDED_MONTH}){_NO_UNIT}"
    rf"|(?<![A-Za-z])(?=0|...0)(?:\d\d-{_PADDED_MONTH}|{_PADDED_MONTH}-\d\d)"
    rf"|{_MONTH_NUMBER}[-./]{_YEAR}|{_YEAR}[-./]{_MONTH_NUMBER}"
    r")(?![-./]?\d)"
)
# patient 4: a number of somebody
_PATIENT_NUMBER = re.compile(
    r"(?<![A-Za-z])(?i:(?:pat|patient(?:in|en?)?|pts?)(?:[ ._-]{0,2}(?:nr|no|number|id))?)"
    r"[ _./,:=#-]{0,3}\d+(?![\dA-Za-z])"
)
_FREE, _ENDED = r"(?<!\d)(?<!\d[-./])", r"(?![-./]?\d)"


def _short_date(gap: str) -> str:
    """Pattern of a day, a month and two digits of a year; padded where blanks part them."""
    padded = rf"(?=\d\d{gap}\d\d)" if gap in " _" else ""
    orders = f"{_DAY}{gap}{_MONTH_NUMBER}|{_MONTH_NUMBER}{gap}{_DAY}"
    return rf"{_FREE}{padded}(?:{orders}){gap}\d\d{_ENDED}"


# Seven digits and more in groups: 555-123-4567, 123-45-6789, 943 476 5919, 06.12.34.56.78,
# 555.867.5309, (555) 867 5309, 555_867_5309, 192.168.77.12
_GROUPED = (
    r"(?<![\d.])(?:(?=(?:\d[- ]?){7})\d{2,}(?:[- ]\d{2,})+"
    r"|(?=(?:\d\.?){7})\d{2,}(?:\.\d{2,}){2,}|(?=(?:\d/?){7})\d{2,}(?:/\d{2,}){2,}"
    r"|\d{3}_\d{2,3}_\d{4}(?!\d)|192\.168\.\d|172\.(?:1[6-9]|2\d|3[01])\.\d)"
    r"|\(\d{2,5}\)[ ./-]?\d{3}"
)
_LONG_DATE = (
    rf"{_YEAR}(?P<after>[-./])\d\d?(?P=after)\d|\d\d?(?P<before>[-./])\d\d?(?P=before){_YEAR}"
    rf"|(?<!\d){_YEAR}(?P<blank>[ _]){_MONTH_NUMBER}(?P=blank){_DAY}(?!\d)"
    rf"|(?<!\d){_DAY}(?P<space>[ _]){_MONTH_NUMBER}(?P=space){_YEAR}(?!\d)"
)
# A long number, a date, a telephone, an address of mail or of a machine, a serial number, an age
# over 89. Where versions are written, 3.2.19 is one of them, and v3.2.19 anywhere.
_TELLING_OF_VERSIONS = re.compile(
    rf"\d{{6}}|{_LONG_DATE}|@|{_CUT.pattern}|{_GROUPED}|{_WRITTEN_DATE.pattern}|"
    + "|".join(map(_short_date, "-/ _"))
)
_TELLING = re.compile(rf"{_TELLING_OF_VERSIONS.pattern}|(?<![vVrR]){_short_date('[.]')}")
LONG_NUMBER = 5  # digits; shorter ones stand in every header
SHORTEST_RECORD, LONGEST_RECORD = 4, 64  # digits at least, characters at most, of an ID
_DAY_OF_YEAR = re.compile(rf"(?<!\d)({_YEAR})([-./]?)(\d\d)\2(\d\d)(?!\d)")
_WORD = re.compile(rf"[^\W\d_]+|\d{{{LONG_NUMBER},}}")
KEPT_SEPARATORS = set("_-+/.,")

# Words that name no one: they are sought in no picture, and no name is sought inside of them.
STOP = frozenset(
    re.findall(
        "[a-z]+",
        # people and titles
        "anon anonym anonymous anonymized anonymised anonymize deidentified patient name unknown"
        " none null removed remove nobody volunteer subject person case example sample dummy doctor"
        " prof professor physician operator technologist tech admin administrator service user"
        " guest mister missus misses miss master junior senior male female"
        # places
        " hospital hospitals clinic clinics klinik klinikum university universitat universite"
        " medical medicine health healthcare center centre institute institution department dept"
        " radiology imaging research school college foundation general national regional street"
        " road avenue city state county country house building floor room"
        # makers and machines
        " siemens healthineers philips toshiba canon hitachi fujifilm fuji kodak carestream agfa"
        " konica minolta hologic samsung mindray esaote shimadzu varian elekta accuray bruker"
        " neusoft united uih acuson aloka sonosite medison lorad picker marconi elscint adac system"
        " systems corporation company gmbh limited inc medizintechnik merge terarecon osirix horos"
        " dcmtk offis pydicom workstation scanner console server pacs dicom storage archive network"
        # what this program writes itself, see marks.py
        " unburn implementation preset table application confidentiality profile pixel data option"
        " retain longitudinal temporal information modified dates characteristics descriptors"
        " places burned text filled made pixels engine classic telea isotope monochrome palette"
        " tiny random test weights",
    )
)

# Latin letters that Unicode does not take apart into a letter and an accent
_LIGATURES = str.maketrans(
    {"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D"}
    | {"æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "TH", "ı": "i", "ħ": "h"}
    | {"µ": "u", "μ": "u"}
)
_ATOM = re.compile(r"\d+(?:\.\d+)?|[A-Za-z]+")
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_B_VALUE = re.compile(r"b\d{1,5}", re.IGNORECASE)
_TOKEN = re.compile(r"[^\W_]+")
_LETTERS_OR_DIGITS = re.compile(r"[A-Za-z]+|\d+", re.ASCII)
LONGEST_SIGN = 2  # letters that are no word: the fl and d of fl2d1, the HE of HE1


def _listed(path: Path) -> frozenset[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


@lru_cache
def words() -> frozenset[str]:
    """Read the allow-list: lower case, ASCII."""
    return _listed(VOCABULARY)


@lru_cache
def terms() -> frozenset[str]:
    """Words of coded values and of technical text: those of the allow-list, and a list of terms."""
    return words() | _listed(TERMS)


@lru_cache
def makers() -> frozenset[str]:
    """Words of what the factory writes: those of coded values, and its own names and models."""
    return terms() | _listed(MAKERS)


@lru_cache(maxsize=4096)
def tells(text: str, version: bool = False) -> bool:
    """Say whether a text, of a version or of anything, tells a long number, a date and the like."""
    return bool((_TELLING_OF_VERSIONS if version else _TELLING).search(composed(text)))


def plain(text: str) -> str:
    """Rewrite a text in ASCII: accents go, and so does what has no ASCII letter."""
    text = unicodedata.normalize("NFKD", text.translate(_LIGATURES))
    return text.encode("ascii", "ignore").decode("ascii")


def composed(text: str) -> str:
    """Rewrite a text with its accents in its letters: an accent of its own would part a word."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


@lru_cache(maxsize=4096)
def in_ascii(name: str) -> frozenset[str]:
    """Lower-case spellings of a word of a name: a or ae for ä, and as if its own ae were an ä."""
    low = name.lower()
    long = plain(low.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue"))
    short = long.replace("ae", "a").replace("oe", "o").replace("ue", "u")
    return frozenset((plain(low), long, short))


@lru_cache(maxsize=4096)
def words_in(text: str) -> frozenset[str]:
    """Lower-case words of a text, with their accents and without, and its longer numbers."""
    forms = (composed(text), plain(text))
    return frozenset(word for form in forms for word in _WORD.findall(form.lower()))


@lru_cache(maxsize=256)
def numbers_in(text: str) -> frozenset[str]:
    """Longer numbers of a text, as they are and without zeros in front; dates in every order."""
    found = re.findall(r"\d+", text)
    for year, _, month, day in _DAY_OF_YEAR.findall(text):
        found += map("".join, permutations((year, month, day)))
    found += [number.lstrip("0") for number in found]
    return frozenset(number for number in found if len(number) >= LONG_NUMBER)


@lru_cache(maxsize=256)
def records_in(text: str) -> frozenset[str]:
    """Patterns of a number that names a patient or a visit, whatever parts its pieces.

    As a whole, in any case, and its digits alone: QX77-4711 is also qx77_4711 and 77 4711.
    """
    pieces = re.findall(r"[A-Za-z]+|\d+", plain(text).lower())
    digits = [piece for piece in pieces if piece.isdigit()]
    found = set()
    for parts in (pieces, digits):
        if sum(map(len, digits)) >= SHORTEST_RECORD and sum(map(len, parts)) <= LONGEST_RECORD:
            if sum(map(len, parts)) >= MOST_DIGITS:  # so long that parts may be anywhere
                parts = list("".join(parts))
            edge = r"\d" if parts[0].isdigit() and parts[-1].isdigit() else "[a-z0-9]"
            found.add(rf"(?<!{edge})" + r"[\W_]{0,3}".join(parts) + rf"(?!{edge})")
    return frozenset(found)


@lru_cache(maxsize=4096)
def can_hold_record(text: str) -> bool:
    """Say whether a text has the digits that every pattern of a record has; few texts have."""
    return sum("0" <= sign <= "9" for sign in text) >= SHORTEST_RECORD


class Naming(NamedTuple):
    """What names somebody: lower-case words and longer numbers, and patterns of IDs."""

    words: frozenset[str] = frozenset()
    records: frozenset[str] = frozenset()

    def and_of(self, other: "Naming") -> "Naming":
        """Both together."""
        return Naming(self.words | other.words, self.records | other.records)

    def is_record(self, text: str) -> bool:
        """Say whether a text has a number that an ID's pattern matches."""
        return bool(records(self.records).search(text))

    def without_records(self, text: str) -> str:
        """A text without such numbers."""
        if not self.is_record(text):
            return text
        return " ".join(records(self.records).sub(" ", text).split())

    def is_long_record(self, number: str) -> bool:
        """Say whether digits are somebody's number; shorter ones are met by chance."""
        return len(number) >= LONG_NUMBER and (number in self.words or self.is_record(number))


@lru_cache
def records(patterns: frozenset[str]) -> re.Pattern[str]:
    """What matches any such number, the longest first; without one, nothing."""
    longest_first = sorted(patterns, key=lambda pattern: (-len(pattern), pattern))
    return re.compile("|".join(longest_first) or r"(?!)", re.IGNORECASE)


def known(word: str) -> bool:
    """Say whether letters are a word of the list, or words of it run together: SpinalCord."""
    return word.lower() in words() or _run_together(word, words())


def _run_together(word: str, listed: Collection[str]) -> bool:
    parts = _CAMEL.findall(word)
    return len(parts) > 1 and all(part.lower() in listed for part in parts)


def _harmless(atoms: list[str], banned: Collection[str]) -> bool:
    """Judge letters and numbers that stand without a gap: T2w, 5mm, b1000, CHEST, A4711."""
    joined = "".join(atoms)
    if joined.lower() in banned or any(atom.lower() in banned for atom in atoms):
        return False
    if len(joined) == 1 and not joined.isdigit():
        return joined.lower() in LETTERS_APART
    if joined.lower() in words() or _B_VALUE.fullmatch(joined):
        return True
    numbers = [atom for atom in atoms if atom[0].isdigit()]
    letters = [atom for atom in atoms if not atom[0].isdigit()]
    if len(numbers) > 2 or any(len(n.partition(".")[0]) > LONGEST_NUMBER for n in numbers):
        return False
    return all(known(word) or (len(word) == 1 and bool(numbers)) for word in letters)


def _telling(groups: list[list[str]]) -> set[int]:
    """Places of numbers with so many beside them that they could be a date, telephone or ID."""

    def short(place: int) -> bool:
        """Digits with at most single letters among them, and no word such as T2."""
        atoms = groups[place]
        listed = len(atoms) > 1 and "".join(atoms).lower() in words()
        return not listed and all(atom[0].isdigit() or len(atom) == 1 for atom in atoms)

    found: set[int] = set()
    for are_short, run in groupby(range(len(groups)), short):
        places = list(run)
        text = "-".join("".join(groups[place]) for place in places)
        figures = [len(number) for number in re.findall(r"\d+", text)]
        only_digits = len(figures) > 2 and not re.search("[A-Za-z]", text)
        if are_short and (sum(figures) >= MOST_DIGITS or only_digits):
            found.update(places)
    return found


def _left_over(groups: list[list[str]], kept: Set[int]) -> set[int]:
    """Places of single letters that are initials or a word spelt out, by what goes beside them.

    Those in a run of single letters of which one goes, several beside a word that goes, and one
    that has nothing but such words beside it.
    """

    def is_letter(place: int) -> bool:
        return len(groups[place]) == 1 and len(groups[place][0]) == 1 and groups[place][0].isalpha()

    found: set[int] = set()
    for letters, run in groupby(range(len(groups)), is_letter):
        places = list(run)
        around = [n for n in (places[0] - 1, places[-1] + 1) if 0 <= n < len(groups)]
        gone = [n for n in around if n not in kept and any(map(str.isalpha, groups[n]))]
        named = gone and (len(places) > 1 or gone == around)
        if letters and (named or not kept >= {*places}):
            found.update(places)
    return found


NO_WORDS: frozenset[str] = frozenset()


def allowed(text: str, banned: frozenset[str] = NO_WORDS) -> str:
    """Return the parts of a descriptor that are known words, short numbers or both in one.

    ``banned``: lower-case words to drop though they are listed: the name of a patient called Head.
    Three numbers in a row go as well (1.5 counts as two), and so do six digits in a row, days with
    their month, months with their year, and what ``_CUT`` finds.
    """
    return _allowed(text, banned & words_in(text))  # what is remembered serves many patients


@lru_cache(maxsize=4096)
def _allowed(text: str, banned: frozenset[str]) -> str:
    if not text.isascii():
        text = plain(_CUT.sub(" ", composed(text)))
    for pattern in (_CUT, _PATIENT_NUMBER, _WRITTEN_DATE, _PARTIAL_DATE):
        text = pattern.sub(" ", text)
    groups: list[tuple[int, int, list[str]]] = []  # start, end, atoms
    for match in _ATOM.finditer(text):
        if groups and groups[-1][1] == match.start():
            start, _, atoms = groups[-1]
            groups[-1] = (start, match.end(), [*atoms, match[0]])
        else:
            groups.append((match.start(), match.end(), [match[0]]))
    parts = [atoms for _, _, atoms in groups]
    kept = {index for index, atoms in enumerate(parts) if _harmless(atoms, banned)}
    kept -= _telling(parts)
    kept -= _left_over(parts, kept)
    result, last = "", -1
    for index, (start, end, _) in enumerate(groups):
        if index not in kept:
            continue
        if result:
            between = text[groups[last][1] : start] if last == index - 1 else " "
            result += between if between in KEPT_SEPARATORS else " "
        result, last = result + text[start:end], index
    return result


@lru_cache(maxsize=4096)
def technical(
    text: str, coded: bool = False, version: bool = False, listed: frozenset[str] | None = None
) -> str:
    """Return the parts of what a scanner wrote that are its own words: terms, signs, numbers.

    A number of five digits that stands alone could be a record's, but for a code's or a version's.
    Signs of one or two letters count beside digits in one part (fl2d1, HE1), one of a letter in a
    text, or one in a ``coded`` text, which is a term as a whole: with anything else in it, nothing
    is left of it. Several that no list has could be initials or short names, and one beside a long
    number that of a record.
    A text of terms comes back as it is, with all that stands between them. Ages over 89 and
    addresses of machines go. ``listed`` : lower-case words that stay; without, ``terms``.
    """
    listed = terms() if listed is None else listed
    text = _CUT.sub(" ", composed(text))
    tokens = list(_TOKEN.finditer(text))
    signs = [t[0] for t in tokens if len(t[0]) <= LONGEST_SIGN and t[0].isalpha()]
    strange = [sign for sign in signs if sign.lower() not in listed]
    initials = sum(len(sign) == 1 or sign in strange for sign in signs) > 1
    kept = [
        token
        for token in tokens
        if _is_term(token[0], (coded or len(token[0]) == 1) and not initials, listed)
        and not ((strange or not (coded or version)) and _is_long_number(token[0]))
    ]
    if len(kept) == len(tokens) and text.isascii() and text.isprintable():
        return text
    return "" if coded else " ".join(token[0] for token in kept)


def _is_long_number(token: str) -> bool:
    return token.isdigit() and len(token) >= LONG_NUMBER


def _is_term(token: str, short: bool, listed: frozenset[str]) -> bool:
    """Judge letters and digits without a gap; ``short`` takes a sign that stands alone.

    A sign beside a long number is a record's: QX47110.
    """
    if not token.isascii():
        return False
    parts = _LETTERS_OR_DIGITS.findall(token)
    long = any(part.isdigit() and len(part) >= LONG_NUMBER for part in parts)
    if long and any(part.isalpha() and part.lower() not in listed for part in parts):
        return False
    return all(
        len(part) < MOST_DIGITS
        if part.isdigit()
        else part.lower() in listed
        or (len(part) <= LONGEST_SIGN and (short or len(parts) > 1))
        or _run_together(part, listed)
        for part in parts
    )
