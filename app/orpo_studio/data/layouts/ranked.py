"""Layouts with several answers to a prompt, in an order, with scores, or with the best one named."""

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, pairwise, product
from typing import cast

from orpo_studio.data.layouts.answers import asked_in, prompt_or_turns_of
from orpo_studio.data.layouts.cells import Asked, check_gap, number, require
from orpo_studio.data.layouts.compared import names_a_pair
from orpo_studio.data.layouts.layout import SYSTEM_COLUMNS, Found, Layout, first_pairs
from orpo_studio.data.layouts.sample import NEARLY_ALL, Row, Sample, at, share_of, unfolded
from orpo_studio.data.mapping import Mapping as ByHand
from orpo_studio.data.mapping import Ranking
from orpo_studio.data.messages import ROLES, assemble
from orpo_studio.data.pair import Pair
from orpo_studio.data.problem import Reason, RowProblem

_LISTS = (
    "answers", "responses", "completions", "candidates", "generations", "outputs", "replies", "summaries", "samples",
)  # fmt: skip
_TEXTS = (
    "answer", "response", "text", "content", "completion", "generation", "output", "summary", "reply", "messages",
)  # fmt: skip
_RANKS = ("rank", "ranks", "ranking", "rankings")
_SCORES = (
    "overall_score", "score", "pm_score", "scores", "rating", "ratings", "reward", "rewards", "annotations",
    "fine-grained_score",
)  # fmt: skip
_RULES: Mapping[Ranking, str] = {
    "best_worst": "each row makes one pair, of the best and the worst",
    "adjacent": "each answer makes a pair with those one step below",
    "all": "each answer makes a pair with all below",
}
_MOST_SAMPLES = 16


@dataclass(frozen=True, slots=True)
class Ranked:
    """How a row's answers are found and which pairs they make.

    Attributes:
        asked: where the prompt stands.
        answers: from a row to its answers.
        scores: from a row and the number of its answers to their scores, the higher the better; None for no score.
        ranking: which pairs they make.
        least_gap: answers whose scores are closer than this make no pair.
        roles: the role of each speaker's name.
    """

    asked: Asked
    answers: Callable[[Row], Sequence[object]]
    scores: Callable[[Row, int], Sequence[float | None]]
    ranking: Ranking
    least_gap: float = 0.0
    roles: Mapping[str, str] = field(default_factory=lambda: ROLES)

    def convert(self, row: Row, row_number: int) -> list[Pair]:
        """Return the pairs of a row, the widest apart first within each answer.

        Raises:
            RowProblem: the row makes no pair.
        """
        require(row, *([self.asked.prompt] if self.asked.prompt else []))
        answers = self.answers(row)
        if len(answers) < 2:
            raise RowProblem(Reason.NO_PARTNER, "There are fewer than two answers.")
        scores = self.scores(row, len(answers))
        scored = [(score, answer) for score, answer in zip(scores, answers, strict=True) if score is not None]
        if len(scored) < 2:
            raise RowProblem(Reason.NO_PREFERENCE, "Fewer than two answers have a score or rank.")
        prompt, system = self.asked.of(row), self.asked.system_of(row)

        def pair(better: tuple[float, object], worse: tuple[float, object]) -> Pair:
            check_gap(better[0] - worse[0], self.least_gap)
            chosen, rejected = (self.asked.answer(answer) for _, answer in (better, worse))
            return assemble(prompt, chosen, rejected, system=system, row=row_number, roles=self.roles)

        attempts = [partial(pair, better, worse) for better, worse in _in_order(scored, self.ranking)]
        return first_pairs(attempts)


def _in_order(scored: list[tuple[float, object]], ranking: Ranking) -> list[tuple[tuple[float, object], ...]]:
    """Return who is compared with whom; answers of one score are never compared."""
    ordered = sorted(scored, key=lambda one: -one[0])
    levels = [list(level) for _, level in groupby(ordered, key=lambda one: one[0])]
    if len(levels) < 2:
        raise RowProblem(Reason.TIE, "All answers have the same score or rank.")
    if ranking == "best_worst":
        return [(levels[0][0], levels[-1][0])]
    if ranking == "adjacent":
        return [pair for above, below in pairwise(levels) for pair in product(above, below)]
    return [
        (better, worse)
        for place, level in enumerate(levels)
        for better in level
        for below in levels[place + 1 :]
        for worse in below
    ]


def ranked_lists(
    sample: Sample, mapping: ByHand, asked: Asked, answers: str, order: str | None, *, is_rank: bool
) -> Found:
    """Return how a column with a list of answers is read.

    Args:
        sample: some rows.
        mapping: the person's wishes.
        asked: where the prompt stands.
        answers: the answers, such as ``answers.answer``.
        order: their ranks or scores, such as ``answers.rank``; None where the best stands first.
        is_rank: whether the lowest is the best.
    """
    sign = -1.0 if is_rank else 1.0

    def answers_in(row: Row) -> Sequence[object]:
        found = unfolded(at(row, answers))
        if found is None:
            raise RowProblem(Reason.MISSING_FIELD, f"{answers} is missing.")
        if not isinstance(found, list):
            raise RowProblem(Reason.NOT_TEXT, f"{answers} is not a list of answers.")
        return found

    def scores_in(row: Row, count: int) -> Sequence[float | None]:
        if order is None:
            return [float(-place) for place in range(count)]
        found = unfolded(at(row, order))
        if not isinstance(found, list) or len(found) != count:
            raise RowProblem(Reason.MISSING_FIELD, f"{order} does not have a value for each answer.")
        return [None if (score := number(value)) is None else sign * score for value in found]

    by = "the best first" if order is None else f"by {order}, {'the lowest' if is_rank else 'the highest'} first"
    words = f"{asked.words()}; {answers} holds the answers, {by}; {_RULES[mapping.ranking]}."
    ranked = Ranked(asked, answers_in, scores_in, mapping.ranking, mapping.least_gap, sample.roles)
    parts = {**asked.parts(), "answers": answers}
    if order:
        parts["ranks" if is_rank else "scores"] = order
    return Found(words + asked.system_words(), ranked.convert, parts=parts)


def _ranked(sample: Sample, mapping: ByHand) -> Found | None:
    return _list_of_answers(sample, mapping, _RANKS, is_rank=True) or _two_outputs(sample, mapping)


def _two_outputs(sample: Sample, mapping: ByHand) -> Found | None:
    """Find the good and the bad answer in a list (LLaMA-Factory's older sets)."""
    instruction, output = sample.find("instruction"), sample.find("output")
    if instruction is None or output is None or share_of(sample.cells(output), _is_two_texts) < NEARLY_ALL:
        return None
    return ranked_lists(sample, mapping, asked_in(sample, instruction), output, None, is_rank=False)


def _is_two_texts(cell: object) -> bool:
    entries = unfolded(cell)
    return isinstance(entries, list) and len(entries) == 2 and all(isinstance(entry, str) for entry in entries)


def _scored(sample: Sample, mapping: ByHand) -> Found | None:
    return _list_of_answers(sample, mapping, _SCORES, is_rank=False)


def _list_of_answers(sample: Sample, mapping: ByHand, orders: Sequence[str], *, is_rank: bool) -> Found | None:
    prompt = prompt_or_turns_of(sample)
    if prompt is None or names_a_pair(sample):
        return None
    for name in _LISTS:
        column = sample.find(name)
        entries = _entries(sample, column) if column else []
        if column is None or not entries:
            continue
        if all(isinstance(entry, str) for entry in entries):
            answers, order = column, sample.find(*orders)
        else:
            text, score = _field(entries, _TEXTS), _field(entries, orders)
            if text is None or score is None:
                continue
            answers, order = f"{column}.{text}", f"{column}.{score}"
        if order is not None and _any_number(sample, order):
            return ranked_lists(sample, mapping, asked_in(sample, prompt), answers, order, is_rank=is_rank)
    return None


def _entries(sample: Sample, column: str) -> list[object]:
    lists = [unfolded(cell) for cell in sample.cells(column)]
    return [entry for cell in lists if isinstance(cell, list) for entry in cell]


def _field(entries: list[object], names: Sequence[str]) -> str | None:
    """Return the first of the names under which something stands in any of the entries."""
    return next(
        (
            name
            for name in names
            if any(isinstance(entry, dict) and entry.get(name) not in (None, "") for entry in entries)
        ),
        None,
    )


def _any_number(sample: Sample, order: str) -> bool:
    return any(number(unfolded(cell)) is not None for cell in sample.cells(order))


def _summaries(sample: Sample, mapping: ByHand) -> Found | None:
    info, summaries, choice = (sample.find(name) for name in ("info", "summaries", "choice"))
    if info is None or summaries is None or choice is None:
        return None
    ranked = Ranked(
        Asked("prompt", system=sample.find(*SYSTEM_COLUMNS)),
        lambda row: _texts(unfolded(at(row, summaries)), summaries),
        lambda row, count: _best_named(row, choice, count),
        mapping.ranking,
        roles=sample.roles,
    )

    def convert(row: Row, row_number: int) -> list[Pair]:
        prompt: dict[str, object] = {"prompt": _post(unfolded(at(row, info)), info)}
        return ranked.convert(ChainMap(prompt, cast("dict[str, object]", row)), row_number)

    words = (
        f"{info} is what is summed up, in the words “SUBREDDIT: … TITLE: … POST: … TL;DR:”; {summaries} holds the "
        f"answers, and {choice} says which is better, counted from 0."
    )
    return Found(words, convert)


def _texts(value: object, column: str) -> Sequence[object]:
    if not isinstance(value, list):
        raise RowProblem(Reason.NOT_TEXT, f"{column} is not a list of answers.")
    return [entry.get("text") if isinstance(entry, dict) else entry for entry in value]


def _best_named(row: Row, column: str, count: int) -> Sequence[float | None]:
    best = number(at(row, column))
    if best is None or best not in range(count):
        raise RowProblem(Reason.NO_PREFERENCE, f"{column} does not say which answer is the best.")
    return [float(place == best) for place in range(count)]


def _post(info: object, column: str) -> str:
    """Return what is summed up, in the words of the summaries' authors."""
    if not isinstance(info, dict):
        raise RowProblem(Reason.MISSING_FIELD, f"{column} holds no fields.")
    named = {name: value.strip() for name, value in info.items() if isinstance(value, str) and value.strip()}
    text = named.get("post") or named.get("article")
    if text is None:
        raise RowProblem(Reason.EMPTY_PROMPT, f"{column} holds neither a post nor an article.")
    lines = [f"SUBREDDIT: r/{named['subreddit']}"] if "subreddit" in named else []
    lines += [f"TITLE: {named['title']}"] if "title" in named else []
    return "\n\n".join([*lines, f"{'POST' if 'post' in named else 'ARTICLE'}: {text}", "TL;DR:"])


def _best_of_samples(sample: Sample, mapping: ByHand) -> Found | None:
    prompt, best = prompt_or_turns_of(sample) or sample.find("post", "article", "context"), sample.find("best")
    columns = _numbered(sample)
    if prompt is None or best is None or len(columns) < 2:
        return None
    asked = asked_in(sample, prompt)
    ranked = Ranked(
        asked,
        lambda row: [at(row, column) for column in columns],
        lambda row, count: _best_named(row, best, count),
        mapping.ranking,
        roles=sample.roles,
    )
    words = (
        f"{asked.words()}; {columns[0]} to {columns[-1]} are the answers, and {best} says which is the best, counted "
        f"from 0; {_RULES[mapping.ranking]}."
    )
    return Found(words + asked.system_words(), ranked.convert, parts=asked.parts())


def _numbered(sample: Sample) -> list[str]:
    for stem in ("sample", "sample_", "answer_", "response_", "completion_", "output_", "summary_"):
        found = [sample.find(f"{stem}{place}") for place in range(_MOST_SAMPLES)]
        columns = [column for column in found if column]
        if len(columns) >= 2:
            return columns
    return []


RANKED = Layout("ranked list", _ranked)
SCORED = Layout("scored completions", _scored)
BEST_OF = (Layout("summaries and a choice", _summaries), Layout("best of samples", _best_of_samples))
