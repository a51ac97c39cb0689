from pathlib import Path

import pytest

from unburn import settings
from unburn.errors import UserError


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sheet.tsv").write_text("submission\tpath\nlab-1\timages\n")
    return tmp_path


def write(folder, text):
    file = Path("config.yaml")
    (folder / file).write_text(text)
    return file


def refusal(run_folder, config):
    """What is said of a configuration that is refused."""
    with pytest.raises(UserError) as error:
        settings.load_file(write(run_folder, config))
    return str(error.value)


def test_defaults_fill_what_is_not_set(run_folder):
    run = settings.load_file(write(run_folder, "sheet: sheet.tsv\ngate:\n  sample: 0.5\n"))
    assert run.config["gate"]["sample"] == 0.5
    assert run.config["gate"]["reader"] == "rapidocr"
    assert run.config["results"] == "results"


def test_default_paths_of_the_product_lie_in_the_repository(run_folder):
    run = settings.load_file(write(run_folder, "sheet: sheet.tsv\n"))
    assert Path(run.config["detect"]["weights"]).is_relative_to(settings.REPO)
    run = settings.load_file(write(run_folder, "sheet: sheet.tsv\ndetect: {weights: own}\n"))
    assert run.config["detect"]["weights"] == "own"


def test_all_mistakes_are_told_at_once_with_their_lines(run_folder):
    (run_folder / "sheet.tsv").write_text("submission\tpath\nLab 1\tx\nlab-2\t\n")
    config = "sheet: sheet.tsv\nseed: -1\ngate:\n  reader: rapidocrr\n  sampel: 0.1\n"
    text = refusal(run_folder, config)
    assert "5 to mend" in text
    assert "config.yaml:2: seed: -1 is less than the minimum of 0" in text
    assert "config.yaml:4: gate.reader: 'rapidocrr' is not one of" in text
    assert "did you mean rapidocr?" in text
    assert "config.yaml:5: gate.sampel: there is no such setting" in text
    assert "did you mean sample?" in text
    assert "sheet.tsv:2: submission: it has a character that a label may not have" in text
    assert "sheet.tsv:3: path: it is empty" in text


def test_a_setting_or_a_group_that_is_there_twice_is_refused_with_both_lines(run_folder):
    config = (
        "sheet: sheet.tsv\ngate: {read: all, faces: hold}\nmask:\n  pool: true\n  pool: false\n"
        "gate:\n  sample: 0.5\n"
    )
    text = refusal(run_folder, config)
    assert "2 to mend" in text
    assert "config.yaml:6: gate: it is there already, in line 2\n    hint: keep one" in text
    assert "config.yaml:5: mask.pool: it is there already, in line 4" in text


def test_a_group_that_holds_itself_is_refused_by_its_line(run_folder):
    text = refusal(run_folder, "sheet: sheet.tsv\ngate: &g\n  read: *g\n")
    assert "config.yaml:3: gate.read: it holds itself\n    hint: write the settings out" in text


def test_a_group_may_stand_for_another_by_an_alias(run_folder):
    run = settings.load_file(write(run_folder, "sheet: sheet.tsv\ngate: &g {}\nevaluate: *g\n"))
    assert run.config == settings.defaults() | {"sheet": "sheet.tsv"}


NUMBERS = [name for name, rule in settings.leaves(settings.schema()) if rule["type"] == "number"]


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf"])
def test_a_number_that_is_not_finite_is_refused_wherever_it_is_set(run_folder, value):
    def told(config):
        with pytest.raises(UserError) as error:
            settings.load(config, [])
        return str(error.value)

    assert {"gate.threshold", "controls.min_recall"} <= {*NUMBERS}
    number = float(value.replace(".", ""))
    for name in NUMBERS:
        group, _, key = name.partition(".")
        config = {"sheet": "sheet.tsv", group: {key: number}}
        assert f"--config: {name}: it is not a finite number\n    hint: a number" in told(config)
    (run_folder / "sheet.tsv").write_text(f"submission\tpath\tgate.threshold\nlab-1\tx\t{value}\n")
    assert "sheet.tsv:2: gate.threshold: it is not a finite number" in told({"sheet": "sheet.tsv"})


def test_a_dotted_name_is_told_how_to_nest(run_folder):
    with pytest.raises(UserError) as error:
        settings.load_file(write(run_folder, "sheet: sheet.tsv\ngate.unit: series\n"))
    assert "config.yaml:2: gate.unit: there is no such setting" in str(error.value)
    assert "hint: groups are nested: write `gate:`, and below it" in str(error.value)


def test_a_column_overrides_a_setting_for_its_submission(run_folder):
    (run_folder / "sheet.tsv").write_text(
        "submission\tpath\tgate.read\nlab-1\tx\tall\nlab-2\tx\t\n"
    )
    run = settings.load_file(write(run_folder, "sheet: sheet.tsv\n"))
    assert run.section("lab-1", "gate")["read"] == "all"
    assert run.section("lab-2", "gate")["read"] == "suspicious"


def test_a_wrong_value_in_a_column_is_told_with_its_line(run_folder):
    (run_folder / "sheet.tsv").write_text("submission\tpath\tgate.read\nlab-1\tx\tnone\n")
    with pytest.raises(UserError, match=r"sheet.tsv:2: gate.read: 'none' is not one of"):
        settings.load_file(write(run_folder, "sheet: sheet.tsv\n"))


def test_settings_that_differ_from_their_defaults_are_listed(run_folder):
    run = settings.load_file(write(run_folder, "sheet: sheet.tsv\nseed: 7\n"))
    assert settings.changed(run.config) == {"seed": 7, "sheet": "sheet.tsv"}


def test_broken_yaml_and_a_missing_file_get_a_sentence(run_folder):
    with pytest.raises(UserError, match=r"config.yaml:3: not YAML"):
        settings.load_file(write(run_folder, "gate:\n  sample: [1\n"))
    for content in (b"seed: \xff\n", b"seed: \0\n"):
        file = run_folder / "odd.yaml"
        file.write_bytes(content)
        with pytest.raises(UserError, match=r"odd.yaml: not YAML \(characters that are not"):
            settings.load_file(file)
    with pytest.raises(UserError, match="there is no such file"):
        settings.load_file(Path("absent.yaml"))


def test_every_setting_has_a_default_that_its_own_rule_allows():
    for name, rule in settings.leaves(settings.schema()):
        assert {"default", "description", "x-hint", "type"} <= set(rule), name
        assert not list(settings._check_value(rule["default"], rule)), name


def test_the_table_in_the_manual_is_the_schema():
    text = settings.README.read_text(encoding="utf-8")
    assert settings.table() in text, "run: python -m unburn.settings"
    assert settings.preset_table() in text, "run: python -m unburn.settings"


def test_a_preset_fixes_what_it_demands_of_other_stages(run_folder):
    run = settings.load_file(write(run_folder, "sheet: sheet.tsv\nmetadata: {preset: public}\n"))
    assert run.section("lab-1", "gate")["read"] == "all"
    assert run.section("lab-1", "gate")["faces"] == "hold"
    assert run.section("lab-1", "report")["pictures"] == 0
    run = settings.load_file(write(run_folder, "sheet: sheet.tsv\n"))
    assert run.section("lab-1", "gate")["faces"] == "flag"


def test_a_setting_cannot_take_from_what_a_preset_promises(run_folder):
    config = (
        "sheet: sheet.tsv\nmetadata:\n  preset: public\n  dates: shifted\n  uids: replaced\n"
        "gate:\n  faces: ignore\n  sample: 0.5\nreport:\n  pictures: 3\n"
    )
    text = refusal(run_folder, config)
    assert "3 to mend" in text
    assert "config.yaml:4: metadata.dates: the preset public promises removed" in text
    assert "config.yaml:7: gate.faces: the preset public promises hold" in text
    assert "config.yaml:10: report.pictures: the preset public promises 0" in text
    assert "hint: leave it out" in text


def test_a_preset_can_be_made_stricter(run_folder):
    config = "sheet: sheet.tsv\nmetadata: {preset: safe_harbor, dates: removed}\n"
    run = settings.load_file(write(run_folder, config))
    assert run.section("lab-1", "metadata")["dates"] == "removed"
    config = "sheet: sheet.tsv\nmetadata: {preset: research, dates: kept, uids: kept}\n"
    settings.load_file(write(run_folder, config))


def test_a_row_with_a_preset_of_its_own_is_checked_like_the_rest(run_folder):
    (run_folder / "sheet.tsv").write_text(
        "submission\tpath\tmetadata.preset\nlab-1\timages\tsafe_harbor\nlab-2\tmore\t\n"
    )
    config = "sheet: sheet.tsv\nmetadata: {dates: shifted}\n"
    with pytest.raises(UserError) as error:
        settings.load_file(write(run_folder, config))
    assert "sheet.tsv:2: metadata.dates: the preset safe_harbor promises year" in str(error.value)
