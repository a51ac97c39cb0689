"""Transfer syntaxes: which lose something, which can be written again, who decodes them."""

import re
from typing import Any

from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.pixels import get_decoder

from unburn.elements import text_of
from unburn.errors import ItemError

VIDEO = "1.2.840.10008.1.2.4.10"  # .100 to .108 and their fragmentable variants: MPEG2 to HEVC
# Supplement 244, which pydicom 3.0 does not know; PS3.5 section A.4.13.
DEFLATED_FRAMES = uid.UID("1.2.840.10008.1.2.8.1")
uid.UID_dictionary.setdefault(
    str(DEFLATED_FRAMES),
    ("Deflated Image Frame Compression", "Transfer Syntax", "", "", "DeflatedImageFrame"),
)
# Retired progressive JPEG (processes 6 and 8, 10 and 12): any decoder of JPEG reads it.
PROGRESSIVE = {uid.UID(f"1.2.840.10008.1.2.4.{k}") for k in (53, 55)}
LOSSY = {  # and (0028,2114) Lossy Image Compression Method, PS3.3 section C.7.6.1.1.5.1
    uid.JPEGBaseline8Bit: "ISO_10918_1",
    uid.JPEGExtended12Bit: "ISO_10918_1",
    **dict.fromkeys(PROGRESSIVE, "ISO_10918_1"),
    uid.JPEGLSNearLossless: "ISO_14495_1",
    uid.JPEG2000: "ISO_15444_1",
    uid.HTJ2K: "ISO_15444_15",
}
SEQUENTIAL = {uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit}
# What painted pictures are written in again; all others become Explicit VR Little Endian, also
# big endian, which the standard has retired.
KEPT_SYNTAXES = {
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian,
}
ENCODED_SYNTAXES = {
    uid.RLELossless,
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
    DEFLATED_FRAMES,
}


def is_video(syntax: str) -> bool:
    """Whether a transfer syntax holds a video stream (PS3.5 section 8.2.5 and later)."""
    return re.fullmatch(re.escape(VIDEO) + r"[0-8](\.1)?", syntax) is not None


def transfer_syntax(dataset: Dataset) -> uid.UID:
    """(0002,0010) Transfer Syntax UID, or the native one that the reader recognised."""
    stated = getattr(dataset, "file_meta", {}).get("TransferSyntaxUID")
    if stated:
        return uid.UID(stated)
    implicit, little = dataset.original_encoding
    if not little:
        return uid.ExplicitVRBigEndian
    return uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian


def is_lossy(dataset: Dataset) -> bool:
    """Whether the pixels went through a lossy codec, now or before (0028,2110)."""
    return transfer_syntax(dataset) in LOSSY or text_of(dataset, "LossyImageCompression") == "01"


def decoder_of(syntax: uid.UID) -> Any:
    """The decoder of a transfer syntax, or ItemError ``video`` or ``unsupported_syntax``."""
    if is_video(syntax):
        raise ItemError("video")
    if syntax == DEFLATED_FRAMES:
        syntax = uid.ExplicitVRLittleEndian  # once they are inflated
    elif syntax in PROGRESSIVE:
        syntax = uid.JPEGExtended12Bit
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise ItemError("unsupported_syntax") from None
    if not decoder.is_available:
        raise ItemError("unsupported_syntax")
    return decoder
