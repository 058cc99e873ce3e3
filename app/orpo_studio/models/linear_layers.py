"""The linear layers of a model, by the headers of its weight files, and what a LoRA adapter on them takes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orpo_studio.models.weights import Tensor, read_headers, weight_files

ALL_LINEAR = "all-linear"
_PROJECTIONS = frozenset({"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"})
_NOT_ADAPTED = ("embed_tokens", "lm_head")


@dataclass(frozen=True, slots=True)
class LinearLayer:
    """One linear layer: its full name, and its inputs and outputs in features."""

    name: str
    inputs: int
    outputs: int


def read_linear_layers(folder: Path) -> tuple[LinearLayer, ...]:
    """Return the linear layers of a Llama-like model's blocks, in order; none where the shapes are of another kind.

    Llama-like means: every matrix is an embedding, the output head, or one of the seven projections of attention
    and MLP, stored unquantized. Mixtures of experts and fused or convolutional layers are not, since PEFT sees
    other modules there than the files name.

    Raises:
        ModelProblem: the weight files cannot be read.
    """
    return linear_layers(read_headers(weight_files(folder)))


def linear_layers(tensors: Iterable[Tensor]) -> tuple[LinearLayer, ...]:
    """Return the linear layers among the tensors, as :func:`read_linear_layers`."""
    layers = []
    for tensor in tensors:
        module = tensor.name.removesuffix(".weight")
        last = module.rpartition(".")[2]
        if len(tensor.shape) < 2 or last in _NOT_ADAPTED:
            continue
        is_dense = len(tensor.shape) == 2 and tensor.dtype in {"F32", "F16", "BF16"}
        if last not in _PROJECTIONS or ".experts." in module or not is_dense:
            return ()
        layers.append(LinearLayer(module, inputs=tensor.shape[1], outputs=tensor.shape[0]))
    return tuple(layers)


def lora_parameters(layers: Sequence[LinearLayer], targets: Sequence[str], rank: int, *, dora: bool = False) -> int:
    """Return how many parameters a LoRA adapter has: rank × (inputs + outputs) a layer, and one an output with DoRA.

    A target names a layer when it is its full name or the end of it after a dot, as PEFT has it.
    """
    adapted = [layer for layer in layers if any(_matches(layer.name, target) for target in targets)]
    return sum(rank * (layer.inputs + layer.outputs) + (layer.outputs if dora else 0) for layer in adapted)


def _matches(name: str, target: str) -> bool:
    return target in {ALL_LINEAR, name} or name.endswith(f".{target}")
