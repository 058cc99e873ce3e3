"""The largest settings that fit do fit, and the next ones do not; what helps is told, with how much."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orpo_studio.config import RunSpec
from orpo_studio.fit.limits import largest_micro_batch, longest_sequence
from orpo_studio.fit.memory import GIB, Case, estimate
from orpo_studio.fit.rows import PairLengths
from orpo_studio.fit.savings import savings
from orpo_studio.fit.shape import ModelShape


def case(shape: ModelShape, lengths: PairLengths | None = None, **recipe: Any) -> Case:
    return Case(RunSpec.model_validate({"recipe": recipe}).recipe, shape, lengths=lengths)


@settings(max_examples=60, deadline=None)
@given(free=st.floats(0.5, 400), length=st.integers(8, 4096), checkpointing=st.booleans())
def test_that_the_largest_micro_batch_fits_and_one_more_does_not(
    big: ModelShape, free: float, length: int, checkpointing: bool
) -> None:
    here = case(big, max_length=length, gradient_checkpointing="on" if checkpointing else "off", quantization="nf4")
    found = largest_micro_batch(here, free * GIB)
    assert found is not None
    if found:
        assert estimate(here.having(micro_batch=found)).high <= free * GIB
    if found < 1024:
        assert estimate(here.having(micro_batch=found + 1)).high > free * GIB


@settings(max_examples=60, deadline=None)
@given(free=st.floats(0.5, 400), pairs=st.integers(1, 64))
def test_that_the_longest_sequence_fits_and_a_longer_one_does_not(big: ModelShape, free: float, pairs: int) -> None:
    here = case(big, micro_batch=pairs, gradient_checkpointing="on")
    found = longest_sequence(here, free * GIB)
    assert found is not None
    if found:
        assert estimate(here.having(max_length=found)).high <= free * GIB
    if found < 8192:
        assert estimate(here.having(max_length=found + 8)).high > free * GIB


def test_that_limits_end_at_what_the_data_and_the_model_have(small: ModelShape) -> None:
    pairs = PairLengths.of([(10, 20, 30), (100, 200, 101), (5, 5, 5)])
    assert largest_micro_batch(case(small, pairs), 1000 * GIB) == 3
    assert longest_sequence(case(small, pairs), 1000 * GIB) == 304
    assert longest_sequence(case(small, micro_batch=1), 10_000 * GIB) == 8192


def test_that_nothing_is_said_where_a_part_is_unknown(big: ModelShape) -> None:
    unknown = case(replace(big, blocks=()))
    assert largest_micro_batch(unknown, 80 * GIB) is None
    assert longest_sequence(unknown, 80 * GIB) is None
    assert savings(unknown, GIB) == []


def test_that_savings_come_largest_first_and_save_what_they_say(big: ModelShape) -> None:
    here = case(big, micro_batch=2, accumulation=2, max_length=512)
    found = savings(here, 24 * GIB)
    assert [saving.saved for saving in found] == sorted((saving.saved for saving in found), reverse=True)
    words = [saving.words for saving in found]
    assert any("gradient checkpointing" in text for text in words)
    assert any("1 pair at once and accumulate 4" in text for text in words)
    assert any("256 tokens" in text for text in words)
    assert any("nf4" in text for text in words)
    for saving in found:
        after = estimate(here.having(**{name.removeprefix("recipe."): value for name, value in saving.changes.items()}))
        assert estimate(here).high - after.high == pytest.approx(saving.saved)
        assert saving.fits == (after.high <= 24 * GIB)


def test_that_automatic_checkpointing_comes_on_only_where_it_would_not_fit_without(big: ModelShape) -> None:
    on, off = (estimate(case(big, gradient_checkpointing=setting)).high for setting in ("on", "off"))
    for free, recomputes in ((off, False), (off - 1, True), (on / 2, True)):
        here = replace(case(big), free=free)
        assert here.recomputes is recomputes
        assert estimate(here).high == (on if recomputes else off)
        assert any("checkpointing" in saving.words for saving in savings(here, free)) is not recomputes
    # what fits without it is what is offered, since it takes time
    roomy = replace(case(big), free=off)
    assert largest_micro_batch(roomy, off) == largest_micro_batch(case(big, gradient_checkpointing="off"), off)


def test_that_full_fine_tuning_is_told_of_lora_and_8_bit_states(big: ModelShape) -> None:
    words = [saving.words for saving in savings(case(big, adapter="full", micro_batch=1), 24 * GIB)]
    assert words[0] == "Train a LoRA adapter instead of all weights"
    assert "Keep the optimizer's states in 8 bits" in words
    assert not any("nf4" in text for text in words)


def test_that_an_odd_micro_batch_keeps_at_least_as_many_pairs_a_step(big: ModelShape) -> None:
    (halved,) = [
        saving.changes for saving in savings(case(big, micro_batch=3, accumulation=1), GIB) if "at once" in saving.words
    ]
    assert halved == {"recipe.micro_batch": 1, "recipe.accumulation": 3}
