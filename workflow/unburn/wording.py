"""What kind of text a line holds: from what was read to a class, by closed lists and grammars.

Strings in, one word of a closed list out. A class is given to a whole line only; a line that fits
none is ``text``. Whatever could name a person comes first: the header's identifiers, then dates,
times, ages and long numbers.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
from datetime import date
from itertools import islice

from unburn.ages import age
from unburn.identifiers import MISREAD, Identifiers, dates_in, found_in_text
from unburn.vocabulary import allowed, plain, words

# identifier: of the header, or what looks like a date or a number that names somebody;
# descriptor: words of the vocabulary and short numbers; text: anything else
KINDS = (
    *("unread", "text", "identifier", "descriptor"),
    *("marker", "technique", "scale", "measurement"),
)
HARMLESS = frozenset({"marker", "technique", "scale", "measurement"})
KEPT = {"all": frozenset[str](), "keep": HARMLESS, "phi": HARMLESS | {"descriptor"}}

# Family names such as Rao, Lao, Li or Al are left out, and so are combined orientations (AL, SAL).
MARKERS = frozenset(
    re.findall(
        "[A-Z]+",
        "L R LT RT LEFT RIGHT A P H F S BILATERAL"  # sides and directions (PS3.3 C.7.6.1.1.1)
        " AP PA LAT LATERAL OBL OBLIQUE LPO RPO LLD RLD DECUB DECUBITUS AXIAL TANGENTIAL"
        " CC MLO XCCL XCCM"  # mammography (PS3.16 CID 4014), with the side before them
        " HFS HFP FFS FFP HFDR HFDL FFDR FFDL"  # (0018,5100) Patient Position
        " SUPINE PRONE ERECT UPRIGHT SEMIERECT STANDING SITTING RECUMBENT PORTABLE MOBILE BEDSIDE"
        " INSPIRATION EXPIRATION",
    )
)
SIDED = {side + view: (side, view) for side in "LR" for view in ("ML", "LM")}  # else initials
MOST_MARKERS = 4  # words of one line
LONG_MARKER = 4  # letters from which Supine counts as SUPINE; l is no L and Pa no PA
MOST_PIECE = 6  # words of a line that is a piece of a longer one
SHORTEST_WORD, MOST_CUTS = 2, 50  # of words of the vocabulary that a reader ran together
LONG_WORD = 4  # letters; shorter words of the vocabulary are initials and family names too: Pa, Re

_LONG_RUN = re.compile(r"\d{5,}")
_GAP = re.compile(r"(?<=\d)[\s/_\-]+(?=\d)")
_POINT = re.compile(r"(?<=\d)[.,](?=\d)")
MOST_DIGITS = 6  # in a row with points in it: 12.34.56, and not 123.45
_TIME = re.compile(r"(?<!\d)\d{1,2}\s?[:h]\s?\d{2}(?!\d)", re.IGNORECASE)
_AGE = re.compile(
    age(r"\d{1,3}")
    + r"|(?<!\d)(?:\d{1,3}\s?-?(?:MOS?|MTHS?|WKS?|WEEKS?|DAYS?)"
    + r"|\d{3}[DWM]|\d{1,2}\s?W\s?\d\s?D)(?![A-Z])",
    re.IGNORECASE,
)
_INITIALS = re.compile(r"(?<![A-Z])[A-Z](?:\s?[.,_\-]\s?|\s)[A-Z](?![A-Z])", re.IGNORECASE)

_KV = r"(?:\d{2,3}(?:[.,]\d)?KVP?|KVP?[:=]?\d{2,3}(?:[.,]\d)?)"
_MAS = r"(?:\d{1,4}(?:[.,]\d{1,2})?MAS?|MAS?[:=]?\d{1,4}(?:[.,]\d{1,2})?)"
_TECHNIQUE = re.compile(rf"{_KV}(?:[,;/]?{_MAS}){{0,2}}|{_MAS}(?:[,;/]?{_KV})?")

_NUMBER = r"(?:0|[1-9]\d{0,2})(?:[.,]\d{1,2})?"
_SCALE = re.compile(r"[-+]?(?:0|[1-9]\d{0,2})(?:[.,]\d)?")  # 12.03 may be a day of the year
_LENGTH = r"(?:MM|CM)"
_DEPTH = re.compile(rf"(?:DEPTH|TIEFE|PROF)[:=]?{_NUMBER}{_LENGTH}")

_QUANTITY = r"(?:(?:0|[1-9]\d{0,2})(?:[.,]\d{1,3})?|[1-9]\d{3})"
_UNIT = r"(?:MM[23]?|CM[23]?|CC|ML|[CM]?M/S|MMHG|[KM]?HZ|DB|%|°|DEG|HU|BPM)"  # no Y, D, W: ages
_LABEL = (
    r"(?:\d?(?:DIST(?:ANCE)?|LENGTH|WIDTH|HEIGHT|AREA|VOL(?:UME)?|DIAM(?:ETER)?|CIRC|MEAN|MAX|MIN"
    r"|SD|[LDAV])(?:\d ?)?[:=]?)?"
)
_ONE = rf"{_LABEL}[-+~<>±×]?(?:{_QUANTITY}(?:{_LENGTH})?[X×*]){{0,2}}{_QUANTITY}{_UNIT}"
_MEASUREMENT = re.compile(rf"{_ONE}(?:[,;/]?{_ONE}){{0,2}}")
_EDGES = " .,;:()[]{}|'\"`*_"


def tidy(text: str) -> str:
    """One spelling of what readers write differently: full-width signs, blanks, marks around it."""
    text = unicodedata.normalize("NFKC", text)
    return " ".join(text.split()).strip(_EDGES)


def _close(text: str) -> str:
    """Tidy without blanks, but for those between two digits: 0 5 10 is not 0510."""
    return re.sub(r"(?<!\d) | (?!\d)", "", tidy(text))


def squeezed(text: str) -> str:
    """Tidy capitals without blanks, but for those between two digits."""
    return _close(text).upper()


def alike(one: str, other: str) -> bool:
    """Whether two readers read the same; blanks between letters may differ.

    So may the case, but for markers: l is no L.
    """
    one_close, other_close = squeezed(one), squeezed(other)
    if markers(one):
        one_close, other_close = _close(one), _close(other)
    return one_close == other_close != ""


def markers(text: str) -> tuple[str, ...]:
    """The words of a line that consists of markers alone, sorted; else nothing.

    Readers lose blanks: RMLO is R and MLO. Short words must be capitals as they stand.
    """
    found: set[str] = set()
    line = [word for word in re.split(r"[\s/_.,;:()\[\]\-]+", tidy(text)) if word]
    for word in line:
        capitals = word.upper()
        if word != capitals and (len(word) < LONG_MARKER or word != word.capitalize()):
            return ()
        parts = (capitals,) if capitals in MARKERS else SIDED.get(word) or _run_together(word)
        if not parts:
            return ()
        found |= set(parts)
    return tuple(sorted(found)) if max(len(line), len(found)) <= MOST_MARKERS else ()


def _run_together(word: str) -> tuple[str, ...]:
    """Markers without a blank: a side and one more, or several of which one is long: APSUPINE."""
    for parts in _cuts(word, MARKERS, 2):
        if len(set(parts)) == len(parts) and any(len(part) > 2 for part in parts):
            return parts
    side, rest = word[:1], word[1:]
    return (side, rest) if side in ("L", "R") and len(rest) > 1 and rest in MARKERS else ()


def _cuts(word: str, listed: Collection[str], shortest: int) -> Iterator[tuple[str, ...]]:
    """All ways to cut a word into listed ones of at least so many letters."""
    if word in listed and len(word) >= shortest:
        yield (word,)
    for stop in range(shortest, len(word) - shortest + 1):
        if word[:stop] in listed:
            for rest in _cuts(word[stop:], listed, shortest):
                yield (word[:stop], *rest)


FACTS = MARKERS | {"ML", "LM"}  # the words that a line of markers can give


def ambiguous(text: str) -> bool:
    """Whether a line is a bare number or F, which in a block of text are an age and a sex."""
    return bool(re.fullmatch(r"[-+]?[\d.,]+|F", squeezed(text)))


def identifying(text: str, header: Identifiers) -> bool:
    """Whether a line matches the header's identifiers, whatever else it could mean."""
    line = tidy(text)
    if found_in_text(header, line):
        return True
    chunks = re.findall(r"[a-z0-9]+", plain(line).lower())
    letters = set(re.findall(r"[a-z]+", plain(line).lower()))
    bare = set() if letters else set(chunks)
    day = tuple(int(chunk) for chunk in chunks) if bare else ()
    if day in {pair for one in header.dates for pair in _days(one)}:
        return True
    mixed = {c.translate(MISREAD) for c in chunks if not c.isalpha() and not c.isdigit()}
    if mixed & {word.translate(MISREAD) for word in header.words}:
        return True  # J0 for a patient called Jo
    letters |= {word.lower() for word in markers(line)}  # of RLAT, for a patient called Lat
    return bool((letters | bare | {"".join(chunks)}) & header.words)


def _days(day: date) -> tuple[tuple[int, int], tuple[int, int]]:
    """Day and month, in either order."""
    return (day.day, day.month), (day.month, day.day)


def suspect(text: str) -> bool:
    """Whether a line looks like a date, a time, an age, initials or a number of somebody."""
    line = tidy(text)
    close = _GAP.sub("", line)
    runs = re.findall(r"\d+", _POINT.sub("", close))
    return bool(
        _LONG_RUN.search(close)
        or any(len(run) >= MOST_DIGITS for run in runs)
        or dates_in(line)
        or _TIME.search(line)
        or _AGE.search(line)
        or _INITIALS.search(line)
    )


def _is_scale(line: str) -> bool:
    """Whether a line holds the evenly spaced numbers of a scale that begins at 0: 0 5 10 15."""
    if not re.fullmatch(r"0(?: [1-9]\d{0,2}){2,9}", line):
        return False
    steps = [int(number) for number in line.split()]
    return steps == list(range(0, steps[-1] + 1, steps[1]))


def kind(text: str, header: Identifiers) -> str:
    """The class of one line, one of ``KINDS``; ``unread`` only where there is nothing."""
    line, close = tidy(text), squeezed(text)
    if not line:
        return "unread"
    if identifying(text, header):
        return "identifier"
    if _is_scale(line):
        return "scale"
    if suspect(text):
        return "identifier"
    if markers(text):
        return "marker"
    if _TECHNIQUE.fullmatch(close):
        return "technique"
    if _SCALE.fullmatch(close) or _DEPTH.fullmatch(close):
        return "scale"
    if _MEASUREMENT.fullmatch(close):
        return "measurement"
    return "descriptor" if _described(line, header) else "text"


def _described(line: str, header: Identifiers) -> bool:
    """Whether a line has nothing but words of the vocabulary, one of them long, and numbers."""
    if plain(line) != line or not re.search(f"[A-Za-z]{{{LONG_WORD},}}", line):
        return False

    def content(part: str) -> str:
        return "".join(re.findall("[A-Za-z0-9]", part))

    return content(allowed(line, header.words)) == content(line)


def harmless(text: str, header: Identifiers, policy: str) -> bool:
    """Whether a policy lets a line stay, whole or as several such pieces.

    A reader may take neighbours for one line (R 120 kV), and lose the blanks between words.
    Together they must not be suspect, and no word that a run of letters is cut into may name
    the patient.
    """
    kept = KEPT[policy]
    whole = kind(text, header)
    if whole in kept or whole in ("identifier", "unread"):
        return whole in kept
    parts = tidy(text).split()
    reached = [True] + [False] * len(parts)
    for stop in range(1, len(parts) + 1):
        reached[stop] = any(
            reached[start] and _stays(" ".join(parts[start:stop]), header, kept)
            for start in range(max(0, stop - MOST_PIECE), stop)
        )
    return reached[-1]


def _stays(piece: str, header: Identifiers, kept: frozenset[str]) -> bool:
    if kind(piece, header) in kept:
        return True
    if "descriptor" not in kept or not re.fullmatch("[A-Za-z]+", piece):
        return False
    cuts = _cuts(piece.lower(), words(), SHORTEST_WORD)
    return any(
        len(cut) > 1 and max(map(len, cut)) >= LONG_WORD and not header.words & set(cut)
        for cut in islice(cuts, MOST_CUTS)
    )
