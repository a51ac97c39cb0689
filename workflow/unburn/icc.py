"""ICC profiles (ISO 15076-1) without text: what converts colours stays, everything else is zeros.

A profile names who made it and for which device, in tags and fields that no conversion reads.
"""

import re

HEADER, ENTRY = 128, 12  # bytes
MOST_TAGS = 100
CONVERTING = frozenset(
    re.findall(
        r"\S+",
        "rXYZ gXYZ bXYZ rTRC gTRC bTRC kTRC wtpt bkpt chad lumi gamt A2B0 A2B1 A2B2 A2B3"
        " B2A0 B2A1 B2A2 B2A3 D2B0 D2B1 D2B2 D2B3 B2D0 B2D1 B2D2 B2D3",
    )
)
# Fields of the header: method, date, platform, maker, model, creator and digest of the profile.
IDLE = ((4, 8), (24, 36), (40, 44), (48, 64), (80, 128))
TYPE = 8  # bytes of a tag's data that say its type; the rest of a text may be empty
OTHERS = frozenset(
    re.findall(r"\S+", "desc cprt dmnd dmdd vued view tech meas calt targ pseq psid cicp ncl2 chrm")
)


def clean(profile: bytes) -> bytes:
    """A profile of the same length and tags that holds numbers only; empty when it is none."""
    count = int.from_bytes(profile[HEADER : HEADER + 4], "big")
    table = HEADER + 4 + ENTRY * count
    if profile[36:40] != b"acsp" or not 0 < count <= MOST_TAGS or table > len(profile):
        return b""
    out = bytearray(len(profile))
    out[:table] = profile[:table]
    for start, stop in IDLE:
        out[start:stop] = bytes(stop - start)
    for at in range(HEADER + 4, table, ENTRY):
        name = profile[at : at + 4].decode("latin-1")
        offset, size = (int.from_bytes(profile[at + k : at + k + 4], "big") for k in (4, 8))
        if name not in CONVERTING | OTHERS or offset < table or offset + size > len(profile):
            return b""
        kept = size if name in CONVERTING else min(size, TYPE)
        out[offset : offset + kept] = profile[offset : offset + kept]
    return bytes(out)
