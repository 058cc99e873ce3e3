"""What to change before a run that failed is started again: as settings, for buttons and for command lines."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orpo_studio.config import RunSpec, find_option


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a run's settings.

    Attributes:
        title: what it does, as a button says it.
        option: full name of the option.
        value: its new value.
    """

    title: str
    option: str
    value: Any

    def as_setting(self) -> str:
        """Return it as the command line takes it: ``--set recipe.learning_rate=1e-5``."""
        return f"--set {shlex.quote(f'{self.option}={find_option(self.option).format(self.value)}')}"


def changes_for(spec: RunSpec, code: str, rows: Sequence[str] = ()) -> list[Change]:
    """Return what may mend a problem, what is likelier first.

    Args:
        spec: the settings of the run that has it.
        code: of the problem.
        rows: the rows that it comes from.
    """
    changes = {
        "non-finite": (_without(spec, rows), _slower(spec)),
        "non-finite-weights": (_slower(spec), _without(spec, rows)),
        "float16-overflow": (Change("Start again in float32", "recipe.precision", "fp32"), _slower(spec)),
        "diverging": (_slower(spec),),
    }
    return [change for change in changes.get(code, ()) if change is not None]


def _without(spec: RunSpec, rows: Sequence[str]) -> Change | None:
    if not rows:
        return None
    known = [str(row) for row in spec.data.skip_rows]
    title = "Start again without these rows" if len(rows) > 1 else "Start again without this row"
    return Change(title, "data.skip_rows", (*known, *(row for row in rows if row not in known)))


def _slower(spec: RunSpec) -> Change:
    half = float(f"{spec.recipe.learning_rate / 2:.3g}")
    return Change("Start again with half the learning rate", "recipe.learning_rate", half)
