"""How long a run takes, by the steps that were measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_SURE = 1.96
"""Standard deviations on either side of 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Duration:
    """A time and how far it may be off on either side, with 95 % certainty; both in seconds."""

    seconds: float
    uncertainty: float


def remaining_time(
    seconds: Sequence[float], tokens: Sequence[float], *, steps: int, tokens_per_step: float
) -> Duration | None:
    """Return the time of the steps to come; None before two steps with tokens were measured.

    A step's time is taken as proportional to its tokens: rate = Σ seconds / Σ tokens, with residuals of standard
    deviation s. Two things are uncertain: the rate itself, 1.96 · s/√n a step over all m steps to come, since an error
    in it adds up; and these steps' own spread, 1.96 · s · √m. They are independent, so their squares add.

    Args:
        seconds: of each measured step, warm-up steps left out.
        tokens: of each measured step.
        steps: how many are to come.
        tokens_per_step: the mean over them.
    """
    measured, known = len(seconds), sum(tokens)
    if measured < 2 or measured != len(tokens) or known <= 0:
        return None
    rate = sum(seconds) / known
    residuals = [second - rate * count for second, count in zip(seconds, tokens, strict=True)]
    spread = math.sqrt(sum(residual**2 for residual in residuals) / (measured - 1))
    of_rate = steps * _SURE * spread / math.sqrt(measured)
    of_steps = _SURE * spread * math.sqrt(steps)
    return Duration(rate * tokens_per_step * steps, math.hypot(of_rate, of_steps))
