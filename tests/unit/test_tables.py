from unburn import tables


def test_values_come_back_as_they_were(tmp_path):
    file = tmp_path / "t.tsv"
    rows = [{"a": "007", "b": 'say "x"'}, {"a": "", "b": "NA"}, {"a": "1,5", "b": "back\\slash"}]
    tables.write(file, rows, ["a", "b"])
    assert tables.read(file).to_dict("records") == rows


def test_tabs_and_line_ends_cannot_break_a_row(tmp_path):
    file = tmp_path / "t.tsv"
    tables.write(file, [{"a": "x\ty\nz"}], ["a"])
    assert tables.read(file).a.tolist() == ["x y z"]


def test_an_empty_table_keeps_its_columns(tmp_path):
    file = tmp_path / "t.tsv"
    tables.write(file, [], ["a", "b"])
    assert list(tables.read(file).columns) == ["a", "b"] and len(tables.read(file)) == 0
