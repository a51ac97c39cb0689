"""The demo, from a lab's folder to a released data set: what users are promised, looked for."""

import stat

import h5py
import nibabel
import numpy as np
import pytest
from pydicom import dcmread

from runs import DEMO, leaks, snakemake, tree
from unburn import readers, tables
from unburn.files import sha256
from unburn.frames import display
from unburn.pixels import StoredFrames


@pytest.fixture(scope="module")
def ledger(demo_run):
    return tables.read(demo_run / "work" / "demo" / "ledger.tsv")


@pytest.fixture(scope="module")
def released(demo_run):
    return tables.read(demo_run / "results" / "demo" / "released.tsv")


def test_every_file_is_in_the_ledger_once(demo_run, ledger):
    found = sorted(str(file) for file in (DEMO / "data").rglob("*") if file.is_file())
    assert sorted(ledger.input) == found
    assert set(ledger.status) == {"released", "held_back", "ignored"}
    assert all(ledger.reason_code[ledger.status != "released"])


def test_each_object_ends_as_the_table_of_objects_says(ledger):
    ends = {
        row.input.rsplit("/data/", 1)[1].split("/", 1)[1]: (row.status, row.reason_code)
        for row in ledger.itertuples()
        if "/data/notes" not in row.input
    }
    assert ends["SR/report.dcm"] == ("held_back", "structured_report")
    assert ends["localizer_NOTREAL_BALTHASAR.dcm"][0] == "held_back"
    assert ends["copy_for_BALTHASAR.dcm"] == ("ignored", "duplicate")
    assert ends["DICOMDIR"] == ("ignored", "dicomdir")
    for name in ("US/cine_FAKENAME.dcm", "US/still.dcm", "CR/thorax_MADEUP.dcm", "MR/IM0001"):
        assert ends[name] == ("released", ""), name
    assert ends["RT/structures.dcm"] == ("released", "")


def test_released_is_the_authority_over_what_is_there(demo_run, released):
    results = demo_run / "results" / "demo"
    listed = {results / output for output in released.output}
    there = {
        file
        for kind in ("dicom", "masks", "nifti")
        for file in (results / kind).rglob("*")
        if file.is_file()
    }
    assert there == listed
    for row in released.itertuples():
        assert sha256(results / row.output) == row.sha256


def pairs(demo_run, ledger):
    """Original and released file of every released image, with the item's mask (or None)."""
    results, work = demo_run / "results" / "demo", demo_run / "work" / "demo"
    masks = {}
    for file in work.glob("[0-9]*/masks.h5"):
        with h5py.File(file) as archive:
            masks |= {item: data[:] != 0 for item, data in archive.get("items", {}).items()}
    for row in ledger[ledger.status == "released"].itertuples():
        if "/RT/" not in row.input:
            yield row.input, results / row.output, masks.get(row.item)


def test_pixels_outside_the_masks_are_equal(demo_run, ledger):
    touched = 0
    for before, after, mask in pairs(demo_run, ledger):
        with StoredFrames(before) as old, StoredFrames(after) as new:
            assert len(old) == len(new)
            for k in range(len(old)):
                outside = slice(None) if mask is None else ~mask[k]
                assert np.array_equal(old[k][outside], new[k][outside])
                touched += mask is not None and not np.array_equal(old[k], new[k])
    assert touched >= 10


def truth_lines(name):
    truth = tables.read(DEMO / "truth.tsv")
    return truth[truth.file.map(lambda file: name.endswith(file))]


def test_every_planted_line_is_under_a_mask(demo_run, ledger):
    missed = []
    for before, _, mask in pairs(demo_run, ledger):
        for line in truth_lines(before).itertuples():
            if line.kind == "marker":
                continue
            column, row, width, height = map(int, (line.column, line.row, line.width, line.height))
            covered = 0.0
            if mask is not None:
                here = mask[min(int(line.frame), len(mask)) - 1]  # slices are files of one frame
                box = here[row : row + height, column : column + width]
                covered = float(box.mean())
            if covered < 1:
                missed.append((line.file, line.frame, line.text, round(covered, 3)))
    assert not missed


def test_an_independent_reader_finds_no_planted_line(demo_run, ledger):
    read = readers.rapidocr()
    for before, after, _ in pairs(demo_run, ledger):
        planted = {line.text.casefold() for line in truth_lines(before).itertuples()}
        if not planted:
            continue
        with StoredFrames(after) as source:
            for k in {0, len(source) - 1}:
                texts = [line.text.casefold() for line in read.read(display(source[k], source))]
                assert not planted & set(texts)


def test_no_planted_identifier_is_anywhere_outside_work(demo_run, canaries):
    assert leaks(demo_run, canaries) == []


def test_the_search_for_identifiers_finds_them_where_they_are(demo_run, canaries):
    private = b"".join(tree(demo_run / "work").values())
    assert any(canary.encode() in private for canary in canaries)


def test_work_is_closed_to_others(demo_run):
    assert stat.S_IMODE((demo_run / "work").stat().st_mode) == 0o700


def test_what_was_changed_is_declared(demo_run, released):
    results = demo_run / "results" / "demo"
    for row in released.itertuples():
        if not row.output.startswith("dicom/"):
            continue
        dataset = dcmread(results / row.output, stop_before_pixels=True)
        assert dataset.PatientIdentityRemoved == "YES"
        codes = {item.CodeValue for item in dataset.DeidentificationMethodCodeSequence}
        assert "113100" in codes
        if int(row.masked_pixels or 0):
            assert "113101" in codes and dataset.ImageType[0] == "DERIVED"
            assert dataset.DerivationDescription and dataset.BurnedInAnnotation == "NO"


def test_painted_pixels_are_there_as_segmentations(demo_run, released):
    masks = released[released.output.str.startswith("masks/")]
    painted = released[released.output.str.startswith("dicom/") & (released.masked_frames != "0")]
    painted = painted[painted.masked_frames != ""]
    assert set(painted.series) <= set(masks.series)
    for output in masks.output[masks.output.str.endswith(".dcm")]:
        dataset = dcmread(demo_run / "results" / "demo" / output)
        assert dataset.Modality == "SEG" and dataset.pixel_array.any()


def test_the_volume_is_there_as_nifti(demo_run, released):
    """Beside it lies the mask of its painted voxels."""
    results = demo_run / "results" / "demo"
    (volume,) = released.output[released.output.str.startswith("nifti/") & (
        released.output.str.endswith(".nii.gz")
    )]  # fmt: skip
    image, mask = (
        nibabel.load(results / name) for name in (volume, volume.replace("nifti", "masks", 1))
    )
    assert sorted(image.shape)[0] == 16
    assert image.shape == mask.shape and np.array_equal(image.affine, mask.affine)
    series = released[released.output == volume].series.iloc[0]
    slices = released[(released.series == series) & released.output.str.startswith("dicom/")]
    assert np.asarray(mask.dataobj).sum() == slices.masked_pixels.astype(int).sum() > 0


def test_a_second_run_has_nothing_to_do(demo_run):
    result = snakemake(demo_run)
    assert result.returncode == 0 and "Nothing to be done" in result.stdout + result.stderr


def test_the_last_lines_say_what_happened_and_where_to_look(demo_run, ledger):
    screen = (demo_run / "screen.txt").read_text()
    assert f"{len(ledger)} files found" in screen and "held back" in screen
    assert "results/demo/report.html" in screen
    assert "Traceback" not in screen


def test_the_report_opens_without_a_network_and_starts_with_the_release_rate(demo_run):
    page = (demo_run / "results" / "demo" / "report.html").read_text()
    assert "http-equiv" not in page or "refresh" not in page
    for outside in ('src="http', "src='http", '<link rel="stylesheet"', "<script src", "@import"):
        assert outside not in page
    body = page[page.index("<body") :]
    assert "released" in body[:3000].lower() and "%" in body[:3000]
    assert "anonymous" not in body.lower()


def test_snakemakes_own_report_shows_the_figures_with_captions(demo_run, canaries):
    result = snakemake(demo_run, "--report", str(demo_run / "snakemake-report.html"))
    assert result.returncode == 0, result.stderr
    page = (demo_run / "snakemake-report.html").read_text()
    figures = sorted((demo_run / "work" / "demo" / "figures").glob("*.svg"))
    assert len(figures) == 8
    for file in figures:
        assert f"work/demo/figures/{file.name}" in page
    assert "Where in the frame text was found" in page
    assert "What was released of this submission" in page
    assert not [name for name in canaries if len(name) >= 4 and name in page]
