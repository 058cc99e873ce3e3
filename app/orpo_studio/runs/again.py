"""What to change before a run that failed is started again: as settings, for buttons and for command lines."""

import itertools
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orpo_studio.config import RunSpec, find_option, usual_rates
from orpo_studio.config.option import format_number


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a run's settings.

    Attributes:
        title: what it does, as a button says it.
        values: options by their full names, and their new values.
    """

    title: str
    values: Mapping[str, Any]

    def as_settings(self) -> str:
        """Return it as the command line takes it: ``--set recipe.learning_rate=1e-5``."""
        written = (f"{name}={find_option(name).format(value)}" for name, value in self.values.items())
        return " ".join(f"--set {shlex.quote(setting)}" for setting in written)


REPEATED = frozenset({"non-finite", "non-finite-weights", "float16-overflow", "out-of-memory", "memory-ran-out"})
"""Codes of problems that most likely come again at the same place where a run goes on with the same settings."""
_LONGEST_STEM = 190
"""A name with its number must not be longer than names may be."""
_SHORTEST = 64
"""Half of a maximum length below twice this is not offered: hardly an answer would be left."""


def name_anew(name: str, taken: Collection[str]) -> str:
    """Return a name for a run that is started again: the earlier one with a number; none where that had none."""
    if not name:
        return ""
    stem = re.sub(r" \(\d+\)$", "", name)[:_LONGEST_STEM].rstrip()
    return next(found for number in itertools.count(2) if (found := f"{stem} ({number})") not in taken)


def changes_for(spec: RunSpec, code: str, rows: Sequence[str] = ()) -> list[Change]:
    """Return what may mend a problem, what is likelier first.

    Args:
        spec: the settings of the run that has it.
        code: of the problem.
        rows: the rows that it comes from.
    """
    fewer_at_a_time = (_smaller_parts(spec), _recomputing(spec), _shorter(spec))
    changes = {
        "non-finite": (_without(spec, rows), _slower(spec)),
        "non-finite-weights": (_slower(spec), _without(spec, rows)),
        "float16-overflow": (Change("Start again in float32", {"recipe.precision": "fp32"}), _slower(spec)),
        "diverging": (_slower(spec),),
        # The trainer has computed fewer pairs at a time before it gave up.
        "out-of-memory": (_recomputing(spec), _in_four_bits(spec), _shorter(spec)),
        "memory-ran-out": fewer_at_a_time,
        "memory-likely-ran-out": fewer_at_a_time,
    }
    return [change for change in changes.get(code, ()) if change is not None]


def _without(spec: RunSpec, rows: Sequence[str]) -> Change | None:
    if not rows:
        return None
    known = [str(row) for row in spec.data.skip_rows]
    title = "Start again without these rows" if len(rows) > 1 else "Start again without this row"
    return Change(title, {"data.skip_rows": (*known, *(row for row in rows if row not in known))})


def _slower(spec: RunSpec) -> Change:
    half, highest = float(f"{spec.recipe.learning_rate / 2:.3g}"), usual_rates(spec)[1]
    if half > highest:  # half would be warned of, and most likely fail as well
        title = f"Start again with a learning rate of {format_number(highest)}"
        return Change(title, {"recipe.learning_rate": highest})
    return Change("Start again with half the learning rate", {"recipe.learning_rate": half})


def _smaller_parts(spec: RunSpec) -> Change | None:
    """Compute half as many pairs at a time, or less where only that leaves a step its pairs."""
    pairs = spec.effective_batch
    fewer = next((part for part in range(spec.recipe.micro_batch // 2, 0, -1) if pairs % part == 0), None)
    if fewer is None:
        return None
    title = f"Start again with {fewer} {'pair' if fewer == 1 else 'pairs'} at a time"
    return Change(title, {"recipe.micro_batch": fewer, "recipe.accumulation": pairs // fewer})


def _recomputing(spec: RunSpec) -> Change | None:
    if spec.recipe.gradient_checkpointing == "on":
        return None
    return Change("Start again with gradient checkpointing", {"recipe.gradient_checkpointing": "on"})


def _in_four_bits(spec: RunSpec) -> Change | None:
    if spec.recipe.adapter == "full" or spec.recipe.quantization == "nf4":
        return None
    return Change("Start again with the base in 4 bits", {"recipe.quantization": "nf4"})


def _shorter(spec: RunSpec) -> Change | None:
    if spec.recipe.max_length < 2 * _SHORTEST:
        return None
    return Change("Start again with half the maximum length", {"recipe.max_length": spec.recipe.max_length // 2})
