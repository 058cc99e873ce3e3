"""What a run says when its loss climbs."""

from types import SimpleNamespace
from typing import Any

import pytest

from orpo_studio.config import RunSpec
from orpo_studio.events import Problem
from orpo_studio.events.types import Event
from orpo_studio.trainer.reporter import Clock, Reporter


def warnings_of(losses: list[float], **recipe: Any) -> list[Problem]:
    """Log losses step by step. Returns what was warned of."""
    said: list[Event] = []
    context: Any = SimpleNamespace(spec=RunSpec.model_validate({"recipe": recipe}), say=said.append)
    plan, arguments, control = (SimpleNamespace() for _ in range(3))
    reporter = Reporter(context, plan, Clock(0.0), sample=lambda _step, _prompts: None)  # type: ignore[arg-type]
    for step, loss in enumerate(losses, start=1):
        state: Any = SimpleNamespace(global_step=step, epoch=0.1)
        reporter.on_log(arguments, state, control, {"loss": loss, "log_odds_ratio": -0.5, "log_odds_chosen": 0.1})  # type: ignore[arg-type]
    return [event for event in said if isinstance(event, Problem)]


@pytest.mark.parametrize(
    ("rate", "told"),
    [(8e-4, "0.0008, which is high: above 0.0003 this happens often."), (5e-5, "The learning rate is 5e-5.")],
)
def test_that_a_climb_is_told_with_its_step_and_in_round_figures(rate: float, told: str) -> None:
    (warning,) = warnings_of([0.9123] * 40 + [5.7834] * 10, learning_rate=rate)

    assert (warning.code, warning.severity) == ("diverging", "warning")
    assert warning.detail.startswith("At step 48 it was 5.8; over the steps before it was about 0.91.")
    assert warning.detail.endswith(told)


def test_that_a_loss_in_the_thousands_is_written_out() -> None:
    (warning,) = warnings_of([0.9] * 40 + [12345.0] * 10)

    assert "At step 48 it was 12000;" in warning.detail
