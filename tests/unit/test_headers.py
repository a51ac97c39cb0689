import numpy as np
import pydicom
from pydicom import uid
from test_pixels import code, make, read, save, values

from unburn import headers
from unburn.headers import glance, read_header, searchable
from unburn.pixels import StoredFrames


def test_a_deflated_data_set_that_grows_without_end_is_refused(tmp_path, monkeypatch):
    dataset = make(np.zeros((40, 100, 100), np.uint8), syntax=uid.DeflatedExplicitVRLittleEndian)
    path = save(dataset, tmp_path / "a.dcm")
    assert read(path)[0].shape == (40, 100, 100)
    monkeypatch.setattr(headers, "MOST_INFLATED", 300_000)
    monkeypatch.setattr(headers, "BLOCK_BYTES", 1 << 12)
    monkeypatch.setattr(pydicom, "dcmread", None)  # nothing inflates it as a whole
    assert code(path) == "too_large"


def test_deflated_garbage_is_broken(tmp_path):
    whole = save(
        make(values(np.uint8, 8), syntax=uid.DeflatedExplicitVRLittleEndian), tmp_path / "a.dcm"
    ).read_bytes()
    for damaged in (whole[:-40], whole[:400] + b"garbage!" * 9, whole[:390]):
        (tmp_path / "b.dcm").write_bytes(damaged)
        assert code(tmp_path / "b.dcm") == "broken"


def test_what_a_deflated_file_holds_can_be_searched(tmp_path):
    dataset = make(values(np.uint8, 8), syntax=uid.DeflatedExplicitVRLittleEndian)
    dataset.PatientName = "Doe^Jane"
    path = save(dataset, tmp_path / "a.dcm")
    before, data_set = searchable(path)
    assert before + data_set != path.read_bytes() and b"Doe^Jane" in data_set
    assert before.rstrip(b" ").endswith(pydicom.__version__.encode())
    native = save(make(values(np.uint8, 8)), tmp_path / "b.dcm")
    assert searchable(native) == (b"", native.read_bytes())


def test_a_file_without_preamble_or_meta_is_read(tmp_path):
    stored = values(np.uint8, 8)
    dataset = make(stored)
    del dataset.file_meta
    with open(tmp_path / "a.dcm", "wb") as file:
        pydicom.dcmwrite(file, dataset, implicit_vr=True, little_endian=True)
    assert np.array_equal(read(tmp_path / "a.dcm")[0], stored)


def test_pixels_that_begin_in_a_file_s_first_bytes_and_end_behind_them_are_read_whole(tmp_path):
    frame = np.random.default_rng(2).integers(0, 255, (1, 300, 300), np.uint8)
    path = save(make(frame), tmp_path / "a.dcm")
    for reader in (glance, read_header):
        assert len(reader(path).PixelData) == frame.size
    with StoredFrames(path) as source:
        assert source.dataset.PixelData == frame.tobytes()
