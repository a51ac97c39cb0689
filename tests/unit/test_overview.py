from pathlib import Path

from unburn import overview
from unburn.certainty import Doubt
from unburn.evaluate import Item


def item(number, series="s00001", status="released", code="", **candidate):
    row = {
        "output": f"dicom/p/t/{series}out/{number}.dcm",
        "series_out": f"{series}out",
        "frames": "1",
        "masked_frames": "0",
        "masked_pixels": "0",
        "pixels_total": "100",
        "engine": "",
    }
    return Item(
        item=str(number),
        path="",
        status=status,
        reason_code=code,
        modality="CT",
        folder=Path(),
        plan={"series": series, "pixels": "1"},
        candidate=row | candidate,
        verdict={"frames_suspicious": "1", "frames_read": "1"},
    )


def line(output, series="s00001out", markers=""):
    return {"output": output, "series": series, "markers": markers}


def test_a_series_is_summed_up_over_its_released_images():
    painted = {"masked_frames": "1", "masked_pixels": "10", "engine": "flat"}
    members = [item(1, **painted, texture_ratio="0.5"), item(2), item(3, **painted)]
    rows = [
        *(line(one.candidate["output"], markers="L;AP") for one in members),
        line("masks/p/t/s00001out.dcm"),
    ]
    (one,) = overview.all_series(members, rows, {"2": Doubt(0.2, 0, 0.8)})
    assert (one.folder, one.name) == ("dicom/p/t/s00001out", "s00001out")
    assert (one.released, one.held, one.frames, one.painted_frames) == (3, 0, 3, 2)
    assert one.painted_share == 20 / 300 and one.most_painted == 0.1
    assert one.texture == 0.5 and one.seam is None and one.engines == ("flat",)
    assert one.markers == ("AP", "L") and one.files == ("masks/p/t/s00001out.dcm",)
    assert one.doubt.score == 0.2


def test_numbers_of_items_stand_only_where_nothing_of_the_series_was_released():
    mixed = [item(1), item(2, status="held_back", code="residual_text")]
    whole = [item(3, "s00002", "held_back", "face"), item(4, "s00002", "held_back", "face")]
    first, second = sorted(overview.all_series(mixed + whole, [], {}), key=lambda one: one.folder)
    assert (first.folder, first.held_items) == ("", ("3", "4"))
    assert first.reasons == (("face", 2),) and first.painted_share is None
    assert (second.held, second.held_items) == (1, ())


def test_series_stand_with_held_items_first_then_the_least_certain():
    items = [item(1, "a"), item(2, "b"), item(3, "c", "held_back", "face"), item(4, "d")]
    doubts = {"1": Doubt(0.9, 0, 4.0), "2": Doubt(0.1, 0, 0.0)}
    found = overview.all_series(items, [], doubts)
    assert [one.name for one in found] == ["", "bout", "aout", "dout"]


def test_what_has_a_picture_is_decided_first_the_least_certain_of_it_first():
    broken = Item("1", "", "held_back", "broken", "", Path())
    held = [item(2, status="held_back"), item(3, status="held_back")]
    doubts = {"2": Doubt(0.9, 0, 4.0), "3": Doubt(0.12, 0, 0.2)}
    assert [one.item for one in overview.to_decide([broken, *held], doubts)] == ["3", "2", "1"]
