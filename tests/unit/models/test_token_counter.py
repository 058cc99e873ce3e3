"""Tokens counted without the trainer."""

import pytest

from helpers.model_folder import MakeModel
from orpo_studio.models.problem import ModelProblem
from orpo_studio.models.token_counter import TokenCounter


def test_that_special_tokens_in_the_text_are_recognized_and_none_is_added(make_model: MakeModel) -> None:
    counter = TokenCounter(make_model())
    assert counter.encode("<s>hello world</s>") == [1, 3, 4, 2]
    assert counter.encode_batch(["hello", "", "nothing known"]) == [[3], [], [0, 0]]
    assert counter.count("hello world") == 2
    assert counter.id_of("</s>") == 2
    assert counter.id_of("absent") is None


def test_that_a_broken_tokenizer_is_named(make_model: MakeModel) -> None:
    folder = make_model()
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelProblem) as caught:
        TokenCounter(folder)
    assert caught.value.code == "broken-tokenizer"
