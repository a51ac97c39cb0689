import numpy as np
import pytest
import torch

from unburn import own_models
from unburn.own_models import CLASSIFICATION, SEGMENTATION
from unburn.readers import DETECTION, MODELS


class Brightness(torch.nn.Module):
    """Two classes: dark and bright."""

    def forward(self, shown: torch.Tensor) -> torch.Tensor:
        mean = shown.mean(dim=(1, 2, 3))
        return torch.stack([0.5 - mean, mean - 0.5], 1)


@pytest.fixture
def scripted(tmp_path):
    torch.jit.script(Brightness()).save(str(tmp_path / "bright.pt"))
    return tmp_path / "bright.pt"


def test_a_torchscript_classifier_answers(scripted):
    model = own_models.opened({"name": "b", "task": CLASSIFICATION, "path": scripted, "side": 32})
    assert int(model.classes(np.full((40, 40), 250, np.uint8))) == 1
    assert int(model.classes(np.full((40, 40), 5, np.uint8))) == 0


def test_an_onnx_segmenter_answers():
    given = {"name": "o", "task": SEGMENTATION, "path": MODELS / DETECTION, "side": 64,
             "channels": 3}  # fmt: skip
    model = own_models.opened(given)
    assert model.classes(np.full((40, 60), 9, np.uint8)).shape == (64, 64)


def test_models_that_cannot_take_part_get_a_sentence_and_the_rest_go_on(scripted, tmp_path):
    for name in ("broken.pt", "broken.onnx", "weights.h5"):
        (tmp_path / name).write_bytes(b"nothing")
    given = [
        {"name": "absent", "task": CLASSIFICATION, "path": tmp_path / "no.pt"},
        {"name": "torch", "task": CLASSIFICATION, "path": tmp_path / "broken.pt"},
        {"name": "onnx", "task": CLASSIFICATION, "path": tmp_path / "broken.onnx"},
        {"name": "other", "task": CLASSIFICATION, "path": tmp_path / "weights.h5"},
        {"name": "task", "task": "regression", "path": scripted},
        {"name": "shape", "task": SEGMENTATION, "path": scripted},
        {"path": tmp_path / "unnamed.pt", "task": CLASSIFICATION},
        {"name": "nothing else"},
        {"name": "good", "task": CLASSIFICATION, "path": scripted},
        {"name": "good", "task": CLASSIFICATION, "path": scripted},
        {"name": "large", "task": CLASSIFICATION, "path": scripted, "side": "224"},
    ]
    models, why = own_models.every(given)
    assert [model.name for model in models] == ["good"]
    assert why["unnamed.pt"] == "there is no such file"
    assert why["nothing else"].startswith("the task '' is none of")
    assert why["good, again"] == "another model has this name"
    assert why["large"] == "side and channels are whole numbers above 0"
    assert why["absent"] == "there is no such file"
    assert why["torch"].startswith("it cannot be loaded as TorchScript")
    assert why["onnx"].startswith("it cannot be loaded as ONNX")
    assert why["other"] == "the file does not end in .pt or .onnx"
    assert why["task"] == "the task 'regression' is none of classification, segmentation"
    assert why["shape"].startswith("its answer has the shape (1, 2)")
