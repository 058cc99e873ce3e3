"""The kernels that attend over a packed row give the same, and which one is taken is found out once and then kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention import varlen
from torch.nn.functional import scaled_dot_product_attention

from helpers.training import ask_at_step, losses, make_run, of_kind, outcome, run
from orpo_studio.events import PathChosen
from orpo_studio.trainer.scoring import attention, kernels
from orpo_studio.trainer.scoring.attention import attend, packed_attention
from orpo_studio.trainer.scoring.kernels import APART, VARLEN, KernelChoice, States
from orpo_studio.trainer.scoring.layout import Block

BLOCKS = st.lists(
    st.builds(Block, st.integers(0, 5), st.integers(1, 5), st.integers(0, 5)), min_size=1, max_size=4
).map(tuple)


def flash(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    query_ends: torch.Tensor,
    key_ends: torch.Tensor,
    longest_query: int,
    longest_key: int,
    *,
    scale: float | None,
    window_size: tuple[int, int],
    enable_gqa: bool = False,
) -> torch.Tensor:
    """Attend as the documentation of ``torch.nn.attention.varlen`` says of the kernel, sequence by sequence.

    The last query stands at the last key; a window counts the keys to the left and to the right of a query.
    """
    left, right = window_size
    assert right == 0, "causal"
    assert (query_ends.dtype, key_ends.dtype) == (torch.int32, torch.int32)
    queries, keys = query_ends.diff().tolist(), key_ends.diff().tolist()
    assert (max(queries), max(keys)) == (longest_query, longest_key)
    parts = []
    for q, k, v in zip(query.split(queries), key.split(keys), value.split(keys), strict=True):
        own = torch.arange(len(q))[:, None] + len(k) - len(q)
        places = torch.arange(len(k))
        sees = (places <= own) & ((places >= own - left) if left >= 0 else torch.tensor(True))
        one = [states.transpose(0, 1)[None] for states in (q, k, v)]
        attended = scaled_dot_product_attention(*one, attn_mask=sees, scale=scale, enable_gqa=enable_gqa)
        parts.append(attended[0].transpose(0, 1))
    return torch.cat(parts)


def flash_of_old(*arguments: Any, scale: float | None, window_size: tuple[int, int]) -> torch.Tensor:
    """Attend as in older versions of PyTorch, with as many heads of keys as of queries."""
    return flash(*arguments, scale=scale, window_size=window_size)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for a kernel as on a card; the real one refuses tensors of the CPU, in words of its own."""
    monkeypatch.setattr(attention, "takes_varlen", lambda _query: True)


def drawn(blocks: tuple[Block, ...], heads: tuple[int, int], seed: int) -> States:
    tokens = sum(block.shared + block.chosen + block.rejected for block in blocks)
    generator = torch.Generator().manual_seed(seed)
    query, key, value = (
        torch.randn(1, count, tokens, 4, dtype=torch.float64, generator=generator, requires_grad=True)
        for count in (heads[0], heads[1], heads[1])
    )
    return query, key, value


def attended(states: States, blocks: tuple[Block, ...], kernel: str, window: int | None) -> list[torch.Tensor]:
    """Return what a layer attends to, and the gradients of a sum of it."""
    model = torch.nn.Module()
    with packed_attention(model, blocks, KernelChoice(kernel, "a test wants it")):
        found, _ = attend(model, *states, None, scaling=0.4, sliding_window=window)
        weights = torch.arange(found.numel(), device=found.device).reshape(found.shape).sin().to(found.dtype)
        return [found.detach(), *torch.autograd.grad((found * weights).sum(), states)]


@settings(max_examples=60, deadline=None)
@given(
    blocks=BLOCKS,
    heads=st.sampled_from([(1, 1), (4, 2), (3, 3)]),
    window=st.none() | st.integers(1, 8),
    kernel=st.sampled_from([flash, flash_of_old]),
    seed=st.integers(0, 2**16),
)
def test_that_one_call_for_a_row_attends_as_a_call_for_each_side(
    blocks: tuple[Block, ...], heads: tuple[int, int], window: int | None, kernel: Any, seed: int
) -> None:
    states = drawn(blocks, heads, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "takes_varlen", lambda _query: True)
        patch.setattr(varlen, "varlen_attn", kernel)
        for one, other in zip(*(attended(states, blocks, name, window) for name in (VARLEN, APART)), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("window", [None, 3])
def test_that_the_real_kernel_of_a_card_attends_as_a_call_for_each_side(window: int | None) -> None:
    blocks = (Block(40, 70, 90), Block(0, 5, 130), Block(17, 64, 0))
    generator = torch.Generator("cuda").manual_seed(0)
    tokens = sum(block.shared + block.chosen + block.rejected for block in blocks)
    query, key, value = (
        torch.randn(1, heads, tokens, 64, dtype=torch.bfloat16, device="cuda", generator=generator, requires_grad=True)
        for heads in (4, 2, 2)
    )
    states = query, key, value
    wide = tuple(state.detach().double().requires_grad_() for state in states)
    found = [attended(states, blocks, name, window) for name in (VARLEN, APART)]
    for one, other, exact in zip(*found, attended(wide, blocks, APART, window), strict=True):
        assert (one - exact).norm() <= 2 * (other - exact).norm() + 1e-3 * exact.norm()


@pytest.mark.parametrize(("milliseconds", "wanted"), [((1, 3), VARLEN), ((3, 1), APART)])
def test_that_the_faster_kernel_is_taken_and_asked_for_once(
    monkeypatch: pytest.MonkeyPatch, milliseconds: tuple[int, int], wanted: str
) -> None:
    clock = [0.0]
    monkeypatch.setattr(kernels, "_now", lambda _state: clock[0])
    calls: list[str] = []

    def kernel(name: str, takes: int) -> Callable[[States], torch.Tensor]:
        def attends(states: States) -> torch.Tensor:
            calls.append(name)
            clock[0] += takes / 1000
            return states[0] + states[1] * states[2]

        return attends

    both = {name: kernel(name, takes) for name, takes in zip((VARLEN, APART), milliseconds, strict=True)}
    choice = KernelChoice()
    states = drawn((Block(2, 1, 1),), (1, 1), 0)

    assert choice.settle(both, states) == wanted
    assert "1 ms" in choice.reason
    assert "3 ms" in choice.reason
    asked = len(calls)
    assert choice.settle(both, states) == wanted
    assert len(calls) == asked


def test_that_a_kernel_that_wants_more_memory_is_not_taken_for_one_that_cannot() -> None:
    def attends(_states: States) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    choice = KernelChoice()
    with pytest.raises(torch.OutOfMemoryError):
        choice.settle({VARLEN: attends, APART: attends}, drawn((Block(1, 1, 1),), (1, 1), 0))
    assert not choice.name


def test_that_the_kernel_of_less_memory_is_taken_where_the_other_one_has_not_enough() -> None:
    def attends(_states: States) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    choice = KernelChoice()
    both = {VARLEN: lambda states: states[0] + states[1] * states[2], APART: attends}
    assert choice.settle(both, drawn((Block(1, 1, 1),), (1, 1), 0)) == VARLEN
    assert "more memory than there is" in choice.reason


@pytest.mark.parametrize("stream", [torch.float32, torch.bfloat16])
def test_that_kernels_get_what_autocast_computes_with(stream: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[torch.dtype] = []
    monkeypatch.setattr(attention, "takes_varlen", lambda query: asked.append(query.dtype))
    query, key, value = (state.to(stream) for state in drawn((Block(2, 3, 3),), (2, 1), 0))
    model = torch.nn.Module()
    with (
        packed_attention(model, (Block(2, 3, 3),), KernelChoice()),
        torch.autocast("cpu", torch.bfloat16),
    ):
        found, _ = attend(model, query, key, value, None)
    assert asked == [torch.bfloat16]
    assert found.dtype == torch.bfloat16


@pytest.mark.usefixtures("card")
def test_that_a_card_without_the_kernel_trains_packed_all_the_same(
    tmp_path: Path, tiny_model: Path, pairs_file: Path
) -> None:
    options: dict[str, Any] = {"recipe": {"gradient_checkpointing": "on", "lora_dropout": 0.2}}
    without, plain = (make_run(tmp_path / name, tiny_model, pairs_file, **options) for name in ("without", "plain"))
    with pytest.MonkeyPatch.context() as patch:
        ask_at_step(patch, 3, without, "stop")
        first = run(without)
    second = run(without)

    assert [outcome(events) for events in (first, second)] == ["stopped", "completed"]
    ways = of_kind(first + second, PathChosen)
    assert [way.path for way in ways] == ["packed", "packed"]
    assert "a call for each side of each pair, because the variable-length kernel cannot be used here" in ways[0].reason
    assert "a call for each side of each pair, because the run was computed so before" in ways[1].reason
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "takes_varlen", lambda _query: False)
        assert losses(first + second) == losses(run(plain))
