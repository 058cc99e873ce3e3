"""A micro-batch never waits for the device: nothing that it computes is read before the step is made."""

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import logsigmoid
from transformers import AutoModelForCausalLM, LlamaConfig

from orpo_studio.trainer.scoring import attention
from orpo_studio.trainer.scoring.batch import PairBatch
from orpo_studio.trainer.scoring.kernels import APART, VARLEN, KernelChoice
from orpo_studio.trainer.scoring.ladder import Choice, Way
from orpo_studio.trainer.scoring.scorer import Scorer
from orpo_studio.trainer.step import Step, micro_batch_weights
from orpo_studio.trainer.tokens import TokenizedPair

META = torch.device("meta")
"""Tensors without numbers: whoever wants to read one gets an error, where a card would be waited for."""
PAIRS = PairBatch(
    (
        TokenizedPair(1, [5, 6, 7, 8, 9], 2, [5, 6, 3], 2, truncated=False),
        TokenizedPair(2, [5, 6, 7, 9], 1, [5, 3, 4, 4, 4, 2], 1, truncated=False),
    )
)


def tiny(adapter: str, *, recomputes: bool) -> Any:
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config)
    if recomputes:
        model.activation_checkpointing_enable({"use_reentrant": False})
    if adapter == "lora":
        model = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    return model.train()


@pytest.mark.parametrize("kernel", [APART, VARLEN])
@pytest.mark.parametrize(("adapter", "recomputes"), [("lora", False), ("lora", True), ("full", False)])
def test_that_a_micro_batch_does_not_wait_for_the_device(
    adapter: str, recomputes: bool, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "takes_varlen", lambda _query: kernel == VARLEN)
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda *_: False)  # it does not know of such tensors
    model = tiny(adapter, recomputes=recomputes)
    scorer = Scorer(Choice(Way.PACKED, "a test asks"), 0, answer_only=False, device=META, stock=lambda *_: ())
    scorer.prepare(model)
    model.to(META)
    scorer.kernels = KernelChoice(kernel, "a test asks")
    weights = micro_batch_weights(PAIRS, 1, answer_only=False)
    step = Step([PAIRS], [weights], begun=1)

    placed = scorer.lay_out(PAIRS)
    with scorer.under_way(placed):
        scored = scorer.score(model, PAIRS, placed).pairs
        loss = scored.nll.sum() * weights.tokens - 0.1 * logsigmoid(scored.log_odds).sum() * weights.pairs
        step.take(PAIRS, loss, scored, weights)
        loss.backward()

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert len(trained) > 10
    assert all(parameter.grad is not None for parameter in trained)
    with pytest.raises((RuntimeError, NotImplementedError)):
        step.terms[0].tolist()
