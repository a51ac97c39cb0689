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
OTHERS = frozenset(
    re.findall(
        r"\S+",
        "desc cprt dmnd dmdd vued view tech meas calt targ pseq psid cicp ncl2 chrm rig0 rig2",
    )
)
# Signatures (section 7.2): what stands for other words is no profile.
CLASSES = frozenset((b"scnr", b"mntr", b"prtr", b"link", b"spac", b"abst", b"nmcl"))
SPACES = re.compile(rb"XYZ |Lab |Luv |YCbr|Yxy |RGB |GRAY|HSV |HLS |CMYK|CMY |[2-9A-F]CLR")
# Fields of the header: method, date, platform, maker, model, creator and digest of the profile.
IDLE = ((4, 8), (24, 36), (40, 44), (48, 64), (80, 128))
D50 = bytes.fromhex("0000f6d6000100000000d32d")  # bytes 68 to 79 of every profile
TYPE = 8  # bytes of a tag's data: its type, and four zeros
TYPES = frozenset((b"XYZ ", b"sf32", b"curv", b"para", b"mft1", b"mft2", b"mAB ", b"mBA ", b"mpet"))
TYPES_OF_OTHERS = frozenset(
    (
        *(b"desc", b"text", b"mluc", b"sig ", b"meas", b"view", b"dtim"),
        *(b"pseq", b"psid", b"cicp", b"ncl2", b"chrm"),
    )
)
PARAMETERS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}  # of a parametric curve, by its function


def clean(profile: bytes) -> bytes:
    """A profile of the same length and tags that holds numbers only; empty when it is none."""
    count = int.from_bytes(profile[HEADER : HEADER + 4], "big")
    table = HEADER + 4 + ENTRY * count
    spaces = all(map(SPACES.fullmatch, (profile[16:20], profile[20:24])))
    if (
        profile[36:40] != b"acsp"
        or int.from_bytes(profile[:4], "big") > len(profile)
        or not (profile[12:16] in CLASSES and spaces)
        or not 0 < count <= MOST_TAGS
        or table > len(profile)
    ):
        return b""
    out = bytearray(len(profile))
    out[:table] = profile[:table]
    for start, stop in IDLE:
        out[start:stop] = bytes(stop - start)
    out[68:80] = D50
    for at in range(HEADER + 4, table, ENTRY):
        name = profile[at : at + 4].decode("latin-1")
        offset, size = (int.from_bytes(profile[at + k : at + k + 4], "big") for k in (4, 8))
        if name not in CONVERTING | OTHERS or offset < table or offset + size > len(profile):
            return b""
        data = profile[offset : offset + size]
        if size < TYPE or data[:4] not in (TYPES if name in CONVERTING else TYPES_OF_OTHERS):
            return b""
        kept = min(_used(data), size) if name in CONVERTING else 4
        out[offset : offset + kept] = data[:kept]
        out[offset + 4 : offset + TYPE] = bytes(TYPE - 4)
    return bytes(out)


def _used(data: bytes) -> int:
    """How many bytes of a tag's data its type reads (section 10)."""
    kind = data[:4]
    if kind == b"curv":
        return 12 + 2 * int.from_bytes(data[8:12], "big")
    if kind == b"para":
        return 12 + 4 * PARAMETERS.get(int.from_bytes(data[8:10], "big"), 0)
    return {b"XYZ ": 20, b"sf32": TYPE + 36}.get(kind, len(data))
