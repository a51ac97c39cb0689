import pytest

from unburn import doctor, keys
from unburn.errors import UserError


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.dcm").touch()
    (tmp_path / "sheet.tsv").write_text("submission\tpath\nlab-1\timages\n")
    (tmp_path / "config.yaml").write_text("sheet: sheet.tsv\n")
    keys.new(tmp_path / "unburn.key")
    return tmp_path


def lines(found, state):
    return [finding.what for finding in found if finding.state == state]


def test_a_ready_run_misses_nothing(run):
    found = list(doctor.findings(run / "config.yaml"))
    assert not lines(found, "missing")
    text = "\n".join(lines(found, "ok"))
    for part in ("Python 3.1", "packages as locked", "torch 2.13", "detector.safetensors"):
        assert part in text
    assert "folder of the submission lab-1" in text


def test_what_is_missing_is_named_with_its_remedy(run, capsys):
    (run / "images" / "a.dcm").unlink()
    with pytest.raises(UserError, match="1 needed thing is missing"):
        doctor.show(run / "config.yaml")
    assert "hint: correct the column path in sheet.tsv, line 2, or mount" in capsys.readouterr().out
    (run / "unburn.key").unlink()
    with pytest.raises(UserError):
        doctor.show(run / "config.yaml")
    assert "-m unburn key new" in capsys.readouterr().out


def test_an_absent_tesseract_is_optional(run, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    found = list(doctor.findings(run / "config.yaml"))
    assert any("tesseract" in what for what in lines(found, "optional"))
    assert not lines(found, "missing")


def test_tesseract_is_needed_where_a_submission_reads_with_it(run, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    for setting in ("detect: {tesseract: true}", "gate: {reader: tesseract}"):
        (run / "config.yaml").write_text(f"sheet: sheet.tsv\n{setting}\n")
        found = list(doctor.findings(run / "config.yaml"))
        assert [what.split(",")[0] for what in lines(found, "missing")] == ["tesseract"]


@pytest.mark.parametrize(
    "setting", ["mask: {device_rules: none.tsv}", "detect: {weights: none.safetensors}"]
)
def test_files_that_the_settings_name_must_be_there(run, setting):
    (run / "config.yaml").write_text(f"sheet: sheet.tsv\n{setting}\n")
    (missing,) = lines(doctor.findings(run / "config.yaml"), "missing")
    assert setting.split()[0].strip(":") in missing and "none." in missing


def test_a_folder_that_two_submissions_share_is_a_warning(run):
    with open(run / "sheet.tsv", "a") as sheet:
        sheet.write("lab-2\timages\n")
    found = list(doctor.findings(run / "config.yaml"))
    (warning,) = lines(found, "warning")
    assert warning.startswith("sheet.tsv:3: the folder is, holds or lies in that of line 2;")
    assert not lines(found, "missing")


def test_the_lock_pins_every_package_by_hash():
    text = doctor.LOCK.read_text()
    assert len(doctor.locked()) > 50
    assert text.count("==") <= text.count("--hash=sha256:")
    assert "torch" not in doctor.locked() and "opencv-python" not in doctor.locked()


def test_weights_that_a_submission_needs_are_missed(run):
    (run / "config.yaml").write_text(
        "sheet: sheet.tsv\ninpaint: {engine: sd2, sd2_weights: nowhere}\n"
    )
    (finding,) = [f for f in doctor.findings(run / "config.yaml") if f.state == "missing"]
    assert "diffusion_pytorch_model" in finding.what and "fetch sd2 --out nowhere" in finding.advice
