import numpy as np
import pytest

from unburn import prompts, settings
from unburn.errors import UserError

PROMPT = "{modality} image"


def test_a_prompt_tells_the_modality_in_words_or_not():
    assert prompts.text(PROMPT, "US", context=True) == "ultrasound image"
    assert prompts.text(PROMPT, "US", context=False) == "medical image"
    assert prompts.text("a picture", "US", context=True) == "a picture"


def test_a_value_of_a_header_that_is_no_modality_is_not_told():
    assert prompts.text(PROMPT, "DOE JANE", context=True) == "medical image"


def test_every_text_that_a_prompt_can_become_is_encoded():
    texts = prompts.texts(PROMPT)
    for modality in (*prompts.MODALITIES, "DOE JANE", ""):
        for context in (True, False):
            assert prompts.text(PROMPT, modality, context) in texts
    assert prompts.NOTHING in texts and len(texts) == len(set(texts))


def test_the_default_prompt_tells_the_modality():
    assert "{modality}" in settings.defaults()["inpaint"]["prompt"]


def test_encoded_prompts_come_back_and_are_added_to(tmp_path):
    first = {"a": np.ones((2, 3), np.float16), "": np.zeros((2, 3), np.float16)}
    prompts.save(tmp_path, first)
    prompts.save(tmp_path, {"b": np.full((2, 3), 2, np.float16)})
    found = prompts.load(tmp_path, ["b", "a"])
    assert set(found) == {"a", "b"}
    assert np.array_equal(found["a"], first["a"]) and found["b"].dtype == np.float16


def test_a_prompt_that_was_not_encoded_names_the_command(tmp_path):
    prompts.save(tmp_path, {"a": np.ones((2, 3), np.float16)})
    with pytest.raises(UserError, match="not encoded yet") as error:
        prompts.load(tmp_path, ["a", "c"])
    assert "fetch sd2" in error.value.advice and "--prompt" in error.value.advice
