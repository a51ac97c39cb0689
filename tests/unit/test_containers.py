import errno
import http.server
import io
import os
import threading
from pathlib import Path

import pytest

from unburn import containers, keys, settings
from unburn.errors import UserError
from unburn.files import sha256
from unburn.settings import REPO


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A run whose data, key and weights lie elsewhere, as on a cluster."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    for name in ("run", "store/JANE DOE", "store/weights", "safe", "scratch"):
        (tmp_path / name).mkdir(parents=True)
    keys.new(tmp_path / "safe" / "unburn.key")
    (tmp_path / "run" / "sheet.tsv").write_text(
        f"submission\tpath\nlab\t{tmp_path}/store/JANE DOE\n"
    )
    monkeypatch.chdir(tmp_path / "run")
    return tmp_path


def run(folder, text=""):
    (folder / "run" / "config.yaml").write_text(
        f"sheet: sheet.tsv\nkey_file: {folder}/safe/unburn.key\n{text}"
    )
    return settings.load_file(folder / "run" / "config.yaml")


def bound(folder, text=""):
    """The paths that are bound, from the fixture's folder, and whether they are writable."""
    return {
        os.path.relpath(bind.path, folder): bind.writable
        for bind in containers.binds(run(folder, text))
        if bind.path != REPO
    }


def test_what_jobs_read_is_bound_read_only_and_what_they_write_is_not(folder):
    assert bound(folder) == {
        "run": True,
        "scratch": True,
        "safe/unburn.key": False,
        "store/JANE DOE": False,
    }
    assert REPO in [bind.path for bind in containers.binds(run(folder))]


def test_files_that_the_settings_name_are_bound_and_what_is_missing_is_not(folder):
    (folder / "store" / "rules.tsv").touch()
    found = bound(
        folder,
        f"mask: {{device_rules: {folder}/store/rules.tsv}}\n"
        f"inpaint: {{sd2_weights: {folder}/store/weights}}\n"
        f"detect: {{weights: {folder}/nowhere}}\n",
    )
    assert found["store/rules.tsv"] is False and found["store/weights"] is False
    assert "nowhere" not in found


def test_originals_in_the_folder_of_the_run_cannot_be_written(folder):
    (folder / "run" / "in").mkdir()
    (folder / "run" / "sheet.tsv").write_text("submission\tpath\nlab\tin\n")
    assert bound(folder)["run/in"] is False


def test_a_link_is_bound_as_it_is_written_and_where_it_leads(folder):
    (folder / "archive").symlink_to(folder / "store")
    (folder / "run" / "sheet.tsv").write_text(f"submission\tpath\nlab\t{folder}/archive/JANE DOE\n")
    assert {"store/JANE DOE", "archive/JANE DOE"} <= set(bound(folder))


def test_a_link_in_the_folder_of_the_run_is_bound_where_it_leads_alone(folder):
    (folder / "run" / "in").symlink_to(folder / "store" / "JANE DOE")
    (folder / "run" / "sheet.tsv").write_text("submission\tpath\nlab\tin\n")
    found = bound(folder)
    assert "store/JANE DOE" in found and "run/in" not in found


@pytest.mark.parametrize("name", ["a,b", "a:b"])
def test_a_path_that_cannot_be_bound_is_refused_without_being_told(folder, name):
    (folder / "store" / name).mkdir()
    (folder / "run" / "sheet.tsv").write_text(f"submission\tpath\nlab\t{folder}/store/{name}\n")
    with pytest.raises(UserError) as caught:
        containers.binds(run(folder))
    assert str(caught.value).startswith("sheet.tsv:2: the path of the folder of the submission lab")
    assert name not in str(caught.value) and "a link to it" in caught.value.advice


def test_jobs_have_no_network_unless_the_user_says_so(folder):
    found = containers.environment(run(folder), {})
    assert found["APPTAINER_NET"] == "1" and found["APPTAINER_NETWORK"] == "none"
    assert "APPTAINER_NETWORK" not in containers.environment(run(folder), {"APPTAINER_NET": "0"})


def test_binds_of_the_user_stay_and_results_are_made_to_be_bound(folder):
    found = containers.environment(run(folder), {"APPTAINER_BIND": "/opt/site"})
    first, *others = found["APPTAINER_BIND"].split(",")
    assert first == "/opt/site" and f"{folder}/store/JANE DOE:{folder}/store/JANE DOE:ro" in others
    assert "APPTAINER_NV" not in found and found["SINGULARITY_BIND"] == found["APPTAINER_BIND"]
    assert (folder / "run" / "results").is_dir()


def test_what_a_scheduler_gets_names_no_folder_of_a_submission(folder):
    found = containers.environment(run(folder), {}, originals=False)
    assert "JANE" not in "".join(found.values())
    assert f"{folder}/safe/unburn.key" in found["APPTAINER_BIND"]


def test_a_job_that_starts_with_our_environment_adds_nothing_to_it(folder):
    once = containers.environment(run(folder), {})
    assert containers.environment(run(folder), once) == once


@pytest.mark.parametrize(("device", "gpu"), [("auto", True), ("cpu", False)])
def test_stable_diffusion_gets_the_gpu_and_its_image(folder, device, gpu):
    asked = run(folder, f"inpaint: {{engine: sd2, device: {device}}}\n")
    assert ("APPTAINER_NV" in containers.environment(asked, {})) == gpu
    assert containers.needed(asked) == ["cpu", "gpu"] and containers.needed(run(folder)) == ["cpu"]


def test_a_missing_image_is_named_with_the_ways_to_get_it(folder):
    with pytest.raises(UserError, match=r"containers.cpu: there is no file .*") as caught:
        containers.check(run(folder, f"containers: {{cpu: {folder}/none.sif}}\n"))
    assert "containers/build.sh cpu" in caught.value.advice
    assert "-m unburn fetch cpu --from" in caught.value.advice


def test_a_run_downloads_no_image(folder):
    with pytest.raises(UserError, match="jobs download nothing"):
        containers.check(run(folder, "containers: {cpu: 'docker://somewhere/unburn:1'}\n"))


def test_snakemake_sees_no_blank_in_the_path_of_an_image(folder):
    assert containers.without_blanks("/a/b.sif", "cpu", True) == "/a/b.sif"
    image = folder / "an image.sif"
    image.touch()
    name = containers.without_blanks(str(image), "cpu", False)
    assert " " not in name and not Path(name).exists()
    for _ in range(2):
        assert containers.without_blanks(str(image), "cpu", True) == name
        assert Path(name).resolve() == image


@pytest.fixture
def built(folder):
    image = folder / "store" / "cpu.sif"
    image.write_bytes(b"an image")
    containers.digest_file(image).write_text(f"{sha256(image)}  cpu.sif\n")
    return image


def test_an_image_is_brought_with_the_sha256_beside_it(built, folder, capsys):
    out = folder / "run" / "images" / "cpu.sif"
    containers.bring(out, str(built), None, print)
    assert out.read_bytes() == b"an image" and containers.listed(out) == sha256(built)
    assert capsys.readouterr().out == f"{out}: sha256 as listed\n"


def test_another_image_than_the_one_expected_is_not_kept(built, folder):
    out = folder / "run" / "cpu.sif"
    built.write_bytes(b"another")
    for digest in (None, "0" * 64):
        with pytest.raises(UserError, match=r"sha256 expected .*, found"):
            containers.bring(out, str(built), digest, print)
    containers.digest_file(built).unlink()
    with pytest.raises(UserError, match="no sha256 is known"):
        containers.bring(out, str(built), None, print)
    with pytest.raises(UserError, match="no such file"):
        containers.bring(out, str(folder / "none.sif"), "0" * 64, print)
    assert [file.name for file in (folder / "run").iterdir()] == ["sheet.tsv"]


@pytest.mark.parametrize(
    ("what", "expected"),
    [(errno.ECONNRESET, UserError), (errno.ETIMEDOUT, UserError), (errno.ENOSPC, OSError)],
)
def test_a_broken_connection_is_told_as_one_and_a_full_disk_as_a_full_disk(
    folder, monkeypatch, what, expected
):
    class Answer(io.BytesIO):
        def read(self, *_):
            raise OSError(what, "")

    monkeypatch.setattr(containers.urllib.request, "urlopen", lambda *_, **__: Answer())
    with pytest.raises(expected) as told:
        containers.bring(folder / "cpu.sif", "https://page.example/cpu.sif", "0" * 64, print)
    assert type(told.value) is expected and not (folder / "cpu.sif").exists()


def test_an_image_is_brought_from_an_address_with_its_sha256_alone(built, folder):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=built.parent)

        def log_message(self, *_):
            pass

    out = folder / "run" / "cpu.sif"
    with http.server.HTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(UserError, match="no sha256 is known"):
            containers.bring(out, f"{address}/cpu.sif", None, print)
        with pytest.raises(UserError, match=r"it could not be had \(Not Found\)|File not found"):
            containers.bring(out, f"{address}/none.sif", "0" * 64, print)
        assert not out.exists()
        containers.bring(out, f"{address}/cpu.sif", sha256(built), print)
        server.shutdown()
    assert out.read_bytes() == b"an image"
