"""How well a model tells chosen from rejected on held-out pairs: one measurement for before, under way and after."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from orpo_studio.trainer.load import Loaded
from orpo_studio.trainer.problems import is_out_of_memory
from orpo_studio.trainer.quiet import quiet
from orpo_studio.trainer.scoring.batch import PairBatch
from orpo_studio.trainer.scoring.first_batch import Tolerance
from orpo_studio.trainer.scoring.layout import Layout, lay_out_padded
from orpo_studio.trainer.scoring.odds_ratio import pair_logps
from orpo_studio.trainer.scoring.parts import ModelParts, UnknownPartsError, find_parts
from orpo_studio.trainer.scoring.token_logps import token_logps
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
    """Measure pairs with a model as it is; training is not disturbed. ``advance`` may raise to leave off.

    At most ``batch`` pairs are computed together, and fewer where memory is short.
    """
    order = sorted(range(len(pairs)), key=lambda index: pairs[index].longest)
    measures: dict[int, PairMeasure] = {}
    with quiet(loaded.model):
        parts = _parts_that_agree(loaded, pairs[order[0]]) if order else None
        while len(measures) < len(order):
            advance(len(measures))
            chunk = order[len(measures) : len(measures) + batch]
            found = _try_to_measure(loaded, parts, [pairs[index] for index in chunk])
            if found is None:
                batch = max(1, len(chunk) // 2)
            else:
                measures.update(zip(chunk, found, strict=True))
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


def _try_to_measure(
    loaded: Loaded, parts: ModelParts | None, pairs: Sequence[TokenizedPair]
) -> list[PairMeasure] | None:
    """Return the measures, or None where memory is not enough for so many pairs; for one pair that is an error."""
    try:
        return _measure_batch(loaded, parts, pairs)
    except Exception as error:
        if len(pairs) == 1 or not is_out_of_memory(error):
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None


def _measure_batch(loaded: Loaded, parts: ModelParts | None, pairs: Sequence[TokenizedPair]) -> list[PairMeasure]:
    batch = PairBatch(tuple(pairs))
    placed = lay_out_padded(batch, loaded.device, pad_id=int(loaded.tokenizer.pad_token_id or 0))
    with loaded.autocast():
        logps = pair_logps(_scored_logps(loaded.model, parts, placed), placed.spans, answer_only=False)
    rows = torch.stack([logps.nll, logps.chosen, logps.rejected], 1).tolist()
    return [
        PairMeasure(nll_sum=nll, nll_tokens=len(pair.chosen) - 1, chosen_logp=chosen, rejected_logp=rejected)
        for pair, (nll, chosen, rejected) in zip(pairs, rows, strict=True)
    ]


def _scored_logps(model: Any, parts: ModelParts | None, placed: Layout) -> torch.Tensor:
    """Return the log-probabilities of a batch's scored tokens, by the model's parts or by all of its logits."""
    inputs = {"input_ids": placed.input_ids, "attention_mask": placed.attention_mask, "use_cache": False}
    if parts is not None:
        hidden = parts.decoder(**inputs)[0].flatten(0, 1)[placed.places]
        return token_logps(hidden, parts.output_layer(), placed.targets)
    scores = model(**inputs).logits.flatten(0, 1)[placed.places].float()
    picked: torch.Tensor = scores.gather(1, placed.targets[:, None]).squeeze(1)
    return picked - scores.logsumexp(1)


def _parts_that_agree(loaded: Loaded, shortest: TokenizedPair) -> ModelParts | None:
    """Return the model's parts where scoring by them gives what its logits give, on the shortest pair; else None.

    By the parts no tensor of all logits is made: otherwise a run that fits would run out of memory at its first
    measurement. A model that does to its logits what is not known here is measured by the logits themselves.
    """
    try:
        parts = find_parts(loaded.model)
    except UnknownPartsError:
        return None
    by_parts, by_logits = (_measure_batch(loaded, way, [shortest])[0] for way in (parts, None))
    apart = abs(by_parts.chosen_logp - by_logits.chosen_logp) + abs(by_parts.rejected_logp - by_logits.rejected_logp)
    tolerance = Tolerance.of(loaded.model, loaded.precision).figures
    return parts if apart <= tolerance * (1 + abs(by_logits.chosen_logp) + abs(by_logits.rejected_logp)) else None
