"""Words that name people in a header, gathered at all levels before anything is cleaned."""

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import permutations

from pydicom.dataset import Dataset

from unburn import profile
from unburn.elements import NUMERIC, digits_of, numbers, texts
from unburn.nesting import Sequences, likeness
from unburn.vocabulary import STOP, composed, in_ascii, known, numbers_in, records_in, words_in

ACCESSION = 0x00080050
ADDRESSES = profile.tags("PatientAddress RegionOfResidence")
INSTITUTIONS = profile.tags("InstitutionName InstitutionAddress InstitutionalDepartmentName")
SHORTEST_PLACE = 4  # letters of a word that tells of one
MOST_JOINED = 5  # words of a name that are looked for run together
MOST_PARTS = 20  # words and letters of a name that are looked for with an initial joined
SHORTEST_BESIDE_INITIAL = 3  # letters of a word to which an initial is joined
SHORTEST_IN_BYTES = 5  # letters; fewer are met in binary numbers by chance
RECORDS = profile.tags("PatientID OtherPatientIDs AccessionNumber AdmissionID")
NUMBERING_GROUPS = (0x0010, 0x0038)  # of the patient and the visit
NUMBERING_VRS = frozenset(("LO", "SH", "DA", "LT", "ST", "UT"))


@dataclass
class Named:
    """What names somebody in an object.

    patients : words of the patient's names, and longer numbers of the patient and the visit, birth
        date and telephone among them
    people : these, and words of the names of anyone
    towns : the longer words of attributes that name places
    numbers : patterns of the numbers that name the patient and the visit
    """

    patients: set[str] = field(default_factory=set)
    people: set[str] = field(default_factory=set)
    towns: set[str] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)

    def gather(self, dataset: Dataset, places: Container[int], sequences: Sequences) -> None:
        """Look through a data set and what is nested in it; like sequences once.

        ``places`` : tags of attributes that name places
        """
        for tag, stored in list(dataset.items()):
            number = int(tag)
            kinds = ("place",) if number in places else _telling(number, stored.VR)
            if not kinds:
                continue
            try:
                if "items" in kinds:
                    like = likeness(dataset, stored)
                    if like not in sequences:
                        for item in sequences.of(dataset, tag, stored, like):
                            self.gather(item, places, sequences)
                    continue
                found = texts(dataset, stored, stored.VR or "LO")
                if stored.is_raw and stored.VR in NUMERIC:  # characters, or a number of that VR
                    found += map(digits_of, numbers(stored.value, stored.VR))
                if number in RECORDS:
                    self.numbers = self.numbers.union(*map(records_in, found))
                if "place" in kinds:
                    for text in found:
                        self.towns |= {w for w in words_in(text) if len(w) >= SHORTEST_PLACE}
                if "number" in kinds:
                    for text in found:
                        self.patients |= numbers_in(text)
                        self.people |= numbers_in(text)
                if "name" in kinds:
                    here = frozenset().union(*map(words_of, found))
                    self.people |= here
                    self.patients |= here if number >> 16 == 0x0010 else set()
            except Exception:  # malformed: pydicom raises many kinds, and the value is not kept
                continue


@cache
def _telling(tag: int, stored: str | None) -> tuple[str, ...]:
    """What an attribute tells of people: "items", or "name" and "number".

    The dictionary's VR counts beside the file's: a name stored as a short text is one.
    """
    listed = profile.listed_vr(tag)
    vr = listed if stored in (None, "UN") else stored
    if vr == "SQ":
        return ("items",)
    name = "PN" in (vr, listed)
    number = tag >> 16 in NUMBERING_GROUPS or tag == ACCESSION
    number = number and not NUMBERING_VRS.isdisjoint((vr, listed))
    return ("name",) * name + ("number",) * number


@lru_cache(maxsize=4096)
def words_of(name: str) -> frozenset[str]:
    """Lower-case words that tell of a name: its own in every spelling, and those run together."""
    spelt = {word for part in words_in(name) for word in (part, *in_ascii(part))}
    return joined(name) | {word for word in spelt if len(word) > 1}


@lru_cache(maxsize=4096)
def joined(name: str) -> frozenset[str]:
    """Two and three words of a name run together in any order, in lower-case ASCII: maylong.

    And a word with the initial of another before or behind it: mlong. None that is a word of the
    list or a maker's: He and Ad are not head, Philip Sam is not Philips.
    """
    parts = re.findall(r"[^\W\d_]+", composed(name))
    words = [part for part in parts if len(part) > 1][:MOST_JOINED]
    orders = [order for count in (2, 3) for order in permutations(words, count)]
    for one, other in permutations(parts[:MOST_PARTS], 2):
        if len(one) >= SHORTEST_BESIDE_INITIAL:
            orders += [(other[0], one), (one, other[0])]
    found = {word for order in orders for word in in_ascii("".join(order))}
    # of a name in other letters an initial would be left
    found = {word for word in found if len(word) > SHORTEST_BESIDE_INITIAL}
    return frozenset(word for word in found if word not in STOP and not known(word))


def in_bytes(people: Iterable[str]) -> set[bytes]:
    """Longer words that are no listed ones, as they stand in bytes whose ASCII is lower case."""
    return set().union(*map(_in_bytes, people))


@lru_cache(maxsize=4096)
def _in_bytes(word: str) -> frozenset[bytes]:
    if len(word) < SHORTEST_IN_BYTES or known(word):
        return frozenset()
    # Latin-1 also stands for UTF-16 without its zeros; it has references for the rest
    return frozenset(
        case.encode(code, "xmlcharrefreplace").lower()
        for case in (word, word.upper())  # of letters beyond ASCII
        for code in ("utf-8", "latin-1")
    )
