"""How well a model tells chosen from rejected on held-out pairs: one measurement for before, under way and after."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from orpo_studio.trainer.load import Loaded
from orpo_studio.trainer.quiet import quiet
from orpo_studio.trainer.tokens import TokenizedPair

_CERTAIN = -1e-12
"""Mean log-probabilities above this count as this: log(1 − e^p) has no value at p = 0."""


@dataclass(frozen=True, slots=True)
class PairMeasure:
    """One pair under one model.

    Attributes:
        nll_sum: summed negative log-probability of the chosen sequence, prompt included, in nats.
        nll_tokens: how many tokens that is.
        chosen_logp: mean log-probability per token of the chosen answer, in nats.
        rejected_logp: likewise of the rejected answer.
    """

    nll_sum: float
    nll_tokens: int
    chosen_logp: float
    rejected_logp: float

    @property
    def log_odds(self) -> float:
        """Log of the ratio of the odds of chosen and rejected (Hong et al. 2024, eq. 4 to 7)."""
        return log_odds(self.chosen_logp) - log_odds(self.rejected_logp)

    @property
    def margin(self) -> float:
        """Difference of the mean log-probabilities, in nats per token."""
        return self.chosen_logp - self.rejected_logp


def log_odds(mean_logp: float) -> float:
    """Return log(P / (1 − P)) for P = e^p̄, in float64."""
    p = min(mean_logp, _CERTAIN)
    rest = math.log(-math.expm1(p)) if p > -math.log(2) else math.log1p(-math.exp(p))
    return p - rest


def measure_pairs(
    loaded: Loaded,
    pairs: Sequence[TokenizedPair],
    *,
    batch: int,
    advance: Callable[[int], None] = lambda _done: None,
) -> list[PairMeasure]:
    """Measure pairs with a model as it is; training is not disturbed. ``advance`` may raise to leave off."""
    order = sorted(range(len(pairs)), key=lambda index: pairs[index].longest)
    measures: dict[int, PairMeasure] = {}
    with quiet(loaded.model):
        for start in range(0, len(order), batch):
            advance(start)
            chunk = order[start : start + batch]
            measures.update(zip(chunk, _measure_batch(loaded, [pairs[index] for index in chunk]), strict=True))
    advance(len(order))
    return [measures[index] for index in range(len(pairs))]


def summarize(measures: Sequence[PairMeasure], lambda_: float) -> dict[str, float]:
    """Return the means over pairs, named as the training metrics are.

    ``loss = nll_loss + odds_ratio_loss``, where ``nll_loss`` is the mean over all chosen tokens, prompt included,
    and ``odds_ratio_loss`` is already weighted by λ. Accuracy and margins go by the *mean* log-probability per
    answer token, which is ORPO's own.
    """
    count = len(measures)
    nll = sum(m.nll_sum for m in measures) / sum(m.nll_tokens for m in measures)
    odds_ratio = lambda_ * sum(_softplus(-m.log_odds) for m in measures) / count
    chosen = sum(m.chosen_logp for m in measures) / count
    rejected = sum(m.rejected_logp for m in measures) / count
    return {
        "loss": nll + odds_ratio,
        "nll_loss": nll,
        "odds_ratio_loss": odds_ratio,
        "log_odds": sum(m.log_odds for m in measures) / count,
        "rewards/accuracies": sum(m.margin > 0 for m in measures) / count,
        "rewards/margins": lambda_ * (chosen - rejected),
        "rewards/chosen": lambda_ * chosen,
        "rewards/rejected": lambda_ * rejected,
        "logps/chosen": chosen,
        "logps/rejected": rejected,
    }


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _measure_batch(loaded: Loaded, pairs: Sequence[TokenizedPair]) -> list[PairMeasure]:
    rows = [pair.chosen for pair in pairs] + [pair.rejected for pair in pairs]
    length = max(map(len, rows))
    ids = torch.full((len(rows), length), int(loaded.tokenizer.pad_token_id or 0))
    mask = torch.zeros_like(ids)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        mask[index, : len(row)] = 1
    ids, mask = ids.to(loaded.device), mask.to(loaded.device)
    with loaded.autocast():
        logits = loaded.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    logps = [_token_logps(logits[index, : len(row)], ids[index, : len(row)]) for index, row in enumerate(rows)]
    return [
        PairMeasure(
            nll_sum=-float(chosen.sum()),
            nll_tokens=len(chosen),
            chosen_logp=float(chosen[max(pair.chosen_prompt - 1, 0) :].mean()),
            rejected_logp=float(rejected[max(pair.rejected_prompt - 1, 0) :].mean()),
        )
        for pair, chosen, rejected in zip(pairs, logps[: len(pairs)], logps[len(pairs) :], strict=True)
    ]


def _token_logps(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Return the log-probability of each token but the first, in float64 on the CPU.

    Args:
        logits: (length, vocabulary), one row's.
        ids: (length,).
    """
    scores = logits[:-1].float()
    picked = scores.gather(-1, ids[1:, None]).squeeze(-1)
    return (picked - scores.logsumexp(-1)).double().cpu()
