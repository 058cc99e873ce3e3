"""The layouts that preference data comes in, and how each is recognized.

Each entry of `LAYOUTS` looks for its evidence in the columns and in a sample of the rows. Of those that find some,
the first is taken that can read most of the sample. What a layout does with a row is a function from the row's
cells to its pairs.
"""

from collections.abc import Sequence

from orpo_studio.data.layouts.by_hand import BY_HAND, found_by_hand
from orpo_studio.data.layouts.compared import COMPARISONS, SHP
from orpo_studio.data.layouts.guess import guessed_parts
from orpo_studio.data.layouts.layout import (
    CHOSEN_COLUMNS,
    CONVERSATION_COLUMNS,
    PROMPT_COLUMNS,
    REJECTED_COLUMNS,
    Layout,
    Recognition,
    and_,
    readable,
)
from orpo_studio.data.layouts.pairs import CONVERSATIONS, PAIRS
from orpo_studio.data.layouts.ranked import BEST_OF, RANKED, SCORED
from orpo_studio.data.layouts.sample import Row, Sample
from orpo_studio.data.layouts.singles import SINGLES
from orpo_studio.data.layouts.trial import Trial
from orpo_studio.data.mapping import Mapping, column_parts, columns_text, role_names
from orpo_studio.data.problem import DataProblem

__all__ = ["LAYOUTS", "Layout", "Recognition", "Row", "recognize"]

LAYOUTS: tuple[Layout, ...] = (*CONVERSATIONS, RANKED, SHP, SCORED, *BEST_OF, *COMPARISONS, SINGLES, *PAIRS)
"""In the order in which they are tried: the more particular first."""

_NO_MAPPING = Mapping()
_LONGEST_GUESS = 200


def recognize(sample: Sequence[Row], mapping: Mapping = _NO_MAPPING) -> Recognition:
    """Return the layout of the data that the sample is taken from.

    Args:
        sample: some rows.
        mapping: what the person says about the columns and roles.

    Raises:
        DataProblem: no layout fits, with the columns found and those needed; or the mapping cannot be used.
    """
    looked_at = Sample(sample, role_names(mapping.roles))
    if parts := column_parts(mapping.columns):
        return Trial(BY_HAND, found_by_hand(looked_at, mapping, parts), looked_at).recognition(())
    tried = [Trial(layout.name, found, looked_at) for layout in LAYOUTS if (found := layout.find(looked_at, mapping))]
    if not tried:
        raise _unknown(looked_at)
    best = next((trial for trial in tried if trial.reads_most), None) or max(tried, key=lambda trial: trial.share)
    others = tuple(trial.name for trial in tried if trial is not best and trial.reads_most and trial.differs(best))
    return best.recognition(others)


def _unknown(sample: Sample) -> DataProblem:
    guess = guessed_parts(sample)
    words = (
        f", perhaps {readable(columns_text(guess))}"
        if guess and sum(map(len, guess.values())) <= _LONGEST_GUESS
        else ""
    )
    return DataProblem(
        "missing-columns",
        "The columns of a preference pair are not in this file.",
        detail=f"Found: {_listed(sample.columns) or 'none'}. Missing: {_missing(sample)}.",
        hint="A row needs a prompt, a chosen and a rejected answer; or chosen and rejected as whole conversations; or "
        "a prompt and answers with ranks, scores, a winner, or labels. Say by hand which column is which"
        f"{words}; or choose another file.",
    )


def _listed(columns: Sequence[str]) -> str:
    return readable(", ".join(column[:60] for column in columns[:20]))


def _missing(sample: Sample) -> str:
    parts = {
        "prompt": (*PROMPT_COLUMNS, *CONVERSATION_COLUMNS),
        "chosen": CHOSEN_COLUMNS,
        "rejected": REJECTED_COLUMNS,
    }
    return and_([part for part, names in parts.items() if sample.find(*names) is None])
