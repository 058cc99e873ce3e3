"""Packed and padded, the same tokens are scored from the same context, and their sums are the loss of the paper."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import logsigmoid
from trl.experimental.utils import DPODataCollatorWithPadding

from helpers.drawn_pairs import BATCHES, VOCABULARY, true_loss, true_pairs
from helpers.stock import CPU, stock_orpo
from orpo_studio.trainer.scoring.batch import PairBatch, trl_row
from orpo_studio.trainer.scoring.layout import Layout, lay_out_packed, lay_out_padded
from orpo_studio.trainer.scoring.odds_ratio import pair_logps
from orpo_studio.trainer.scoring.token_logps import OutputLayer, token_logps
from orpo_studio.trainer.tokens import TokenizedPair

LAMBDA = 0.5
Context = tuple[int, ...]
THOROUGH = settings(max_examples=80, deadline=None)


def layouts(batch: PairBatch) -> list[Layout]:
    return [lay_out_packed(batch, CPU), lay_out_padded(batch, CPU, pad_id=0)]


def fed_contexts(layout: Layout) -> list[Context]:
    """Return what each fed token sees, itself included, by the rules that attention keeps to."""
    if not layout.blocks:
        return [tuple(row[: place + 1]) for row in layout.input_ids.tolist() for place in range(len(row))]
    contexts: list[Context] = []
    (row,) = layout.input_ids.tolist()
    for block in layout.blocks:
        start, branch = len(contexts), len(contexts) + block.shared + block.chosen
        contexts += [tuple(row[start : place + 1]) for place in range(start, branch)]
        shared = row[start : start + block.shared]
        contexts += [(*shared, *row[branch : branch + count + 1]) for count in range(block.rejected)]
    assert len(contexts) == len(row)
    return contexts


def scored_tokens(layout: Layout) -> list[tuple[Context, int]]:
    contexts = fed_contexts(layout)
    return [(contexts[place], target) for place, target in zip(layout.places, layout.targets.tolist(), strict=True)]


def tokens_to_score(batch: PairBatch) -> list[tuple[Context, int]]:
    """Return each pair's tokens with their contexts: all chosen ones, then the rejected ones that are not shared."""
    tokens = []
    for pair in batch.pairs:
        sides = [
            [(tuple(ids[:place]), ids[place]) for place in range(1, len(ids))] for ids in (pair.chosen, pair.rejected)
        ]
        both = min(map(len, sides))
        same = next((place for place in range(both) if sides[0][place] != sides[1][place]), both)
        first_differs = pair.chosen[0] != pair.rejected[0]
        shared = 0 if first_differs else min(same, both - 1)
        tokens += sides[0] + sides[1][shared:]
    return tokens


@THOROUGH
@given(batch=BATCHES)
def test_that_both_layouts_score_each_token_from_its_own_context(batch: PairBatch) -> None:
    packed, padded = layouts(batch)

    assert scored_tokens(packed) == scored_tokens(padded) == tokens_to_score(batch)
    assert packed.spans == padded.spans
    assert packed.position_ids is not None
    assert packed.position_ids.tolist() == [[len(context) - 1 for context in fed_contexts(packed)]]
    assert padded.attention_mask is not None
    assert padded.attention_mask.flatten()[padded.places].all()


@THOROUGH
@given(batch=BATCHES, answer_only=st.booleans(), seed=st.integers(0, 2**16))
def test_that_pairs_sum_up_to_the_figures_of_the_formula(batch: PairBatch, answer_only: bool, seed: int) -> None:
    table = Table(batch, torch.float64, seed)
    truth = true_pairs(batch, table.logp, answer_only=answer_only)

    for layout in layouts(batch):
        logps = torch.stack([table.logp(context, target) for context, target in scored_tokens(layout)])
        found = pair_logps(logps, layout.spans, answer_only=answer_only)
        for name, value in truth.items():
            torch.testing.assert_close(getattr(found, name), value, rtol=1e-12, atol=1e-12)


class Table:
    """A model that knows a row of logits for each context: what any causal model is, seen from outside."""

    def __init__(self, batch: PairBatch, dtype: torch.dtype, seed: int) -> None:
        self.config = SimpleNamespace()
        ids = [ids for pair in batch.pairs for ids in (pair.chosen, pair.rejected)]
        self._contexts = {
            context: number
            for number, context in enumerate(
                dict.fromkeys(tuple(row[: place + 1]) for row in ids for place in range(len(row)))
            )
        }
        generator = torch.Generator().manual_seed(seed)
        logits = 2 * torch.randn(len(self._contexts), VOCABULARY, dtype=torch.float64, generator=generator)
        self.logits = logits.to(dtype).requires_grad_()

    def index(self, contexts: list[Context]) -> torch.Tensor:
        """Return the rows of contexts; any row for those that are no context of the batch: padding is not scored."""
        return torch.tensor([self._contexts.get(context, 0) for context in contexts])

    def logp(self, context: Any, target: int) -> torch.Tensor:
        """Return a log-probability in float64."""
        return self.logits[self._contexts[tuple(context)]].double().log_softmax(-1)[target]

    def __call__(self, input_ids: torch.Tensor, **_options: Any) -> Any:
        contexts = [tuple(row[: place + 1]) for row in input_ids.tolist() for place in range(len(row))]
        return SimpleNamespace(logits=self.logits[self.index(contexts)].view(*input_ids.shape, -1))


def stock_loss(table: Table, batch: PairBatch) -> torch.Tensor:
    trl = stock_orpo(table, beta=LAMBDA)
    rows = DPODataCollatorWithPadding(pad_token_id=0, is_encoder_decoder=False)([trl_row(pair) for pair in batch.pairs])
    chosen, rejected, _, _, nll = trl.concatenated_forward(table, rows)
    losses, *_ = trl.odds_ratio_loss(chosen, rejected)
    return nll - losses.mean()


def our_loss(table: Table, batch: PairBatch, layout: Layout) -> torch.Tensor:
    hidden = table.logits[table.index(fed_contexts(layout))].index_select(0, layout.places)
    unchanged = OutputLayer(torch.eye(VOCABULARY, dtype=hidden.dtype))
    pairs = pair_logps(token_logps(hidden, unchanged, layout.targets), layout.spans, answer_only=False)
    ratio = logsigmoid(pairs.log_odds).mean()
    return pairs.nll.sum() / batch.nll_tokens(answer_only=False) - LAMBDA * ratio


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@THOROUGH
@given(batch=BATCHES, seed=st.integers(0, 2**16))
def test_that_loss_and_gradient_lie_no_farther_from_float64_than_trls(
    dtype: torch.dtype, batch: PairBatch, seed: int
) -> None:
    table = Table(batch, dtype, seed)

    def computed(loss: torch.Tensor) -> tuple[float, torch.Tensor]:
        (gradient,) = torch.autograd.grad(loss, table.logits)
        return loss.double().item(), gradient.double()

    wide = Table(batch, torch.float64, seed)
    wide.logits = table.logits.detach().double().requires_grad_()
    true = true_loss(batch, wide.logp, LAMBDA)
    (true_gradient,) = torch.autograd.grad(true, wide.logits)
    stock, stock_gradient = computed(stock_loss(table, batch))
    # The loss itself comes in float32 or better; the gradient of bfloat16 logits is rounded to their format. The odds
    # of an answer that is nearly certain are as sensitive as it is certain: rounding counts that often.
    steepest = max(1.0, *(-1 / torch.expm1(true_pairs(batch, wide.logp, answer_only=False)["rejected"])).tolist())
    grain = torch.finfo(dtype).eps
    noise = min(grain, torch.finfo(torch.float32).eps)

    for layout in layouts(batch):
        ours, gradient = computed(our_loss(table, batch, layout))

        assert abs(ours - true.item()) <= abs(stock - true.item()) + 10 * noise * steepest * (1 + abs(true.item()))
        error, stocks = ((one - true_gradient).norm().item() for one in (gradient, stock_gradient))
        assert error <= stocks + 2 * (grain + steepest * noise) * (1 + true_gradient.norm().item())


def test_that_a_sequence_of_one_token_is_refused_by_its_row() -> None:
    pair = TokenizedPair(7, [3], 0, [3, 4], 0, truncated=False)

    with pytest.raises(ValueError, match="Row 7"):
        lay_out_packed(PairBatch((pair,)), CPU)
