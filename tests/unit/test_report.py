import json
import re

import cv2
import numpy as np
import pytest
from test_release import Made, box

from unburn import evaluate, report
from unburn.evaluate import Item

PROVENANCE = {
    "unburn": {"version": "0.1.0", "commit": "c" * 40, "changed_since": False},
    "finished": "2026-01-02T03:04:05+00:00",
    "seed": 1,
    "key_id": "0123456789abcdef",
    "settings": {
        "detect": {"tesseract": False},
        "inpaint": {"engine": "classic"},
        "gate": {"reader": "rapidocr", "read": "suspicious", "sample": 0.05, "faces": "flag"},
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


@pytest.fixture
def lab(tmp_path):
    """A clean image, a painted one, a painted one held back, a broken file."""
    lab = Made(tmp_path)
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


def pages(lab, tmp_path, pictures=12, flag=0.25):
    """The handed-out page and the private one."""
    metrics = evaluate.evaluate("lab", lab.work, lab.results, evaluate.Settings("", 0.9, flag))
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    (tmp_path / "provenance.json").write_text(json.dumps(PROVENANCE))
    options = {
        "submission": "lab",
        "work": lab.work,
        "results": lab.results,
        "metrics": tmp_path / "metrics.json",
        "provenance": tmp_path / "provenance.json",
        "settings": json.dumps({"pictures": pictures}),
        "out": lab.results / "report.html",
        "review": lab.work / "review.html",
    }
    report.main([text for name, value in options.items() for text in (f"--{name}", str(value))])
    return (lab.results / "report.html").read_text(), (lab.work / "review.html").read_text()


def test_report_says_what_it_took(lab, tmp_path, monkeypatch):
    assert "What it took" not in pages(lab, tmp_path)[0]
    monkeypatch.chdir(tmp_path)
    job = tmp_path / "benchmarks" / "detect" / "lab" / "00000.tsv"
    job.parent.mkdir(parents=True)
    job.write_text("s\tmax_rss\tcpu_time\n7200\t1234.5\t4500\n")
    page, _ = pages(lab, tmp_path)
    assert "1 jobs took 1.25 core hours" in page and "GPU hours," not in page


def test_report_says_the_release_rate_before_anything_else(lab, tmp_path):
    page, _ = pages(lab, tmp_path)
    body = page[page.index("<body>") :]
    places = [
        body.index(words)
        for words in ("release rate: 2 of 4", "What needs a person", "Privacy", "By modality")
    ]
    assert places == sorted(places)
    assert "50.0\u2009%" in body


def test_report_needs_no_network_and_no_script(lab, tmp_path):
    for page in pages(lab, tmp_path):
        assert "<script" not in page
        assert not re.findall(r"(src|href)=\"(?!data:|dicom/)", page)
        assert "@import" not in page
        assert "url(" not in page


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
    assert page.count("<img") == 1
    assert review.count("<img") == 4  # before and after, one held back and one released
    page, review = pages(lab, tmp_path, pictures=0)
    assert page.count("<img") == 0
    assert review.count("<img") == 4  # it is no part of what is handed out


def test_report_flags_faces(lab, tmp_path):
    assert "Faces." not in pages(lab, tmp_path)[0]
    for row in lab.verdicts:
        row["face"] = 1
    lab.write()
    page, _ = pages(lab, tmp_path)
    assert "2 released" in page
    assert 'href="dicom/patient/study/s00001out"' in page
    assert "s00003out" not in page  # held back


def test_picture_outlines_the_painted_region():
    mask = np.zeros((40, 60), np.uint8)
    mask[10:20, 10:30] = 1
    png = report.to_png(np.zeros((40, 60), np.uint8), mask)
    shown = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    coloured = (shown == report.OUTLINE).all(axis=2)
    assert coloured[10, 10:30].all()
    assert coloured[19, 10:30].all()
    assert not coloured[11:19, 11:29].any()
    assert not coloured[~mask.astype(bool)].any()


def test_picture_is_scaled_to_the_longest_side_and_keeps_thin_regions():
    mask = np.zeros((2000, 100), np.uint8)
    mask[1000, 40:42] = 1
    png = report.to_png(np.zeros((2000, 100, 3), np.uint8), mask)
    shown = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (report.LONGEST_SIDE_PX, 32, 3)
    assert shown.any()


def item(number, modality, series, painted):
    candidate = {"series": series, "masked_pixels": str(painted), "pixels_total": "100"}
    return Item(str(number), "", "released", "", modality, None, candidate=candidate)


def test_pictures_take_modalities_and_series_in_turn():
    items = [
        item(1, "CT", "s1", 50),
        item(2, "CT", "s1", 40),
        item(3, "CT", "s2", 10),
        item(4, "US", "s3", 5),
    ]
    assert [one.item for one in report.show_worthy(items)] == ["1", "4", "3", "2"]


def test_pictures_stop_at_what_a_page_can_carry():
    large = [{"data": "x" * (report.PICTURE_BYTES // 2)} for _ in range(5)]
    assert len(report.within_budget(large, 5)) == 2


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "–"),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.5, "50.0 %"),
        (0.0299, "2.99 %"),
        (0.000299, "0.030 %"),
        (0.000001, "< 0.001 %"),
        (0.9996, "99.96 %"),
        (0.9999999, "99.999 %"),
    ],
)
def test_percent_never_rounds_a_rest_away(share, text):
    assert report.percent_text(share) == text.replace(" ", "\u2009")


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
    assert page.index("Much was painted") < page.index("What was done")
    listed = page[page.index("1 item to look at") :]
    assert f'<a href="{lab.candidates[1]["output"]}">' in listed[: listed.index("</ul>")]
    assert "10.0\u2009%" in listed[: listed.index("</ul>")]
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
