"""Layouts that name the chosen and the rejected answer, each in a column of its own."""

from collections.abc import Mapping

from orpo_studio.data.layouts.answers import Answers, asked_in, between, ends_answered, mostly_answered, prompt_of
from orpo_studio.data.layouts.cells import question_and_answer
from orpo_studio.data.layouts.layout import (
    CHOSEN_COLUMNS,
    CONVERSATION_COLUMNS,
    REJECTED_COLUMNS,
    Found,
    Layout,
    and_,
)
from orpo_studio.data.layouts.sample import Sample, is_message_list, unfolded
from orpo_studio.data.mapping import Mapping as ByHand
from orpo_studio.data.messages import looks_like_message


def _named_answers(sample: Sample, mapping: ByHand, prompt: str | None) -> Answers | None:
    chosen, rejected = sample.find(*CHOSEN_COLUMNS), sample.find(*REJECTED_COLUMNS)
    if chosen is None or rejected is None:
        return None
    return between(sample, mapping, asked_in(sample, prompt), chosen, rejected)


def _openai(sample: Sample, mapping: ByHand) -> Found | None:
    asked, chosen, rejected = (sample.find(name) for name in ("input", "preferred_output", "non_preferred_output"))
    if asked is None or chosen is None or rejected is None or not sample.any_messages(f"{asked}.messages"):
        return None
    answers = between(sample, mapping, asked_in(sample, f"{asked}.messages"), chosen, rejected)
    words = f"{asked}.messages holds the turns before the answer; {chosen} and {rejected} are the two answers."
    return answers.found(words + (" Its tools are not kept." if any(sample.cells(f"{asked}.tools")) else ""))


def _sharegpt(sample: Sample, mapping: ByHand) -> Found | None:
    turns = sample.find(*CONVERSATION_COLUMNS)
    answers = _named_answers(sample, mapping, turns)
    if turns is None or answers is None or not sample.any_messages(turns):
        return None
    if mostly_answered(sample, turns):
        return None  # whole conversations beside pairs that have their own prompt
    return answers.found(
        f"{turns} holds the turns before the answer; {answers.chosen} and {answers.rejected} are the two answers."
    )


def _ms_swift(sample: Sample, mapping: ByHand) -> Found | None:
    return _beside_conversation(sample, mapping, ("rejected_messages", "rejected_response"))


def _openpipe(sample: Sample, mapping: ByHand) -> Found | None:
    return _beside_conversation(sample, mapping, ("rejected_message",))


def _beside_conversation(sample: Sample, mapping: ByHand, rejected_names: tuple[str, ...]) -> Found | None:
    turns, rejected = sample.find("messages"), sample.find(*rejected_names)
    if turns is None or rejected is None or not mostly_answered(sample, turns):
        return None
    answers = between(sample, mapping, asked_in(sample, None), turns, rejected)
    return answers.found(f"{turns} ends with the chosen answer; {rejected} is what stands in its place when rejected.")


def _capybara(sample: Sample, mapping: ByHand) -> Found | None:
    turns = sample.find("conversation")
    if turns is None or not any(_asks_and_answers(unfolded(cell)) for cell in sample.cells(turns)):
        return None
    answers = _named_answers(sample, mapping, None)
    if answers is None or not any(map(is_message_list, sample.cells(answers.chosen))):
        return None
    if all(_is_answer_alone(cell, sample.roles) for cell in sample.cells(answers.chosen)):
        return None
    return answers.found(
        f"{answers.chosen} and {answers.rejected} are whole conversations, and the prompt is their common start; "
        f"{turns} says the same once more as inputs and outputs."
    )


def _asks_and_answers(cell: object) -> bool:
    return isinstance(cell, list) and any(
        isinstance(turn, dict) and not looks_like_message(turn) and question_and_answer(turn) for turn in cell
    )


def _is_answer_alone(cell: object, roles: Mapping[str, str]) -> bool:
    return not isinstance(cell, list) or not cell or ends_answered(cell[0], roles)


def _prompt_and_messages(sample: Sample, mapping: ByHand) -> Found | None:
    prompt = prompt_of(sample)
    answers = _named_answers(sample, mapping, prompt)
    if prompt is None or answers is None:
        return None
    lists = [column for column in (prompt, answers.chosen, answers.rejected) if sample.any_messages(column)]
    if not lists:
        return None
    return answers.found(
        f"{and_(lists)} {'are message lists' if len(lists) > 1 else 'is a message list'}; {answers.asked.words()}, "
        "and is not doubled where the answers repeat it."
    )


def _two_conversations(sample: Sample, mapping: ByHand) -> Found | None:
    answers = _named_answers(sample, mapping, None)
    if answers is None or prompt_of(sample):
        return None
    if not sample.any_messages(answers.chosen) and not sample.any_messages(answers.rejected):
        return None
    return answers.found(
        f"{answers.chosen} and {answers.rejected} are message lists; the prompt is their common start."
    )


def _transcripts(sample: Sample, mapping: ByHand) -> Found | None:
    prompt = prompt_of(sample)
    answers = _named_answers(sample, mapping, prompt)
    if answers is None or answers.speakers is None:
        return None
    names = and_([f"“{name}”" for name in answers.speakers.names()])
    words = f"{answers.chosen} and {answers.rejected} are transcripts, with turns that begin with {names}; "
    if prompt is None:
        return answers.found(words + "the prompt is their common start.")
    return answers.found(words + f"{answers.asked.words()}, and is not doubled.")


def _alpaca(sample: Sample, mapping: ByHand) -> Found | None:
    answers = _named_answers(sample, mapping, prompt_of(sample))
    if answers is None or answers.asked.extra is None:
        return None
    return answers.found(f"{answers.asked.words()}; {answers.chosen} and {answers.rejected} are the two answers.")


def _prompt_and_text(sample: Sample, mapping: ByHand) -> Found | None:
    prompt = prompt_of(sample)
    answers = _named_answers(sample, mapping, prompt)
    if prompt is None or answers is None or answers.speakers is not None or answers.asked.extra is not None:
        return None
    if any(sample.any_messages(column) for column in (prompt, answers.chosen, answers.rejected)):
        return None
    repeated = " The answers repeat the prompt, which is cut off there." if answers.repeated else ""
    words = f"{answers.asked.words()}; {answers.chosen} and {answers.rejected} are the two answers, all plain text."
    return answers.found(words + repeated)


CONVERSATIONS = (
    Layout("OpenAI preference", _openai),
    Layout("ShareGPT ranking", _sharegpt),
    Layout("ms-swift", _ms_swift),
    Layout("OpenPipe", _openpipe),
)
"""Layouts that the names of their columns tell apart."""

PAIRS = (
    Layout("Capybara", _capybara),
    Layout("prompt and message lists", _prompt_and_messages),
    Layout("two conversations", _two_conversations),
    Layout("transcripts", _transcripts),
    Layout("Alpaca ranking", _alpaca),
    Layout("prompt and text", _prompt_and_text),
)
"""Layouts that what stands in the columns tells apart."""
