from dataclasses import replace
from pathlib import Path

import pytest
from test_plan import volume, write

from unburn import hours, keys, patients, plan, preview, settings
from unburn.preview import Group, Kind, Tried

CT = Kind("acme", "one", 4, 6, 1, "1.2")


def planned(folder):
    items = plan.survey(folder, folder.parent / "work" / "lab", 1, folder.parent / "unburn.key")
    state = plan.State()
    return plan.deal(plan.number(items, state), state, plan.Settings(2.0, 2000))


@pytest.fixture
def folder(tmp_path):
    """Five series of two devices: of 1, 2 and 3 files of one, of two sizes of the other."""
    root = tmp_path / "in"
    root.mkdir()
    number = 0
    for series, files, model, rows in (
        *((1, 1, "One", 4), (2, 2, "ONE ", 4), (3, 3, "One", 4)),
        *((4, 1, "Two", 4), (5, 1, "Two", 8)),
    ):
        for _ in range(files):
            number += 1
            size = {"Rows": rows, "PixelData": bytes(2 * rows * 6)}
            more = {"Manufacturer": "Acme", "ManufacturerModelName": model, **size}
            write(root / f"DOE {number}.dcm", f"1.{number}", f"5.{series}", **more)
    (root / "DOE notes.txt").write_text("a note")
    return root


def test_series_are_grouped_by_device_size_and_class(folder):
    groups = preview.survey(planned(folder), folder)
    assert [(g.kind.model, g.kind.rows, len(g.series), g.items, g.frames) for g in groups] == [
        *(("one", 4, 3, 6, 6), ("two", 4, 1, 1, 1), ("two", 8, 1, 1, 1)),
    ]
    assert [item.series for item in groups[0].tried] == [
        *("s00002", "s00002", "s00001", "s00003", "s00003", "s00003")  # the one in the middle first
    ]


def test_nobody_who_was_withdrawn_is_tried_nor_a_copy_and_a_volume_goes_with_its_sidecar(tmp_path):
    root = tmp_path / "in"
    for name, patient in (("DOE/1", "DOE"), ("ROE/1", "ROE")):
        write(root / name, f"1.{patient}", f"5.{patient}", PatientID=patient)
    (root / "DOE" / "copy").write_bytes((root / "DOE" / "1").read_bytes())
    volume(root / "t1.nii")
    (root / "t1.json").write_text("{}")
    keys.new(tmp_path / "unburn.key")
    master = keys.load(tmp_path / "unburn.key")
    (roe,) = {item.patient for item in planned(root) if item.path == "ROE/1"}
    digest = patients.digest(master, "lab", roe)
    patients.bury(tmp_path / "work", "lab", [digest], keys.key_id(master))
    tried = [[item.path for item in g.tried] for g in preview.survey(planned(root), root)]
    assert tried == [["DOE/1"], ["t1.json", "t1.nii"]]


def test_a_series_of_many_frames_is_tried_alone(folder, monkeypatch):
    monkeypatch.setattr(preview, "ENOUGH", 3)
    groups = preview.survey(planned(folder), folder)
    assert [item.series for item in groups[0].tried] == ["s00002", "s00002", "s00001"]
    monkeypatch.setattr(preview, "ENOUGH", 2)
    assert [item.series for item in groups[0].tried] == ["s00002", "s00002"]


def test_one_series_of_each_kind_is_taken_under_names_that_say_nothing(folder, tmp_path):
    groups = preview.survey(planned(folder), folder)
    placed = preview.take(groups, folder, tmp_path / "data")
    names = [*(f"00000/{k:06d}" for k in range(6)), "00001/000000", "00002/000000"]
    assert placed == dict(zip(names, [0] * 6 + [1, 2], strict=True))
    made = planned(tmp_path / "data")
    assert len({item.series for item in made}) == 3  # filled up, and a series all the same


def test_what_belongs_to_a_volume_is_taken_under_its_name(tmp_path):
    for name in ("DOE.hdr", "DOE.img", "DOE.json"):
        (tmp_path / name).write_text("x")
    kinds = {"DOE.hdr": "nifti_volume", "DOE.json": "nifti_sidecar"}
    items = [plan.Item(name, kind=kind, frames=3) for name, kind in kinds.items()]
    placed = preview.take([Group(CT, "CT", {"s1": items})], tmp_path, tmp_path / "data")
    assert set(placed) == {f"00000/volume.{ending}" for ending in ("hdr", "img", "json")}
    assert all((tmp_path / "data" / name).is_file() for name in placed)


def test_the_trial_has_the_settings_of_the_run_and_places_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.tsv").touch()
    (tmp_path / "sheet.tsv").write_text("submission\tpath\tgate.read\nlab\tin\tall\n")
    keys.new(tmp_path / "unburn.key")
    config = {"sheet": "sheet.tsv", "work": "private", "metadata": {"key": "discard"}}
    config |= {"mask": {"device_rules": "rules.tsv"}, "inpaint": {"engine": "sd2", "steps": 7}}
    run = settings.load(config, [])
    made = preview.trial_config(run, has_gpu=False)
    assert made["mask"]["device_rules"] == str(tmp_path / "rules.tsv")
    assert made["inpaint"] == {"engine": "classic", "steps": 7}
    assert "key" not in made["metadata"] and "work" not in made and "key_file" not in made
    assert made["controls"]["share"] == 0  # they would be a start more in a trial of few frames
    assert preview.trial_config(run, has_gpu=True)["inpaint"]["engine"] == "sd2"
    sheet = preview.trial_sheet(run.rows, tmp_path, False).splitlines()
    assert [line.split("\t") for line in sheet] == [
        ["submission", "path", "project", "gate.read"],
        ["lab", f"{tmp_path}/data/lab", "lab", '"all"'],
        [preview.START, f"{tmp_path}/data/{preview.START}", preview.START, ""],
    ]
    (tmp_path / "trial.tsv").write_text("\n".join(sheet) + "\n")
    again = settings.load(made | {"sheet": "trial.tsv"}, [])
    assert again.section("lab", "gate")["read"] == "all"


def test_what_was_tried_is_carried_over_by_frames_and_starts_by_jobs():
    item = plan.Item("a", kind="image", frames=10, series="s1", shard="00000")
    group = Group(CT, "CT", {f"s{k}": [replace(item, path=str(k))] for k in range(4)})
    items = [member for members in group.series.values() for member in members]
    items += [plan.Item("b", reason_code="broken"), plan.Item("c", reason_code="empty_file")]
    items[0] = replace(items[0], shard="00001")
    tried = Tried(items=2, frames=20, held=1, core_s=36.0, scratch=1000, crops=5)
    whole = {"plan": 10.0, "plan+": 2.0}
    found = preview.predict(items, [group], [tried], {"detect": 100.0}, whole, 3.6)
    assert (found.files, found.series, found.frames, found.shards) == (6, 4, 40, 2)
    assert (found.held_back, found.of) == (1 + 4 / 2, 5)
    assert found.core_hours == pytest.approx((2 * 100 + 2 * 36 + 10 + 5 * 2) / hours.HOUR_S)
    assert (found.crops, found.scratch_bytes) == (10, 2000)
    assert found.gpu_hours == pytest.approx(10 * 3.6 / hours.HOUR_S)
    said = "\n".join(preview.lines("lab", found))
    assert "about 60.0%, 3 of 5 files" in said and "acme" not in said
    controls = preview.controls_of([group], {"share": 0.5, "class_frames": 10})
    starts = {"detect": 60.0, "gate": 40.0}  # one process loads what it needs once
    more = preview.predict(items, [group], [tried], starts, whole, 3.6, controls)
    added = (more.core_hours - found.core_hours) * hours.HOUR_S
    assert controls == 10 and added == pytest.approx(60 + 2 * 36 * 10 / 40)
    unknown = preview.predict(items, [group], [tried], {}, {}, None)
    assert "not measured, as there is no GPU here; about 10 crops" in "\n".join(
        preview.lines("lab", unknown)
    )


def test_a_picture_of_no_size_can_be_planned(tmp_path):
    preview.tiny_picture(tmp_path / "in" / "1.dcm")
    (item,) = plan.take_stock(tmp_path / "in", 1)
    assert (item.status, item.kind, item.rows) == ("planned", "image", 16)


def test_costs_are_read_by_stage_and_shard(tmp_path):
    took = {"plan/lab": 5, "detect/lab/00000": 7, "deal/lab/00000": 2, "batch/lab/00000-00000": 1}
    for path, cpu in ((f"{name}.tsv", cpu) for name, cpu in took.items()):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"s\tcpu_time\n3\t{cpu}\n")
    found = preview.costs(tmp_path, "lab", 1)
    assert found["plan"][""].core_s == 5 and found["detect"]["00000"].core_s == 7
    assert (found["detect"]["00000"].gpu_s, found["batch"]["00000-00000"].gpu_s) == (0, 3)
    assert list(found["deal"]) == [""]  # one job, however many shards there are


def test_a_failed_trial_is_told(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("no: setting\n")
    with pytest.raises(preview.UserError, match="the trial failed") as error:
        preview.run_trial(tmp_path, 1)
    screen = Path(str(error.value).split("the end of ")[1].split(",")[0])
    assert "no such setting" in screen.read_text()
