"""What to say of numbers that are not finite: which pairs, what is kept, and what to change."""

from collections.abc import Sequence

from orpo_studio.config import RunSpec
from orpo_studio.config.option import format_number
from orpo_studio.data.pair import Message, Pair
from orpo_studio.trainer.non_finite import MOST_SKIPPED, NonFiniteError
from orpo_studio.trainer.problems import TrainerProblem

_NAMED = 20
"""So many rows are named in the text; all of them are in `TrainerProblem.rows`."""
_QUOTED = 2
_EXCERPT = 60
_FROM_THE_START = "A run that is started again begins at the first step."


def not_finite(
    error: NonFiniteError, spec: RunSpec, pairs: Sequence[Pair], *, kept: str, broken: Sequence[str]
) -> TrainerProblem:
    """Return the problem of a run that cannot go on.

    Args:
        error: what was found.
        spec: the run's settings.
        pairs: the texts of the error's pairs.
        kept: which state is kept, as a sentence.
        broken: names of the base model's own weights that are not finite.
    """
    rows = list(dict.fromkeys(row_name(pair, spec) for pair in pairs))
    damaged = f" The base model itself holds infinite values or no numbers: {', '.join(broken)}." if broken else ""
    if error.what == "weights" and error.step == 0:
        return TrainerProblem(
            "damaged-weights",
            "Some weights are infinite or no numbers before the first step.",
            detail=f"Nothing was trained. {kept}{damaged}",
            hint="A file is damaged: one of the base model's or, after a resume, of the checkpoint. Copy or download "
            "the base model again, then start again.",
        )
    which = _which(error, rows, "" if spec.data.mix else " of your data")
    if error.what == "float16":
        return TrainerProblem(
            "float16-overflow",
            f"The gradient is out of float16's range: {MOST_SKIPPED} steps in a row could not be made.",
            detail=f"The scale of the loss was lowered each time, and no lower one can help. {kept}{damaged}",
            hint=f"Start again with precision bfloat16 or float32, or with a lower learning rate than {_rate(spec)}. "
            f"{_FROM_THE_START}",
            rows=rows,
        )
    if error.what == "weights":
        return TrainerProblem(
            "non-finite-weights",
            f"Step {error.step} spoilt the weights: some are infinite or no numbers.",
            detail=f"They were not saved. {kept} {which}{damaged}{_quoted(pairs)}",
            hint=f"A step this large comes from a learning rate that is too high: start again with a lower one than "
            f"{_rate(spec)}. {_FROM_THE_START}",
            rows=rows,
        )
    these, them = ("these rows", "them") if len(rows) > 1 else ("this row", "it")
    precise = "" if spec.recipe.precision == "fp32" else ", or with precision float32"
    advice = (
        f"Look at {these} and start again without {them}. If nothing is wrong with {them}, start again with a lower "
        f"learning rate than {_rate(spec)}{precise}. {_FROM_THE_START}"
    )
    return TrainerProblem(
        "non-finite",
        f"The {error.what} of step {error.step} cannot be used: it is infinite or no number.",
        detail=f"The training ended before this step changed anything. {kept} {which}{damaged}{_quoted(pairs)}",
        hint="The base model's file is damaged: copy or download it again." if broken else advice,
        rows=rows,
    )


def row_name(pair: Pair, spec: RunSpec) -> str:
    """Return a pair's row as ``data.skip_rows`` names it: with its source, where there are several to train on."""
    return f"{pair.file}:{pair.source_row}" if spec.data.mix else str(pair.source_row)


def _which(error: NonFiniteError, rows: Sequence[str], where: str) -> str:
    told = [*rows[:_NAMED], *([f"{len(rows) - _NAMED} more"] if len(rows) > _NAMED else [])]
    named = " and ".join(filter(None, (", ".join(told[:-1]), *told[-1:])))
    word = "row" if len(rows) == 1 else "rows"
    if len(error.pairs) < error.of:
        return f"Of the step's {error.of} pairs it comes from {word} {named}{where}."
    return f"Its pairs are {word} {named}{where}."


def _quoted(pairs: Sequence[Pair]) -> str:
    """Return the beginnings of the first few pairs, by which a person knows them again."""
    told = []
    for pair in pairs[:_QUOTED]:
        prompt, chosen, rejected = map(_begin, (pair.prompt[-1:], pair.chosen, pair.rejected))
        told.append(f"\nRow {pair.source_row}: {prompt}, chosen {chosen}, rejected {rejected}")
    return "".join(told)


def _begin(messages: Sequence[Message]) -> str:
    text = " ".join(" ".join(message["content"][: 4 * _EXCERPT] for message in messages).split())
    return f"“{text[:_EXCERPT].rstrip()}…”" if len(text) > _EXCERPT else f"“{text}”"


def _rate(spec: RunSpec) -> str:
    return format_number(spec.recipe.learning_rate)
