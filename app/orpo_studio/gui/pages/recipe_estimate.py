"""What a recipe takes: memory, by the sum below. No widget.

An estimate for one GPU with every pair at the full length. Arithmetic over the known parts, not a measurement; what
the allocator and the driver add is the range at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from orpo_studio.config import RunSpec
from orpo_studio.models.card import ModelCard
from orpo_studio.models.linear_layers import LinearLayer, lora_parameters

GIB = 2**30
CONTEXT_GIB = (0.5, 2.0)
"""The driver's context and fragmentation, from and to."""
_NF4_BYTES = 0.516
"""A weight in nf4 with double quantization, its scales included."""
_HEAD_BYTES = 4.5 * 4
"""Bytes a token and a word of the vocabulary take at the peak of the loss: 4.5 copies of the float32 logits."""


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Peak memory in bytes, from ``low`` to ``high``, and its known parts."""

    weights: float
    trained: float
    activations: float

    @property
    def low(self) -> float:
        """The least it takes."""
        return self.weights + self.trained + self.activations + CONTEXT_GIB[0] * GIB

    @property
    def high(self) -> float:
        """The most it takes."""
        return self.weights + self.trained + self.activations + CONTEXT_GIB[1] * GIB


def estimate_memory(spec: RunSpec, card: ModelCard, layers: Sequence[LinearLayer]) -> MemoryEstimate | None:
    """Return the peak memory of a training step, or None where the parts are not known.

    ``layers`` are the model's linear layers; without them (another architecture), for 8-bit weights, and for full
    fine-tuning with an optimizer other than AdamW there is no sum to go by.
    """
    recipe = spec.recipe
    full = recipe.adapter == "full"
    if not layers or not card.hidden_size or not card.layers or recipe.quantization == "8bit":
        return None
    if full and recipe.optimizer != "adamw":
        return None
    width = 4 if recipe.precision == "fp32" else 2
    return MemoryEstimate(
        weights=_weights(spec, card, layers, width),
        trained=12 * card.parameters if full else 16 * trained_parameters(spec, card, layers),
        activations=_activations(spec, card, layers, width),
    )


def trained_parameters(spec: RunSpec, card: ModelCard, layers: Sequence[LinearLayer]) -> int:
    """Return how many parameters are trained; 0 where the layers are not known."""
    recipe = spec.recipe
    if recipe.adapter == "full":
        return card.parameters
    return lora_parameters(layers, recipe.lora_targets, recipe.lora_rank, dora=recipe.use_dora)


def _weights(spec: RunSpec, card: ModelCard, layers: Sequence[LinearLayer], width: int) -> float:
    if spec.recipe.adapter == "full":
        return 4 * card.parameters
    if spec.recipe.quantization == "nf4":
        linear = sum(layer.inputs * layer.outputs for layer in layers)
        # PEFT keeps what is not quantized in float32
        return _NF4_BYTES * linear + 4 * (card.parameters - linear)
    return width * card.parameters


def _activations(spec: RunSpec, card: ModelCard, layers: Sequence[LinearLayer], width: int) -> float:
    """Return the activations: of each block, or of its input alone with gradient checkpointing, and of the loss."""
    tokens = 2 * spec.recipe.micro_batch * spec.recipe.max_length
    hidden, blocks = card.hidden_size or 0, card.layers or 0
    keys = _outputs(layers, "k_proj")
    inner = _outputs(layers, "up_proj")
    block = width * tokens * (8 * hidden + 2 * keys + 4 * inner)
    head = _HEAD_BYTES * tokens * card.vocabulary
    if spec.recipe.gradient_checkpointing:
        return width * tokens * hidden * blocks + max(block, head)
    return block * blocks + head


def _outputs(layers: Sequence[LinearLayer], name: str) -> int:
    return max((layer.outputs for layer in layers if layer.name.endswith(name)), default=0)
