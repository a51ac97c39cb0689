import re

import h5py
import pytest
from test_release import box
from test_report import PROVENANCE, four_items, pages, words

from unburn import decisions, review
from unburn.evaluate import read_items
from unburn.files import sha256


@pytest.fixture
def lab(tmp_path):
    return four_items(tmp_path)


def lines_of(lab):
    against = frozenset(("residual_text", "face"))
    return {one.item: review.lines(one, against) for one in read_items(lab.work)}


def test_what_was_held_back_comes_first_and_the_least_certain_of_it(lab, tmp_path):
    _, page = pages(lab, tmp_path)
    order = re.findall(r'<li id="item-(\d+)"', page)
    assert order == ["3", "4", "2", "1"]  # 1 is surely without text, 2 surely has some
    assert "4 of 4 items, 3 with pictures" in words(page)


def test_lines_for_decisions_name_the_files_that_were_seen(lab):
    found = lines_of(lab)
    assert [line.split("\t")[1] for line in found["3"]] == ["release", "reject", "mask"]
    assert [line.split("\t")[1] for line in found["2"]] == ["reject", "mask"]
    assert found["4"] == ()
    cells = dict(zip(decisions.COLUMNS, found["3"][0].split("\t"), strict=True))
    assert cells["candidate_sha256"] == sha256(lab.shard / "candidates" / "3.dcm")
    assert cells["input_sha256"] == lab.candidates[2]["sha256_in"]
    assert cells["reviewer"] == cells["date"] == cells["box"] == ""
    assert cells["reasons"] == "face;residual_text"
    assert "\tface" not in "".join(found["3"][1:])


def test_a_line_of_the_page_is_read_as_a_decision(lab):
    rows = ["\t".join(decisions.COLUMNS)]
    for line, box_ in zip(lines_of(lab)["3"], ("", "", "1,2,3,4"), strict=True):
        cells = line.split("\t")
        cells[3:6] = [box_, "A. Reader", "2026-01-31"]
        rows.append("\t".join(cells))
    (lab.work / decisions.FILE).write_text("\n".join(rows) + "\n")
    read = decisions.read(lab.work)
    assert [one.kind for one in read] == ["release", "reject", "mask"]
    assert [len(one.reasons) for one in read] == [2, 0, 0]
    assert read[2].box == decisions.Box(1, 2, 3, 4, frame=0)


def test_nothing_can_be_released_that_nobody_may_overrule(lab):
    lab.verdicts[2]["reason_code"] = "residual_identifier"
    lab.release()
    assert [line.split("\t")[1] for line in lines_of(lab)["3"]] == ["reject", "mask"]


def test_with_a_discarded_key_nothing_links_an_item_and_its_result(lab, tmp_path):
    settings = PROVENANCE["settings"]
    settings = settings | {"metadata": settings["metadata"] | {"key": "discard"}}
    _, page = pages(lab, tmp_path, made=PROVENANCE | {"settings": settings})
    assert " data-line>" not in page and "no decision can be taken" in words(page)
    for row in lab.candidates:
        assert row["output"] not in page and row["sop_out"] not in page
        assert sha256(lab.shard / "candidates" / row["file"]) not in page
    for one in read_items(lab.work):
        shown = one.status == "held_back"
        assert (f">{one.path}<" in page, f'id="item-{one.item}"' in page) == (shown, shown)
    assert page.count("A released file: ") == 2
    assert "what was released has no number, path or original here" in words(page)
    assert (page.count("<figcaption>after"), page.count("<figcaption>before")) == (3, 1)


def test_a_frame_is_shown_of_which_the_detector_was_least_sure(lab, tmp_path):
    one = next(one for one in read_items(lab.work) if one.item == "2")
    frame, mask = review.frame_to_show(one, review.Doubt(0.1, 0, 0.0))
    assert frame == 0 and mask.sum() == box().sum()
    assert review.frame_to_show(one, None)[1].sum() == box().sum()
    clean = next(one for one in read_items(lab.work) if one.item == "1")
    assert review.frame_to_show(clean, review.Doubt(0.1, 0, 0.0)) == (0, None)


def test_pictures_are_shared_out_over_series(lab, monkeypatch):
    monkeypatch.setattr(review, "PAIRS", 2)
    items = [one for one in read_items(lab.work) if one.item in "23"]
    assert review.with_pictures([items[0], items[0], items[1]]) == {"2", "3"}


def test_an_original_that_is_gone_still_shows_what_was_made_of_it(lab, tmp_path):
    (lab.inputs / "Doe_Jane_2").unlink()
    _, page = pages(lab, tmp_path)
    entry = page[page.index('id="item-2"') :]
    entry = entry[: entry.index("</li>")]
    assert entry.count("<img") == 1 and "after, painted regions outlined" in entry


def test_a_score_without_a_line_is_no_mask(lab, tmp_path):
    """It was too large for letters: detection keeps its score as suspicion, and no region."""
    with h5py.File(lab.shard / "regions.h5", "r+") as file:
        examined = file["examined"][:]
        examined["suspicion"][examined["item"] == 1] = 0.7
        file["examined"][:] = examined
    report, page = pages(lab, tmp_path)
    entry = words(page[page.index('id="item-1"') :])
    assert "nearest score 0.700, not taken for text: too large for letters" in entry
    listed = words(report[report.index("of which the detector was least sure") :])
    assert listed.index("not taken for text: too") < listed.index("its frame is painted")


def test_what_is_no_image_can_be_rejected_too(lab, tmp_path):
    lab.rows[0]["pixels"] = 0
    lab.write()
    _, page = pages(lab, tmp_path)
    entry = page[page.index('id="item-1"') :]
    assert "4 of 4 items" in words(page) and "<img" not in entry[: entry.index("</li>")]
    assert [line.split("\t")[1] for line in lines_of(lab)["1"]] == ["reject"]


def test_what_a_person_held_back_has_a_way_back(lab, tmp_path):
    assert "--clear" not in pages(lab, tmp_path)[1]
    for code in ("rejected", "decision_outdated"):
        lab.verdicts[2]["reason_code"] = code
        lab.release()
        _, page = pages(lab, tmp_path)
        said = words(page)
        assert "--submission lab --item 3 --clear , then start the run again" in said
        assert said.count("--clear") == 1
