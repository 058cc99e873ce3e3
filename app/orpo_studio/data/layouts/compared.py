"""Layouts with two answers side by side, and a verdict which of them is better."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from orpo_studio.data.layouts.answers import asked_in, prompt_or_turns_of
from orpo_studio.data.layouts.cells import Asked, check_gap, gap_words, number, require
from orpo_studio.data.layouts.layout import CHOSEN_COLUMNS, REJECTED_COLUMNS, Found, Layout
from orpo_studio.data.layouts.sample import NEARLY_ALL, Row, Sample, at, share_of, unfolded
from orpo_studio.data.layouts.verdict import ByScore, OneHot, Verdict, Winner, winner_in
from orpo_studio.data.mapping import Mapping as ByHand
from orpo_studio.data.messages import ROLES, assemble
from orpo_studio.data.pair import Pair
from orpo_studio.data.problem import Reason, RowProblem

_STEMS = (
    "answer", "response", "completion", "output", "reply", "candidate", "summary", "generation", "continuation",
    "message", "text", "sample", "option",
)  # fmt: skip
_ENDINGS = (("_a", "_b"), ("_0", "_1"), ("_1", "_2"), ("a", "b"), ("0", "1"), ("1", "2"))
_WINNERS = (
    "winner", "better", "better_answer", "better_response", "preference", "preferred", "overall_preference",
    "preference_strength", "human_preference", "choice", "best", "verdict", "vote", "label", "labels", "chosen",
    "winner_id", "better_response_id", "better_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compared:
    """Which columns hold two answers, and how it is said which is better.

    Attributes:
        asked: where the prompt stands.
        answers: the columns of the two answers.
        verdict: how it is said which is better.
        in_turns: whether prompt and answers are lists of texts, which take turns.
        turn: a column that says after how many exchanges the verdict was given; what follows does not count.
        scores: the columns of the two answers' scores.
        least_gap: pairs whose scores are closer than this are set aside.
        roles: the role of each speaker's name.
    """

    asked: Asked
    answers: tuple[str, str]
    verdict: Verdict
    in_turns: bool = False
    turn: str | None = None
    scores: tuple[str, str] | None = None
    least_gap: float = 0.0
    roles: Mapping[str, str] = field(default_factory=lambda: ROLES)

    def convert(self, row: Row, row_number: int) -> list[Pair]:
        """Return the pair of a row.

        Raises:
            RowProblem: the row makes no pair, or neither answer won.
        """
        require(row, *self.answers, *([self.asked.prompt] if self.asked.prompt else []))
        better = self.verdict.side(row)
        self._check_gap(row)
        prompt = self.asked.of(row)
        answers = [self._answer(row, prompt, column) for column in self.answers]
        pair = assemble(
            None if self.in_turns else prompt,
            answers[better],
            answers[1 - better],
            system=self.asked.system_of(row),
            row=row_number,
            roles=self.roles,
        )
        return [pair]

    def _answer(self, row: Row, prompt: object, column: str) -> object:
        answer = at(row, column)
        if self.in_turns:
            return _taking_turns(unfolded(prompt), unfolded(answer), column)
        count = at(row, self.turn) if self.turn else None
        if isinstance(count, int) and count > 0 and isinstance(answer, list):
            return answer[: 2 * count]
        return self.asked.answer(answer)

    def _check_gap(self, row: Row) -> None:
        if not self.scores or self.least_gap <= 0:
            return
        one, other = (number(at(row, column)) for column in self.scores)
        if one is None or other is None:
            raise RowProblem(Reason.MISSING_FIELD, "A score is missing, so the gap cannot be told.")
        check_gap(abs(one - other), self.least_gap)

    def found(self, evidence: str = "") -> Found:
        """Return how rows are read."""
        first, second = self.answers
        start = f"{self.asked.words()}; " if self.asked.prompt else ""
        words = evidence or f"{start}{first} and {second} are the two answers; {self.verdict.words()}."
        parts = {**self.asked.parts(), "answer_a": first, "answer_b": second}
        if isinstance(self.verdict, Winner):
            parts["winner"] = self.verdict.column
        words += self.asked.system_words() + gap_words(self.least_gap, scored=self.scores is not None)
        return Found(words, self.convert, parts=parts)


def _taking_turns(asked: object, said: object, column: str) -> list[dict[str, object]]:
    if not isinstance(asked, list) or not isinstance(said, list) or len(asked) != len(said):
        raise RowProblem(Reason.ROLES, f"{column} does not have as many turns as the prompt.")
    turns: list[dict[str, object]] = []
    for question, answer in zip(asked, said, strict=True):
        turns += {"role": "user", "content": question}, {"role": "assistant", "content": answer}
    return turns


def names_a_pair(sample: Sample) -> bool:
    """Tell whether a chosen and a rejected answer have a column each, so that nothing needs to be compared."""
    return bool(sample.find(*CHOSEN_COLUMNS) and sample.find(*REJECTED_COLUMNS))


def _shp(sample: Sample, mapping: ByHand) -> Found | None:
    history, first, second, labels = (sample.find(name) for name in ("history", "human_ref_a", "human_ref_b", "labels"))
    if history is None or first is None or second is None or labels is None:
        return None
    scores = (sample.find("score_a"), sample.find("score_b"))
    return Compared(
        asked_in(sample, history),
        (first, second),
        Winner(labels, (first, second), "1 or 0"),
        scores=(scores[0], scores[1]) if scores[0] and scores[1] else None,
        least_gap=mapping.least_gap,
        roles=sample.roles,
    ).found()


def _safe_rlhf(sample: Sample, mapping: ByHand) -> Found | None:
    first, second = sample.find("response_0"), sample.find("response_1")
    better, safer = sample.find("better_response_id"), sample.find("safer_response_id")
    prompt = prompt_or_turns_of(sample)
    taken = (safer or better) if mapping.preference == "safer" else (better or safer)
    if first is None or second is None or prompt is None or taken is None:
        return None
    compared = Compared(
        asked_in(sample, prompt),
        (first, second),
        Winner(taken, (first, second), "from 0"),
        least_gap=mapping.least_gap,
        roles=sample.roles,
    )
    both = "" if not (better and safer) else f" {safer if taken == better else better} is the other preference."
    words = f"{prompt} is the prompt; {first} and {second} are the two answers; {taken} says which is preferred.{both}"
    return compared.found(words)


def _arena(sample: Sample, mapping: ByHand) -> Found | None:
    first, second, winner = (sample.find(name) for name in ("conversation_a", "conversation_b", "winner"))
    if first is None or second is None or not (sample.any_messages(first) and sample.any_messages(second)):
        return None
    verdict = winner_in(sample, winner, (first, second)) if winner else _one_hot(sample)
    if verdict is None:
        return None
    turn = sample.find("turn")
    compared = Compared(
        asked_in(sample, None), (first, second), verdict, turn=turn, least_gap=mapping.least_gap, roles=sample.roles
    )
    words = f"{first} and {second} are whole conversations, and the prompt is their common start; {verdict.words()}."
    return compared.found(words)


def _one_hot(sample: Sample) -> OneHot | None:
    first, second = sample.find("winner_model_a"), sample.find("winner_model_b")
    return OneHot(first, second, sample.find("winner_tie")) if first and second else None


def _two_answers(sample: Sample, mapping: ByHand) -> Found | None:
    prompt = _prompt_path(sample)
    answers = _answer_columns(sample)
    if prompt is None or answers is None or names_a_pair(sample):
        return None
    if sample.find("better_response_id") and sample.find("safer_response_id"):
        return None  # which of the two preferences counts is not for this layout to say
    ending = (answers[0][-1], answers[1][-1])
    scores = next(
        (
            (one, two)
            for stem in ("score_", "rating_", "reward_", "score", "rating", "reward")
            if (one := sample.find(stem + ending[0].lower())) and (two := sample.find(stem + ending[1].lower()))
        ),
        None,
    )
    verdict = _verdict(sample, answers, scores)
    if verdict is None:
        return None
    return compared_by_hand(sample, mapping, asked_in(sample, prompt), answers, verdict, scores=scores)


def compared_by_hand(
    sample: Sample,
    mapping: ByHand,
    asked: Asked,
    answers: tuple[str, str],
    verdict: Verdict,
    *,
    scores: tuple[str, str] | None = None,
) -> Found:
    """Return how two answers and a verdict are read whose columns are known."""
    in_turns = bool(asked.prompt) and all(
        share_of(sample.cells(path), _is_list_of_texts) >= NEARLY_ALL for path in (asked.prompt or "", *answers)
    )
    return Compared(
        asked, answers, verdict, in_turns, scores=scores, least_gap=mapping.least_gap, roles=sample.roles
    ).found()


def _is_list_of_texts(cell: object) -> bool:
    entries = unfolded(cell)
    return isinstance(entries, list) and any(isinstance(entry, str) for entry in entries)


def _prompt_path(sample: Sample) -> str | None:
    """Return the prompt's column, or the field inside it that holds the text (WebGPT's ``question.full_text``)."""
    prompt = prompt_or_turns_of(sample) or sample.find("context", "post", "article")
    if prompt and not sample.any_messages(prompt):
        for name in ("full_text", "text"):
            if any(isinstance(cell, dict) and name in cell for cell in sample.cells(prompt)):
                return f"{prompt}.{name}"
    return prompt


def _answer_columns(sample: Sample) -> tuple[str, str] | None:
    for stem in _STEMS:
        for one, two in _ENDINGS:
            first, second = sample.find(stem + one), sample.find(stem + two)
            if first and second and not _more(sample, stem + one):
                return first, second
    return None


def _more(sample: Sample, first: str) -> bool:
    """Tell whether there are more than two answers, counted on from the first or from one before it."""
    start, count = first[:-1], first[-1]
    places = {"0": "2", "1": "03"}.get(count, "")
    return any(sample.find(start + place) for place in places)


def _verdict(sample: Sample, answers: tuple[str, str], scores: tuple[str, str] | None) -> Verdict | None:
    for name in _WINNERS:
        column = sample.find(name)
        if column is not None and column not in answers and sample.cells(column):
            return winner_in(sample, column, answers)
    return _one_hot(sample) or (ByScore(*scores) if scores else None)


COMPARISONS = (
    Layout("PKU-SafeRLHF", _safe_rlhf),
    Layout("arena", _arena),
    Layout("two answers and a winner", _two_answers),
)
SHP = Layout("SHP", _shp)
