"""Rows read as the person says."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from orpo_studio.data.layouts.answers import between
from orpo_studio.data.layouts.cells import Asked, Scores
from orpo_studio.data.layouts.compared import compared_by_hand
from orpo_studio.data.layouts.layout import Found, readable
from orpo_studio.data.layouts.ranked import ranked_lists
from orpo_studio.data.layouts.sample import Sample
from orpo_studio.data.layouts.singles import Labelled
from orpo_studio.data.layouts.verdict import winner_in
from orpo_studio.data.mapping import Mapping as ByHand
from orpo_studio.data.problem import DataProblem

BY_HAND = "by hand"
"""What the layout is called then."""


def found_by_hand(sample: Sample, mapping: ByHand, parts: Mapping[str, str]) -> Found:
    """Return how rows are read whose columns the person names.

    Args:
        sample: some rows.
        mapping: the person's wishes.
        parts: the column of each part, which together make a row (`column_parts`).

    Raises:
        DataProblem: a column is not in the sample.
    """
    _require_columns(sample, parts)
    prompt = parts.get("prompt")
    asked = Asked(
        prompt, parts.get("input"), parts.get("system"), parts.get("history"), sample.speakers(prompt, answered=False)
    )
    found = _found(sample, mapping, parts, asked)
    return replace(found, evidence=f"As you said: {found.evidence}", parts=parts)


def _found(sample: Sample, mapping: ByHand, parts: Mapping[str, str], asked: Asked) -> Found:
    if "chosen" in parts:
        answers = between(sample, mapping, asked, parts["chosen"], parts["rejected"])
        if "chosen_score" in parts:
            answers = replace(answers, scores=Scores(parts["chosen_score"], parts["rejected_score"]))
        prompt = f"{asked.words()}; " if asked.prompt else "the prompt is the common start of the answers; "
        return answers.found(f"{prompt}{answers.chosen} is the chosen answer, {answers.rejected} the rejected one.")
    if "answers" in parts:
        order = parts.get("ranks") or parts.get("scores")
        return ranked_lists(sample, mapping, asked, parts["answers"], order, is_rank="ranks" in parts)
    if "winner" in parts:
        both = (parts["answer_a"], parts["answer_b"])
        return compared_by_hand(sample, mapping, asked, both, winner_in(sample, parts["winner"], both))
    return Labelled(asked, parts["completion"], parts["label"], sample.roles).found()


def _require_columns(sample: Sample, parts: Mapping[str, str]) -> None:
    missing = [name for name in parts.values() if not _is_there(sample, name)]
    if missing:
        raise DataProblem(
            "mapping-columns",
            "A column that you named is not in the data.",
            detail=f"Not found: {_listed(missing)}. The columns are: {_listed(sample.columns) or 'none'}.",
            hint="Correct the mapping of the columns, or leave it empty so that the layout is recognized.",
        )


def _is_there(sample: Sample, path: str) -> bool:
    return path in sample.columns or bool(sample.cells(path))


def _listed(names: Sequence[str]) -> str:
    return readable(", ".join(name[:60] for name in names[:20]))
