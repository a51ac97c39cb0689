"""Input that no reader expects: each file ends with a reason, and none stops the others."""

import gzip
import struct
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom import uid
from test_kinds import Kinds, image, write_image
from test_promises import Blind

from unburn import gate, tables
from unburn.reasons import REASONS

FORM = image(uid.CTImageStorage, "CT", bits=12)


def good(path, number, **more):
    write_image(path, number, **(FORM | more))
    return path.read_bytes()


def put(dataset, tag, vr, value):
    """The dataset's bytes with one element in another VR, written by hand."""
    content = good(*dataset)
    old = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    at = content.index(old + b"US")
    value += b" " * (len(value) % 2)
    new = old + vr + struct.pack("<H", len(value)) + value
    return content[:at] + new + content[at + 8 + 2 :]


def deflated(path, number, change):
    content = good(path, number, syntax=uid.DeflatedExplicitVRLittleEndian)
    meta = pydicom.filereader.read_file_meta_info(path)
    start = 132 + 12 + meta.FileMetaInformationGroupLength
    inflated = zlib.decompress(content[start:], -zlib.MAX_WBITS)
    return content[:start] + change(content[start:], inflated)


def nested(depth):
    """A file whose sequences lie in each other ``depth`` times, all of undefined length."""
    item = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    return item * depth


def unknown(value):
    """A private element of VR UN and undefined length: a sequence, as PS3.5 section 6.2.2 says."""
    inner = struct.pack("<HHI", 0x7FE1, 0x1002, len(value)) + value
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return struct.pack("<HH", 0x7FE1, 0x1001) + b"UN\0\0\xff\xff\xff\xff" + item + end


CASES = {
    "cut in the header": (lambda p, n: good(p, n)[:300], "broken"),
    "cut in the pixels": (lambda p, n: good(p, n)[:-500], "undecodable"),
    "surplus frame": (lambda p, n: good(p, n, frames=2, NumberOfFrames=1), "bad_geometry"),
    "missing frame": (lambda p, n: good(p, n, frames=2, NumberOfFrames=3), "bad_geometry"),
    "too few rows": (lambda p, n: good(p, n, Rows=60), "bad_geometry"),
    "no bits": (lambda p, n: good(p, n, BitsAllocated=0), "bad_geometry"),
    "odd bits": (lambda p, n: good(p, n, BitsAllocated=12), "bad_geometry"),
    "rows as text": (lambda p, n: put((p, n), 0x00280010, b"LO", b"sixty"), "bad_geometry"),
    "rows as sequence": (
        lambda p, n: good(p, n).replace(b"\x28\0\x10\0US\2\0", b"\x28\0\x10\0SQ\2\0"),
        "pixels_missing",
    ),
    "frames as text": (
        lambda p, n: good(p, n, frames=2).replace(b"\x08\0IS\2\0002 ", b"\x08\0IS\2\0A "),
        "bad_geometry",
    ),
    "deflated garbage": (
        lambda p, n: deflated(p, n, lambda packed, _: b"garbage " * 40),
        "broken",
    ),
    "deflated and cut": (lambda p, n: deflated(p, n, lambda packed, _: packed[:-60]), "broken"),
    "deflated without end": (
        lambda p, n: deflated(
            p, n, lambda _, raw: zlib.compress(raw + bytes(1 << 21), wbits=-zlib.MAX_WBITS)
        ),
        "too_large",
    ),
    "picture of 4 gigapixels": (lambda p, n: good(p, n, Rows=65535, Columns=65535), "too_large"),
    "unknown character set": (lambda p, n: good(p, n, SpecificCharacterSet="ISO_IR 999"), ""),
    "nested 5000 times": (lambda p, n: good(p, n)[:-12] + nested(5000), "broken"),
    "private sequence of unknown VR": (lambda p, n: good(p, n) + unknown(b"abcd"), ""),
    "private sequence that is none": (lambda p, n: good(p, n) + unknown(b"abcd")[:-12], "broken"),
}


def nifti_cases(folder):
    stored = np.zeros((40, 30, 20), np.int16)
    nibabel.Nifti1Image(stored, np.eye(4)).to_filename(folder / "good.nii.gz")
    whole = gzip.decompress((folder / "good.nii.gz").read_bytes())

    def promise(*dim):
        changed = bytearray(whole)
        changed[40:56] = np.array([len(dim), *dim, *[1] * 7][:8], "<i2").tobytes()
        return bytes(changed)

    plain = gzip.compress(whole, 0)
    contents = {
        "cut.nii": (whole[:-10], "bad_geometry"),
        "cut.nii.gz": (gzip.compress(whole)[:-20], "undecodable"),
        "garbled.nii.gz": (plain[:9000] + b"garbled" + plain[9007:], "undecodable"),
        "promise.nii.gz": (gzip.compress(promise(30_000, 30_000, 30_000)), "bad_geometry"),
        "negative.nii": (promise(40, -30, 20), "bad_geometry"),
    }
    for name, (content, _) in contents.items():
        (folder / name).write_bytes(content)
    return {name: code for name, (_, code) in contents.items()}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = Kinds(tmp_path_factory.mktemp("bad"))
    made.expected = nifti_cases(made.data) | {"good.nii.gz": "", "good.dcm": ""}
    good(made.data / "good.dcm", 500)
    for number, (name, (write, code)) in enumerate(CASES.items()):
        path = made.data / f"{name}.dcm"
        path.write_bytes(write(path, number))
        made.expected[path.name] = code
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unburn.headers.MOST_INFLATED", 1 << 20)
        gate._reader.cache_clear()
        patch.setitem(gate.READERS, "rapidocr", Blind)
        made.look()
        made.clean()
        made.check()
    gate._reader.cache_clear()
    made.ends = made.release()
    return made


def test_each_ends_with_its_reason_and_a_sentence(run):
    assert run.ends == {name: code or "released" for name, code in run.expected.items()}
    held = tables.read(run.results / "held_back.tsv")
    for code, sentence in zip(held.reason_code, held.reason, strict=True):
        assert sentence == REASONS[code]
    assert len(held) == sum(map(bool, run.expected.values()))


def test_the_good_ones_among_them_are_released_whole(run):
    assert len(run.handed_out()) == sum(not code for code in run.expected.values())
    for path in run.handed_out():
        assert Path(path).is_file()
