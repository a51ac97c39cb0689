"""Compressed images as bytes: their own size, and what they carry beside the picture.

Nothing is decoded here. A segment that no decoder needs can hold any text: comments, EXIF,
thumbnails, bytes after the end.
"""

import re
from collections.abc import Iterator

import numpy as np

from unburn.errors import ItemError

# JPEG-LS data bytes after 0xFF are below 0x80, JPEG's are 0x00 or a restart marker; so one
# pattern finds the end of a scan in both (ISO/IEC 10918-1 B.1.1, 14495-1 C.1).
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_SCAN_END = re.compile(rb"\xff([\xc0-\xcf\xd8-\xfe])")


# Frames (SOF) and scans; SOF55 of JPEG-LS. Tables, restart interval (DRI) and presets (LSE) stay
# under conditions, other segments mean nothing to a decoder of what DICOM allows.
_JPEG_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_LOSSLESS_FRAMES = {0xC3, 0xC7, 0xCB, 0xCF, 0xF7}  # without quantisation


def clean_jpeg(encoded: bytes) -> bytes:
    """Take out of a JPEG(-LS) image what makes no pixel of it.

    These are comments, application and unknown segments, tables that no scan uses and trailing
    bytes. JFIF's APP0 stays without its thumbnail, Adobe's APP14 and HP's colour transform APP8
    with their fixed fields: they say how colours are meant.
    """
    segments = list(_jpeg_segments(encoded))
    used = _used_tables(segments)
    kept = [_kept_segment(number, *segment, used) for number, segment in enumerate(segments)]
    return b"".join([b"\xff\xd8", *kept])


def _used_tables(segments: list[tuple[int, bytes]]) -> set[tuple[int, int]]:
    """(number of the segment, place in it) of the tables that a scan decodes with (T.81 B.2.4)."""
    current: dict[tuple[int, int], tuple[int, int]] = {}  # by marker, and by class and destination
    quantisation: list[int] = []
    used: set[tuple[int, int]] = set()
    for number, (marker, segment) in enumerate(segments):
        if marker in (0xC4, 0xDB):
            current |= {(marker, name): (number, at) for name, at, _ in _tables(segment, marker)}
        elif marker in _JPEG_FRAMES:
            quantisation = [] if marker in _LOSSLESS_FRAMES else [*segment[12::3]]
        elif marker == 0xDA:
            huffman = segment[6 : 5 + 2 * _count(segment, 4) : 2]
            wanted = [(0xDB, name) for name in quantisation]
            wanted += [(0xC4, both >> 4) for both in huffman]
            wanted += [(0xC4, 0x10 | both & 15) for both in huffman]
            used |= {current[one] for one in wanted if one in current}
    return used


def _count(segment: bytes, at: int) -> int:
    """The number in one byte of a segment; 0 where it is cut off."""
    return int.from_bytes(segment[at : at + 1], "big")


def _tables(segment: bytes, marker: int) -> Iterator[tuple[int, int, int]]:
    """Class and destination, place and end of the tables of a DHT or DQT (T.81 B.2.4.1, 2)."""
    at = 4
    while at < len(segment):
        first = segment[at]
        if marker == 0xC4:
            name, end = first, at + 17 + sum(segment[at + 1 : at + 17])
        else:
            name, end = first & 15, at + (129 if first >> 4 else 65)
        if end > len(segment):
            raise ItemError("undecodable")
        yield name, at, end
        at = end


def jpeg_size(encoded: bytes) -> tuple[int, int, int]:
    """Rows, columns and samples that a JPEG or JPEG-LS image says itself."""
    for marker, segment in _jpeg_segments(encoded):
        if marker in _JPEG_FRAMES and len(segment) >= 10:
            rows, columns = (int.from_bytes(segment[at : at + 2], "big") for at in (5, 7))
            return rows, columns, segment[9]
    raise ItemError("undecodable")


def with_whole_spectrum(encoded: bytes) -> bytes:
    """A sequential JPEG whose scans say that they hold all coefficients, as they must.

    Some encoders wrote zeros there (ITU-T T.81 B.2.3 and table B.3), and strict decoders stop.
    """
    sequential, kept = False, [b"\xff\xd8"]
    for marker, segment in _jpeg_segments(encoded):
        sequential = sequential or marker in (0xC0, 0xC1)
        if marker == 0xDA and sequential:
            end = 2 + int.from_bytes(segment[2:4], "big")
            segment = segment[: end - 3] + b"\x00\x3f\x00" + segment[end:]
        kept.append(segment)
    return b"".join(kept)


def _jpeg_segments(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and bytes of each segment, a scan with its data, the last with what follows it."""
    if encoded[:2] != b"\xff\xd8":
        raise ItemError("undecodable")
    at = 2
    while True:
        at = encoded.find(b"\xff", at)
        if at < 0 or at + 2 > len(encoded):
            raise ItemError("undecodable")
        marker = encoded[at + 1]
        if marker == 0xFF or marker == 0x00:
            at += 1
            continue
        if marker == 0xD9:
            yield marker, encoded[at:]
            return
        if 0xD0 <= marker <= 0xD8 or at + 4 > len(encoded):
            raise ItemError("undecodable")
        end = at + 2 + int.from_bytes(encoded[at + 2 : at + 4], "big")
        if end > len(encoded) or end < at + 4:
            raise ItemError("undecodable")
        if marker == 0xDA:
            found = _SCAN_END.search(encoded, end)
            if not found:
                raise ItemError("undecodable")
            end = found.start()
        yield marker, encoded[at:end]
        at = end


def jpeg_scans(encoded: bytes) -> Iterator[tuple[int, int]]:
    """Where the entropy-coded bytes of each scan, or restart interval of one, begin and end."""
    at = 2
    for marker, segment in _jpeg_segments(encoded):
        at = encoded.index(segment, at)  # fill bytes may stand before it
        if marker == 0xDA:
            begin = at + 2 + int.from_bytes(segment[2:4], "big")
            for restart in _RESTART.finditer(encoded, begin, at + len(segment)):
                yield begin, restart.start()
                begin = restart.end()
            yield begin, at + len(segment)
        at += len(segment)


def _kept_segment(number: int, marker: int, segment: bytes, used: set[tuple[int, int]]) -> bytes:
    """What stays of a segment; ``used`` as from ``_used_tables``."""
    body = segment[4:]
    if marker == 0xD9:
        return segment[:2] + _padding(segment[2:])
    if marker in (0xC4, 0xDB):
        tables = [(at, end) for _, at, end in _tables(segment, marker) if (number, at) in used]
        kept = b"".join(segment[at:end] for at, end in tables)
        return segment[:2] + (2 + len(kept)).to_bytes(2, "big") + kept if kept else b""
    if marker == 0xE0 and body[:5] == b"JFIF\0" and len(body) >= 14:
        return b"\xff\xe0\x00\x10" + body[:12] + b"\0\0"
    if marker == 0xEE and body[:5] == b"Adobe" and len(body) >= 12:
        return b"\xff\xee\x00\x0e" + body[:12]
    if marker == 0xE8 and body[:4] == b"mrfx" and len(body) == 5:
        return segment
    if marker in _JPEG_FRAMES:
        fits = len(body) == 6 + 3 * _count(segment, 9)
    elif marker == 0xDA:
        fits = int.from_bytes(segment[2:4], "big") == 6 + 2 * _count(segment, 4)
    else:
        interval = marker == 0xDD and len(body) == 2
        presets = marker == 0xF8 and len(body) == 11 and body[0] == 1
        return segment if interval or presets else b""
    if not fits:
        raise ItemError("undecodable")
    return segment


# Segments of parts 1, 2 and 15 of ISO/IEC 15444 that decoders need, and the lengths of tile-parts
# (TLM) and packets (PLT), which viewers use; no profiles, packet lengths of the main header (PLM),
# registration (CRG) or comments.
_JPEG2000_SEGMENTS = {0x50, 0x51, 0x52, 0x53, 0x55, 0x58, 0x5C, 0x5D, 0x5E, 0x5F, 0x60, 0x61}
_PART_2 = {*range(0x72, 0x7A)}  # where (SIZ, Rsiz) says that there are such
_WORD = re.compile(rb"[A-Za-z ^]{6,}")


def clean_jpeg2000(encoded: bytes) -> bytes:
    """Take comments and trailing bytes out of a JPEG 2000 codestream (ISO/IEC 15444-1 annex A).

    Comments and unknown segments of the main header are removed, those of tile-parts blanked, as
    their lengths count. TLM goes where it says anything else than the lengths of the tile-parts.
    Of a JP2 file only the codestream stays, which is all that DICOM allows (PS3.5 A.4.4).
    """
    if encoded[4:8] == b"jP  ":
        encoded = _codestream(encoded)
    if encoded[:4] != b"\xff\x4f\xff\x51":
        raise ItemError("undecodable")
    known = _JPEG2000_SEGMENTS | (_PART_2 if encoded[6] & 0x80 else set())
    header, parts, at = [], [], 2
    while True:
        if encoded[at : at + 1] != b"\xff" or at + 4 > len(encoded):
            raise ItemError("undecodable")
        marker = encoded[at + 1]
        if marker == 0x90:
            break
        end = at + 2 + int.from_bytes(encoded[at + 2 : at + 4], "big")
        if (
            marker == 0x50
            and end - at != 8 + 2 * int.from_bytes(encoded[at + 4 : at + 8], "big").bit_count()
        ):
            raise ItemError("undecodable")
        if marker in known & _PART_2 and _WORD.search(encoded, at, end):
            raise ItemError("undecodable")  # in the arrays of a transformation
        if marker in known:
            header.append(encoded[at:end])
        at = end
    while encoded[at : at + 2] == b"\xff\x90":
        length = int.from_bytes(encoded[at + 6 : at + 10], "big")
        end = at + length if length else _last_end(encoded)
        if (length and length < 14) or end > len(encoded):
            raise ItemError("undecodable")
        parts.append(_blank_tile_comments(encoded[at:end], known))
        at = end
    if encoded[at : at + 2] != b"\xff\xd9":
        raise ItemError("undecodable")
    if _stated_lengths(header) != list(map(len, parts)):
        header = [segment for segment in header if segment[1] != 0x55]
    return b"".join([b"\xff\x4f", *header, *parts, b"\xff\xd9", _padding(encoded[at + 2 :])])


def _stated_lengths(header: list[bytes]) -> list[int]:
    """Bytes of each tile-part by the TLM segments of a main header (annex A.7.1)."""
    lengths = []
    for segment in header:
        if segment[1] == 0x55:
            style = _count(segment, 5)
            index, size = style >> 4 & 3, 4 if style & 0x40 else 2
            for at in range(6, len(segment), index + size):
                lengths.append(int.from_bytes(segment[at + index : at + index + size], "big"))
    return lengths


def jpeg2000_size(encoded: bytes) -> tuple[int, int, int]:
    """Rows, columns and samples that a JPEG 2000 codestream says itself (SIZ, annex A.5.1)."""
    if encoded[4:8] == b"jP  ":
        encoded = _codestream(encoded)
    if encoded[:4] != b"\xff\x4f\xff\x51" or len(encoded) < 42:
        raise ItemError("undecodable")
    right, bottom, left, top = (int(v) for v in np.frombuffer(encoded[8:24], ">u4"))
    return bottom - top, right - left, int.from_bytes(encoded[40:42], "big")


def _codestream(jp2: bytes) -> bytes:
    """The codestream of a JP2 file, if its boxes do not change the meaning of the samples."""
    at = 0
    while at + 8 <= len(jp2):
        length, kind = int.from_bytes(jp2[at : at + 4], "big"), jp2[at + 4 : at + 8]
        if kind == b"jp2c" and length != 1:
            return jp2[at + 8 : at + length if length else None]
        if kind == b"jp2h" and any(box in jp2[at : at + length] for box in (b"pclr", b"cdef")):
            break
        if length < 8:
            break
        at += length
    raise ItemError("undecodable")


def _last_end(encoded: bytes) -> int:
    end = encoded.rfind(b"\xff\xd9")
    if end < 0:
        raise ItemError("undecodable")
    return end


def tile_parts(encoded: bytes) -> Iterator[tuple[int, int]]:
    """Where the packets of each tile-part of a cleaned codestream begin and end."""
    at = encoded.find(b"\xff\x90")
    while encoded[at : at + 2] == b"\xff\x90":
        length = int.from_bytes(encoded[at + 6 : at + 10], "big")
        end = at + length if length else _last_end(encoded)
        yield at + _packets_at(encoded[at:end]), end
        at = end


def _packets_at(part: bytes) -> int:
    """Where the packets of a tile-part begin: behind its segments and SOD."""
    at = 12
    while part[at : at + 1] == b"\xff" and part[at + 1 : at + 2] != b"\x93":
        at += 2 + int.from_bytes(part[at + 2 : at + 4], "big")
    return at + 2


def _blank_tile_comments(part: bytes, known: set[int]) -> bytes:
    """A tile-part in which segments that are not ``known`` are zeros.

    So are lengths of packets (PLT) that do not add up to what there is.
    """
    out, at = bytearray(part), 12
    lengths: list[tuple[int, int]] = []
    while part[at : at + 1] == b"\xff" and part[at + 1 : at + 2] != b"\x93":
        length = int.from_bytes(part[at + 2 : at + 4], "big")
        end = at + 2 + length
        if end > len(part):
            raise ItemError("undecodable")
        if part[at + 1] == 0x58:
            lengths.append((at + 5, end))
        elif part[at + 1] not in known:
            out[at + 6 : end] = bytes(max(length - 4, 0))
        at = end
    if _total(part, lengths) != len(part) - at - 2:
        for begin, end in lengths:
            out[begin:end] = bytes(end - begin)
    return bytes(out)


def _total(part: bytes, lengths: list[tuple[int, int]]) -> int:
    """Sum of the packet lengths of PLT segments, seven bits a byte (annex A.7.3)."""
    total = number = 0
    for byte in b"".join(part[begin:end] for begin, end in lengths):
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            total, number = total + number, 0
    return total


def clean_rle(encoded: bytes, pixels: int) -> bytes:
    """Blank the bytes of an RLE image that make no pixel (PS3.5 annex G).

    They stand in the header, after a segment's last pixel, between segments and after them.

    Parameters
    ----------
    encoded : header of 64 bytes and up to 15 segments
    pixels : of one frame; each segment encodes one byte of each
    """
    header = np.frombuffer(encoded[:64], "<u4")
    if header.size < 16 or not 1 <= header[0] <= 15:
        raise ItemError("undecodable")
    starts = [int(offset) for offset in header[1 : 1 + int(header[0])]]
    if starts != sorted(starts) or starts[0] < 64 or starts[-1] >= len(encoded):
        raise ItemError("undecodable")
    out = bytearray(encoded)
    out[4 * (1 + len(starts)) : starts[0]] = bytes(starts[0] - 4 * (1 + len(starts)))
    for start, stop in zip(starts, [*starts[1:], len(encoded)], strict=True):
        at, made = start, 0
        while made < pixels and at < stop:
            code = encoded[at]
            if code < 128:
                made, at = made + code + 1, at + code + 2
                for surplus in range(at - max(made - pixels, 0), min(at, stop)):
                    out[surplus] = 0
            elif code > 128:
                made, at = made + 257 - code, at + 2
            else:
                at += 1
        if at < stop:
            out[at:stop] = bytes(stop - at)
    return bytes(out)


def _padding(rest: bytes) -> bytes:
    # an even length needs one byte; nothing can be read from zeros
    return rest if len(rest) < 2 or not any(rest) else b""
