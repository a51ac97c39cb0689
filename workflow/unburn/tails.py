"""Text inside of the compressed bytes of a picture, behind the last of them that makes a pixel.

A decoder stops at the last pixel of a scan, restart interval (JPEG, JPEG-LS) or tile-part (JPEG
2000) and skips what follows. Only decoding tells where that is: bytes are hidden when other ones
in their place give the same picture. Ends that do not look like text are not tried.
"""

import re
from collections.abc import Callable, Iterator

import numpy as np

from unburn.codestreams import jpeg_scans, tile_parts

Decoder = Callable[[bytes], np.ndarray]
SHORTEST = 4  # letters or signs at the end of compressed bytes; 1 of 250 ends has so many by chance
# One byte or two for a character, and what fills up behind them.
_LEGIBLE = re.compile(rb"([\w ^=.,:;'&#()/@+-]\0?){%d,}[\0\xff]*\Z" % SHORTEST)


def without_text(encoded: bytes, is_jpeg2000: bool, decode: Decoder) -> bytes:
    """A compressed image with zeros for text that makes no pixel.

    Parameters
    ----------
    encoded : a whole image
    decode : gives its pixels, or raises

    Raises
    ------
    ItemError
        ``undecodable`` when it cannot be taken apart or decoded
    """
    picture: np.ndarray | None = None
    for start, stop in list(_ends(encoded, is_jpeg2000)):
        match = _LEGIBLE.search(encoded, max(start, stop - 256), stop)
        if not match:
            continue
        if picture is None:
            picture = decode(encoded)
        hidden = _hidden(encoded, start, stop, len(match[0]), picture, decode)
        encoded = encoded[: stop - hidden] + bytes(hidden) + encoded[stop:]
    return encoded


def _ends(encoded: bytes, is_jpeg2000: bool) -> Iterator[tuple[int, int]]:
    """Where entropy-coded bytes begin and end."""
    return tile_parts(encoded) if is_jpeg2000 else jpeg_scans(encoded)


def _hidden(
    encoded: bytes, start: int, stop: int, first: int, picture: np.ndarray, decode: Decoder
) -> int:
    """How many bytes before ``stop`` make no pixel; 0 when the last ``first`` make some."""

    def none_counts(count: int) -> bool:
        other = bytes((byte ^ 0x55) & 0x7F for byte in encoded[stop - count : stop])
        try:
            return np.array_equal(decode(encoded[: stop - count] + other + encoded[stop:]), picture)
        except Exception:  # decoders raise many kinds
            return False

    small, large = min(SHORTEST, first), stop - start
    if not none_counts(small):
        return 0
    while large - small > 1:
        middle = min(2 * small, (small + large) // 2)
        small, large = (middle, large) if none_counts(middle) else (small, middle)
    return small
