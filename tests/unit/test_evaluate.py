import json
import math
from dataclasses import replace

import numpy as np
import pytest
from test_release import Made, box

from unburn import evaluate
from unburn.errors import UserError
from unburn.evaluate import Line, Settings, covered_share, upper_bound

NO_TRUTH = Settings(truth="", covered=0.9, flag_painted_share=0.25)


@pytest.fixture
def lab(tmp_path):
    """Two clean images, a painted one, a painted one held back, a broken and an ignored file."""
    lab = Made(tmp_path)
    lab.image()
    lab.image(series="s00002")
    lab.image(series="s00003", mask=box(), outside_differing=0, texture_ratio="0.9")
    lab.image(series="s00004", mask=box(), verdict="hold")
    lab.other("held_back", "broken")
    lab.other("ignored", "dicomdir")
    lab.release()
    return lab


def measured(lab, settings=NO_TRUTH):
    return evaluate.evaluate("lab", lab.work, lab.results, settings)


def test_upper_bound_of_none_in_n_is_exact():
    assert upper_bound(0, 100) == pytest.approx(1 - 0.05 ** (1 / 100))
    assert upper_bound(0, 0) == upper_bound(5, 5) == 1.0


def test_upper_bound_holds_its_confidence():
    """At the bound, as few as were found are seen with a chance of 5 % (Clopper and Pearson)."""
    found, of = 3, 50
    bound = upper_bound(found, of)
    chance = sum(math.comb(of, k) * bound**k * (1 - bound) ** (of - k) for k in range(found + 1))
    assert chance == pytest.approx(0.05)


def test_release_rate_is_of_what_could_have_been_released(lab):
    rate = measured(lab)["release"]
    assert (rate["found"], rate["released"], rate["held_back"], rate["ignored"]) == (6, 3, 2, 1)
    assert rate["release_rate"] == 0.6
    assert rate["held_back_by_reason"] == {"broken": 1, "residual_text": 1}
    assert rate["ignored_by_reason"] == {"dicomdir": 1}


def test_privacy_counts_lines_frames_and_what_was_read(lab):
    privacy = measured(lab)["privacy"]
    assert privacy["lines_found"] == 2
    assert privacy["lines_by_class"] == {"text": 2}
    assert (privacy["frames_searched"], privacy["frames_with_text"]) == (4, 2)
    assert (privacy["masked_items"], privacy["masked_pixels"]) == (1, 48)
    assert privacy["held_for_residual_text"] == 1
    assert privacy["read"]["frames"] == 3
    assert privacy["read"]["with_text"] == 0


def test_unread_frames_are_bounded_by_the_calm_ones_that_were_read(lab):
    for row in lab.verdicts:
        row |= {"frames": 10, "frames_read": 3, "frames_suspicious": 1}
    lab.release()
    unread = measured(lab)["privacy"]["unread"]
    assert (unread["frames"], unread["share"]) == (21, 0.7)
    assert (unread["sample_frames"], unread["sample_with_text"]) == (6, 0)
    assert unread["upper_bound"] == pytest.approx(1 - 0.05 ** (1 / 6))


def test_series_that_were_read_whole_say_nothing_of_unread_frames(lab):
    """Two items read whole, one of 100 frames read at 5: the bound is of 5, not of 207."""
    for row, frames, read in zip(lab.verdicts, (100, 1, 101, 1), (100, 1, 5, 1), strict=True):
        row |= {"frames": frames, "frames_read": read, "frames_suspicious": 0}
    lab.release()
    unread = measured(lab)["privacy"]["unread"]
    assert (unread["frames"], unread["sample_frames"], unread["sample_counts_as"]) == (96, 5, 5)
    assert unread["upper_bound"] == pytest.approx(1 - 0.05 ** (1 / 5))


def test_series_count_as_thinly_as_the_thinnest_was_read(lab):
    for row, frames, read in zip(lab.verdicts, (2, 2, 100, 1), (1, 1, 5, 1), strict=True):
        row |= {"frames": frames, "frames_read": read, "frames_suspicious": 0}
    lab.release()
    unread = measured(lab)["privacy"]["unread"]
    assert (unread["sample_frames"], unread["sample_counts_as"]) == (7, 5)


def test_text_in_a_sampled_frame_counts_against_its_series(lab):
    lab.image(series="s00001", verdict="hold")
    for row in lab.verdicts:
        row |= {"frames": 10, "frames_read": 3, "frames_suspicious": 1, "frames_failed": 0}
    lab.verdicts[-1]["frames_failed"] = 1
    lab.release()
    assert measured(lab)["privacy"]["unread"]["sample_with_text"] == 1


def test_unread_bound_is_zero_when_all_is_read(lab):
    assert measured(lab)["privacy"]["unread"]["upper_bound"] == 0.0


def test_quality_is_of_released_painted_items(lab):
    quality = measured(lab)["quality"]
    assert quality["pixels_outside_masks"] == 480 - 48
    assert quality["pixels_outside_differing"] == 0
    assert quality["synthetic_fraction"] == pytest.approx(48 / (3 * 480))
    assert quality["synthetic_fraction_of_touched"] == pytest.approx(0.1)
    assert quality["texture_ratio"] == {"items": 1, "median": 0.9, "p05": 0.9, "p95": 0.9}
    assert quality["seam_step"]["median"] is None
    assert quality["engines"] == {"flat": 1}


def test_each_modality_has_its_release_rate(lab):
    ct, unknown = measured(lab)["modalities"]
    assert (ct["modality"], ct["items"], ct["release_rate"]) == ("CT", 4, 0.75)
    assert (ct["masked_items"], ct["masked_released"]) == (2, 1)
    assert (unknown["modality"], unknown["release_rate"]) == ("", 0.0)


def write_truth(path, rows):
    lines = ["file\tframe\tcolumn\trow\twidth\theight\ttext\tkind"]
    path.write_text("\n".join([*lines, *("\t".join(map(str, row)) for row in rows)]) + "\n")
    return replace(NO_TRUTH, truth=str(path))


def test_planted_lines_are_found_where_their_box_is_masked(lab, tmp_path):
    settings = write_truth(
        tmp_path / "truth.tsv",
        [
            ("inputs/Doe_Jane_3", 1, 4, 3, 8, 2, "JANE DOE", "identifier"),
            ("Doe_Jane_3", 7, 4, 12, 8, 2, "90 kV", "technical"),
            ("Doe_Jane_4", 1, 4, 3, 8, 2, "JANE DOE", "identifier"),
            ("Doe_Jane_5", 1, 4, 3, 8, 2, "JANE DOE", "identifier"),
        ],
    )
    metrics = measured(lab, settings)
    released = metrics["truth"]["released"]
    assert (released["lines"], released["masked"], released["left"]) == (2, 1, 1)
    assert released["by_kind"] == {
        "identifier": {"lines": 1, "masked": 1},
        "technical": {"lines": 1, "masked": 0},
    }
    assert metrics["truth"]["held_back"] == {"lines": 1, "masked": 1}
    assert "JANE" not in json.dumps(metrics)


def test_truth_of_an_unknown_file_is_refused_with_its_line(lab, tmp_path):
    settings = write_truth(tmp_path / "truth.tsv", [("nowhere", 1, 0, 0, 1, 1, "x", "x")])
    with pytest.raises(UserError, match=r"line 2.*0 files"):
        measured(lab, settings)


@pytest.mark.parametrize("frame", ["0", "3", "", "-1"])
def test_truth_of_a_frame_that_is_not_there_is_refused(lab, tmp_path, frame):
    """Frame 0 would be the last one, and its mask another one's."""
    lab.rows[2]["frames"] = 2
    lab.release()
    path = tmp_path / "truth.tsv"
    path.write_text(f"file\tframe\tcolumn\trow\twidth\theight\nDoe_Jane_3\t{frame}\t3\t2\t12\t4\n")
    with pytest.raises(UserError, match="line 2: its frame is not one of the file's 2"):
        measured(lab, replace(NO_TRUTH, truth=str(path)))


def test_truth_without_a_column_is_refused(lab, tmp_path):
    (tmp_path / "truth.tsv").write_text("file\tframe\nx\t1\n")
    with pytest.raises(UserError, match="no column column, height, row, width"):
        measured(lab, replace(NO_TRUTH, truth=str(tmp_path / "truth.tsv")))


def test_covered_share_counts_what_lies_inside_the_frame():
    mask = np.zeros((10, 10), np.uint8)
    mask[0:2, 0:4] = 1
    assert covered_share(mask, Line("1", 0, -2, 0, 6, 2, "")) == 1.0
    assert covered_share(mask, Line("1", 0, 0, 0, 4, 4, "")) == 0.5
    assert covered_share(mask, Line("1", 0, 20, 20, 4, 4, "")) == 0.0


def test_main_writes_the_same_metrics_again(lab, tmp_path):
    options = ["--submission", "lab", "--work", str(lab.work), "--results", str(lab.results)]
    options += ["--settings", json.dumps(vars(NO_TRUTH))]
    options += ["--benchmarks", str(lab.work / "none"), "--gpus", "0"]
    options += ["--controls", '{"share": 0.02, "min_recall": 0.95}']
    outs = [tmp_path / "a.json", tmp_path / "b.json"]
    for out in outs:
        evaluate.main([*options, "--out", str(out)])
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert json.loads(outs[0].read_text())["release"]["released"] == 3
    assert json.loads(outs[0].read_text())["controls"]["reason"] == "too_few_frames"
    assert "Doe" not in outs[0].read_text()


def test_the_policy_counts_what_stayed_in_released_items(tmp_path):
    lab = Made(tmp_path)
    for verdict in ("release", "hold", "release"):
        lab.image(verdict=verdict, series=f"s0000{len(lab.rows)}")
    rows = [(1, 0, "marker"), (1, 0, "scale"), (2, 0, "marker"), (3, 0, "marker")]
    lab.policy, lab.fell_back, lab.facts = "phi", [3], [(1, "R"), (2, "L")]
    lab.kept = [(item, frame, np.zeros((4, 2)), 8.0, kind) for item, frame, kind in rows]
    lab.release()
    assert measured(lab)["privacy"]["policy"] == {
        "name": "phi",
        "kept_lines": 3,
        "kept_lines_by_class": {"marker": 2, "scale": 1},
        "fell_back_items": 1,
        "items_with_markers": 1,
    }


def test_the_default_policy_and_no_shard_at_all_keep_nothing(lab, tmp_path):
    (tmp_path / "empty").mkdir()
    for policy in (measured(lab)["privacy"]["policy"], evaluate.stayed([], tmp_path / "empty")):
        assert (policy["name"], policy["kept_lines"], policy["fell_back_items"]) == ("all", 0, 0)


def test_items_of_which_much_was_painted_are_flagged_the_most_painted_first(tmp_path):
    lab = Made(tmp_path)
    for series, side in enumerate((4, 12, 15)):
        lab.image(series=f"s0000{series}", mask=box(side, side))
    lab.image(series="s00009", mask=box(15, 15), verdict="hold")
    lab.release()
    quality = measured(lab)["quality"]
    assert (quality["flagged_items"], quality["flagged_from_painted_share"]) == (2, 0.25)
    released = [one for one in evaluate.read_items(lab.work) if one.status == "released"]
    assert [one.item for one in evaluate.over_painted(released, 0.25)] == ["3", "2"]
    assert measured(lab, replace(NO_TRUTH, flag_painted_share=1.0))["quality"]["flagged_items"] == 0


def test_known_regions_are_counted_by_rule(lab):
    assert measured(lab)["privacy"]["known_regions"]["device_items"] == 0
    lab.known = [
        (1, b"device", b"shipped:12"),
        (3, b"device", b"shipped:12"),
        (3, b"device", b"own:2"),
        (2, b"ultrasound", b"all"),
        (4, b"ultrasound", b"unusable"),
    ]
    lab.release()
    assert measured(lab)["privacy"]["known_regions"] == {
        "ultrasound_items": 1,
        "ultrasound_items_with_unusable_areas": 1,
        "device_items": 2,
        "device_rules": {"own:2": 1, "shipped:12": 2},
    }
