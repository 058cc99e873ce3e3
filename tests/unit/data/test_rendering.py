"""A pair as the model will see it."""

from collections.abc import Sequence

import pytest

from orpo_studio.data.pair import Pair
from orpo_studio.data.rendering import (
    EncodedPair,
    PairTokens,
    RenderedPair,
    count_tokens,
    encode_pairs,
    render_pair,
    room_for_answer,
)
from orpo_studio.models.chat_template import PLAIN_TEMPLATE, ChatTemplate, TemplateProblem

PAIR = Pair(
    [{"role": "user", "content": "Hi"}],
    [{"role": "assistant", "content": "Hello"}],
    [{"role": "assistant", "content": "Huh"}],
    1,
)
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


class Letters:
    """An encoder of one id a letter, in which ``ab`` merges into one."""

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return [[ord(letter) for letter in text.replace("ab", "æ")] for text in texts]


def test_that_prompt_and_answer_make_the_whole_text() -> None:
    template = ChatTemplate(PLAIN_TEMPLATE, TOKENS)
    rendered = render_pair(PAIR, template)
    assert rendered == RenderedPair("<s>### User:\nHi\n\n### Assistant:\n", "Hello</s>", "Huh</s>")
    assert rendered.prompt_text + rendered.chosen_text == template.render([*PAIR.prompt, *PAIR.chosen])


def test_that_a_prompt_written_otherwise_before_an_answer_ends_where_the_texts_part() -> None:
    source = "{% for m in messages %}[{{ m.content }}]{% endfor %}{% if add_generation_prompt %}[<think>{% endif %}"
    assert render_pair(PAIR, ChatTemplate(source, {})) == RenderedPair("[Hi][", "Hello]", "Huh]")


def test_that_a_refusal_of_the_template_is_passed_on() -> None:
    with pytest.raises(TemplateProblem):
        render_pair(PAIR, ChatTemplate("{{ raise_exception('no') }}", {}))


def test_that_ends_are_added_only_where_they_are_missing() -> None:
    bos, eos = ord("<"), ord(">")
    with_ends, without = encode_pairs(
        [RenderedPair("<p", "c>", "r>"), RenderedPair("p", "c", "r")], Letters(), bos_id=bos, eos_id=eos
    )
    expected = EncodedPair([bos, ord("p")], [ord("c"), eos], [bos, ord("p")], [ord("r"), eos])
    assert with_ends == without == expected


def test_that_a_token_merged_over_the_border_belongs_to_the_answer() -> None:
    (pair,) = encode_pairs([RenderedPair("xa", "b", "c")], Letters(), bos_id=None, eos_id=0)
    assert pair == EncodedPair([ord("x")], [ord("æ"), 0], [ord("x"), ord("a")], [ord("c"), 0])
    assert count_tokens(RenderedPair("xa", "b", "c"), Letters(), bos_id=None, eos_id=0) == PairTokens(2, 2, 2)


def test_that_a_prompt_that_fills_the_length_leaves_no_room() -> None:
    assert room_for_answer(1023, 1024) == 1
    assert room_for_answer(1024, 1024) == 0
    assert room_for_answer(2000, 1024) == 0


def test_that_a_pair_fits_when_its_longer_answer_does() -> None:
    tokens = PairTokens(prompt=10, chosen=5, rejected=7)
    assert tokens.fits(17)
    assert not tokens.fits(16)
