"""Log-probabilities of single tokens, and every gradient of theirs, are those of the whole table of logits."""

from typing import Any

import pytest
import torch
from trl.trainer.utils import selective_log_softmax

from orpo_studio.trainer.scoring import token_logps as module
from orpo_studio.trainer.scoring.token_logps import OutputLayer, chunk_tokens, token_logps

TOKENS, HIDDEN, VOCABULARY = 50, 5, 11
KINDS = {
    "plain": {},
    "scaled": {"scale": 0.3},
    "capped": {"softcap": 1.5},
    "scaled and capped": {"scale": 2.5, "softcap": 1.5},
}


@pytest.fixture(
    params=[(1, 50), (4 * VOCABULARY * 20, 20), (4 * 7 * 4, 7), (2**20, 50)],
    ids=["one entry", "20 tokens", "7 tokens by 4 entries", "all at once"],
)
def chunks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many bytes of logits are held at once, and of how many tokens."""
    size, tokens = request.param
    monkeypatch.setattr(module, "_CHUNK_BYTES", {"cpu": size, "cuda": 0})
    monkeypatch.setattr(module, "_TILE_TOKENS", tokens)
    return size


def drawn(
    dtype: torch.dtype = torch.float64, *, sure: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = ((TOKENS, HIDDEN), (VOCABULARY, HIDDEN), (VOCABULARY,))
    hidden, weight, bias = (torch.randn(size, dtype=torch.float64, generator=generator) for size in sizes)
    targets = torch.randint(VOCABULARY, (TOKENS,), generator=generator)
    hidden += sure * weight[targets]
    return hidden.to(dtype), weight.to(dtype), bias.to(dtype), targets


def by_all_logits(hidden: torch.Tensor, layer: OutputLayer) -> torch.Tensor:
    logits = torch.nn.functional.linear(hidden, layer.weight, layer.bias) * layer.scale
    return logits if layer.softcap is None else layer.softcap * torch.tanh(logits / layer.softcap)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trained", ["hidden", "weight", "bias", "hidden weight", "hidden bias", "hidden weight bias"])
def test_that_gradients_are_those_of_finite_differences(trained: str, kind: str, chunks: int) -> None:
    hidden, weight, bias, targets = drawn()
    inputs = {"hidden": hidden, "weight": weight, "bias": bias}
    names = trained.split()

    def logps(*values: torch.Tensor) -> torch.Tensor:
        given = inputs | dict(zip(names, values, strict=True))
        return token_logps(given["hidden"], OutputLayer(given["weight"], given["bias"], **KINDS[kind]), targets)

    values = [inputs[name].requires_grad_() for name in names]
    plain = by_all_logits(hidden, OutputLayer(weight, bias, **KINDS[kind])).log_softmax(-1)
    expected = plain.gather(1, targets[:, None]).squeeze(1)
    torch.testing.assert_close(logps(*values), expected, rtol=1e-13, atol=1e-13)
    assert torch.autograd.gradcheck(logps, values, fast_mode=chunks != 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("sure", [0.0, 4.0], ids=["open", "sure"])
@pytest.mark.parametrize("trains_head", [False, True], ids=["frozen", "trained"])
def test_that_rounding_leaves_no_more_than_the_whole_table_does(
    dtype: torch.dtype, kind: str, trains_head: bool, sure: float, chunks: int
) -> None:
    options: Any = KINDS[kind]
    *given, targets = drawn(dtype, sure=sure)
    counts = torch.linspace(-1, 2, TOKENS)  # how much each token counts in a loss

    def computed(logps: Any, *tensors: torch.Tensor) -> list[torch.Tensor]:
        hidden, weight, bias = (tensor.detach().clone() for tensor in tensors)
        trained = [hidden.requires_grad_()]
        if trains_head:
            trained += [weight.requires_grad_(), bias.requires_grad_()]
        values = logps(hidden, OutputLayer(weight, bias, **options))
        gradients = torch.autograd.grad((values * counts.to(values.dtype)).sum(), trained)
        return [values.detach().double(), *(gradient.double() for gradient in gradients)]

    def of_table(hidden: torch.Tensor, layer: OutputLayer) -> torch.Tensor:
        logits = by_all_logits(hidden, layer)  # which accelerate hands on in float32
        return selective_log_softmax(logits if logits.dtype is torch.float64 else logits.float(), targets)

    truth = computed(of_table, *(tensor.double() for tensor in given))
    tables = computed(of_table, *given)
    ours = computed(lambda hidden, layer: token_logps(hidden, layer, targets), *given)

    # Both round at the same places; which of the two is nearer in one case is chance. A cap that saturates leaves
    # little of a slope, and so more units in float32's last place.
    grain = 0.3 * torch.finfo(dtype).eps + 2 * torch.finfo(torch.float32).eps
    for true, table, own in zip(truth, tables, ours, strict=True):
        errors = [(found - true).norm().item() for found in (own, table)]
        assert errors[0] <= 1.25 * errors[1] + grain * true.norm().item()


def test_that_a_bias_may_be_missing_and_hidden_states_frozen() -> None:
    hidden, weight, _, targets = drawn()
    expected = (hidden @ weight.T).log_softmax(-1).gather(1, targets[:, None]).squeeze(1)

    torch.testing.assert_close(token_logps(hidden, OutputLayer(weight), targets), expected)
    assert not token_logps(hidden, OutputLayer(weight), targets).requires_grad
    assert torch.autograd.gradcheck(
        lambda trained: token_logps(hidden, OutputLayer(trained), targets), [weight.requires_grad_()], fast_mode=True
    )


def test_that_autocast_rounds_products_and_not_the_softmax() -> None:
    hidden, weight, bias, targets = drawn(torch.float32)
    hidden.requires_grad_()

    with torch.autocast("cpu", torch.bfloat16):
        logps = token_logps(hidden, OutputLayer(weight, bias), targets)
    logps.sum().backward()

    narrow = torch.nn.functional.linear(hidden.bfloat16(), weight.bfloat16(), bias.bfloat16()).float()
    expected = narrow.log_softmax(-1).gather(1, targets[:, None]).squeeze(1)
    assert logps.dtype is torch.float32
    torch.testing.assert_close(logps, expected, rtol=1e-6, atol=1e-6)
    assert hidden.grad is not None
    assert hidden.grad.dtype is torch.float32


def test_that_chunks_hold_no_more_than_their_bytes_and_are_of_like_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK_BYTES", {"cpu": 4 * 100 * 64, "cuda": 0})

    sizes = [part.stop - part.start for part in module._chunks(150, 100, "cpu")]

    assert chunk_tokens(100, "cpu") == 64
    assert sum(sizes) == 150
    assert max(sizes) <= 64
    assert max(sizes) - min(sizes) <= len(sizes)
