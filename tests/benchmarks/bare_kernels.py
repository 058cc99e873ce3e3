"""The part of a step that no way of computing it can leave out: products with the model's weights, and attention.

They are recorded while a step runs and run again by themselves, on made-up numbers of the same shapes. What a step
takes beyond that is its own; and no step with these kernels on this processor can be faster than they are alone. All
else that passes over memory is recorded as well, norms, activations, the softmax over the vocabulary: what is left
then is Python's, autograd's and the dispatcher's.
"""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_PRODUCTS = {torch.ops.aten.mm, torch.ops.aten.addmm, torch.ops.aten.addmm_, torch.ops.aten.bmm, torch.ops.aten.baddbmm}
_ATTENTION = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward,
}

_NO_WORK = {torch.ops.aten.empty, torch.ops.aten.empty_like, torch.ops.aten.empty_strided, torch.ops.aten.detach}

_Call = tuple[Any, list[Any], dict[str, Any]]
"""A kernel, its arguments and its options."""


class BareKernels:
    """The kernels of a step.

    Args:
        step: what to record.
        rank: of the adapter, by which its products are told from the model's.
    """

    def __init__(self, step: Callable[[], Any], *, rank: int) -> None:
        self._base: list[_Call] = []
        self._adapter: list[_Call] = []
        self._passes: list[_Call] = []
        made: dict[tuple[Any, ...], torch.Tensor] = {}
        with _Recorder() as recorder:
            step()
        for kernel, arguments, options in recorder.calls:
            shapes = [tuple(value.shape) for value in arguments if isinstance(value, _Shape)]
            is_adapter = kernel.overloadpacket in _PRODUCTS and any(rank in shape for shape in shapes)
            is_other = kernel.overloadpacket not in _PRODUCTS | _ATTENTION
            filled = [_fill(made, place, value) for place, value in enumerate(arguments)]
            call = (kernel, filled, {name: _fill(made, name, value) for name, value in options.items()})
            (self._passes if is_other else self._adapter if is_adapter else self._base).append(call)

    def seconds(self) -> tuple[float, float, float]:
        """Run them once. Returns the seconds of the model's own, of the adapter's, and of all else."""
        return _seconds(self._base), _seconds(self._adapter), _seconds(self._passes)


@torch.no_grad()
def _seconds(calls: list[_Call]) -> float:
    torch.set_flush_denormal(True)  # made-up numbers that are multiplied in place come to be tiny, and then slow
    begun = time.perf_counter()
    for kernel, arguments, options in calls:
        kernel(*arguments, **options)
    seconds = time.perf_counter() - begun
    torch.set_flush_denormal(False)
    return seconds


class _Shape:
    """A tensor's layout, without its numbers."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.shape, self.stride, self.dtype = tensor.shape, tensor.stride(), tensor.dtype


class _Recorder(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[_Call] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        if not func.is_view and func.overloadpacket not in _NO_WORK:
            layouts = [_layout(value) for value in args], {name: _layout(value) for name, value in options.items()}
            self.calls.append((func, *layouts))
        return func(*args, **options)


def _layout(value: Any) -> Any:
    if isinstance(value, list):
        return [_layout(each) for each in value]
    return _Shape(value) if isinstance(value, torch.Tensor) else value


def _fill(made: dict[tuple[Any, ...], torch.Tensor], place: Any, value: Any) -> Any:
    """Return a tensor of a layout, the same one for the same place and layout, or the value that it is."""
    if isinstance(value, list):
        return [_fill(made, (place, index), each) for index, each in enumerate(value)]
    if not isinstance(value, _Shape):
        return value
    name = (place, tuple(value.shape), value.stride, value.dtype)
    if name not in made:
        reaches = 1 + sum((size - 1) * step for size, step in zip(value.shape, value.stride, strict=True))
        flat = torch.zeros(max(reaches, 1), dtype=value.dtype)
        if value.dtype.is_floating_point:
            flat.uniform_(-0.1, 0.1)
        made[name] = flat.as_strided(value.shape, value.stride)
    return made[name]
