"""Lengths of a training by its settings and the number of pairs."""

import pytest

from orpo_studio.config import RunSpec
from orpo_studio.config.plan import Plan, make_plan


def plan(pairs: int, train: dict[str, object] | None = None, **recipe: object) -> Plan:
    return make_plan(RunSpec.model_validate({"recipe": recipe, "train": train or {}}), pairs)


def test_that_an_epoch_ends_with_a_step_that_may_be_short():
    assert plan(90, micro_batch=2, accumulation=4).total_steps == 12


@pytest.mark.parametrize(("epochs", "steps"), [(0.01, 1), (0.5, 6), (1, 12), (2.5, 30)])
def test_that_epochs_become_whole_steps_and_at_least_one(epochs, steps):
    assert plan(90, epochs=epochs).total_steps == steps


def test_that_a_number_of_steps_overrules_the_epochs():
    made = plan(90, epochs=7, max_steps=6)
    assert made.total_steps == 6
    assert made.epochs == pytest.approx(0.5)


def test_that_the_warm_up_is_a_share_below_one_and_steps_from_one_on():
    assert plan(90, warmup=0.1).warmup_steps == 2
    assert plan(90, warmup=0).warmup_steps == 0
    assert plan(90, warmup=3).warmup_steps == 3


def test_that_automatic_intervals_suit_the_length():
    assert plan(90).logging_steps == 1
    assert plan(90, max_steps=10_000).logging_steps == 10
    assert plan(90, max_steps=10_000).evaluation_steps == 2000


def test_that_intervals_that_are_set_are_kept():
    made = plan(90, {"logging_steps": 3, "evaluation_steps": 4, "checkpoint_steps": 5})
    assert (made.logging_steps, made.evaluation_steps, made.checkpoint_steps) == (3, 4, 5)
