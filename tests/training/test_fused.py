"""Fused layers compute what PEFT and transformers compute, and only while a batch is under way."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers.models.llama import modeling_llama

from helpers.live_bytes import LiveBytes
from helpers.training import losses, make_run, of_kind, run
from orpo_studio.events import PathChosen, Problem
from orpo_studio.trainer.fused import FusedLayers, lora
from orpo_studio.trainer.fused.eight_bit import fused_eight_bit
from orpo_studio.trainer.fused.lora import lora_layers_fed_together
from orpo_studio.trainer.fused.norm import fused_norm, rms_norm
from orpo_studio.trainer.fused.rotary import fused_rotary
from orpo_studio.trainer.fused.swiglu import fused_swiglu, swiglu


def model_with_lora(dtype: torch.dtype = torch.float64, **lora: Any) -> Any:
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, attention_bias=True,
    )  # fmt: skip
    adapted = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM", **lora)
    model = get_peft_model(LlamaForCausalLM(config), adapted).to(dtype)
    for name, parameter in model.named_parameters():
        if "lora_B" in name or "norm" in name:
            torch.nn.init.normal_(parameter, mean=0.5, std=0.5)
    return model.train()


def figures(model: Any) -> list[torch.Tensor]:
    """Return the logits and all gradients of a pass."""
    model.zero_grad()
    logits = model(input_ids=torch.arange(20).view(2, 10)).logits
    if logits.requires_grad:
        logits.pow(2).sum().backward()
    return [logits.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)]


def differences(model: Any) -> float:
    torch.manual_seed(1)
    expected = figures(model)
    torch.manual_seed(1)
    with FusedLayers(model).in_place():
        found = figures(model)
    assert len(found) == len(expected)
    return max(float((a - b).abs().max() / (1 + b.abs().max())) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("lora", [{}, {"use_rslora": True}, {"lora_dropout": 0.3}, {"use_dora": True}])
def test_that_values_and_gradients_stay_the_same(lora: dict[str, Any]) -> None:
    assert differences(model_with_lora(**lora)) < 1e-12


def test_that_trained_norms_get_their_gradients() -> None:
    model = model_with_lora(torch.float32)
    assert sum(fused_norm(module) is not None for module in model.modules()) == 5
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("norm" in name or "lora" in name)
    assert differences(model) < 1e-5


def test_that_an_adapter_switched_off_or_merged_is_not_added() -> None:
    model = model_with_lora()
    with model.disable_adapter():
        assert differences(model) < 1e-12
    model.merge_adapter()
    assert differences(model) < 1e-12


def test_that_layers_are_as_before_afterwards_even_after_an_error() -> None:
    model = model_with_lora(torch.float32)
    before = [vars(module).get("forward") for module in model.modules()]
    embed = modeling_llama.apply_rotary_pos_emb
    fused = FusedLayers(model)
    assert len(fused) == 2 * (7 + 1) + 5 + 1
    with fused.in_place():
        assert modeling_llama.apply_rotary_pos_emb is not embed
    with pytest.raises(ZeroDivisionError), fused.in_place():
        raise ZeroDivisionError
    assert modeling_llama.apply_rotary_pos_emb is embed
    assert [vars(module).get("forward") for module in model.modules()] == before


def test_that_a_norm_of_another_formula_is_left_alone() -> None:
    from transformers.models.gemma.modeling_gemma import GemmaRMSNorm
    from transformers.models.llama.modeling_llama import LlamaRMSNorm

    assert fused_norm(GemmaRMSNorm(8)) is None
    assert fused_norm(LlamaRMSNorm(8)) is not None


@pytest.mark.parametrize("of_weight", [torch.float32, torch.bfloat16])
def test_that_autocast_does_not_widen_what_a_norm_answers(
    of_weight: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a card autocast makes torch's function answer in float32; on a CPU it does not know of it.
    plain = torch.nn.functional.rms_norm

    def as_on_a_card(x: torch.Tensor, shape: Any, weight: Any, epsilon: float) -> torch.Tensor:
        answer = plain(x, shape, weight, epsilon)
        return answer.float() if torch.is_autocast_enabled("cpu") else answer

    monkeypatch.setattr(torch.nn.functional, "rms_norm", as_on_a_card)
    x = torch.randn(3, 8).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        assert rms_norm(x, torch.ones(8, dtype=of_weight), 1e-6).dtype == of_weight


def test_that_an_mlp_of_another_formula_is_left_alone() -> None:
    from transformers import GemmaConfig, LlamaConfig
    from transformers.models.gemma.modeling_gemma import GemmaMLP
    from transformers.models.llama.modeling_llama import LlamaMLP

    sizes: dict[str, Any] = {"hidden_size": 8, "intermediate_size": 12, "num_attention_heads": 2}

    class Halved(LlamaMLP):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) / 2

    assert fused_swiglu(LlamaMLP(LlamaConfig(**sizes))) is not None
    assert fused_swiglu(GemmaMLP(GemmaConfig(**sizes))) is None  # gelu
    assert fused_swiglu(Halved(LlamaConfig(**sizes))) is None


def test_that_the_gates_derivative_is_right() -> None:
    gate, up = (torch.randn(3, 8, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(swiglu, (gate, up))


def test_that_the_norms_derivative_is_right() -> None:
    x = torch.randn(2, 3, 8, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: rms_norm(a, b, 1e-5), (x, weight))


def test_that_gradient_checkpointing_computes_the_same_again() -> None:
    model = model_with_lora()
    model.enable_input_require_grads()
    model.activation_checkpointing_enable()
    assert differences(model) < 1e-12


def test_that_layers_fed_another_tensor_or_whose_output_is_not_used_get_the_right_values() -> None:
    attention = model_with_lora().get_base_model().model.layers[0].self_attn
    x, other = (torch.randn(1, 5, 16, dtype=torch.float64, requires_grad=True) for _ in range(2))

    def passes() -> list[torch.Tensor]:
        outputs = [
            attention.q_proj(x), attention.k_proj(other), attention.v_proj(x),  # another tensor in between
            attention.v_proj(x), attention.q_proj(x),  # key's output is not fetched
            attention.q_proj(x), attention.k_proj(x),  # nor value's
        ]  # fmt: skip
        outputs.append(attention.k_proj(x))
        inputs = [x, other, *(p for p in attention.parameters() if p.requires_grad)]
        gradients = torch.autograd.grad(sum(each.pow(2).sum() for each in outputs), inputs, allow_unused=True)
        return [*outputs, *(gradient for gradient in gradients if gradient is not None)]

    expected = passes()
    with FusedLayers(attention).in_place():
        found = passes()

    assert all(torch.allclose(a, b, rtol=1e-10) for a, b in zip(found, expected, strict=True))


def test_that_layers_fed_the_same_tensor_keep_nothing_of_it() -> None:
    attention = model_with_lora().get_base_model().model.layers[0].self_attn
    (together,) = set(lora_layers_fed_together(attention).values())
    x = torch.randn(1, 5, 16, dtype=torch.float64)

    assert together.output(attention.q_proj, x) is not None
    x += 1  # changed since: not the same input, and nobody fetched what was computed for it

    assert together.output(attention.k_proj, x) is None
    assert together.output(attention.v_proj, x) is None
    assert not together._outputs
    assert together._input is None


def test_that_layers_with_dropout_or_several_adapters_are_not_computed_together() -> None:
    attention = model_with_lora(lora_dropout=0.3).get_base_model().model.layers[0].self_attn
    (together,) = set(lora_layers_fed_together(attention).values())
    x = torch.randn(1, 5, 16, dtype=torch.float64)
    assert together.output(attention.q_proj, x) is None
    attention.eval()
    assert together.output(attention.q_proj, x) is not None
    together.let_go()
    attention.k_proj.enable_adapters(False)
    assert together.output(attention.q_proj, x) is None


def rotary_input(*, width: int = 8, embedded: int = 8) -> list[torch.Tensor]:
    """Return query, key, cos and sin as a Llama makes them."""
    torch.manual_seed(0)
    q, k = (torch.randn(2, 5, heads, width, dtype=torch.float64).transpose(1, 2).requires_grad_() for heads in (4, 2))
    angles = torch.randn(2, 5, embedded // 2, dtype=torch.float64).repeat(1, 1, 2)
    return [q, k, angles.cos(), angles.sin()]


def test_that_the_rotary_embeddings_values_and_derivative_are_right() -> None:
    fused = fused_rotary(modeling_llama.apply_rotary_pos_emb)
    assert fused is not None
    made = rotary_input()

    for own, plain in zip(fused(*made), modeling_llama.apply_rotary_pos_emb(*made), strict=True):
        assert torch.allclose(own, plain, rtol=1e-12)
        assert own.stride() == plain.stride()  # which layout attention is fed
    assert torch.autograd.gradcheck(fused, made)


def test_that_a_rotary_embedding_of_another_formula_is_left_alone() -> None:
    from transformers.models.glm import modeling_glm
    from transformers.models.gpt_neox import modeling_gpt_neox
    from transformers.models.olmo2 import modeling_olmo2

    assert fused_rotary(modeling_glm.apply_rotary_pos_emb) is None  # in pairs
    assert fused_rotary(modeling_olmo2.apply_rotary_pos_emb) is not None
    partial = fused_rotary(modeling_gpt_neox.apply_rotary_pos_emb)
    assert partial is not None
    made = rotary_input(width=8, embedded=4)  # half of each head
    assert torch.equal(partial(*made)[0], modeling_gpt_neox.apply_rotary_pos_emb(*made)[0])


def test_that_a_run_with_fused_layers_gives_the_losses_of_one_without(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    compute = lora._linear_with_lora

    def counted(*arguments: Any) -> list[torch.Tensor]:
        nonlocal calls
        calls += 1
        return compute(*arguments)

    monkeypatch.setattr(lora, "_linear_with_lora", counted)
    fused = losses(run(make_run(tmp_path / "a", tiny_model, pairs_file)))
    # query, key and value together, output, gate and up together, down: in each of two layers, in each micro-batch and
    # in two passes in the first batch's proof
    assert calls == 4 * 2 * (11 + 2)
    monkeypatch.setattr(FusedLayers, "__len__", lambda _self: 0)
    plain = losses(run(make_run(tmp_path / "b", tiny_model, pairs_file)))

    assert fused == pytest.approx(plain, rel=1e-5)


def test_that_fused_layers_that_compute_something_else_are_given_up_with_a_warning(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = losses(run(make_run(tmp_path / "a", tiny_model, pairs_file)))
    forward = lora._forward
    monkeypatch.setattr(lora, "_forward", lambda *arguments: forward(*arguments) * 1.01)

    events = run(make_run(tmp_path / "b", tiny_model, pairs_file))

    assert [problem.code for problem in of_kind(events, Problem)] == ["fused-refused"]
    assert of_kind(events, PathChosen)[0].path == "packed"
    assert losses(events) == pytest.approx(expected, rel=1e-5)


def test_that_a_way_that_computes_something_else_is_left_with_a_warning(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orpo_studio.trainer.scoring import attention

    expected = losses(run(make_run(tmp_path / "a", tiny_model, pairs_file)))
    one = attention._one
    monkeypatch.setattr(attention, "_one", lambda *arguments: one(*arguments) * 1.01)

    events = run(make_run(tmp_path / "b", tiny_model, pairs_file))

    assert [problem.code for problem in of_kind(events, Problem)] == ["fused-refused", "way-refused"]
    assert of_kind(events, PathChosen)[0].path == "padded"
    assert losses(events) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("has_bias", [True, False])
def test_that_an_8bit_layer_gives_what_bitsandbytes_gives_and_keeps_no_input(
    has_bias: bool, dtype: torch.dtype, caplog: pytest.LogCaptureFixture
) -> None:
    bitsandbytes = pytest.importorskip("bitsandbytes")
    caplog.set_level("ERROR")  # that the input is rounded to 16 bits is known
    torch.manual_seed(0)
    made = bitsandbytes.nn.Linear8bitLt(16, 24, bias=has_bias, has_fp16_weights=False, threshold=6.0)
    layer = made.to("cpu").requires_grad_(False)
    x = torch.randn(2, 5, 16).mul_(4).to(dtype)  # some are beyond the threshold
    towards = torch.randn(2, 5, 24).to(dtype)
    fused = fused_eight_bit(layer)
    assert fused is not None
    assert fused_eight_bit(torch.nn.Linear(4, 4)) is None

    def figures_of(forward: Any) -> tuple[torch.Tensor, torch.Tensor]:
        leaf = x.clone().requires_grad_()
        output = forward(leaf)
        return output.detach(), torch.autograd.grad(output, leaf, towards)[0]

    for ours, theirs in zip(figures_of(fused), figures_of(layer), strict=True):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)

    def bytes_kept_by(forward: Any) -> int:
        leaf, alive = x.clone().requires_grad_(), LiveBytes(layer)
        with alive:
            output = forward(leaf * 1)  # made anew, so that nobody else holds it
        return alive.now - output.numel() * output.element_size()

    assert bytes_kept_by(fused) <= 4 * 24  # the weight's scales, which were there before
    assert bytes_kept_by(layer) >= x.numel() * x.element_size()
