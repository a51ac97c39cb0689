"""Stored values are those of every other decoder that is installed, for pydicom's own files.

Two decoders of a lossy JPEG may round differently; of anything else all values are equal.
"""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.pixels import get_decoder

from unburn.errors import ItemError
from unburn.metadata import quiet
from unburn.pixels import StoredFrames

FILES = Path(pydicom.__file__).parent / "data" / "test_files"
ROUNDING = {  # largest difference between decoders that all follow the standard
    uid.JPEGBaseline8Bit: 3,  # two inverse cosine transforms, and one of colour
    uid.JPEGExtended12Bit: 3,
    uid.JPEG2000: 1,
}


def decoded():
    """Files that we decode, and the plugins of pydicom that could decode them."""
    with quiet():
        for path in sorted(FILES.glob("*.dcm")):
            try:
                with StoredFrames(path) as source:
                    source[0]
                    if not source.syntax.is_encapsulated:
                        yield path.name, ""
                        continue
                    plugins = get_decoder(source.syntax).available_plugins
            except ItemError:
                continue
            yield from ((path.name, plugin) for plugin in plugins)


CASES = list(decoded())


def test_every_common_syntax_is_among_the_files():
    syntaxes = set()
    for name, _ in CASES:
        syntaxes.add(str(StoredFrames(FILES / name).syntax))
    assert {
        *(uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian),
        *(uid.DeflatedExplicitVRLittleEndian, uid.RLELossless, uid.JPEGLSLossless),
        *(uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEG2000Lossless, uid.JPEG2000),
        uid.JPEGLosslessSV1,
    } <= syntaxes


@pytest.mark.parametrize("name, plugin", CASES)
def test_values_are_those_of_another_decoder(name, plugin):
    with quiet(), StoredFrames(FILES / name) as source:
        ours = np.stack([source[k] for k in range(len(source))]).astype(np.int64)
        dataset = pydicom.dcmread(FILES / name, force=True)
        dataset.file_meta.TransferSyntaxUID = source.syntax
        options = {"decoding_plugin": plugin, "raw": True}
        try:
            theirs = pydicom.pixels.pixel_array(dataset, **options)
        except Exception:
            pytest.skip("this plugin cannot decode it")
        most = ROUNDING.get(source.syntax, 0)
    assert abs(ours - theirs.reshape(ours.shape)).max() <= most
