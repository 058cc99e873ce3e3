"""Rows in each layout, written from a prompt and two answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orpo_studio.data.pair import Message, Pair

Row = dict[str, object]


@dataclass(frozen=True)
class Writer:
    """How a layout writes a pair.

    Attributes:
        layout: the name it is recognized by.
        write: from a pair whose answers are one turn each to a row.
        turns: whether it can hold a prompt of several turns.
        system: whether it can hold a system prompt.
        stripped: whether blanks around turns are lost.
    """

    layout: str
    write: Callable[[Pair], Row]
    turns: bool = False
    system: bool = False
    stripped: bool = False


def _from_value(messages: Sequence[Message]) -> list[Mapping[str, str]]:
    names = {"user": "human", "assistant": "gpt", "system": "system"}
    return [{"from": names[message["role"]], "value": message["content"]} for message in messages]


def _transcript(messages: Sequence[Message]) -> str:
    names = {"user": "Human", "assistant": "Assistant"}
    return "".join(f"\n\n{names[message['role']]}: {message['content']}" for message in messages)


def _asked(pair: Pair) -> str:
    return pair.prompt[-1]["content"]


def _texts(pair: Pair) -> tuple[str, str]:
    return pair.chosen[0]["content"], pair.rejected[0]["content"]


def _system(pair: Pair) -> str:
    return pair.prompt[0]["content"] if pair.prompt[0]["role"] == "system" else ""


def _openai(pair: Pair) -> Row:
    return {"input": {"messages": pair.prompt}, "preferred_output": pair.chosen, "non_preferred_output": pair.rejected}


def _sharegpt(pair: Pair) -> Row:
    (chosen,), (rejected,) = _from_value(pair.chosen), _from_value(pair.rejected)
    return {"conversations": _from_value(pair.prompt), "chosen": chosen, "rejected": rejected}


def _ms_swift(pair: Pair) -> Row:
    return {"messages": pair.prompt + pair.chosen, "rejected_response": _texts(pair)[1]}


def _ms_swift_messages(pair: Pair) -> Row:
    return {"messages": pair.prompt + pair.chosen, "rejected_messages": pair.prompt + pair.rejected}


def _openpipe(pair: Pair) -> Row:
    return {"messages": pair.prompt + pair.chosen, "rejected_message": pair.rejected[0]}


def _nectar(pair: Pair) -> Row:
    chosen, rejected = _texts(pair)
    return {
        "prompt": _transcript(pair.prompt) + "\n\nAssistant: ",
        "answers": [
            {"answer": rejected, "model": "llama-2-7b-chat", "rank": 7.0},
            {"answer": chosen, "model": "gpt-4", "rank": 1.0},
        ],
        "turns": 1,
        "good_natured": True,
    }


def _shp(pair: Pair) -> Row:
    chosen, rejected = _texts(pair)
    return {
        "domain": "askculinary_train",
        "history": _asked(pair),
        "human_ref_A": rejected,
        "human_ref_B": chosen,
        "labels": 0,
        "score_A": 3,
        "score_B": 8,
        "score_ratio": 2.67,
    }


def _ultrafeedback(pair: Pair) -> Row:
    chosen, rejected = _texts(pair)
    return {
        "source": "evol_instruct",
        "instruction": _asked(pair),
        "models": ["bard", "alpaca-7b"],
        "completions": [
            {"response": chosen, "annotations": {"helpfulness": {"Rating": "5"}}, "overall_score": 8.5},
            {"response": rejected, "annotations": {"helpfulness": {"Rating": "2"}}, "overall_score": 4.0},
        ],
    }


def _samples(pair: Pair) -> Row:
    chosen, rejected = _texts(pair)
    return {"input": _asked(pair), "sample0": rejected, "sample1": chosen, "best": 1}


def _safe_rlhf(pair: Pair) -> Row:
    chosen, rejected = _texts(pair)
    return {
        "prompt": _asked(pair),
        "response_0": rejected,
        "response_1": chosen,
        "better_response_id": 1,
        "safer_response_id": 0,
    }


def _arena(pair: Pair) -> Row:
    return {
        "model_a": "gpt-4",
        "model_b": "koala-13b",
        "winner": "model_b",
        "conversation_a": pair.prompt + pair.rejected,
        "conversation_b": pair.prompt + pair.chosen,
    }


def _winner(pair: Pair) -> Row:
    chosen, rejected = _texts(pair)
    return {"question": _asked(pair), "answer_a": chosen, "answer_b": rejected, "winner": "a"}


def _capybara(pair: Pair) -> Row:
    return {
        "source": "Airoboros",
        "conversation": [{"input": _asked(pair), "output": _texts(pair)[0]}],
        "prompt": "something else",
        "chosen": pair.prompt + pair.chosen,
        "rejected": pair.prompt + pair.rejected,
        "rating_chosen": 5.0,
        "rating_rejected": 4.0,
    }


def _messages(pair: Pair) -> Row:
    return {"prompt": pair.prompt, "chosen": pair.chosen, "rejected": pair.rejected}


def _repeated(pair: Pair) -> Row:
    return {
        "prompt": _asked(pair),
        "prompt_id": "9f",
        "chosen": pair.prompt + pair.chosen,
        "rejected": pair.prompt + pair.rejected,
        "messages": pair.prompt + pair.chosen,
    }


def _conversations(pair: Pair) -> Row:
    return {"dataset": "mix", "chosen": pair.prompt + pair.chosen, "rejected": pair.prompt + pair.rejected}


def _hh_rlhf(pair: Pair) -> Row:
    return {"chosen": _transcript(pair.prompt + pair.chosen), "rejected": _transcript(pair.prompt + pair.rejected)}


def _alpaca(pair: Pair) -> Row:
    chosen, rejected = _texts(pair)
    return {"instruction": _asked(pair), "input": "", "chosen": chosen, "rejected": rejected}


def _dolphin(pair: Pair) -> Row:
    chosen, rejected = _texts(pair)
    return {"instruction": _asked(pair), "input": "", "accepted": chosen, "rejected": rejected}


def _orca(pair: Pair) -> Row:
    chosen, rejected = _texts(pair)
    return {"system": _system(pair), "question": _asked(pair), "chosen": chosen, "rejected": rejected}


WRITERS = {
    "openai": Writer("OpenAI preference", _openai, turns=True, system=True),
    "sharegpt": Writer("ShareGPT ranking", _sharegpt, turns=True, system=True),
    "ms-swift": Writer("ms-swift", _ms_swift, turns=True, system=True),
    "ms-swift messages": Writer("ms-swift", _ms_swift_messages, turns=True, system=True),
    "openpipe": Writer("OpenPipe", _openpipe, turns=True, system=True),
    "nectar": Writer("ranked list", _nectar, turns=True, stripped=True),
    "shp": Writer("SHP", _shp),
    "ultrafeedback": Writer("scored completions", _ultrafeedback),
    "samples": Writer("best of samples", _samples),
    "pku": Writer("PKU-SafeRLHF", _safe_rlhf),
    "arena": Writer("arena", _arena, turns=True, system=True),
    "winner": Writer("two answers and a winner", _winner),
    "capybara": Writer("Capybara", _capybara, turns=True, system=True),
    "messages": Writer("prompt and message lists", _messages, turns=True, system=True),
    "repeated": Writer("prompt and message lists", _repeated, turns=True, system=True),
    "conversations": Writer("two conversations", _conversations, turns=True, system=True),
    "hh-rlhf": Writer("transcripts", _hh_rlhf, turns=True, stripped=True),
    "alpaca": Writer("Alpaca ranking", _alpaca),
    "dolphin": Writer("Alpaca ranking", _dolphin),
    "orca": Writer("prompt and text", _orca, system=True),
}
"""Each way to write a pair; more than one may be of one layout."""
