from dataclasses import replace
from pathlib import Path

import cv2
import h5py
import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from unburn import gate, marks, policy, tables
from unburn.errors import UserError
from unburn.gate import Found, Item, Moments, Settings
from unburn.identifiers import NOBODY, identifiers
from unburn.presets import RESEARCH
from unburn.readers import Line

SETTINGS = Settings(
    reader="rapidocr",
    read="suspicious",
    sample=0.05,
    threshold=0.5,
    min_characters=2,
    suspicion=0.05,
    unit="series",
    faces="flag",
    max_painted_share=1.0,
    max_held_back=None,
    seed=1,
)


def item(number, series="s1", frames=1, **more):
    defaults = {
        **{"original": Path("o"), "candidate": Path("c"), "searched": True},
        **{"read_all": False, "volumetric": False, "masked_frames": 0, "unchanged": True},
    }
    return Item(number, series, frames, **(defaults | more))


def line(text, score, left=10, top=10, width=60, height=12):
    right, bottom = left + width, top + height
    quad = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    return Line(text, score, quad)


# --- what counts as text


@pytest.mark.parametrize(
    ("text", "score", "counts"),
    [("AB", 0.5, True), ("AB", 0.49, False), ("A.-", 0.9, False), ("4 7", 0.9, True)],
)
def test_legible_needs_characters_and_score(text, score, counts):
    assert gate.legible(line(text, score), (256, 256), 0.5, 2) is counts


def test_legible_needs_more_score_for_letters_as_high_as_anatomy():
    huge = line("ABC", 0.7, height=60)
    assert not gate.legible(huge, (256, 256), 0.5, 2)
    assert gate.legible(line("ABC", 0.7, width=12, height=60), (256, 256), 0.5, 2)
    assert gate.legible(replace(huge, score=0.9), (256, 256), 0.5, 2)


# --- which frames are read


def test_to_read_takes_suspected_frames_and_a_share_of_the_rest():
    items = [item(1, frames=100), item(2, series="s2", frames=3)]
    chosen = gate.to_read(items, {1: {4, 7}}, SETTINGS)
    assert {4, 7} <= chosen[1] and len(chosen[1]) == 2 + 5
    assert len(chosen[2]) == 1
    assert chosen == gate.to_read(items, {1: {4, 7}}, SETTINGS)
    assert chosen != gate.to_read(items, {1: {4, 7}}, replace(SETTINGS, seed=2))
    assert gate.to_read(items, {}, replace(SETTINGS, sample=0.0)) == {1: set(), 2: set()}


def test_to_read_takes_every_frame_where_asked():
    everything = {0, 1, 2}
    for one, settings in (
        (item(1, frames=3), replace(SETTINGS, read="all")),
        (item(1, frames=3, read_all=True), SETTINGS),
        (item(1, frames=3, masked_frames=2), SETTINGS),
    ):
        assert gate.to_read([one], {1: {0}}, settings)[1] == everything
    assert gate.to_read([item(1, frames=3, searched=False)], {}, SETTINGS)[1] == set()


def test_jobs_cover_each_frame_once_and_each_item_s_bytes_once():
    items = [item(1, frames=40), item(2, searched=False)]
    made = gate.jobs(items, {1: set(range(40)), 2: set()})
    assert [f for job in made if job.item.number == 1 for f in job.frames] == list(range(40))
    assert [job.item.number for job in made if job.whole] == [1, 2]
    assert max(len(job.frames) for job in made) <= gate.CHUNK


def test_moments_show_text_that_single_frames_hide():
    frames = np.random.default_rng(0).integers(90, 110, (50, 32, 32), np.uint8)
    frames[:25, 10, 5:20] += 40
    moments = Moments()
    for frame in frames:
        moments.add(frame)
    maximum, minimum, deviation = moments.summary()
    assert (maximum == frames.max(0)).all() and (minimum == frames.min(0)).all()
    expected = frames.astype(float).std(0)
    assert np.allclose(deviation, expected * 255 / expected.max(), atol=0.51)


def test_moments_of_even_frames_are_even_and_one_frame_has_none():
    moments = Moments()
    moments.add(np.full((4, 4), 9, np.uint8))
    assert moments.summary() == []
    moments.add(np.full((4, 4), 9, np.uint8))
    assert [int(picture.max()) for picture in moments.summary()] == [9, 9, 0]


# --- verdicts


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((0, Found(read=1), False, False), ""),
        ((0, Found(), True, False), "not_examined"),
        ((3, Found(), False, False), "pixels_differ"),
        ((0, Found(error=True), False, False), "gate_failed"),
        ((0, Found(identifier=True, failed=1), False, False), "residual_identifier"),
        ((0, Found(failed=1), False, False), "residual_text"),
        ((0, Found(), False, True), "residual_text"),
    ],
)
def test_reason_is_closed_by_default(arguments, code):
    assert gate.reason(*arguments) == code


def test_all_that_a_person_overrules_is_named_whichever_reason_comes_first():
    assert gate.overridable(Found(failed=1), False, True, True) == "residual_text;over_painted;face"
    assert gate.overridable(Found(), True, False, False) == "residual_text"
    assert gate.overridable(Found(), False, False, False) == ""


def test_text_in_a_series_picture_holds_all_unless_a_frame_explains_it():
    items = [item(1), item(2)]
    rows = {n: {"status": "candidate", "outside_differing": "0"} for n in (1, 2)}
    alarms = [frozenset({1, 2})]
    found = {1: Found(), 2: Found()}
    held = gate.verdicts(items, rows, found, set(), gate.unexplained(found, alarms))
    assert held == {1: "residual_text", 2: "residual_text"}
    found = {1: Found(failed=1), 2: Found()}
    held = gate.verdicts(items, rows, found, set(), gate.unexplained(found, alarms))
    assert held == {1: "residual_text", 2: ""}


def test_one_failing_slice_holds_its_volume_and_no_other_series():
    items = [item(k, volumetric=True) for k in (1, 2)] + [item(3), item(4)]
    reasons = {1: "residual_text", 2: "", 3: "residual_text", 4: ""}
    held = gate.by_series(items, reasons, set(), SETTINGS)
    assert held == {1: "residual_text", 2: "series_held", 3: "residual_text", 4: ""}
    assert gate.by_series(items, reasons, set(), replace(SETTINGS, unit="item")) == reasons


def test_head_volumes_are_held_only_when_asked():
    items, reasons = [item(1, volumetric=True)], {1: ""}
    assert gate.by_series(items, reasons, {"s1"}, SETTINGS) == {1: ""}
    hold = replace(SETTINGS, faces="hold")
    assert gate.by_series(items, reasons, {"s1"}, hold) == {1: "face"}


def test_pixels_that_nobody_compared_are_not_equal():
    rows = {1: {"status": "candidate", "outside_differing": ""}}
    assert gate.verdicts([item(1)], rows, {1: Found()}, set(), set()) == {1: "pixels_differ"}


def test_an_item_is_held_where_more_was_painted_than_allowed():
    row = {"status": "candidate", "outside_differing": "0", "reason_code": ""}
    rows = {1: row | {"masked_pixels": "30", "pixels_total": "100"}}
    rows[2] = row | {"masked_pixels": "31", "pixels_total": "100"}
    rows[3] = row | {"masked_pixels": "", "pixels_total": ""}
    items, nothing = [item(1), item(2), item(3)], {1: Found(), 2: Found(), 3: Found()}
    assert set(gate.verdicts(items, rows, nothing, set(), set()).values()) == {""}
    held = gate.verdicts(items, rows, nothing, set(), set(), 0.3)
    assert held == {1: "", 2: "over_painted", 3: ""}
    failed = nothing | {2: Found(failed=1)}
    assert gate.verdicts(items, rows, failed, set(), set(), 0.3)[2] == "residual_text"


# --- files


def candidate(path, picture, **header):
    """A secondary-capture-like object with 8-bit (frames, rows, columns)."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, "1.2.3"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2", "1.2.1"
    frames, dataset.Rows, dataset.Columns = picture.shape
    dataset.NumberOfFrames = frames
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    for keyword, value in header.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = picture.tobytes()
    dataset["PixelData"].VR = "OB"
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


def grey(frames=2, text="", frame=0):
    picture = np.full((frames, 96, 200), 20, np.uint8)
    picture += np.random.default_rng(0).integers(0, 9, picture.shape, np.uint8)
    if text:
        cv2.putText(picture[frame], text, (8, 50), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 240, 1)
    return picture


def test_split_pixels_takes_the_pixel_data_apart(tmp_path):
    picture = grey()
    path = candidate(tmp_path / "a.dcm", picture, PatientID="outside")
    outside, inside = gate.split_pixels(path.read_bytes(), gate.glance(path))
    assert inside == picture.tobytes() and b"outside" in outside
    assert len(outside) + len(inside) == path.stat().st_size + 1


class Shard:
    """Candidates with their originals, tables and regions, made by hand."""

    def __init__(self, folder, pictures, identity="4711-0815", residue=None, **columns):
        self.folder = folder
        (folder / "candidates").mkdir()
        rows, table, examined = [], [], []
        for number, picture in enumerate(pictures, start=1):
            original = candidate(folder / f"{number}.dcm", picture, PatientID=identity)
            state = original.stat()
            header = {"PatientComments": residue} if residue and number == 1 else {}
            candidate(folder / "candidates" / f"{number}.dcm", picture, **header)
            rows.append(
                {
                    **{"item": number, "path": original, "series": "s00001", "pixels": 1},
                    **{"frames": len(picture), "read_all": 0, "volumetric": 0, "kind": "image"},
                    **{"bytes": state.st_size, "mtime_ns": state.st_mtime_ns},
                }
                | columns
            )
            table.append(
                {
                    **{"item": number, "status": "candidate", "frames": len(picture)},
                    **{"masked_frames": 0, "outside_differing": 0, "reason_code": ""},
                }
            )
            examined += [(number, k, 0.5, 0) for k in range(len(picture))]
        self.rows, self.table, self.examined = rows, table, examined
        self.policy, self.kept = "all", []

    def run(self, settings=SETTINGS):
        tables.write(self.folder / "shard.tsv", self.rows, list(self.rows[0]))
        tables.write(self.folder / "candidates.tsv", self.table, list(self.table[0]))
        kind = [("item", "i4"), ("frame", "i4"), ("suspicion", "f4"), ("regions", "i4")]
        with h5py.File(self.folder / "regions.h5", "w") as file:
            file["examined"] = np.array(self.examined, kind)
        with h5py.File(self.folder / "masks.h5", "w") as file:
            file.attrs["policy"] = self.policy
            file["kept"] = np.array(self.kept, policy.KEPT)
            file["fell_back"], file["facts"] = np.zeros(0, int), np.zeros(0, policy.FACT)
        names = ("shard.tsv", "regions.h5", "masks.h5", "candidates", "candidates.tsv")
        out = self.folder / "verdicts.tsv"
        gate.gate(*(self.folder / name for name in names), settings, 1, out)
        return tables.read(out).to_dict("records")


def test_gate_releases_what_is_clean_and_holds_what_is_read(tmp_path):
    clean, legible = Shard(tmp_path, [grey(), grey(text="DOE JANE", frame=1)]).run()
    assert (clean["verdict"], clean["reason_code"]) == ("release", "")
    assert (legible["verdict"], legible["reason_code"]) == ("hold", "residual_text")
    assert (legible["frames"], legible["frames_read"], legible["frames_failed"]) == ("2", "2", "1")
    assert legible["frames_suspicious"] == "2"


def test_gate_finds_text_in_frames_that_nobody_suspected(tmp_path):
    shard = Shard(tmp_path, [grey(6, text="ROE 4712", frame=3)])
    shard.examined = [(number, k, 0.0, 0) for number, k, _, _ in shard.examined]
    (row,) = shard.run()
    assert row["reason_code"] == "residual_text" and row["frames_suspicious"] == "0"


def test_gate_holds_an_identifier_that_stayed_in_the_header(tmp_path):
    first, second = Shard(tmp_path, [grey(1), grey(1)], residue="see 4711-0815").run()
    assert first["reason_code"] == "residual_identifier" and second["verdict"] == "release"


def test_the_header_of_a_long_file_is_read_once_and_anew_in_the_next_run(tmp_path, monkeypatch):
    class Blind:
        read = staticmethod(lambda picture: [])

    headers = []
    collect = gate.identifiers.identifiers
    collected = lambda *given: headers.append(given) or collect(*given)  # noqa: E731
    monkeypatch.setattr(gate, "_reader", lambda name: Blind)
    monkeypatch.setattr(gate.identifiers, "identifiers", collected)
    shard = Shard(tmp_path, [grey(3 * gate.CHUNK)], residue="see 4712-0816")
    (row,) = shard.run()
    assert row["verdict"] == "release" and row["frames_read"] == str(3 * gate.CHUNK)
    assert len(headers) == 1
    another = candidate(tmp_path / "1.dcm", grey(3 * gate.CHUNK), PatientID="4712-0816").stat()
    shard.rows[0] |= {"bytes": another.st_size, "mtime_ns": another.st_mtime_ns}
    assert [row["reason_code"] for row in shard.run()] == ["residual_identifier"]


def test_gate_takes_what_unburn_writes_itself_for_no_identifier(tmp_path):
    shard = Shard(tmp_path, [grey(1), grey(1), grey(1)], identity="Script")
    painted = marks.Touched(5, "flat", False, frozenset({0}))
    own = pydicom.Dataset(marks.declared("public", RESEARCH, marks.MET, painted))
    header = {element.keyword: element.value for element in own}
    more = ({}, {"PatientComments": "Script"}, {"PatientComments": "Clean Descriptors Optional"})
    for number, residue in enumerate(more, start=1):
        path = tmp_path / "candidates" / f"{number}.dcm"
        candidate(path, grey(1), PatientID="", **(header | residue))
    codes = [row["reason_code"] for row in shard.run()]
    assert codes == ["", "residual_identifier", "residual_identifier"]


def test_gate_holds_what_it_cannot_check_and_goes_on(tmp_path):
    shard = Shard(tmp_path, [grey(1) for _ in range(5)])
    (tmp_path / "candidates" / "1.dcm").write_bytes(b"no dicom")
    shard.table[1]["outside_differing"] = 1
    shard.table[2] |= {"status": "held_back", "reason_code": "not_painted"}
    shard.examined = [row for row in shard.examined if row[0] != 4]
    codes = [row["reason_code"] for row in shard.run()]
    assert codes == ["gate_failed", "pixels_differ", "not_painted", "not_examined", ""]


def test_gate_holds_a_candidate_whose_original_is_another_file_now(tmp_path):
    """The identifiers to look for would be those of the new file."""
    shard = Shard(tmp_path, [grey(1), grey(1), grey(1)])
    candidate(tmp_path / "1.dcm", grey(1), PatientID="another patient's")
    (tmp_path / "2.dcm").unlink()
    codes = [row["reason_code"] for row in shard.run()]
    assert codes == ["changed_input", "changed_input", ""]


def test_gate_holds_a_candidate_that_cannot_be_decoded_though_nobody_would_read_it(tmp_path):
    shard = Shard(tmp_path, [grey(1), grey(1), grey(1)])
    shard.examined = [(number, k, 0.0, 0) for number, k, _, _ in shard.examined]
    broken = tmp_path / "candidates" / "2.dcm"
    broken.write_bytes(broken.read_bytes()[:-500])
    codes = [row["reason_code"] for row in shard.run(replace(SETTINGS, sample=0.0))]
    assert codes == ["", "gate_failed", ""]


def test_gate_refuses_a_table_without_a_planned_item(tmp_path):
    shard = Shard(tmp_path, [grey(1), grey(1)])
    del shard.table[1]
    with pytest.raises(UserError, match="no line for item 2"):
        shard.run()


def test_gate_stops_when_its_reader_is_missing(tmp_path, monkeypatch):
    def missing():
        raise UserError("reader tesseract", "not installed", "install it")

    monkeypatch.setitem(gate.READERS, "tesseract", missing)
    with pytest.raises(UserError, match="not installed"):
        Shard(tmp_path, [grey(1)]).run(replace(SETTINGS, reader="tesseract"))
    assert not (tmp_path / "verdicts.tsv").exists()


# --- what the policy lets stay


def kept(number, frame, text="R", left=8, baseline=50, kind="marker"):
    """A kept line at the place of a text of `grey`: a row of ``kept``."""
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 1)
    quad = line("", 0, left - 1, baseline - height - 1, width + 2, height + 2).quad
    return number, frame, quad, height, kind


@pytest.mark.parametrize(
    ("text", "place", "stays"),
    [
        ("120 kV", (10, 10), True),
        ("120kV", (8, 8), True),
        ("DOE 120 kV", (10, 10), False),
        ("12.03.1970", (10, 10), False),
        ("ABDOMEN", (10, 10), False),  # of another policy
        ("120 kV", (60, 10), False),  # half of it stands elsewhere
        ("120 kV", (10, 40), False),
    ],
)
def test_a_line_may_stay_by_its_place_and_its_wording(text, place, stays):
    row = np.array([(1, 0, line("", 0).quad, 12, "technique")], policy.KEPT)
    places = gate.kept_places(row, (100, 200), gate.KEPT_AROUND)
    read = line(text, 0.9, *place)
    assert gate.may_stay(read, places, NOBODY, "keep") is stays
    assert not gate.may_stay(read, places, NOBODY, "all")
    assert not gate.may_stay(read, np.zeros_like(places), NOBODY, "keep")


def test_frames_with_kept_lines_are_read_and_raise_no_suspicion():
    rows = np.array([kept(1, frame) for frame in (2, 5)], policy.KEPT)
    one = item(1, frames=20, kept={2: rows[:1], 5: rows[1:]}, policy="keep", masked_frames=1)
    fields = [("item", "i4"), ("frame", "i4"), ("regions", "i4")]
    examined = np.array([(1, k, {2: 1, 5: 2}.get(k, 0)) for k in range(20)], fields)
    harmless = gate.only_kept([one], examined)
    assert harmless == {1: {2}}
    settings = replace(SETTINGS, sample=0.0)
    assert gate.to_read([one], {1: {2, 5}}, settings, harmless)[1] == {2, 5}
    more = replace(one, masked_frames=2)  # one of them is masked though nothing is suspected there
    assert gate.to_read([more], {1: {2, 5}}, settings, harmless)[1] == set(range(20))


def test_a_picture_without_kept_lines_shows_the_rest():
    picture = grey(1, text="R 4711")[0]
    level = gate.without(picture, np.array([kept(1, 0, "R")], policy.KEPT))
    assert level[35:52, 6:20].max() < 40 and (level[:, 40:] == picture[:, 40:]).all()
    assert picture.max() == 240  # the frame itself is as it was


def test_gate_releases_kept_lines_and_holds_what_stands_beside_them(tmp_path):
    frames = [grey(2, text="120 kV"), grey(2, text="120 kV"), grey(2, text="DOE JANE")]
    cv2.putText(frames[1][0], "DOE J", (100, 80), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 240, 1)
    shard = Shard(tmp_path, frames)
    shard.policy = "keep"
    shard.kept = [kept(1, 0, "120 kV"), kept(2, 0, "120 kV"), kept(3, 0, "DOE JANE")]
    codes = [row["reason_code"] for row in shard.run()]
    assert codes == ["", "residual_text", "residual_text"]
    shard.kept = []
    assert [row["reason_code"] for row in shard.run()] == ["residual_text"] * 3


def test_gate_holds_a_kept_line_that_is_the_patient_s(tmp_path):
    shard = Shard(tmp_path, [grey(1, text="120 mm")], identity="120")
    shard.policy, shard.kept = "keep", [kept(1, 0, "120 mm")]
    assert shard.run()[0]["reason_code"] == ""
    (tmp_path / "2").mkdir()
    shard = Shard(tmp_path / "2", [grey(1, text="120 mm")], identity="120 MM")
    shard.policy, shard.kept = "keep", [kept(1, 0, "120 mm")]
    assert shard.run()[0]["reason_code"] != ""


def test_kept_lines_that_change_over_a_cine_raise_no_alarm(tmp_path):
    picture = np.concatenate([grey(1, text=f"{k}.{k + 3} mm") for k in range(2, 6)])
    shard = Shard(tmp_path, [picture])
    shard.policy = "keep"
    shard.kept = [kept(1, k - 2, f"{k}.{k + 3} mm", kind="measurement") for k in range(2, 6)]
    (row,) = shard.run()
    assert (row["verdict"], row["frames_read"], row["frames_suspicious"]) == ("release", "4", "4")


def test_a_kept_line_that_the_detector_missed_in_a_frame_holds_nothing_back(tmp_path):
    """Its wording counts there too; a name at the same place is held."""
    still = np.concatenate([grey(1, text="120 kV")] * 6)
    named = still.copy()
    named[5] = grey(1, text="DOE JANE")[0]
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    for folder, picture, code in (("a", still, ""), ("b", named, "residual_text")):
        shard = Shard(tmp_path / folder, [picture])
        shard.policy = "keep"
        shard.kept = [kept(1, frame, "120 kV") for frame in (0, 1, 2)]
        shard.examined = [(number, k, 0.0, k < 3) for number, k, _, _ in shard.examined]
        (row,) = shard.run(replace(SETTINGS, read="all"))
        assert (row["reason_code"], row["frames_read"]) == (code, "6")


def test_kept_lines_are_pooled_over_a_file_or_a_series_of_files():
    def row(number, frame, left):
        return {frame: np.array([kept(number, frame, left=left)], policy.KEPT)}

    items = [item(1, kept=row(1, 0, 8)), item(2), item(3, series="s2"), item(4, frames=2)]
    items += [item(5, frames=3, kept=row(5, 0, 8) | row(5, 1, 8) | row(5, 2, 90))]
    assert [len(one.pooled) for one in gate.pooled(items)] == [1, 1, 0, 0, 2]


@pytest.mark.parametrize("place", ["header", "pixels"])
@pytest.mark.parametrize("form", ["plain", "deflated", "volume", "packed volume", "sidecar"])
def test_an_identifier_is_found_in_the_bytes_of_every_kind_of_candidate(tmp_path, form, place):
    original = Dataset()
    original.PatientName, original.PatientID = "Longfellow^Jane", "4711-0815"
    wanted = identifiers(original)
    left = b"LONGFELLOW" if place == "header" else b""
    cells = np.zeros((4, 20, 24), np.uint8)
    if place == "pixels":
        cells[2, 5, 3:13] = list(b"LONGFELLOW")
    path, kind = tmp_path / "a", "image"
    if form in ("plain", "deflated"):
        dataset = pydicom.dcmread(candidate(path, cells))
        if left:
            dataset.PatientComments = left.decode()
        if form == "deflated":
            dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        dataset.save_as(path, enforce_file_format=True)
    elif form == "sidecar":
        path, kind = tmp_path / "a.json", "nifti_sidecar"
        path.write_bytes(b'{"SeriesDescription": "LONGFELLOW"}')
    else:
        path = tmp_path / ("a.nii.gz" if form == "packed volume" else "a.nii")
        volume = nibabel.Nifti1Image(np.ascontiguousarray(cells.T), np.eye(4))
        volume.header["descrip"], kind = left, "nifti_volume"
        volume.to_filename(path)
    assert gate._in_bytes(wanted, path, kind)
    assert not gate._in_bytes(NOBODY, path, kind)
    if place == "header" and kind == "image":
        assert gate._places(wanted, path, kind) == "PatientComments"


def test_a_volume_could_show_a_face_unless_its_sidecar_names_another_part(tmp_path):
    path = tmp_path / "a.nii"
    nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4)).to_filename(path)
    volume = item(1, original=path, volumetric=True, kind="nifti_volume")
    assert gate.heads(volume)
    for part, shows in (("KNEE", False), ("HEAD", True)):
        (tmp_path / "a.json").write_text(f'{{"BodyPart": "{part}", "Modality": "MR"}}')
        assert gate.heads(volume) == shows
