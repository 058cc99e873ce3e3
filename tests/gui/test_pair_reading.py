"""A pair as a model reads it: what is cut, what is special, what differs, what was looked for."""

import time

import pytest

from orpo_studio import paths
from orpo_studio.data.pair import Pair
from orpo_studio.data.search import TextQuery
from orpo_studio.gui.pairs.reading import Part, Reading, lay_out, mark_found
from orpo_studio.models.card import inspect_model


@pytest.fixture(scope="module")
def reading() -> Reading:
    return Reading.of(inspect_model(paths.demo_model()))


def pair_of(prompt: str, chosen: str, rejected: str) -> Pair:
    return Pair(
        [{"role": "user", "content": prompt}],
        [{"role": "assistant", "content": chosen}],
        [{"role": "assistant", "content": rejected}],
        1,
    )


def marked(part: Part, kind: str) -> list[str]:
    return [part.text[mark.start : mark.end] for mark in part.marks if mark.kind == kind]


PAIR = pair_of("How much is the hose?", "The hose is 32 dollars. Shall I wrap it?", "The hose is 32 dollars, next.")


def test_that_what_is_kept_has_as_many_tokens_as_there_is_room_for(reading: Reading) -> None:
    whole = lay_out(PAIR, reading, 1024)
    assert not marked(whole.chosen, "cut")
    assert whole.note == ""
    room = 5
    limit = (whole.prompt.tokens or 0) + room
    sheet = lay_out(PAIR, reading, limit)
    (cut,) = marked(sheet.chosen, "cut")
    kept = sheet.chosen.text[: -len(cut)]
    assert reading.counter is not None
    assert reading.counter.count(sheet.prompt.text + kept) == limit
    assert f"after {room} tokens" in sheet.note


def test_that_a_prompt_without_room_for_an_answer_is_told(reading: Reading) -> None:
    sheet = lay_out(PAIR, reading, 4)
    assert "set aside" in sheet.note
    assert marked(sheet.chosen, "cut") == [sheet.chosen.text]
    assert marked(sheet.prompt, "cut")


def test_that_special_tokens_of_the_turns_are_marked(reading: Reading) -> None:
    sheet = lay_out(PAIR, reading, 1024)
    assert marked(sheet.prompt, "special") == ["<|begin|>", "<|user|>", "<|end|>", "<|assistant|>"]
    assert marked(sheet.chosen, "special") == ["<|end|>"]


def test_that_only_words_of_one_side_are_marked(reading: Reading) -> None:
    sheet = lay_out(PAIR, reading, 1024)
    assert marked(sheet.chosen, "differs") == ["Shall I wrap it?"]
    assert marked(sheet.rejected, "differs") == [", next"]


def test_that_answers_with_hardly_a_word_in_common_are_left_unmarked(reading: Reading) -> None:
    sheet = lay_out(pair_of("p", "one two three four five", "six seven eight nine ten"), reading, 1024)
    assert not marked(sheet.chosen, "differs")


def test_that_tokens_of_megabytes_are_estimated_in_a_moment(reading: Reading) -> None:
    pair = pair_of("Tell a story.", "The hose is in the courtyard. " * 60_000, "No.")
    started = time.perf_counter()
    sheet = lay_out(pair, reading, 512)
    assert time.perf_counter() - started < 10
    assert sheet.chosen.estimated
    assert not sheet.prompt.estimated
    (cut,) = marked(sheet.chosen, "cut")
    assert len(cut) > 1_700_000


def test_that_what_was_looked_for_is_marked_where_it_was_looked_for(reading: Reading) -> None:
    sheet = mark_found(lay_out(PAIR, reading, 1024), TextQuery("HOSE", ("chosen",)))
    assert marked(sheet.chosen, "found") == ["hose"]
    assert not marked(sheet.prompt, "found")
