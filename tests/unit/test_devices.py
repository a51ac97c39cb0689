from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from unburn import devices
from unburn.errors import UserError

HEAD = "manufacturer\tmodel\tmodality\trows\tcolumns\timage_type\tsoftware\trectangles\torigin\n"


def header(**values):
    made = Dataset()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def rules(folder, *lines, head=HEAD):
    (folder / "rules.tsv").write_text(head + "".join(line + "\n" for line in lines))
    return devices.read(folder / "rules.tsv", "own")


def test_the_shipped_rules_are_readable_and_each_names_its_origin():
    shipped = devices.read(devices.SHIPPED, "shipped")
    assert len(shipped) > 50
    lines = [x for x in devices.SHIPPED.read_text().splitlines() if x and x[0] != "#"][1:]
    assert all(line.split("\t")[8] for line in lines)
    assert len({line.rpartition("\t")[0] for line in lines}) == len(lines)


def test_a_rule_fits_whatever_the_capitals_blanks_and_signs(tmp_path):
    (rule,) = rules(tmp_path, "GE\tLOGIQE9|V830\tUS\t\t\t\t\t0,0,960,70\tx")
    assert rule.name == "own:2" and rule.rectangles == ((0, 0, 960, 70),)
    assert rule.fits(header(Manufacturer="GE Healthcare", ManufacturerModelName="LogiQ-E9"))
    assert rule.fits(header(Manufacturer="ge", ManufacturerModelName="Voluson V830"))
    assert not rule.fits(header(Manufacturer="GE", ManufacturerModelName="LOGIQ E"))
    assert not rule.fits(header(Manufacturer="GE"))
    assert not rule.fits(Dataset())


def test_size_and_modality_are_compared_whole(tmp_path):
    (rule,) = rules(tmp_path, "ATL\t\tUS\t476|480\t640\t\t\t40,0,200,40;240,0,190,16\tx")
    assert rule.could_fit("US", 476, 640) and rule.could_fit("us", 480, 640)
    assert not rule.could_fit("IVUS", 476, 640)
    assert not rule.could_fit("US", 476, 641)
    assert len(rule.rectangles) == 2


def test_all_words_of_an_image_type_must_be_there(tmp_path):
    (rule,) = rules(tmp_path, "Acme\t\t\t\t\tSECONDARY+SCREEN SAVE|DOSE\t3.1\t0,0,5,5\tx")
    device = {"Manufacturer": "ACME", "SoftwareVersions": ["base", "v3.1.4"]}
    assert rule.fits(header(ImageType=["DERIVED", "SECONDARY", "SCREEN SAVE"], **device))
    assert rule.fits(header(ImageType="DOSE_INFO", **device))
    assert not rule.fits(header(ImageType=["DERIVED", "SECONDARY"], **device))
    assert not rule.fits(header(ImageType="DOSE", Manufacturer="ACME", SoftwareVersions="2"))


def test_rectangles_are_cut_to_the_frame():
    assert devices.cut((10, 20, 1150, 60), 50, 800) == (10, 20, 800, 50)
    assert devices.cut((0, 762, 1024, 842), 480, 640) is None


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("\t\tUS\t\t\t\t\t0,0,5,5\tx", "neither manufacturer nor model"),
        ("--\t\tUS\t\t\t\t\t0,0,5,5\tx", "neither manufacturer nor model"),
        ("GE|\t\t\t\t\t\t\t0,0,5,5\tx", "manufacturer: an empty alternative"),
        ("GE\t\t\t5x\t\t\t\t0,0,5,5\tx", "rows: not a number of pixels"),
        ("GE\t\t\t\t\tA+\t\t0,0,5,5\tx", "image_type: an empty word"),
        ("GE\t\t\t\t\t\t\t0,0,5\tx", "rectangles: four numbers"),
        ("GE\t\t\t\t\t\t\t\tx", "rectangles: four numbers"),
        ("GE\t\t\t\t\t\t\t0,0,-5,5\tx", "rectangles: not a number of pixels"),
        ("GE\t\t\t\t\t\t\t0,0,0,5\tx", "width and height must be above 0"),
        ("GE\t\t\t\t\t\t\t0,0,5,5\tx\ty", "10 cells, expected 9"),
    ],
)
def test_lines_that_cannot_be_used_are_named(tmp_path, line, found):
    with pytest.raises(UserError, match=r"1 to mend\n.*rules.tsv:3: ") as raised:
        rules(tmp_path, "GE\t\t\t\t\t\t\t0,0,5,5\tx", line)
    assert found in str(raised.value)


def test_a_wrong_header_line_is_named(tmp_path):
    with pytest.raises(UserError, match="columns rectangles are missing"):
        rules(tmp_path, head="manufacturer\tmodel\tplaces\n")
    with pytest.raises(UserError, match="1 columns are not known"):
        rules(tmp_path, head="manufacturer\tmodel\trectangles\tvendor\n")
    with pytest.raises(UserError, match="cannot be read as text"):
        devices.read(Path(tmp_path), "own")


@pytest.mark.parametrize("lines", [[], ["# note"]])
def test_a_table_without_a_rule_is_a_mistake(tmp_path, lines):
    with pytest.raises(UserError, match="holds no rule"):
        rules(tmp_path, *lines)


def test_few_columns_comments_and_blank_lines_will_do(tmp_path):
    made = rules(tmp_path, "# note", "", "GE\tX\t1,2,3,4", head="manufacturer\tmodel\trectangles\n")
    assert [rule.name for rule in made] == ["own:4"]
    assert made[0].rectangles == ((1, 2, 4, 6),)
