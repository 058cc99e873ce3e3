"""Conversations written as one text, such as "\\n\\nHuman: … \\n\\nAssistant: …" (hh-rlhf)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from orpo_studio.data.pair import Message
from orpo_studio.data.problem import Reason, RowProblem
from orpo_studio.data.templated import TEMPLATES, Templated

_FAMILIES: tuple[dict[str, str], ...] = (
    {"Human": "user", "Hum": "user", "Assistant": "assistant", "System": "system"},
    {"User": "user", "Assistant": "assistant", "System": "system"},
    {"### Human": "user", "### Assistant": "assistant", "### System": "system"},
    {"### User": "user", "### Assistant": "assistant", "### System": "system"},
    {"USER": "user", "ASSISTANT": "assistant", "SYSTEM": "system"},
)
"""The names of the speakers that are found together; "Hum" is a slip of the pen in hh-rlhf."""
_ENOUGH = 0.9
"""Which share of the texts must be transcripts; some rows are damaged in every large set."""
_LOOK = 100_000
"""How much of the beginning and of the end of a long text is looked at, in characters, to tell what it is."""


@dataclass(frozen=True)
class Speakers:
    """What the speakers of a transcript are called.

    Attributes:
        roles: the role of each name.
        by_hand: somebody gave the names: then they count in any case, and at the start of any line. Otherwise a
            blank line stands between two turns.
    """

    roles: Mapping[str, str]
    by_hand: bool = False

    @cached_property
    def _label(self) -> re.Pattern[str]:
        names = "|".join(re.escape(name) for name in sorted(self.roles, key=len, reverse=True))
        return re.compile(rf"({names})[ \t]*:", re.IGNORECASE if self.by_hand else 0)

    @cached_property
    def _next_label(self) -> re.Pattern[str]:
        gap = r"\n[ \t]*" if self.by_hand else r"\n[ \t]*\n"
        return re.compile(gap + self._label.pattern, self._label.flags)

    def _role(self, label: re.Match[str]) -> str:
        return self.roles[label[1].lower() if self.by_hand else label[1]]

    def begins(self, text: str) -> bool:
        """Tell whether a text begins with a speaker's name."""
        return self._label.match(text, _first_letter(text)) is not None

    def answers(self, text: str) -> bool:
        """Tell whether a text begins with a speaker's name and somebody answers in it."""
        if not self.begins(text):
            return False
        looked_at = text if len(text) <= 2 * _LOOK else text[:_LOOK] + text[-_LOOK:]
        return any(self._role(label) == "assistant" for label in self._next_label.finditer(looked_at))

    def turns(self, text: str, field: str) -> list[Message]:
        """Return the turns of a transcript, without blanks around them.

        Raises:
            RowProblem: something stands before the first turn.
        """
        first = self._label.match(text, _first_letter(text))
        if first is None:
            raise RowProblem(Reason.ROLES, f"{field} does not begin with the name of a speaker.")
        found = [first, *self._next_label.finditer(text, first.end())]
        ends = [*(label.start() for label in found[1:]), len(text)]
        return [
            {"role": self._role(label), "content": text[label.end() : end].strip()}
            for label, end in zip(found, ends, strict=True)
        ]

    def names(self) -> list[str]:
        """Return what turns begin with, as it is shown."""
        return [f"{name}:" for name in self.roles]

    def answer(self, text: str) -> str:
        """Return an answer without the blank that stands between it and the "Assistant:" that the prompt ends with."""
        return text.removeprefix(" ")

    def asked(self, text: str, field: str) -> list[Message]:
        """Return the turns of a prompt, which may end with the name of the assistant, who is to answer.

        Raises:
            RowProblem: something stands before the first turn.
        """
        turns = self.turns(text, field)
        if turns[-1] == {"role": "assistant", "content": ""}:
            del turns[-1]
        return turns


Transcript = Speakers | Templated
"""How a conversation is written as one text."""


def _first_letter(text: str) -> int:
    return len(text) - len(text.lstrip())


def speakers_of(texts: Sequence[str], *, answered: bool, named: Mapping[str, str] | None = None) -> Transcript | None:
    """Return how texts are written that are transcripts, or None where they are not.

    Args:
        texts: some texts of a column.
        answered: whether an answer must stand in them; otherwise they may end with a question.
        named: the role of names that somebody gave, in lower case.
    """
    if not texts:
        return None
    candidates: list[Transcript] = [*(Speakers(family) for family in _FAMILIES), *TEMPLATES]
    if named:
        missing = {role: role for role in ("user", "assistant") if role not in named.values()}
        candidates.insert(0, Speakers({**missing, **named}, by_hand=True))
    for speakers in candidates:
        fits = speakers.answers if answered else speakers.begins
        if sum(map(fits, texts)) >= _ENOUGH * len(texts):
            return speakers
    return None
