import json

import pytest

from unburn import cluster, doctor, keys
from unburn.errors import UserError
from unburn.files import sha256


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


def test_what_jobs_in_images_see_is_told_and_no_path_of_a_submission(run, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/var/tmp")
    (run / "images").rename(run.parent / "DOE JANE")
    (run / "sheet.tsv").write_text(f"submission\tpath\nlab-1\t{run.parent}/DOE JANE\n")
    (run / "safe key").write_bytes((run / "unburn.key").read_bytes())
    (run / "safe key").chmod(0o600)
    (run / "safe key").rename(run.parent / "safe key")
    (run / "config.yaml").write_text(f"sheet: sheet.tsv\nkey_file: {run.parent}/safe key\n")
    found = list(doctor.findings(run / "config.yaml"))
    (told,) = [what for what in lines(found, "ok") if what.startswith("binds")]
    assert f"{run} (to write)" in told and f"{run.parent}/safe key" in told
    assert "the folder of the submission lab-1" in told
    assert "DOE" not in "".join(f"{finding.what}{finding.advice}" for finding in found)


def test_an_image_is_compared_with_the_sha256_beside_it(run):
    image, listed = run / "cpu.sif", run / "cpu.sif.sha256"
    (run / "config.yaml").write_text(f"sheet: sheet.tsv\ncontainers: {{cpu: {image}}}\n")
    states = []
    for content, digest in ((None, None), ("a", None), ("a", sha256), ("b", None)):
        if content:
            image.write_text(content)
        if digest:
            listed.write_text(digest(image))
        states += [
            f.state for f in doctor.findings(run / "config.yaml") if "containers.cpu" in f.what
        ]
    assert states == ["optional", "warning", "ok", "missing"]


def test_a_path_that_apptainer_cannot_bind_is_a_warning(run):
    (run / "a,b").mkdir()
    (run / "a,b" / "a.dcm").touch()
    (run / "sheet.tsv").write_text("submission\tpath\nlab-1\ta,b\n")
    found = list(doctor.findings(run / "config.yaml"))
    (warning,) = lines(found, "warning")
    assert warning.startswith(
        "sheet.tsv:2: the path of the folder of the submission lab-1 has a comma"
    )


def test_scratch_space_is_held_against_what_the_plan_says(run):
    work = run / "work" / "lab-1"
    work.mkdir(parents=True)
    for needed, state in ((2**20, "ok"), (2**60, "missing")):
        (work / "plan.json").write_text(json.dumps({"scratch_bytes": needed}))
        (finding,) = [f for f in doctor.findings(run / "config.yaml") if "GiB free" in f.what]
        assert finding.state == state and "needed by what is planned" in finding.what


def test_with_a_profile_the_cluster_and_the_images_are_looked_at(run, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(
        cluster, "check", lambda site, gpu: asked.append((site, gpu)) or ["Slurm is there"]
    )
    doctor.show(run / "config.yaml", doctor.REPO / "slurm")
    shown = capsys.readouterr().out
    assert "ok        Slurm is there" in shown and "image containers.cpu" in shown
    assert asked[0][1] is False


def test_a_cluster_that_takes_no_jobs_is_a_thing_that_is_missing(run, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    (finding,) = doctor.cluster_findings(run / "config.yaml", doctor.REPO / "slurm")
    assert finding.state == "missing" and finding.what.startswith("sbatch: there is no such")
