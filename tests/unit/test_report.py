import json
import re

import numpy as np
import pytest
from test_release import Made, box

from unburn import evaluate, report, snapshots

PROVENANCE = {
    "unburn": {"version": "0.1.0", "commit": "c" * 40, "changed_since": False},
    "finished": "2026-01-02T03:04:05+00:00",
    "seed": 1,
    "key_id": "0123456789abcdef",
    "settings": {
        "detect": {"tesseract": False, "threshold": 0.1},
        "inpaint": {"engine": "classic"},
        "gate": {
            **{"reader": "rapidocr", "read": "suspicious", "sample": 0.05, "faces": "flag"},
            **{"suspicion": 0.05, "unit": "series"},
        },
        "metadata": {"preset": "research", "date_shift_days": 3650, "key": "keyed"},
    },
    "settings_changed": {"detect.threshold": 0.25},
    "weights": [{"setting": "detect.weights", "file": "crnn.safetensors", "sha256": "e" * 64}],
    "readers": {
        "rapidocr": {"version": "1.4.4", "weights": [{"file": "a.onnx", "sha256": "f" * 64}]},
        "tesseract": {"version": None},
    },
    "code": {"plan": "0" * 16},
    "python": "3.11.7",
    "platform": {"system": "Linux", "machine": "x86_64", "libc": "glibc 2.36"},
    "libraries": {"pydicom": "3.0.2", "torch": None},
}


def four_items(folder):
    """A clean image, a painted one, a painted one held back for text, a broken file."""
    lab = Made(folder)
    lab.image()
    lab.image(series="s00002", mask=box())
    lab.image(series="s00003", mask=box(), verdict="hold")
    lab.other("held_back", "broken")
    lab.release()
    for row in lab.rows:  # originals are DICOM files too
        number = row["item"]
        data = (lab.shard / "candidates" / f"{number}.dcm").read_bytes()
        (lab.inputs / f"Doe_Jane_{number}").write_bytes(data)
    return lab


@pytest.fixture
def lab(tmp_path):
    return four_items(tmp_path)


def pages(lab, tmp_path, pictures=12, flag=0.25, more=None, made=PROVENANCE):
    """The handed-out page and the private one; ``more`` are sections of the metrics."""
    metrics = evaluate.evaluate("lab", lab.work, lab.results, evaluate.Settings("", 0.9, flag))
    (tmp_path / "metrics.json").write_text(json.dumps(metrics | (more or {})))
    (tmp_path / "provenance.json").write_text(json.dumps(made))
    options = {
        "submission": "lab",
        "work": lab.work,
        "results": lab.results,
        "metrics": tmp_path / "metrics.json",
        "provenance": tmp_path / "provenance.json",
        "settings": json.dumps({"pictures": pictures}),
        "out": lab.results / "report.html",
        "review": lab.work / "review.html",
        "figures": lab.work / "figures",
    }
    report.main([text for name, value in options.items() for text in (f"--{name}", str(value))])
    return (lab.results / "report.html").read_text(), (lab.work / "review.html").read_text()


def words(page):
    """What a page says, without markup, in one line."""
    body = re.sub(r"<(style|script)>.*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)
    return re.sub(r"[ \n]+", " ", body)


def test_report_says_what_it_took(lab, tmp_path, monkeypatch):
    assert "Not measured: no benchmark of a job" in pages(lab, tmp_path)[0]
    monkeypatch.chdir(tmp_path)
    job = tmp_path / "benchmarks" / "detect" / "lab" / "00000.tsv"
    job.parent.mkdir(parents=True)
    job.write_text("s\tmax_rss\tcpu_time\n7200\t1234.5\t4500\n")
    page, _ = pages(lab, tmp_path)
    assert "1 job took 1.25\u202fh of CPU time, and" in page and "GPU time," not in page


def test_report_says_the_release_rate_before_anything_else(lab, tmp_path):
    page, _ = pages(lab, tmp_path)
    body = page[page.index("<body>") :]
    places = [
        body.index(words)
        for words in (
            *("release rate: 2 of 4", ">What needs a person</h2>", ">Held back</h3>"),
            *(">What was done</h2>", "<img", ">Series by series</h2>", ">Privacy</h2>"),
            *(">By modality</h2>", ">What is not promised</h2>"),
        )
    ]
    assert places == sorted(places)
    assert "50.0\u202f%" in body


def test_report_counts_volumes_of_series_apart_from_those_that_came_as_nifti(lab, tmp_path):
    made = {
        **{"masks": 0, "volumes": 6},
        **{"complete_volumetric_series": 2, "complete_series_without_volume": 1},
    }
    told = words(pages(lab, tmp_path, more={"products": made})[0])
    assert "Complete volumetric series of DICOM that have a NIfTI volume 1 of 2 series" in told
    assert "NIfTI volumes, with those that came as NIfTI 6 files" in told


def test_pages_need_no_network_and_the_report_no_script(lab, tmp_path):
    both = pages(lab, tmp_path)
    assert [page.count("<script") for page in both] == [0, 1]
    for page in both:
        assert not re.findall(r"(src|href)=\"(?!data:image/webp|dicom/|masks/|#)", page)
        assert "@import" not in page and not re.findall(r"url\((?!#)", page)
        assert 'Content-Security-Policy" content="default-src &#39;none&#39;' in page


def test_report_holds_reasons_and_no_input_path(lab, tmp_path):
    page, review = pages(lab, tmp_path)
    assert "residual_text" in page
    assert "damaged or cut off" in page
    assert "Doe" not in page
    assert str(tmp_path) not in page
    assert "Doe_Jane_3" in review
    assert (lab.work / "review.html").stat().st_mode & 0o077 == 0


def test_report_never_promises_anonymity(lab, tmp_path):
    page, _ = pages(lab, tmp_path)
    prose = page.replace("Anonymization and Reconstruction", "")  # the paper's title
    assert "anonym" not in prose.lower()
    assert "can match them" in page
    assert "was not measured by the project" in page


def test_report_shows_painted_frames_up_to_the_number_set(lab, tmp_path):
    page, review = pages(lab, tmp_path)
    assert page.count("<img") == page.count('aria-hidden="true"><path d="M') == 1
    assert review.count("<img") == 6  # before and after, one held back and two released
    page, review = pages(lab, tmp_path, pictures=0)
    assert page.count("<img") == 0 and "setting report.pictures" in words(page)
    assert review.count("<img") == 6  # it is no part of what is handed out


def test_report_flags_faces(lab, tmp_path):
    assert "Faces." not in pages(lab, tmp_path)[0]
    for row in lab.verdicts:
        row["face"] = 1
    lab.write()
    page, _ = pages(lab, tmp_path)
    assert "2 released" in page
    assert 'href="dicom/patient/study/s00001out"' in page
    assert "s00003out" not in page  # held back


def test_pictures_stop_at_what_a_page_can_carry(lab, monkeypatch):
    large = snapshots.Snapshot("x" * (report.PICTURE_CHARACTERS // 2), 1, 1, "")
    monkeypatch.setattr(report, "snapshot", lambda *_: large)
    painted = [one for one in evaluate.read_items(lab.work) if one.touched]
    shown = list(report.released_pictures([painted[0]] * 5, lab.results, 5))
    assert len(shown) == 2


def test_report_says_what_the_policy_let_stay(lab, tmp_path):
    page, _ = pages(lab, tmp_path)
    assert "let stay" not in page and "does not name the patient" not in page
    lab.policy, lab.fell_back, lab.facts = "phi", [3], [(1, "R")]
    lab.kept = [(1, 0, np.zeros((4, 2)), 8.0, "marker")] * 2
    lab.release()
    page, _ = pages(lab, tmp_path)
    assert re.search(r"“phi” let stay, once a frame</th><td class=\"n\">2<br>marker: 2<", page)
    assert re.search(r"does not name the patient</th><td class=\"n\">1<", page)
    assert "known words and short numbers" in page and "was read alike by two readers" in page


def test_what_was_painted_most_is_listed_to_be_looked_at_first(lab, tmp_path):
    assert "Much was painted" not in pages(lab, tmp_path)[0]
    lab.known = [(2, b"device", b"shipped:30")]
    lab.release()
    page, _ = pages(lab, tmp_path, flag=0.05)
    assert page.index("Much was painted") < page.index(">What was done</h2>")
    listed = page[page.index("1 item to look at") :]
    assert f'<a href="{lab.candidates[1]["output"]}">' in listed[: listed.index("</ul>")]
    assert "10.0\u202f%" in listed[: listed.index("</ul>")]
    assert "shipped:30 1" in page


def test_report_says_which_of_the_18_identifiers_were_taken_out(lab, tmp_path):
    page, _ = pages(lab, tmp_path)
    assert "164.514(b)(2), preset" in page and "3 not taken out" in page
    body = page[page.index("The 18 identifiers") :]
    rows = re.findall(r"<tr><td>([A-R])</td><td>.*?</td><td>(.*?)</td>", body)
    assert [letter for letter, _ in rows] == list("ABCDEFGHIJKLMNOPQR")
    assert dict(rows)["C"] == "not done" and dict(rows)["A"] == "done"
    assert "not cut down to the year" in " ".join(body.split())
    assert "preset “research”" in " ".join(page.split())
    assert "dates shifted, UIDs replaced, device removed" in " ".join(page.split())
    assert "Pseudonyms come from the lab&#39;s key" in " ".join(page.split())


def test_items_are_listed_with_the_score_nearest_to_the_threshold(lab, tmp_path):
    said = words(pages(lab, tmp_path)[0])
    assert (
        "3 CT residual_text 10.0\u202f% 0.900 4 not readable broken not painted not searched"
        in said
    )
    assert "The 2 released images of which the detector was least sure" in said


def test_report_says_which_metrics_need_the_truth_and_shows_the_rest(lab, tmp_path):
    said = words(pages(lab, tmp_path)[0])
    assert "no truth is known (setting evaluate.truth" in said and "Released frames that" in said
    lines = {"lines": 3, "masked": 3}
    truth = {
        **{"lines": 4, "covered_from_share": 0.9, "held_back": {"lines": 1, "masked": 1}},
        "released": lines | {"left": 0, "left_upper_bound": 0.63, "by_kind": {"name": lines}},
    }
    said = words(pages(lab, tmp_path, more={"truth": truth})[0])
    assert "no truth is known" not in said and "released items 0 3 63.0" in said


def test_a_submission_without_text_says_so(tmp_path):
    lab = Made(tmp_path)
    lab.image()
    lab.release()
    page, review = pages(lab, tmp_path)
    said = words(page)
    assert "1 frame was searched for text, and none was found." in said
    assert "No released item has painted pixels" in said and "No text was found." in said
    assert "The one file of the submission was looked at" in said
    assert "The 1 released image of which" in said and "its frame is not painted" in said
    assert "so there is nothing to measure" in said and "Nothing has to be looked at" in said
    assert "1 of 1 item" in words(review) or "1 of 1 items" in words(review)


def test_a_submission_of_which_nothing_was_released_says_so(tmp_path):
    lab = Made(tmp_path)
    lab.image(verdict="hold", mask=box())
    lab.release()
    said = words(pages(lab, tmp_path)[0])
    assert "Nothing was released. Every item was held back" in said and "0\u202f% release" in said
    assert "no image was released" in said and "No released item has painted pixels" in said
    assert "No header and no picture was released." in said and "was cleaned" not in said


@pytest.mark.parametrize(("status", "code"), [("ignored", "not_an_image"), ("held_back", "broken")])
def test_a_submission_without_images_has_both_pages(tmp_path, status, code):
    lab = Made(tmp_path)
    lab.other(status, code)
    lab.release()
    page, review = pages(lab, tmp_path)
    said = words(page)
    assert "Nothing was released." in said and "No frame could be searched" in said
    assert "No series could be cleaned." in said
    assert ("Nothing to look at" in review) == (status == "ignored")


def test_numbers_of_items_and_results_never_meet(lab, tmp_path):
    """With a discarded key nothing may tell which result an input became."""
    page, _ = pages(lab, tmp_path)
    released = [row["output"] for row in evaluate.records(lab.results / "released.tsv")]
    for output in released:
        for place in re.finditer(re.escape(output), page):
            near = words(page[max(0, place.start() - 300) : place.end() + 300])
            assert not re.search(r"\b[Ii]tem \d", near)


CONTROLS = {
    **{"reason": "", "share": 0.02, "min_recall": 0.95, "significance": 0.01, "confidence": 0.95},
    **{
        "frames": 10,
        "failed_frames": 1,
        "masked_share": 0.031,
        "lines": 50,
        "found": 40,
        "recall": 0.8,
    },
    **{"lower_bound": 0.66, "upper_bound": 0.9, "hardly_visible": {"lines": 2, "found": 1}},
    "gate": {"missed": 10, "held": 7, "held_if_read": 2, "left": 1},
    "by_class": [
        {
            **{"class": "CT 1", "modality": "CT", "items": 5, "text_free_frames": 4, "frames": 10},
            "failed_frames": 1,
            **{"lines": 50, "found": 40, "recall": 0.8, "lower_bound": 0.66},
            **{"upper_bound": 0.9, "held_back": True, "masked_share": 0.031},
        },
        {
            **{"class": "US 1", "modality": "US", "items": 1, "text_free_frames": 0, "frames": 0},
            "failed_frames": 0,
            **{"lines": 0, "found": 0, "recall": None, "lower_bound": None},
            **{"upper_bound": None, "held_back": False, "masked_share": None},
        },
    ],
    "by_size": [
        {
            **{"height": "9 to 12 px", "lines": 50, "found": 40, "recall": 0.8},
            **{"lower_bound": 0.66, "upper_bound": 0.9},
        }
    ],
    "by_place": [],
}


def test_spiked_controls_are_shown_with_their_bounds_and_what_follows(lab, tmp_path):
    assert "no known line was planted" in words(pages(lab, tmp_path)[0])
    page, _ = pages(lab, tmp_path, more={"controls": CONTROLS})
    said = words(page)
    assert "The spiked controls found too little." in said
    assert page.index("found too little") < page.index(">Held back</h3>")
    assert "40 were found: 80.0\u202f% (66.0\u202f% to 90.0\u202f%, 95 % confidence" in said
    assert "the gate held back 7 with their copies, 2 more only because" in said
    assert "3.10\u202f% of their pixels were masked" in said
    assert "40 of 50 80.0\u202f% (66.0\u202f% to 90.0\u202f%) held back" in said
    assert "not measured: no control unknown" in said
    assert "The figures speak for 1 of 2. No control: US 1 (1 file)." in said
    assert "The spiked controls below stand in for it" in said
    failed = CONTROLS["by_class"][1] | {"frames": 2, "failed_frames": 2, "held_back": True}
    said = words(pages(lab, tmp_path, more={"controls": CONTROLS | {"by_class": [failed]}})[0])
    assert "2, 2 failed" in said and "not measured: every copy failed held back" in said


def test_controls_that_were_not_made_say_why(lab, tmp_path):
    none = {"frames": 0, "lines": 0, "found": 0, "recall": None, "by_class": []}
    for reason, why in (("off", "switched off"), ("too_few_frames", "so few frames")):
        said = words(
            pages(lab, tmp_path, more={"controls": CONTROLS | none | {"reason": reason}})[0]
        )
        assert why in said and "Not measured" in said and "stand in for it" not in said


def test_what_people_decided_is_counted(lab, tmp_path):
    assert "No person decided anything" in words(pages(lab, tmp_path)[0])
    decided = {
        **{"items": 4, "released": 1, "released_by_reason": {"residual_text": 1}, "masked": 1},
        **{"boxes": 2, "rejected": 1, "not_in_force": 1},
    }
    said = words(pages(lab, tmp_path, more={"decisions": decided})[0])
    assert "People decided on 4 items" in said and "residual_text : 1" in said
    assert "masked 1 (2 places)" in said and "a person who looked released 1 of these" in said


def test_methods_number_their_references_as_they_are_named(lab, tmp_path):
    report_page, _ = pages(lab, tmp_path)
    methods = report_page[report_page.index('<section id="methods"') :]
    methods = methods[: methods.index("</section>")]
    named = list(dict.fromkeys(re.findall(r" \[(\d+)\]", methods)))
    listed = re.findall("<li>(.*)</li>", methods)
    assert named == [str(number) for number in range(1, len(listed) + 1)]
    assert listed[0].startswith("unburn: ") and methods.count("@") == len(listed)
    assert "flat in 1 file" in words(methods)


def test_figures_are_written_beside_the_private_page(lab, tmp_path):
    page, _ = pages(lab, tmp_path)
    names = {file.stem for file in (lab.work / "figures").iterdir()}
    assert names == {
        *("outcomes", "painted", "places", "heights", "certainty", "texture", "recall", "took")
    }
    assert page.count('role="img"') >= 4 and "The numbers" in page
    assert not (lab.results / "figures").exists()
