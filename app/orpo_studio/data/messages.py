"""Turn what stands in a row's cells into messages, and messages into a pair."""

import re
from collections.abc import Mapping

from orpo_studio.data.pair import Message, Pair, Single
from orpo_studio.data.problem import Reason, RowProblem

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
}
"""The roles found in the wild, and what each means."""

_CALLS = ("tool_calls", "function_call")
"""Where a turn in role/content form keeps the tools it calls; in from/value form they are speakers."""
_CALLERS = frozenset({"function_call", "tool_call"})
_ASKING = ("user", "tool")
_TEMPLATE_TOKEN = re.compile(r"<\|[^|<>]*\|>|</?s>|\[/?INST\]|<</?SYS>>")
_SPEAKER = re.compile(rf"\b({'|'.join(ROLES)})\b", re.IGNORECASE)
_SPEAKER_NAME = 10
"""The name of a speaker that is not known is not longer, in letters; more than that is text of its own."""


def looks_like_message(value: object) -> bool:
    """Tell whether a value is one turn, in role/content or in from/value form."""
    return isinstance(value, dict) and (
        ("role" in value and ("content" in value or any(name in value for name in _CALLS)))
        or ("from" in value and "value" in value)
    )


def assemble(
    prompt: object,
    chosen: object,
    rejected: object,
    *,
    system: object = None,
    row: int,
    roles: Mapping[str, str] = ROLES,
) -> Pair:
    """Return the pair that a row's cells make.

    Args:
        prompt: text, messages, or None where the answers hold their own prompt.
        chosen: text, one message, or messages; these may repeat the prompt.
        rejected: likewise.
        system: a system prompt kept in a column of its own.
        row: number of the row in its source.
        roles: the role of each speaker's name, in lower case.

    Raises:
        RowProblem: the cells make no pair.
    """
    before = _to_messages(prompt, "prompt", "user", roles)
    better = _answer(chosen, "chosen", roles)
    worse = _answer(rejected, "rejected", roles)
    if prompt is None or _holds_prompt(better) or _holds_prompt(worse):
        common, better, worse = _take_prompt_out(better, worse)
        before = _without_doubling(before, common, prompt_is_text=isinstance(prompt, str))
    before = _with_system(before, system)
    _check_prompt(before)
    _check_answer(better, "chosen")
    _check_answer(worse, "rejected")
    if _stripped(better) == _stripped(worse):
        raise RowProblem(Reason.SAME_ANSWERS, "The chosen and the rejected answer are the same text.")
    return Pair(before, better, worse, row)


def assemble_single(
    prompt: object, answer: object, *, good: bool, system: object = None, row: int, roles: Mapping[str, str] = ROLES
) -> Single:
    """Return the single answer that a row's cells make.

    Args:
        prompt: text, messages, or None where the answer's messages hold the prompt.
        answer: text, one message, or messages; these may repeat the prompt.
        good: whether the answer was called good.
        system: a system prompt kept in a column of its own.
        row: number of the row in its source.
        roles: the role of each speaker's name, in lower case.

    Raises:
        RowProblem: the cells make no answer to a prompt.
    """
    before = _to_messages(prompt, "prompt", "user", roles)
    said = _answer(answer, "completion", roles)
    if prompt is None or _holds_prompt(said):
        common, said = _split_last(said)
        before = _without_doubling(before, common, prompt_is_text=isinstance(prompt, str))
    before = _with_system(before, system)
    _check_prompt(before)
    _check_answer(said, "completion")
    return Single(before, said, good, row)


def _to_messages(value: object, field: str, role: str, roles: Mapping[str, str]) -> list[Message]:
    if value is None:
        return []
    if isinstance(value, str):
        return [_message(role, value, field)] if value.strip() else []
    if isinstance(value, dict):
        return [_from_mapping(value, field, roles)]
    if isinstance(value, list):
        return [_from_mapping(entry, field, roles) for entry in value]
    raise RowProblem(Reason.NOT_TEXT, f"{field} is {_kind(value)}, neither text nor messages.")


def _answer(value: object, field: str, roles: Mapping[str, str]) -> list[Message]:
    if value is None:
        raise RowProblem(Reason.MISSING_FIELD, f"{field} is missing.")
    messages = _to_messages(value, field, "assistant", roles)
    if not messages:
        raise RowProblem(Reason.EMPTY_ANSWER, f"{field} is empty.")
    return messages


def _from_mapping(value: object, field: str, roles: Mapping[str, str]) -> Message:
    if not looks_like_message(value) or not isinstance(value, dict):
        raise RowProblem(
            Reason.NOT_TEXT, f"{field} holds {_kind(value)} where a message with a role and a content should be."
        )
    role_key, content_key = ("role", "content") if value.get("role") is not None else ("from", "value")
    name, content = value.get(role_key), value.get(content_key)
    speaker = name.strip().lower() if isinstance(name, str) else ""
    role = roles.get(speaker)
    if any(value.get(calls) for calls in _CALLS) or (role is None and speaker in _CALLERS):
        raise RowProblem(
            Reason.TOOL_CALL,
            f"{field} has a turn that calls a tool. Pairs hold text alone, and the turn would not be complete without "
            "the call.",
        )
    if role is None:
        raise RowProblem(Reason.ROLES, f"{field} has a turn by {str(name)[:40]!r}, a role that is not known.")
    return _message(role, _joined_parts(content), field)


def _joined_parts(content: object) -> object:
    """Join the parts of a content such as ``[{"type": "text", "text": …}]`` where all of them are text."""
    if not isinstance(content, list) or not content:
        return content
    texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
    parts = [text for text in texts if isinstance(text, str)]
    return "".join(parts) if len(parts) == len(content) else content


def _message(role: str, content: object, field: str) -> Message:
    if not isinstance(content, str):
        raise RowProblem(Reason.NOT_TEXT, f"{field} has a turn {_content(content)}.")
    try:
        content.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RowProblem(
            Reason.DAMAGED_TEXT, f"{field} holds half a character (a lone surrogate) at position {error.start}."
        ) from error
    return {"role": role, "content": content}


def _content(value: object) -> str:
    """Say what a turn's content is that is not text."""
    if value is None:
        return "without text"
    kinds = [part.get("type") for part in value if isinstance(part, dict)] if isinstance(value, list) else []
    other = next((kind for kind in kinds if isinstance(kind, str) and kind != "text"), None)
    if other is not None:
        return f"that holds more than text: a part of type {other[:40]!r}"
    return f"whose content is {_kind(value)}, not text"


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    return "text" if isinstance(value, str) else f"a value of type {type(value).__name__}"


def _holds_prompt(answer: list[Message]) -> bool:
    return answer[0]["role"] != "assistant"


def _take_prompt_out(better: list[Message], worse: list[Message]) -> tuple[list[Message], list[Message], list[Message]]:
    """Return the prompt that whole conversations begin with, and the two answers.

    Where only one of the two is a whole conversation, its last answer is the one that is compared.
    """
    if _holds_prompt(better) != _holds_prompt(worse):
        if _holds_prompt(better):
            common, better = _split_last(better)
        else:
            common, worse = _split_last(worse)
        return common, better, worse
    shared = 0
    while shared < min(len(better), len(worse)) - 1 and _same(better[shared], worse[shared]):
        shared += 1
    while shared and better[shared - 1]["role"] == "assistant":
        shared -= 1  # what the assistant said right before the two part belongs to both answers
    if not shared:
        raise RowProblem(Reason.ROLES, "The chosen and the rejected conversation do not begin with the same prompt.")
    return better[:shared], better[shared:], worse[shared:]


def _split_last(conversation: list[Message]) -> tuple[list[Message], list[Message]]:
    """Split a whole conversation before its last answer."""
    place = len(conversation)
    while place and conversation[place - 1]["role"] == "assistant":
        place -= 1
    if place == len(conversation):
        raise RowProblem(Reason.ROLES, "A conversation does not end with the assistant's turn.")
    return conversation[:place], conversation[place:]


def _without_doubling(before: list[Message], common: list[Message], *, prompt_is_text: bool) -> list[Message]:
    """Return the prompt once, where a prompt column and the answers' own start both hold it."""
    if not before or _stripped(common[: len(before)]) == _stripped(before):
        return common
    if prompt_is_text:
        _check_repeats(before[0]["content"], common)
        return common
    if _stripped(before[-len(common) :]) == _stripped(common):
        return before  # the answers repeat the end of the prompt only
    asked = [message for message in before if message["role"] != "system"]
    if common[0]["role"] != "system" and _stripped(common[: len(asked)]) == _stripped(asked):
        return [message for message in before if message["role"] == "system"] + common
    raise RowProblem(Reason.PROMPT_MISMATCH, "The prompt and the start of the answers are different conversations.")


def _same(one: Message, other: Message) -> bool:
    return _stripped([one]) == _stripped([other])


def _check_repeats(prompt: str, common: list[Message]) -> None:
    """Accept a prompt in text form that repeats a turn, or a transcript of the turns, and nothing else."""
    asked = prompt.strip()
    if any(message["content"].strip() == asked for message in common):
        return
    rest = _TEMPLATE_TOKEN.sub("", asked)
    for content in sorted((message["content"].strip() for message in common), key=len, reverse=True):
        if content not in rest:
            break
        rest = rest.replace(content, "", 1)
    else:
        letters = sum(map(str.isalpha, _SPEAKER.sub("", rest)))
        if letters <= _SPEAKER_NAME * (len(common) + 1):
            return
    raise RowProblem(Reason.PROMPT_MISMATCH, "The prompt is not what the two conversations begin with.")


def _with_system(prompt: list[Message], system: object) -> list[Message]:
    if system is None:
        return prompt
    if not isinstance(system, str):
        raise RowProblem(Reason.NOT_TEXT, f"system is {_kind(system)}, not text.")
    if not system.strip():
        return prompt
    if prompt and prompt[0]["role"] == "system":
        if prompt[0]["content"].strip() == system.strip():
            return prompt
        raise RowProblem(Reason.PROMPT_MISMATCH, "The system column and the prompt's own system turn differ.")
    return [_message("system", system, "system"), *prompt]


def _check_prompt(prompt: list[Message]) -> None:
    if not any(message["role"] in _ASKING and message["content"].strip() for message in prompt):
        raise RowProblem(Reason.EMPTY_PROMPT, "The prompt holds nothing that the user says.")
    if prompt[-1]["role"] not in _ASKING:
        raise RowProblem(Reason.ROLES, f"The prompt ends with the {prompt[-1]['role']}'s turn, not with the user's.")


def _check_answer(answer: list[Message], field: str) -> None:
    for place in (0, -1):
        if answer[place]["role"] != "assistant":
            raise RowProblem(
                Reason.ROLES,
                f"{field} {'begins' if place == 0 else 'ends'} with the {answer[place]['role']}'s turn, "
                "not with the assistant's.",
            )
    if not all(message["content"].strip() for message in answer if message["role"] == "assistant"):
        raise RowProblem(Reason.EMPTY_ANSWER, f"{field} is empty.")


def _stripped(messages: list[Message]) -> list[tuple[str, str]]:
    return [(message["role"], message["content"].strip()) for message in messages]
