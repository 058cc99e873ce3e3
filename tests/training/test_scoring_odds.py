"""The log-odds stay finite, values and gradients, where TRL's own are not, and exact where both are."""

import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trl.experimental.orpo.orpo_trainer import log1mexp

from helpers.stock import stock_orpo
from orpo_studio.trainer import measure
from orpo_studio.trainer.scoring.odds_ratio import CERTAIN, PairLogps, log_odds

DEPTHS = st.floats(-12, math.log10(500)).map(lambda exponent: -(10.0**exponent))
"""Mean log-probabilities from −1e-12 to −500, as many of each size."""
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
THOROUGH = settings(max_examples=300, deadline=None)


def value_and_slope(mean_logp: float, dtype: torch.dtype) -> tuple[float, float]:
    leaf = torch.tensor(mean_logp, dtype=dtype, requires_grad=True)
    value = log_odds(leaf)
    value.backward()
    assert leaf.grad is not None
    return value.item(), leaf.grad.item()


@DTYPES
@THOROUGH
@given(mean_logp=DEPTHS)
@example(mean_logp=CERTAIN)
@example(mean_logp=-1e-8)
@example(mean_logp=-math.log(2))
@example(mean_logp=math.nextafter(-math.log(2), -1))
@example(mean_logp=-500.0)
def test_that_values_and_gradients_are_finite_and_exact(dtype: torch.dtype, mean_logp: float) -> None:
    rounded = min(torch.tensor(mean_logp, dtype=dtype).item(), CERTAIN)
    value, slope = value_and_slope(rounded, dtype)

    # P/(1 − P) = 1/(e^−p̄ − 1), and the slope of its logarithm is 1/(1 − P), in float64 by functions made for it
    true = -math.log(math.expm1(-rounded)) if rounded > -700 else rounded
    true_slope = -1 / math.expm1(rounded)
    grain = 8 * torch.finfo(dtype).eps
    assert value == pytest.approx(true, rel=grain, abs=grain)
    assert slope == pytest.approx(true_slope, rel=grain)
    assert measure.log_odds(rounded) == pytest.approx(true, rel=1e-13, abs=1e-13)


@DTYPES
@pytest.mark.parametrize("certain", [0.0, -1e-13, 1e-9])
def test_that_certainty_has_a_value_and_no_gradient(dtype: torch.dtype, certain: float) -> None:
    value, slope = value_and_slope(certain, dtype)

    assert value == pytest.approx(-math.log(-CERTAIN), rel=1e-6)
    assert slope == 0.0


@pytest.mark.parametrize("mean_logp", [-1e-8, -1e-9, -1e-12])
def test_that_trls_gradient_is_not_a_number_near_certainty(mean_logp: float) -> None:
    """The reason why this is computed here: the branch that is not taken is infinite, and 0 · ∞ is passed back."""
    leaf = torch.tensor(mean_logp, requires_grad=True)
    log1mexp(leaf).backward()
    assert leaf.grad is not None
    assert leaf.grad.isnan()

    chosen, rejected = (torch.tensor([value], requires_grad=True) for value in (mean_logp, -1.0))
    losses, *_ = stock_orpo(SimpleNamespace(config=None)).odds_ratio_loss(chosen, rejected)
    losses.mean().backward()
    assert chosen.grad is not None
    assert chosen.grad.isnan()
    assert math.isfinite(value_and_slope(mean_logp, torch.float32)[1])


@THOROUGH
@given(chosen=DEPTHS, rejected=DEPTHS)
def test_that_the_ratio_is_that_of_the_paper(chosen: float, rejected: float) -> None:
    pairs = PairLogps(*(torch.tensor([value], dtype=torch.float64) for value in (0.0, chosen, rejected)))

    odds = [math.log(-1 / math.expm1(p) - 1) if p > -30 else p for p in (chosen, rejected)]
    # 1 − P is a difference of near numbers in this plain form: near certainty it is only as exact as that.
    assert pairs.log_odds.item() == pytest.approx(odds[0] - odds[1], rel=1e-3, abs=1e-3)
