"""Layouts recognized by themselves, and rows turned into pairs or set aside with their reason."""

import pytest

from helpers.pair_files import turn
from orpo_studio.data.layouts import Row, recognize
from orpo_studio.data.pair import Message, Pair
from orpo_studio.data.problem import DataProblem, Reason, RowProblem


def pair_of(row: Row) -> Pair:
    (pair,) = recognize([row]).convert(row, 1)
    return pair


def layout_of(row: Row) -> str:
    found = recognize([row])
    assert found.evidence
    return found.layout


def user(content: str) -> Message:
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    return {"role": "assistant", "content": content}


SYSTEM: Message = {"role": "system", "content": "Be kind."}
HI = Pair([user("Hi")], [assistant("Hello")], [assistant("What")], 1)


@pytest.mark.parametrize("prompt", ["prompt", "instruction", "question", "input", "query", "history", " Prompt "])
@pytest.mark.parametrize(("chosen", "rejected"), [("chosen", "rejected"), ("accepted", "rejected_response")])
def test_that_text_columns_are_found_under_their_other_names(prompt: str, chosen: str, rejected: str) -> None:
    row = {"id": 7, prompt: "Hi", chosen: "Hello", rejected: "What"}
    assert layout_of(row) == "prompt and text"
    assert pair_of(row) == HI


def test_that_the_prompt_column_comes_before_its_other_names() -> None:
    row = {"question": "no", "prompt": "Hi", "chosen": "Hello", "rejected": "What"}
    assert pair_of(row) == HI


def test_that_a_system_column_becomes_the_first_turn() -> None:
    row = {"system": "Be kind.", "question": "Hi", "chosen": "Hello", "rejected": "What"}
    assert pair_of(row).prompt == [SYSTEM, user("Hi")]
    assert pair_of(row | {"system": " "}).prompt == [user("Hi")]
    assert pair_of(row | {"system": None}).prompt == [user("Hi")]


def test_that_alpaca_input_follows_the_instruction() -> None:
    row = {"instruction": "Translate.", "input": "Guten Tag", "chosen": "Good day", "rejected": "Bye"}
    assert layout_of(row) == "Alpaca ranking"
    assert pair_of(row).prompt == [user("Translate.\n\nGuten Tag")]
    assert pair_of(row | {"input": ""}).prompt == [user("Translate.")]
    assert pair_of(row | {"input": None}).prompt == [user("Translate.")]


@pytest.mark.parametrize(
    "row",
    [
        {
            "prompt": [turn("user", "Hi")],
            "chosen": [turn("assistant", "Hello")],
            "rejected": [turn("assistant", "What")],
        },
        {"prompt": "Hi", "chosen": [turn("assistant", "Hello")], "rejected": [turn("assistant", "What")]},
        {"prompt": "Hi", "chosen": turn("assistant", "Hello"), "rejected": turn("model", "What")},
        {"prompt": [turn("user", "Hi")], "chosen": "Hello", "rejected": "What"},
        {
            "prompt": " Hi ",
            "chosen": [turn("user", "Hi"), turn("assistant", "Hello")],
            "rejected": [turn("user", "Hi"), turn("assistant", "What")],
        },
        {
            "prompt": [turn("user", "Hi")],
            "chosen": [turn("user", "Hi"), turn("assistant", "Hello")],
            "rejected": [turn("user", "Hi"), turn("assistant", "What")],
        },
        {
            "prompt": [{"from": "human", "value": "Hi"}],
            "chosen": [{"from": "gpt", "value": "Hello"}],
            "rejected": [{"from": "gpt", "value": "What"}],
        },
        {
            "prompt": [turn("user", [{"type": "text", "text": "Hi"}])],
            "chosen": [turn("assistant", "Hello")],
            "rejected": [turn("assistant", "What")],
        },
    ],
)
def test_that_message_lists_are_read_and_the_prompt_is_not_doubled(row: Row) -> None:
    assert layout_of(row) == "prompt and message lists"
    assert pair_of(row) == HI


def test_that_the_prompt_is_the_common_start_of_two_conversations() -> None:
    start = [turn("system", "Be kind."), turn("user", "Hi"), turn("assistant", "Yes?"), turn("user", "More")]
    row = {
        "dataset": "x",
        "chosen": [*start, turn("assistant", "Hello")],
        "rejected": [*start, turn("assistant", "What")],
        "chosen_rating": 5.0,
    }
    assert layout_of(row) == "two conversations"
    assert pair_of(row) == Pair(
        [SYSTEM, user("Hi"), assistant("Yes?"), user("More")], [assistant("Hello")], [assistant("What")], 1
    )


def test_that_conversations_that_part_early_keep_all_their_turns() -> None:
    row = {
        "chosen": [turn("user", "Hi"), turn("assistant", "A"), turn("user", "B"), turn("assistant", "C")],
        "rejected": [turn("user", "Hi"), turn("assistant", "X"), turn("user", "B"), turn("assistant", "C")],
    }
    pair = pair_of(row)
    assert pair.prompt == [user("Hi")]
    assert pair.chosen == [assistant("A"), user("B"), assistant("C")]
    assert pair.rejected == [assistant("X"), user("B"), assistant("C")]


def test_that_sharegpt_ranking_is_read_with_system_and_many_turns() -> None:
    row = {
        "conversations": [
            {"from": "system", "value": "Be kind."},
            {"from": "human", "value": "Hi"},
            {"from": "gpt", "value": "Yes?"},
            {"from": "human", "value": "More"},
        ],
        "chosen": {"from": "gpt", "value": "Hello"},
        "rejected": {"from": "gpt", "value": "What"},
    }
    assert layout_of(row) == "ShareGPT ranking"
    assert pair_of(row).prompt == [SYSTEM, user("Hi"), assistant("Yes?"), user("More")]
    assert pair_of(row).chosen == [assistant("Hello")]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"chosen": ""}, Reason.EMPTY_ANSWER),
        ({"rejected": " \n"}, Reason.EMPTY_ANSWER),
        ({"chosen": [turn("assistant", " ")]}, Reason.EMPTY_ANSWER),
        ({"chosen": []}, Reason.EMPTY_ANSWER),
        ({"chosen": "What "}, Reason.SAME_ANSWERS),
        ({"chosen": None}, Reason.MISSING_FIELD),
        ({"prompt": None}, Reason.MISSING_FIELD),
        ({"prompt": ""}, Reason.EMPTY_PROMPT),
        ({"prompt": []}, Reason.EMPTY_PROMPT),
        ({"prompt": [turn("system", "S")]}, Reason.EMPTY_PROMPT),
        ({"chosen": 3}, Reason.NOT_TEXT),
        ({"chosen": [turn("assistant", None)]}, Reason.NOT_TEXT),
        ({"chosen": ["word"]}, Reason.NOT_TEXT),
        ({"chosen": {"text": "x"}}, Reason.NOT_TEXT),
        ({"prompt": [turn("user", [{"type": "image"}])]}, Reason.NOT_TEXT),
        ({"chosen": "half \ud83d"}, Reason.DAMAGED_TEXT),
        ({"prompt": [turn("user", "Hi"), turn("assistant", "Yes")]}, Reason.ROLES),
        ({"chosen": [turn("assistant", "a"), turn("user", "b")]}, Reason.ROLES),
        ({"chosen": [turn("user", "a")]}, Reason.ROLES),
        ({"chosen": [turn("narrator", "a")]}, Reason.ROLES),
        ({"chosen": [turn("user", "Hi"), turn("assistant", "a"), turn("user", "b")], "rejected": "b"}, Reason.ROLES),
        (
            {
                "prompt": "Something else",
                "chosen": [turn("user", "Hi"), turn("assistant", "a")],
                "rejected": [turn("user", "Hi"), turn("assistant", "b")],
            },
            Reason.PROMPT_MISMATCH,
        ),
    ],
)
def test_that_a_row_that_is_no_pair_is_refused_with_its_reason(change: Row, reason: Reason) -> None:
    good = {"prompt": "Hi", "chosen": "Hello", "rejected": "What"}
    convert = recognize([good]).convert
    with pytest.raises(RowProblem) as caught:
        convert(good | change, 1)
    assert caught.value.reason is reason
    assert caught.value.words


@pytest.mark.parametrize(
    ("row", "found", "missing"),
    [
        ({"prompt": "a", "chosen": "b"}, "prompt, chosen", "Missing: rejected."),
        ({"text": "a"}, "text", "Missing: prompt, chosen and rejected."),
        ({"chosen": "\n\nHuman: a", "rejected": "\n\nHuman: a"}, "chosen, rejected", "Missing: prompt."),
        ({}, "none", "Missing: prompt, chosen and rejected."),
    ],
)
def test_that_missing_columns_are_named_beside_those_found(row: Row, found: str, missing: str) -> None:
    with pytest.raises(DataProblem) as caught:
        recognize([row])
    assert caught.value.code == "missing-columns"
    assert f"Found: {found}." in caught.value.detail
    assert missing in caught.value.detail
