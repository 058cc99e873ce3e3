"""One object that scores batches by the way chosen, and can step down the ladder."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from trl.experimental.utils import DPODataCollatorWithPadding

from orpo_studio.trainer.fused import FusedLayers
from orpo_studio.trainer.scoring.attention import check_that_all_attended, packed_attention
from orpo_studio.trainer.scoring.batch import PairBatch, trl_row
from orpo_studio.trainer.scoring.forward import score, take_scored_batches
from orpo_studio.trainer.scoring.kernels import APART, VARLEN, KernelChoice
from orpo_studio.trainer.scoring.ladder import WAYS, Choice, Way
from orpo_studio.trainer.scoring.layout import Layout, lay_out_packed, lay_out_padded
from orpo_studio.trainer.scoring.odds_ratio import PairLogps, pair_logps
from orpo_studio.trainer.scoring.parts import find_parts

StockForward = Callable[[Any, dict[str, Any]], tuple[torch.Tensor, ...]]
"""TRL's ``concatenated_forward``."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What a forward pass gives: the pairs' log-probabilities, and the router's loss where there is one."""

    pairs: PairLogps
    router: torch.Tensor | None = None


@dataclass(slots=True)
class Scorer:
    """Scores batches with a model.

    Attributes:
        choice: the way taken, and why.
        pad_id: id of the padding token.
        answer_only: whether the SFT loss counts the chosen answer alone.
        device: where batches are laid out.
        stock: TRL's forward pass, for the last rung.
        kernels: which kernel attends, where a card has more than one.
    """

    choice: Choice
    pad_id: int
    answer_only: bool
    device: torch.device
    stock: StockForward
    kernels: KernelChoice = field(default_factory=KernelChoice, init=False)
    _causal: Any = field(default=None, init=False)
    _fused: FusedLayers | None = field(default=None, init=False)

    def prepare(self, model: Any) -> None:
        """Let a model take scored batches, before anything wraps it."""
        if self.choice.way is not Way.STOCK:
            parts = find_parts(model)
            take_scored_batches(parts)
            self._causal, self._fused = parts.causal, FusedLayers(model)

    def unfuse(self) -> bool:
        """Compute layers as they came from now on. Returns whether any was fused."""
        were_fused, self._fused = bool(self._fused), None
        return were_fused

    @property
    def is_fused(self) -> bool:
        """Whether any layer is computed fused."""
        return bool(self._fused)

    def begin_at(self, way: str, *, is_fused: bool, kernel: str) -> None:
        """Begin where an earlier attempt of the run had come to on the ladder, so that its figures stay the same."""
        if kernel in {VARLEN, APART}:
            self.kernels = KernelChoice(kernel, "the run was computed so before it was resumed")
        for lower in WAYS[WAYS.index(self.choice.way) + 1 :]:
            if lower.value == way:
                self.choice = Choice(lower, "the run was computed so before it was resumed")
        if not is_fused:
            self.unfuse()

    def step_down(self, reason: str) -> None:
        """Take the next way down the ladder."""
        self.choice = Choice(WAYS[WAYS.index(self.choice.way) + 1], reason)

    def lay_out(self, batch: PairBatch) -> Layout:
        """Lay a batch out for the way taken, packed or padded."""
        if self.choice.way is Way.PACKED:
            return lay_out_packed(batch, self.device)
        return lay_out_padded(batch, self.device, pad_id=self.pad_id)

    @contextmanager
    def under_way(self, placed: Layout | None) -> Iterator[None]:
        """Hold what forward and backward pass of a batch need; gradient checkpointing computes again in the latter."""
        with ExitStack() as held:
            if placed is not None and placed.blocks:
                held.enter_context(packed_attention(self._causal, placed.blocks, self.kernels))
            if placed is not None and self._fused:
                held.enter_context(self._fused.in_place())
            yield

    def score(self, model: Any, batch: PairBatch, placed: Layout | None) -> Scored:
        """Compute a batch's log-probabilities, inside :meth:`under_way`.

        Args:
            model: the model, wrapped or not.
            batch: the pairs.
            placed: their layout; None for the stock way.
        """
        if placed is None:
            return self._stock(model, batch)
        outputs = score(model, placed)
        if placed.blocks:
            check_that_all_attended(self._causal)
        return Scored(pair_logps(outputs["logps"], placed.spans, answer_only=self.answer_only), outputs.get("router"))

    def _stock(self, model: Any, batch: PairBatch) -> Scored:
        rows = [trl_row(pair) for pair in batch.pairs]
        padded = DPODataCollatorWithPadding(pad_token_id=self.pad_id, is_encoder_decoder=False)(rows)
        inputs = {name: value.to(self.device) for name, value in padded.items() if isinstance(value, torch.Tensor)}
        chosen, rejected, _, _, nll, *router = self.stock(model, inputs)
        if self.answer_only:
            lengths = [len(pair.chosen) - max(pair.chosen_prompt, 1) for pair in batch.pairs]
            total = -(chosen * torch.tensor(lengths, device=chosen.device)).sum()
        else:
            total = nll * batch.nll_tokens(answer_only=False)
        return Scored(PairLogps(total[None], chosen, rejected), router[0] if router else None)
