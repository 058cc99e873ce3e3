"""Checks of a pair's two answers: alike, empty, out of turn, repeating the prompt, refusing, saying nothing."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orpo_studio.data.doctor.check import Kind, RowCheck, Where, beginning
from orpo_studio.data.doctor.columns import Bools, PairBatch, Part, as_mask, byte_lengths

_ANSWERS: tuple[Part, Part] = ("chosen", "rejected")
_LEAST_REPEATED = 40
"""Bytes of the shortest prompt whose repetition counts: short ones stand in answers by chance."""
_OPENING = 400
"""Characters of an answer in which a refusal shows."""

_REFUSAL = (
    r"(i'?m (really |very |truly |so )?sorry,? but (as an ai|i('m| am)? (can|unable|not able|not comfortable|won))"
    r"|i (can't|cannot|can not|won't|will not|am unable to|am not able to|'m not able to|'m unable to) "
    r"(assist|help|fulfil|comply|provide|support|create|generate|write|answer|engage|do that|participate)"
    r"|i('m| am) (not able|unable) to (assist|help|fulfil|comply|provide|create|generate|write|answer)"
    r"|as an ai( language)?( model| assistant)?,? (i )?(can't|cannot|can not|am not able|am unable|do not have the)"
    r"|it (is|would be) (not appropriate|inappropriate|unethical)[^.]{0,60}(for me )?to"
    r"|sorry, i (can't|cannot|won't)|i must (decline|refuse))"
)
_BOILERPLATE = (
    r"(as an? (ai|artificial intelligence|large language|language)[a-z ]{0,20}(model|assistant)"
    r"|as a (helpful|respectful)[a-z, ]{0,40}assistant|i('m| am) (just )?an ai( language)?( model| assistant)?\b"
    r"|my (knowledge cutoff|training data)|trained by openai|developed by openai|i hope this helps"
    r"|let me know if you (have any|need any) (other|further|more)|feel free to ask)"
)

SAME_ANSWERS = Kind(
    code="same-answers",
    looks_for="Chosen and rejected that say the same",
    one="has the same text as chosen and as rejected, but for blanks and capital letters",
    many="have the same text as chosen and as rejected, but for blanks and capital letters",
    none="In no pair are chosen and rejected the same.",
    why="Such a pair prefers nothing. Its odds-ratio term pulls at blanks and capital letters alone.",
    advice="Set these pairs aside.",
    warning=0.0,
    serious=0.05,
    remedy="drop-same-answers",
)
EMPTY_ANSWERS = Kind(
    code="empty-answers",
    looks_for="Answers without a word",
    one="has an answer without a letter or digit",
    many="have an answer without a letter or digit",
    none="Every answer has words.",
    why="An empty chosen answer teaches to say nothing; an empty rejected one teaches next to nothing. The mean "
    "over its few tokens weighs as much as that of a long answer.",
    advice="Set these pairs aside, unless such answers are meant, as with an emoji.",
    warning=0.0,
    serious=0.02,
    remedy="drop-empty-answers",
)
ROLE_ERRORS = Kind(
    code="role-errors",
    looks_for="Turns in a wrong order",
    one="has turns in a wrong order",
    many="have turns in a wrong order",
    none="All turns are in order.",
    why="The chat template renders such a conversation in a form that the model never meets in use, or refuses it.",
    advice="Set these pairs aside, or correct them in the source.",
    warning=0.0,
    serious=0.05,
    remedy="drop-role-errors",
)
PROMPT_IN_ANSWER = Kind(
    code="prompt-in-answer",
    looks_for="Answers that repeat the prompt",
    one="has an answer that repeats the whole prompt",
    many="have an answer that repeats the whole prompt",
    none="No answer repeats its prompt.",
    why="ORPO also trains on the chosen answer as it stands: the model learns to repeat what it was asked.",
    advice="Cut the prompt off where an answer begins with it. Elsewhere it may be quoted with reason.",
    warning=0.01,
    serious=0.2,
    remedy="strip-repeated-prompt",
)
REFUSALS_CHOSEN = Kind(
    code="refusals-chosen",
    looks_for="Refusals among the chosen answers",
    one="has a refusal as its chosen answer",
    many="have a refusal as their chosen answer",
    none="No chosen answer is a refusal.",
    why="ORPO teaches the chosen answer word by word. A few per cent of refusals suffice for a model that refuses "
    "harmless requests.",
    advice="Look at them. Keep those that decline something harmful; set the others aside.",
    warning=0.01,
    serious=0.1,
    remedy="drop-chosen-refusals",
)
REFUSALS_REJECTED = Kind(
    code="refusals-rejected",
    looks_for="Refusals among the rejected answers",
    one="has a refusal as its rejected answer",
    many="have a refusal as their rejected answer",
    none="No rejected answer is a refusal.",
    why="Where refusals are rejected the model learns to decline less, harmful requests included.",
    advice="Nothing is to do where that is the purpose. Otherwise look at what the chosen answers comply with.",
    warning=0.1,
)
BOILERPLATE = Kind(
    code="boilerplate",
    looks_for="Stock phrases in chosen answers",
    one="has a stock phrase such as “As an AI language model” in its chosen answer",
    many="have a stock phrase such as “As an AI language model” in their chosen answers",
    none="No chosen answer has one of the known stock phrases.",
    why="Phrases that many chosen answers share are what a fine-tune learns first.",
    advice="Look at them. A few do no harm.",
    warning=0.05,
    serious=0.5,
)


def same_answers(batch: PairBatch) -> Bools:
    """Tell where the two answers are the same after small letters and without blanks."""
    chosen, rejected = (byte_lengths(batch.texts(part)) for part in _ANSWERS)
    same = np.zeros(len(batch), dtype=bool)
    for place in np.flatnonzero(np.abs(chosen - rejected) <= 8 + 0.1 * np.maximum(chosen, rejected)):
        first, second = (batch.texts(part)[int(place)].as_py() for part in _ANSWERS)
        same[place] = first == second or (_bare(first[:200]) == _bare(second[:200]) and _bare(first) == _bare(second))
    return same


def _bare(text: str) -> str:
    return "".join(text.casefold().split())


def empty_answers(batch: PairBatch) -> Bools:
    """Tell where an answer, or one of its assistant's turns, has neither letter nor digit."""
    empty = np.zeros(len(batch), dtype=bool)
    for part in _ANSWERS:
        column = batch.records.column(part)
        turns = column.flatten()
        silent = ~as_mask(pc.match_substring_regex(turns.field("content"), r"[\pL\pN]"))
        silent &= as_mask(pc.equal(turns.field("role"), "assistant"))
        empty[np.repeat(np.arange(len(batch)), batch.turns(part))[silent]] = True
        empty |= batch.turns(part) == 0
    return empty


_ROLES = pa.array(["system", "user", "assistant", "tool"])
_SYSTEM, _USER, _ASSISTANT, _TOOL = range(4)


def role_errors(batch: PairBatch) -> Bools:
    """Tell where turns are out of order: a side twice in a row, a late system turn, a wrong beginning or end."""
    wrong = np.zeros(len(batch), dtype=bool)
    for part in ("prompt", "chosen", "rejected"):
        column, counts = batch.records.column(part), batch.turns(part)
        roles = pc.fill_null(pc.index_in(column.flatten().field("role"), value_set=_ROLES), -1).to_numpy()
        rows = np.repeat(np.arange(len(batch)), counts)
        wrong[rows[roles < 0]] = True
        wrong |= counts == 0
        follows = rows[1:] == rows[:-1]
        twice = follows & (roles[1:] == roles[:-1]) & np.isin(roles[1:], (_USER, _ASSISTANT))
        late = follows & (roles[1:] == _SYSTEM)
        wrong[rows[1:][twice | late]] = True
        ends = np.cumsum(counts)
        there = counts > 0
        last, first = roles[ends[there] - 1], roles[(ends - counts)[there]]
        fits = np.isin(last, (_USER, _TOOL)) if part == "prompt" else (last == _ASSISTANT) & (first == _ASSISTANT)
        wrong[np.flatnonzero(there)[~fits]] = True
    return wrong


def prompt_in_answer(batch: PairBatch) -> Bools:
    """Tell where an answer holds the whole of what was asked last."""
    asked = last_turns(batch)
    answers = [batch.texts(part).cast(pa.binary()).to_pylist() for part in _ANSWERS]
    found = (
        len(prompt) >= _LEAST_REPEATED and (prompt in chosen or prompt in rejected)
        for prompt, chosen, rejected in zip(asked, *answers, strict=True)
    )
    return np.fromiter(found, dtype=bool, count=len(batch))


def last_turns(batch: PairBatch) -> list[bytes]:
    """Return what was asked last, without the blanks around it, as UTF-8."""
    column, counts = batch.records.column("prompt"), batch.turns("prompt")
    contents = column.flatten().field("content").cast(pa.binary())
    asked = contents.take(pa.array(np.maximum(np.cumsum(counts) - 1, 0), mask=counts == 0))
    return [(text or b"").strip() for text in asked.to_pylist()]


def _refuses(part: Part) -> Where:
    def where(batch: PairBatch) -> Bools:
        return _opening_matches(batch, part, _REFUSAL)

    return where


def _boilerplate(batch: PairBatch) -> Bools:
    return as_mask(pc.match_substring_regex(_plain_quotes(batch.texts("chosen")), _BOILERPLATE, ignore_case=True))


def _opening_matches(batch: PairBatch, part: Part, pattern: str) -> Bools:
    opening = pc.utf8_slice_codeunits(batch.texts(part), 0, _OPENING)
    return as_mask(pc.match_substring_regex(_plain_quotes(opening), pattern, ignore_case=True))


def _plain_quotes(texts: pa.StringArray) -> pa.StringArray:
    return pc.replace_substring(texts, "’", "'")


CHECKS = (
    RowCheck(SAME_ANSWERS, same_answers, beginning("chosen")),
    RowCheck(EMPTY_ANSWERS, empty_answers, beginning("prompt")),
    RowCheck(ROLE_ERRORS, role_errors, beginning("prompt")),
    RowCheck(PROMPT_IN_ANSWER, prompt_in_answer, beginning("prompt")),
    RowCheck(REFUSALS_CHOSEN, _refuses("chosen"), beginning("chosen")),
    RowCheck(REFUSALS_REJECTED, _refuses("rejected"), beginning("rejected")),
    RowCheck(BOILERPLATE, _boilerplate, beginning("chosen")),
)
"""The checks of answers that look at one pair at a time."""
