"""Conversations written as one text in the form of a chat template, such as "<|im_start|>user … <|im_end|>" (ChatML).

The model's own template writes such tokens again, so they are taken out and the turns kept.
"""

import re
from dataclasses import dataclass

from orpo_studio.data.messages import ROLES
from orpo_studio.data.pair import Message
from orpo_studio.data.problem import Reason, RowProblem

_BEGIN = re.compile(r"\s*(?:<\|begin_of_text\|>|<s>|<bos>)?\s*")


@dataclass(frozen=True)
class Templated:
    """The tokens that a template writes around turns.

    Attributes:
        example: what begins a turn of the user, as it is shown.
        label: what begins a turn, with the role as its group.
        end: what ends a turn.
    """

    example: str
    label: re.Pattern[str]
    end: re.Pattern[str]

    def names(self) -> list[str]:
        """Return what turns begin with, as it is shown."""
        return [self.example]

    def begins(self, text: str) -> bool:
        """Tell whether a text begins with a turn."""
        return self.label.match(text, _after_begin(text)) is not None

    def answers(self, text: str) -> bool:
        """Tell whether a text begins with a turn and somebody answers in it."""
        return self.begins(text) and any(_role(found) == "assistant" for found in self.label.finditer(text))

    def turns(self, text: str, field: str) -> list[Message]:
        """Return the turns, without the tokens and blanks around them.

        Raises:
            RowProblem: something stands before the first turn, or a turn is by nobody who is known.
        """
        found = list(self.label.finditer(text))
        if not found or found[0].start() != _after_begin(text):
            raise RowProblem(Reason.ROLES, f"{field} does not begin with {self.example}.")
        ends = [*(label.start() for label in found[1:]), len(text)]
        turns: list[Message] = []
        for label, end in zip(found, ends, strict=True):
            role = _role(label)
            if role is None:
                raise RowProblem(Reason.ROLES, f"{field} has a turn by {label[1][:40]!r}, a role that is not known.")
            turns.append({"role": role, "content": self.answer(text[label.end() : end]).strip()})
        return turns

    def asked(self, text: str, field: str) -> list[Message]:
        """Return the turns of a prompt, which may end with the beginning of the answer's turn.

        Raises:
            RowProblem: something stands before the first turn, or a turn is by nobody who is known.
        """
        turns = self.turns(text, field)
        if turns[-1] == {"role": "assistant", "content": ""}:
            del turns[-1]
        return turns

    def answer(self, text: str) -> str:
        """Return an answer without the token that ends it."""
        bare = text.rstrip()
        ended = self.end.search(bare, max(0, len(bare) - _LONGEST_END))
        return bare[: ended.start()].rstrip() if ended else text


_LONGEST_END = 40


def _role(label: re.Match[str]) -> str | None:
    return ROLES.get(label[1].strip().lower())


def _after_begin(text: str) -> int:
    begun = _BEGIN.match(text)
    return begun.end() if begun else 0


TEMPLATES = (
    Templated(
        "<|im_start|>user", re.compile(r"<\|im_start\|>(\w{1,20})[ \t]*\n"), re.compile(r"(?:<\|im_end\|>\s*)+\Z")
    ),
    Templated(
        "<|start_header_id|>user",
        re.compile(r"<\|start_header_id\|>(\w{1,20})<\|end_header_id\|>\s{0,2}"),
        re.compile(r"(?:<\|(?:eot_id|end_of_text)\|>\s*)+\Z"),
    ),
    Templated(
        "<start_of_turn>user",
        re.compile(r"<start_of_turn>(\w{1,20})[ \t]*\n"),
        re.compile(r"(?:<(?:end_of_turn|eos)>\s*)+\Z"),
    ),
    Templated(
        "<|user|>",
        re.compile(r"<\|(user|assistant|system)\|>[ \t]*\n?"),
        re.compile(r"(?:(?:</s>|<\|end\|>|<\|endoftext\|>)\s*)+\Z"),
    ),
)
"""ChatML, Llama 3, Gemma, and Zephyr, Phi or TinyLlama."""
