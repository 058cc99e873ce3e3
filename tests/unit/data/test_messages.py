"""Cells put together to a pair: the prompt once, every turn kept, and no guess where they contradict each other."""

import pytest

from orpo_studio.data.messages import assemble, assemble_single
from orpo_studio.data.pair import Message, Pair
from orpo_studio.data.problem import Reason, RowProblem


def user(content: str) -> Message:
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    return {"role": "assistant", "content": content}


SYSTEM: Message = {"role": "system", "content": "S"}
START = [user("a"), assistant("b"), user("c")]
YES, NO = [assistant("yes")], [assistant("no")]


@pytest.mark.parametrize(
    ("prompt", "chosen", "rejected"),
    [
        (START, YES, NO),
        (START, "yes", "no"),
        (START, [*START, *YES], [*START, *NO]),
        (START, [user("c"), *YES], [user("c"), *NO]),
        ([user("a")], [*START, *YES], [*START, *NO]),
        (None, [*START, *YES], [*START, *NO]),
        (None, [*START, *YES], "no"),
        (None, "yes", [*START, *NO]),
        ("", [*START, *YES], [*START, *NO]),
        ("c", [*START, *YES], [*START, *NO]),
        ("a", [*START, *YES], [*START, *NO]),
        ("Human: a\nAssistant: b\nHuman: c", [*START, *YES], [*START, *NO]),
        ("<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\nc", [*START, *YES], [*START, *NO]),
        (START, [user("a "), assistant("b"), user("c"), *YES], [*START, *NO]),
    ],
)
def test_that_the_prompt_stands_once_and_whole(prompt: object, chosen: object, rejected: object) -> None:
    made = assemble(prompt, chosen, rejected, row=1)
    assert [(turn["role"], turn["content"].strip()) for turn in made.prompt] == [
        (turn["role"], turn["content"]) for turn in START
    ]
    assert (made.chosen, made.rejected) == (YES, NO)


def test_that_a_system_turn_survives_wherever_it_stands() -> None:
    expected = Pair([SYSTEM, *START], YES, NO, 1)
    answers = [*START, *YES], [*START, *NO]
    assert assemble([SYSTEM, *START], *answers, row=1) == expected
    assert assemble([SYSTEM], *answers, row=1) == expected
    assert assemble([SYSTEM, user("a")], *answers, row=1) == expected
    assert assemble(None, *answers, system="S", row=1) == expected
    assert assemble(None, [SYSTEM, *answers[0]], [SYSTEM, *answers[1]], system="S", row=1) == expected


@pytest.mark.parametrize(
    "prompt",
    [
        "something else",
        "Human: what came before, which the answers do not repeat\n\nAssistant: and this too\n\nHuman: a b c",
        [user("x")],
        [user("a"), assistant("other"), user("c")],
    ],
)
def test_that_a_prompt_which_says_more_or_other_than_the_answers_is_not_dropped(prompt: object) -> None:
    with pytest.raises(RowProblem) as caught:
        assemble(prompt, [*START, *YES], [*START, *NO], row=1)
    assert caught.value.reason is Reason.PROMPT_MISMATCH


def test_that_a_conversation_may_begin_with_the_assistant() -> None:
    greeted = [assistant("Hello"), user("a")]
    assert assemble(None, [*greeted, *YES], [*greeted, *NO], row=1) == Pair(greeted, YES, NO, 1)


def test_that_names_of_speakers_are_taken_from_the_roles_given() -> None:
    turns = [{"role": "Kunde", "content": "a"}]
    with pytest.raises(RowProblem) as caught:
        assemble(turns, "yes", "no", row=1)
    assert caught.value.reason is Reason.ROLES
    assert assemble(turns, "yes", "no", row=1, roles={"kunde": "user"}) == Pair([user("a")], YES, NO, 1)


def test_that_a_single_answer_is_the_last_one_of_its_conversation() -> None:
    single = assemble_single(None, [SYSTEM, *START, *YES], good=True, row=7)
    assert (single.prompt, single.answer, single.source_row) == ([SYSTEM, *START], YES, 7)
    assert assemble_single(START, [*START, *YES], good=False, row=1).prompt == START
    assert assemble_single("a", "yes", good=False, system="S", row=1).prompt == [SYSTEM, user("a")]


@pytest.mark.parametrize(
    ("prompt", "answer", "reason"),
    [
        ("a", "", Reason.EMPTY_ANSWER),
        ("a", None, Reason.MISSING_FIELD),
        ("", "yes", Reason.EMPTY_PROMPT),
        (None, START, Reason.ROLES),
        (None, YES, Reason.EMPTY_PROMPT),
        ([user("x")], [*START, *YES], Reason.PROMPT_MISMATCH),
    ],
)
def test_that_a_single_answer_that_is_none_is_refused(prompt: object, answer: object, reason: Reason) -> None:
    with pytest.raises(RowProblem) as caught:
        assemble_single(prompt, answer, good=True, row=1)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "called",
    [
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f"}}]},
        {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]},
        {"role": "assistant", "content": "I look it up.", "tool_calls": [{"function": {"name": "f"}}]},
        {"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": "{}"}},
        {"from": "function_call", "value": "{}"},
    ],
)
def test_that_a_turn_which_calls_a_tool_is_refused_by_that_name(called: dict[str, object]) -> None:
    for prompt, chosen in (([user("a"), called, user("b")], "yes"), ("a", [called])):
        with pytest.raises(RowProblem, match="calls a tool") as caught:
            assemble(prompt, chosen, "no", row=1)
        assert caught.value.reason is Reason.TOOL_CALL


def test_that_turns_which_call_no_tool_are_kept_with_what_a_tool_said() -> None:
    turns = [user("a"), {"role": "tool", "content": "4", "tool_calls": None, "tool_call_id": "1"}]
    made = assemble(turns, [{"role": "assistant", "content": "yes", "tool_calls": []}], "no", row=1)
    assert made == Pair([user("a"), {"role": "tool", "content": "4"}], YES, NO, 1)


@pytest.mark.parametrize("name", [None, 3, ["user"], {"a": 1}, "narrator", ""])
def test_that_a_speaker_who_is_not_known_is_refused_whatever_stands_there(name: object) -> None:
    with pytest.raises(RowProblem, match="not known") as caught:
        assemble([{"role": name, "content": "a", "from": name}], "yes", "no", row=1)
    assert caught.value.reason is Reason.ROLES


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "without text"),
        ([{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {}}], "part of type 'image_url'"),
        (3, "whose content is a number"),
    ],
)
def test_that_a_turn_without_text_alone_is_refused_with_what_it_holds(content: object, words: str) -> None:
    with pytest.raises(RowProblem, match=words) as caught:
        assemble([{"role": "user", "content": content}], "yes", "no", row=1)
    assert caught.value.reason is Reason.NOT_TEXT
