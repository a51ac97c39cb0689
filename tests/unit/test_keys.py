import re
import stat

import pytest
from pydicom.uid import UID

from unburn import keys
from unburn.errors import UserError

KEY = bytes(range(32))


def test_new_key_is_private_and_loads(tmp_path):
    path = tmp_path / "unburn.key"
    name = keys.new(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    master = keys.load(path)
    assert len(master) == 32 and keys.key_id(master) == name
    assert not keys.is_demo(master)


def test_new_key_never_overwrites(tmp_path):
    path = tmp_path / "unburn.key"
    keys.new(path)
    before = path.read_text()
    with pytest.raises(UserError, match="there is a file already"):
        keys.new(path)
    assert path.read_text() == before


def test_new_key_in_a_missing_folder_is_explained(tmp_path):
    with pytest.raises(UserError, match="choose a folder that exists"):
        keys.new(tmp_path / "nowhere" / "unburn.key")


def test_missing_key_names_the_command(tmp_path):
    with pytest.raises(UserError, match="-m unburn key new"):
        keys.load(tmp_path / "unburn.key")


@pytest.mark.parametrize(
    "text",
    ["", "unburn-key-1\n", "unburn-key-1\nabcd\n", f"other\n{'ab' * 32}\n", "unburn-key-1\nxyz\n"],
)
def test_what_is_no_key_file_is_refused(tmp_path, text):
    path = tmp_path / "unburn.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(UserError, match="not a key file"):
        keys.load(path)


def test_a_binary_file_and_a_folder_are_refused(tmp_path):
    path = tmp_path / "unburn.key"
    path.write_bytes(b"\xff\xfe\x00")
    path.chmod(0o600)
    with pytest.raises(UserError, match="not a key file"):
        keys.load(path)
    with pytest.raises(UserError, match="cannot be read"):
        keys.load(tmp_path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_open_key_is_refused_with_the_remedy(tmp_path, mode):
    path = tmp_path / "unburn.key"
    keys.new(path)
    path.chmod(mode)
    with pytest.raises(UserError, match="chmod 600"):
        keys.load(path)


def test_demo_key_is_known_and_may_be_readable(tmp_path):
    path = tmp_path / "demo.key"
    path.write_text(keys.DEMO_KEY)
    path.chmod(0o644)
    assert keys.is_demo(keys.load(path))


def test_projects_and_domains_are_unrelated():
    one, two = keys.project_key(KEY, "one"), keys.project_key(KEY, "two")
    assert one != two and len(one) == 32
    assert keys.label(one, "patient", "4711") != keys.label(two, "patient", "4711")
    assert keys.keyed(one, "patient", "4711") != keys.keyed(one, "date", "4711")
    assert keys.keyed(one, "a", "b") == keys.keyed(one, "a", "b")


def test_uid_is_valid_and_stable():
    new = keys.uid(KEY, "1.2.840.113619.2.1")
    assert UID(new).is_valid and len(new) <= 64
    assert new == keys.uid(KEY, "1.2.840.113619.2.1") != keys.uid(KEY, "1.2.840.113619.2.2")


def test_label_is_fit_for_a_file_name():
    assert re.fullmatch("[a-z2-7]{16}", keys.label(KEY, "patient", "Müller\udcff"))


def test_key_id_is_not_the_key():
    assert re.fullmatch("[0-9a-f]{16}", keys.key_id(KEY))
    assert keys.key_id(KEY) not in KEY.hex()
