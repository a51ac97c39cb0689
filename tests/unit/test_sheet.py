import pytest

from unburn import sheet
from unburn.errors import UserError


def read(tmp_path, text, name="sheet.tsv", overridable=()):
    file = tmp_path / name
    file.write_text(text)

    def check(value):
        return () if value == "all" else ("it is not one of all\n    hint: all",)

    return sheet.read(
        file, {"gate.approval": None, "seed": None} | dict.fromkeys(overridable, check)
    )


def test_rows_come_by_label_with_project_and_line(tmp_path):
    rows, mistakes = read(tmp_path, "submission\tpath\tproject\n\na\t/x\tp\n# note\nb\ty z\t\n")
    assert not mistakes
    assert (rows["a"].project, rows["a"].line) == ("p", 3)
    assert (rows["b"].project, rows["b"].path.name) == ("b", "y z")


def test_commas_are_read_in_a_csv(tmp_path):
    rows, mistakes = read(tmp_path, "submission,path\na,x\n", "sheet.csv")
    assert not mistakes and list(rows) == ["a"]


def test_semicolons_in_a_csv_are_one_mistake_with_a_way_out(tmp_path):
    _, (mistake,) = read(tmp_path, "submission;path\na;x\n", "sheet.csv")
    assert "separated by semicolons, expected commas\n    hint: save it again" in mistake


@pytest.mark.parametrize(
    "text, message",
    [
        ("submission,path\na,x\n", "its columns are separated by commas, expected tabs"),
        ("submission;path\na;x\n", "its columns are separated by semicolons, expected tabs"),
        ("submission\tpaht\na\tx\n", "the column 'path' is missing"),
        ("submission\tpath\tgate.reed\na\tx\ty\n", "did you mean gate.read?"),
        ("submission\tpath\tgate.approval\na\tx\ty\n", "what holds for the whole run\n"),
        ("submission\tpath\tseed\na\tx\t1\n", "take it out, and set it in config.yaml"),
        ("submission\tpath\tgate.read\na\tx\tnone\n", "2: gate.read: it is not one of all"),
        ("submission\tpath\na\tx\na\ty\n", "'a' is there already, in line 2"),
        ("submission\tpath\n\tx\n", "submission: it is empty"),
        ("submission\tpath\n../a\tx\n", "1 to 32 of small letters, digits and '-'"),
        ("submission\tpath\na\tx\tsurplus\n", "3 cells under 2 column names"),
        ("submission\tpath\tpath\na\tx\ty\n", "the column 'path' is there twice"),
        ("submission\tpath\n", "it names no submission"),
        ("", "the column 'submission' is missing"),
        ("submission\tpath\tgate.read\na\tx\t[0.3\n", "2: gate.read: it is not a value"),
        ('submission\tpath\na\t"x\nb\ty\n', "a quotation mark that does not end it"),
    ],
)
def test_a_mistake_is_told_with_place_and_way_out(tmp_path, text, message):
    _, mistakes = read(tmp_path, text, overridable=["gate.read"])
    assert any(message in mistake and "hint: " in mistake for mistake in mistakes), mistakes


def test_all_mistakes_of_a_sheet_are_told_at_once(tmp_path):
    text = "submission\tpath\tgate.reed\tgate.read\tseed\nA\tx\t\tnone\nb\t\t\tnone\nb\ty\t\tall\n"
    rows, mistakes = read(tmp_path, text, overridable=["gate.read"])
    assert [mistake.split("\n")[0].split("sheet.tsv:")[1] for mistake in mistakes] == [
        "1: the column 'gate.reed' is not known",
        "1: the column 'seed' sets what holds for the whole run",
        "2: submission: it has a character that a label may not have, or is too long",
        "2: gate.read: it is not one of all",
        "3: path: it is empty",
        "3: gate.read: it is not one of all",
    ]
    assert list(rows) == ["b"]


def test_without_a_column_that_is_needed_its_cells_are_not_called_empty(tmp_path):
    _, mistakes = read(tmp_path, "submission\tpaht\na\tx\nLab\ty\n")
    assert [mistake.split("\n")[0].split("sheet.tsv:")[1] for mistake in mistakes] == [
        "1: the column 'path' is missing",
        "1: the column 'paht' is not known",
        "3: submission: it has a character that a label may not have, or is too long",
    ]


def test_a_folder_for_the_sheet_and_a_file_for_a_folder_are_called_so(tmp_path):
    (_, (mistake,)) = sheet.read(tmp_path, {})
    assert mistake.startswith(f"{tmp_path}: it is a folder\n    hint: set `sheet`")
    (tmp_path / "doe.zip").touch()
    text = f"submission\tpath\na\t{tmp_path / 'doe.zip'}\n"
    (_, (mistake,)) = read(tmp_path, text)
    assert mistake.endswith(
        "sheet.tsv:2: path: it is a file\n    hint: name the folder that holds it"
    )
    assert sheet.lookup(tmp_path / "sheet.tsv", "a").line == 2  # a job has a sentence of its own


def test_a_sheet_in_another_encoding_is_a_mistake(tmp_path):
    file = tmp_path / "sheet.tsv"
    file.write_bytes("submission\tpath\na\t/data/müller\n".encode("latin-1"))
    assert sheet.read(file, {})[1] == [
        f"{file}: it is not UTF-8\n    hint: save it again as text in UTF-8"
    ]


def test_a_message_never_shows_a_path_of_images(tmp_path):
    _, mistakes = read(tmp_path, "submission\tpath\nLab\t/data/doe_jane\nb\t/data/doe_jane\tz\n")
    assert mistakes and not any("doe" in mistake for mistake in mistakes)
    _, mistakes = read(tmp_path, "lab-1\t/data/doe_jane\nlab-2\t/data/doe_john\n")
    assert mistakes and not any("doe" in mistake for mistake in mistakes)


def test_a_job_looks_its_row_up(tmp_path):
    file = tmp_path / "sheet.tsv"
    file.write_text("submission\tpath\tgate.read\na\t/x\tall\n")
    assert str(sheet.lookup(file, "a").path) == "/x"
    with pytest.raises(UserError, match="no line for the submission b"):
        sheet.lookup(file, "b")


@pytest.mark.parametrize("path", ["/data/lab: doe: 2020", "[doe", "@doe", "'doe"])
def test_a_path_is_text_whatever_it_looks_like(tmp_path, path):
    # read as YAML, it stopped the job with a traceback that showed it
    file = tmp_path / "sheet.tsv"
    file.write_text(f"submission\tpath\tgate.read\na\t{path}\t[\n")
    assert str(sheet.lookup(file, "a").path) == path


def test_an_emptied_sheet_names_no_submission(tmp_path):
    file = tmp_path / "sheet.tsv"
    file.write_text("")
    with pytest.raises(UserError, match="no line for the submission a"):
        sheet.lookup(file, "a")
