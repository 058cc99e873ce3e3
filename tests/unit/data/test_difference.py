"""Where chosen and rejected differ, in words."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orpo_studio.data.difference import differences


def cut(text: str, spans: tuple[tuple[int, int], ...]) -> list[str]:
    return [text[start:end] for start, end in spans]


@pytest.mark.parametrize(
    ("first", "second", "only_first", "only_second"),
    [
        ("The sky is blue today.", "The sky is green today.", ["blue"], ["green"]),
        ("Yes, of course.", "Yes.", [", of course"], []),
        ("same", "same", [], []),
        ("", "new words", [], ["new words"]),
        ("天気がいい", "天気が悪い", ["い"], ["悪"]),
        ("red big car stops", "blue big bus stops", ["red big car"], ["blue big bus"]),
    ],
)
def test_that_words_of_one_side_are_marked(
    first: str, second: str, only_first: list[str], only_second: list[str]
) -> None:
    found = differences(first, second)
    assert cut(first, found.first) == only_first
    assert cut(second, found.second) == only_second


@given(st.text(max_size=60), st.text(max_size=60))
def test_that_marks_lie_in_order_within_the_texts(first: str, second: str) -> None:
    found = differences(first, second)
    for text, spans in ((first, found.first), (second, found.second)):
        places = [0, *(place for span in spans for place in span), len(text)]
        assert places == sorted(places)
    assert 0 <= found.common <= 1
    assert differences(first, first).first == ()


def test_that_texts_of_megabytes_are_compared_in_a_moment() -> None:
    first, second = "one two " * 600_000, "two one " * 600_000
    started = time.perf_counter()
    found = differences(first, second)
    assert time.perf_counter() - started < 2
    assert not found.whole


def test_that_a_special_token_is_one_word() -> None:
    found = differences("yes<|end|>", "no<|end|>", one_word=("<|end|>",))
    assert cut("yes<|end|>", found.first) == ["yes"]
    assert found.common == 0.5
