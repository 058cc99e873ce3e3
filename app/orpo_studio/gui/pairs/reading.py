"""A pair as one model will read it, ready to be shown: texts, marks and counts. No widget."""

import re
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from orpo_studio.data.pair import Message, Pair
    from orpo_studio.data.rendering import PairTokens, RenderedPair
    from orpo_studio.data.search import TextQuery
    from orpo_studio.models.card import ModelCard
    from orpo_studio.models.chat_template import ChatTemplate
    from orpo_studio.models.token_counter import TokenCounter

Kind = Literal["special", "differs", "cut", "found"]
_MOST_MARKS = 20_000
_MOST_FOUND = 2_000
_MOST_COUNTED = 200_000
"""Characters of a pair whose tokens are counted; of a longer one they are estimated from its beginning."""
_SAMPLED = 50_000
_LONG_TOKEN = 24
"""So many characters a token are looked at to find where the maximum length cuts; few texts have longer tokens."""
_LEAST_COMMON = 0.2
"""Answers with fewer words in common are simply two answers: marking nearly all of both would tell nothing."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is needed to read pairs as one model will: its template, its tokenizer and its end tokens."""

    template: "ChatTemplate"
    counter: "TokenCounter | None"
    specials: tuple[str, ...]
    bos_id: int | None
    eos_id: int

    @classmethod
    def of(cls, card: "ModelCard") -> "Reading":
        """Read template and tokenizer of a model; takes up to a second for a large tokenizer.

        Raises:
            ModelProblem: the template or the tokenizer cannot be used.
        """
        from orpo_studio.models.chat_template import ChatTemplate
        from orpo_studio.models.token_counter import TokenCounter

        counter = TokenCounter(card.path) if card.has_tokenizer else None
        bos = counter.id_of(card.bos_token) if counter and card.bos_token else None
        eos = counter.id_of(card.eos_token) if counter else None
        specials = (*card.special_tokens.values(), *(counter.special_tokens() if counter else ()))
        return cls(ChatTemplate.of(card), counter, specials, bos, -1 if eos is None else eos)


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of a text that is set apart: from character ``start`` up to ``end``."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Part:
    """One text of a pair.

    Attributes:
        text: all of it.
        marks: what is set apart in it, in any order; marks of different kinds may overlap.
        tokens: how many it has; None where they were not counted.
    """

    text: str
    marks: tuple[Mark, ...] = ()
    tokens: int | None = None
    estimated: bool = False
    """Whether the tokens are only estimated, since the text is very long."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A pair ready to be shown; ``note`` says what the person should know of it."""

    prompt: Part
    chosen: Part
    rejected: Part
    note: str = ""


def mark_found(sheet: Sheet, query: "TextQuery | None") -> Sheet:
    """Return a sheet on which the text that was looked for is marked, too."""
    if query is None:
        return sheet
    pattern = re.compile(query.pattern(match_case=query.match_case))

    def marked(name: str, part: Part) -> Part:
        if name not in query.parts:
            return part
        found = (Mark(*place.span(), "found") for place in islice(pattern.finditer(part.text), _MOST_FOUND))
        return replace(part, marks=(*part.marks, *found))

    return Sheet(
        marked("prompt", sheet.prompt),
        marked("chosen", sheet.chosen),
        marked("rejected", sheet.rejected),
        sheet.note,
    )


def lay_out(pair: "Pair", reading: Reading | None, max_length: int, *, count: bool = True) -> Sheet:
    """Return a pair's texts with their marks; may take seconds for texts of megabytes when their tokens are counted.

    Args:
        pair: the pair.
        reading: the model's; None shows plain turns.
        max_length: what is beyond so many tokens is marked as cut.
        count: whether to count tokens.
    """
    from orpo_studio.data.rendering import RenderedPair, render_pair
    from orpo_studio.models.problem import ModelProblem

    plain = RenderedPair(turns(pair.prompt), turns(pair.chosen), turns(pair.rejected))
    if reading is None:
        return _sheet(plain, (), None, None, "Choose a base model to see the pair as that model will.")
    try:
        rendered = render_pair(pair, reading.template)
    except ModelProblem as problem:
        return _sheet(plain, (), None, None, f"{problem.title} {problem.detail}")
    if not count or reading.counter is None:
        return _sheet(rendered, reading.specials, None, None, "")
    tokens, kept, note = _measure(rendered, reading, max_length)
    return _sheet(rendered, reading.specials, tokens, kept, note)


def turns(messages: "list[Message]") -> str:
    """Return messages as plain turns, for when no template is at hand."""
    return "\n\n".join(f"{message['role']}:\n{message['content']}" for message in messages)


def _measure(
    rendered: "RenderedPair", reading: Reading, max_length: int
) -> "tuple[PairTokens, tuple[int, int, int], str]":
    """Return the tokens of the parts, how many characters of each are kept, and what to say of it."""
    from orpo_studio.data.rendering import count_tokens, room_for_answer

    counter = reading.counter
    if counter is None:
        raise ValueError("no tokenizer to count with")
    whole = (len(rendered.prompt_text), len(rendered.chosen_text), len(rendered.rejected_text))
    if sum(whole) <= _MOST_COUNTED:
        tokens = count_tokens(rendered, counter, bos_id=reading.bos_id, eos_id=reading.eos_id)
    else:
        tokens = _estimate(rendered, counter)
    if tokens.fits(max_length):
        return tokens, whole, ""
    prompt = rendered.prompt_text
    looked_at = _LONG_TOKEN * max_length
    own_bos = reading.bos_id is not None and counter.encode(prompt[:200])[:1] != [reading.bos_id]
    most = max_length - own_bos
    room = room_for_answer(tokens.prompt, max_length)
    if room == 0:
        note = f"The prompt alone fills the maximum length of {max_length:,} tokens: this pair is set aside."
        return tokens, (counter.characters(prompt[:looked_at], most), 0, 0), note
    answers = [
        min(len(answer), max(0, counter.characters((prompt + answer)[:looked_at], most) - len(prompt)))
        for answer in (rendered.chosen_text, rendered.rejected_text)
    ]
    note = f"Answers are cut after {room:,} tokens, at the maximum length of {max_length:,}."
    return tokens, (len(prompt), answers[0], answers[1]), note


def _estimate(rendered: "RenderedPair", counter: "TokenCounter") -> "PairTokens":
    from orpo_studio.data.rendering import PairTokens

    prompt, chosen, rejected = (
        round(counter.count(text[:_SAMPLED]) * max(1.0, len(text) / _SAMPLED))
        for text in (rendered.prompt_text, rendered.chosen_text, rendered.rejected_text)
    )
    return PairTokens(prompt, chosen, rejected)


def _sheet(
    rendered: "RenderedPair",
    specials: tuple[str, ...],
    tokens: "PairTokens | None",
    kept: tuple[int, int, int] | None,
    note: str,
) -> Sheet:
    from orpo_studio.data.difference import differences

    texts = (rendered.prompt_text, rendered.chosen_text, rendered.rejected_text)
    specials = tuple(sorted({token for token in specials if token}, key=len, reverse=True))
    different = differences(texts[1], texts[2], one_word=specials)
    spans = ((), different.first, different.second) if different.common >= _LEAST_COMMON else ((), (), ())
    counts = (None, None, None) if tokens is None else (tokens.prompt, tokens.chosen, tokens.rejected)
    estimated = sum(len(text) for text in texts) > _MOST_COUNTED
    parts = []
    for place, text in enumerate(texts):
        marks = [*_specials_in(text, specials), *(Mark(start, end, "differs") for start, end in spans[place])]
        if kept is not None and kept[place] < len(text):
            marks.append(Mark(kept[place], len(text), "cut"))
        parts.append(Part(text, tuple(marks), counts[place], estimated and len(text) > _SAMPLED))
    prompt, chosen, rejected = parts
    return Sheet(prompt, chosen, rejected, note)


def _specials_in(text: str, specials: tuple[str, ...]) -> list[Mark]:
    """Return where special tokens stand, so that a missing or a doubled one is seen."""
    if not specials:
        return []
    marks = []
    for found in re.finditer("|".join(re.escape(token) for token in specials), text):
        marks.append(Mark(*found.span(), "special"))
        if len(marks) == _MOST_MARKS:
            break
    return marks
