import errno
import functools
import http.server
import io
import json
import shutil
import threading
from pathlib import Path

import pytest

import tiny_sd2
from unburn import fetch, prompts, weights
from unburn.errors import UserError
from unburn.files import sha256

PROMPT = "{modality} image"
PINNED = (weights.UNET, weights.VAE, weights.TEXT_ENCODER)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder as the model's page has it, with tiny weights."""
    folder = tiny_sd2.write(tmp_path_factory.mktemp("published") / "sd2")
    for name in (weights.TEST_MARK, weights.SUMS, weights.PROMPTS, weights.LICENCE, weights.SEEN):
        (folder / name).unlink()
    return folder


@pytest.fixture
def pins(published, monkeypatch):
    """The digests of the tiny weights, in the place of the real ones."""
    found = []
    for pin in weights.pins():
        file = published / pin.path
        digest = sha256(file) if pin.path in PINNED else ""
        found.append(weights.Pin(pin.path, file.stat().st_size if digest else 0, digest))
    monkeypatch.setattr(weights, "pins", lambda: found)
    small = {"unet/config.json": {"in_channels": 9}, "vae/config.json": {"latent_channels": 4}}
    monkeypatch.setattr(weights, "ARCHITECTURE", small)
    return found


@pytest.fixture
def source(published, tmp_path):
    return Path(shutil.copytree(published, tmp_path / "source"))


@pytest.fixture
def serve():
    """A function that serves folders over HTTP and gives their URLs by number."""
    servers = []

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    def start(*folders):
        urls = {}
        for number, folder in enumerate(folders):
            handler = functools.partial(Quiet, directory=folder)
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            servers.append(server)
            urls[f"mirror {number}"] = f"http://127.0.0.1:{server.server_port}/{{path}}"
        return urls

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def change(file, at=-3):
    """Change one byte; the length stays."""
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


def cut(file):
    file.write_bytes(file.read_bytes()[:-100])


def run(out, taken_from=None, urls=None):
    said = []
    fetch.fetch(out, taken_from, PROMPT, said.append, urls=urls)
    return "\n".join(said)


def refused(out, taken_from=None, urls=None):
    with pytest.raises(UserError) as error:
        run(out, taken_from, urls)
    return error.value


def test_files_are_taken_verified_and_ready_for_jobs(published, pins, tmp_path):
    out = tmp_path / "out"
    said = run(out, published)
    assert weights.checked(out).name == "sd2"
    assert {pin.path for pin in pins} <= {
        path.relative_to(out).as_posix() for path in out.rglob("*")
    }
    assert set(prompts.load(out, prompts.texts(PROMPT))) == set(prompts.texts(PROMPT))
    assert f"{weights.UNET}: taken, sha256 as listed" in said
    assert "merges.txt: taken, no sha256 is stated for it" in said


def test_the_licence_is_shown_and_kept(published, pins, tmp_path):
    said = run(tmp_path / "out", published)
    kept = (tmp_path / "out" / weights.LICENCE).read_text()
    assert kept in said
    assert "CreativeML Open RAIL++-M" in kept and "Use Restrictions" in kept


def test_a_second_call_keeps_what_is_there_and_adds_a_prompt(published, pins, tmp_path):
    run(tmp_path / "out", published)
    said = []
    fetch.fetch(tmp_path / "out", None, "a {modality} scan", said.append, urls={})
    assert f"{weights.UNET}: there already" in said
    for prompt in (PROMPT, "a {modality} scan"):
        assert prompts.load(tmp_path / "out", prompts.texts(prompt))
    assert weights.checked(tmp_path / "out").name == "sd2"


def test_a_file_that_was_cut_off_is_told_as_such(source, pins, tmp_path):
    cut(source / weights.UNET)
    error = refused(tmp_path / "out", source)
    size = pins[0].size
    assert error.where == weights.UNET
    assert f"expected {pins[0].sha256}" in error.found
    assert f"cut off: {size - 100} of {size} bytes" in error.found
    assert sha256(source / weights.UNET) in error.found and "fetch it again" in error.advice
    assert not (tmp_path / "out" / weights.UNET).exists()


def test_a_whole_file_with_another_content_may_be_a_wrong_pin(source, pins, tmp_path):
    change(source / weights.VAE)
    error = refused(tmp_path / "out", source)
    assert "complete, with another content" in error.found
    assert "another version" in error.advice and "files.tsv is wrong" in error.advice
    assert not (tmp_path / "out" / weights.VAE).exists()


def test_a_page_instead_of_the_file_is_told_as_such(source, pins, tmp_path):
    (source / weights.TEXT_ENCODER).write_text("<html>log in</html>")
    assert "no safetensors file" in refused(tmp_path / "out", source).found
    shutil.copy(source / weights.VAE, source / weights.UNET)
    assert f"bytes, expected {pins[0].size}" in refused(tmp_path / "new", source).found


def test_a_file_that_is_not_there_is_named(source, pins, tmp_path):
    (source / weights.VAE).unlink()
    error = refused(tmp_path / "out", source)
    assert error.where == str(source / weights.VAE) and "no such file" in error.found


def test_an_empty_folder_is_refused_before_anything_is_said_or_written(pins, tmp_path):
    (tmp_path / "empty").mkdir()
    said = []
    with pytest.raises(UserError) as caught:
        fetch.fetch(tmp_path / "out", tmp_path / "empty", PROMPT, said.append)
    assert f"and {len(pins) - 1} more of the model are missing" in caught.value.found
    assert said == [] and not (tmp_path / "out").exists()


def test_another_network_is_refused(source, pins, tmp_path):
    config = source / "unet" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "in_channels": 4}))
    error = refused(tmp_path / "out", source)
    assert "in_channels is 4" in error.found


def test_the_content_decides_which_source_is_taken(published, source, pins, tmp_path, serve):
    cut(source / weights.UNET)
    said = run(tmp_path / "out", urls=serve(source, published))
    assert "mirror 0 has another file (cut off" in said
    assert f"{weights.UNET}: from mirror 1, sha256 as listed" in said
    assert f"{weights.VAE}: from mirror 0, sha256 as listed" in said
    assert weights.checked(tmp_path / "out").name == "sd2"


def test_sources_that_agree_on_another_file_speak_against_the_pin(source, pins, tmp_path, serve):
    change(source / weights.UNET)
    error = refused(tmp_path / "out", urls=serve(source, source))
    assert "several sources have the same complete file" in error.advice
    assert error.found.count(sha256(source / weights.UNET)) == 2
    assert not (tmp_path / "out" / weights.UNET).exists()


def test_no_source_in_reach_names_the_other_way(pins, tmp_path, serve):
    empty = tmp_path / "empty"
    empty.mkdir()
    urls = {**serve(empty), "nowhere": "http://127.0.0.1:9/{path}"}
    error = refused(tmp_path / "out", urls=urls)
    assert "no source could be reached" in error.found and "--from" in error.advice
    assert "mirror 0: File not found" in error.found


def test_a_connection_that_ends_early_gives_no_file(published, pins, tmp_path, serve, monkeypatch):
    def promising(self, keyword, value, send=http.server.SimpleHTTPRequestHandler.send_header):
        more = 10 if keyword == "Content-Length" and self.path.endswith("merges.txt") else 0
        send(self, keyword, str(int(value) + more) if more else value)

    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "send_header", promising)
    error = refused(tmp_path / "out", urls=serve(published))
    assert error.where == "tokenizer/merges.txt" and "ended before the file did" in error.found
    assert not (tmp_path / "out" / error.where).exists()


def test_a_redirection_to_an_address_without_encryption_is_refused(tmp_path, monkeypatch):
    class Answer(io.BytesIO):
        url, headers = "http://mirror.example/merges.txt", {}

    monkeypatch.setattr(fetch.urllib.request, "urlopen", lambda *_, **__: Answer(b"#version"))
    pin = weights.Pin("tokenizer/merges.txt", 0, "")
    with pytest.raises(UserError, match="without encryption"):
        fetch._bring(tmp_path / "merges.txt", pin, {"page": "https://page.example/{path}"}, print)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_no_source_that_cannot_be_reached(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "")

    monkeypatch.setattr(fetch, "_download", full)
    pin = weights.Pin("tokenizer/merges.txt", 0, "")
    with pytest.raises(OSError):
        fetch._bring(tmp_path / "merges.txt", pin, {"page": "https://page.example/{path}"}, print)


def test_the_listed_sources_name_a_revision():
    for url in fetch.sources().values():
        assert url.startswith("https://") and url.endswith("/{path}")
        assert len(url.split("/")[-2]) == 40


def test_the_size_that_a_header_promises(published, tmp_path):
    assert fetch.promised_size(published / weights.UNET) == (
        (published / weights.UNET).stat().st_size
    )
    (tmp_path / "short").write_bytes(b"abc")
    (tmp_path / "text").write_bytes(b"\x05" + bytes(7) + b"no js")
    assert fetch.promised_size(tmp_path / "short") is None
    assert fetch.promised_size(tmp_path / "text") is None
