"""The peak memory of a training step, in named parts.

Of one step the peak is either where the loss is computed, with all that the blocks keep, or in the backward pass of a
block, or, in full fine-tuning of short rows, in the optimizer's step. The parts add up to the highest of them.

=============  ========================================================================================================
weights        16-bit or float32 as they are computed with; full fine-tuning: float32, and under autocast a 16-bit copy
               of what is multiplied with. nf4: 0.516 bytes a quantized weight (half a byte, 1 for 64 weights and 4 for
               16,384), 8-bit: 1 and 4 an output; what is not quantized, the head and experts included, is as without
               quantization, but float32 under autocast in float16.
adapter        float32, and under autocast a 16-bit copy
optimizer      gradients 4 bytes a trained parameter; AdamW 8, RMSprop 4. 8-bit AdamW 2.03, but 8 for embeddings and
               matrices under 4096 elements; paged ones move to main memory, so they take nothing of a card. On a card
               the step of RMSprop takes 4 more, when the activations are gone; AdamW's is one kernel, in place.
activations    see ``activations``; with gradient checkpointing the blocks' inputs and one block at a time
head           packed and padded: 1.1 chunks of float32 logits, 1.6 under autocast (one takes 32 MiB on a CPU, 256 MiB
               on a card), its gradient once more where it is trained, and scored tokens · d kept;
               stock: 4.5 · tokens · vocabulary · 4
reserve        context of the driver and fragmentation, from 0.5 to 2 GiB on a card; Python with torch, and what the
               system's allocator holds back, from 0.75 to 1.5 GiB in main memory
=============  ========================================================================================================

Gradients are counted as present from the first token on, which they are from the second micro-batch of a step.
"""

from dataclasses import dataclass, field, replace

from orpo_studio.config.sections import RecipeSection
from orpo_studio.fit.activations import Computation, Kept, computation, kept_by_block
from orpo_studio.fit.rows import Batch, PairLengths, Way, heaviest_batch
from orpo_studio.fit.shape import ModelShape
from orpo_studio.models.linear_layers import lora_parameters

GIB = 2**30
PARTS = ("weights", "adapter", "optimizer", "activations", "head")
"""The known parts, in the order in which they are shown."""
RESERVE_GIB = {"gpu": (0.5, 2.0), "cpu": (0.75, 1.5)}
CHUNK_BYTES = {"gpu": 256 * 2**20, "cpu": 32 * 2**20}
_CHUNK_COPIES = {4: 1.1, 2: 1.6}
"""Chunks of float32 logits that are alive at once, by the bytes of the computation's format: in 16 bits, the softmax is
rounded beside them. Counted on the CPU; a prototype that did not work in place took 2.2."""
_STOCK_COPIES = 4.5
_SMALLEST_CHUNK = 16
_TILE_TOKENS = 1024
_NF4_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)
_SMALL_FOR_8BIT = 4096
_STATES_8BIT = 2 + 2 * 4 / 256


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be estimated.

    Attributes:
        recipe: the settings.
        shape: the model.
        on_gpu: trained on a card; else on the CPU, in main memory.
        way: how micro-batches are computed.
        lengths: of the real pairs; None where they are not known.
        free: bytes there are for it, by which automatic gradient checkpointing goes; None where that is not known.
        has_bf16: it computes in bfloat16, as CPUs do, and cards from 2020 on.
    """

    recipe: RecipeSection
    shape: ModelShape
    on_gpu: bool = True
    way: Way = "packed"
    lengths: PairLengths | None = field(default=None, compare=False)
    free: float | None = None
    has_bf16: bool = True

    @property
    def formats(self) -> Computation:
        """In which formats it computes."""
        return computation(self.recipe, on_gpu=self.on_gpu, has_bf16=self.has_bf16)

    @property
    def recomputes(self) -> bool:
        """Whether gradient checkpointing is on: where it is automatic, only where the memory is not enough without."""
        setting = self.recipe.gradient_checkpointing
        if setting != "auto" or self.free is None:
            return setting == "on"
        without = estimate(self.having(gradient_checkpointing="off"))
        return without.is_whole and without.high > self.free

    def settled(self) -> "Case":
        """Return the same case with gradient checkpointing on or off as it is here, whatever else is changed."""
        return self.having(gradient_checkpointing="on" if self.recomputes else "off")

    def having(self, **changes: object) -> "Case":
        """Return the same case with other settings."""
        return replace(self, recipe=self.recipe.model_copy(update=changes))


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Peak memory in bytes; a part is None where the model's architecture leaves it unknown.

    Attributes:
        weights: of the model.
        adapter: weights of the adapter.
        optimizer: gradients and the optimizer's states.
        activations: what the blocks keep for the backward pass.
        head: the loss.
        reserve_low: the least that comes on top.
        reserve_high: the most.
        measured: whether a probe measured the peak; else it is this sum.
    """

    weights: float | None
    adapter: float | None
    optimizer: float | None
    activations: float | None
    head: float | None
    reserve_low: float
    reserve_high: float
    measured: bool = False

    def part(self, name: str) -> float | None:
        """Return one of the parts by its name."""
        value: float | None = getattr(self, name)
        return value

    @property
    def is_whole(self) -> bool:
        """Whether every part is known, or the whole of them was measured."""
        return self.measured or all(self.part(name) is not None for name in PARTS)

    @property
    def known(self) -> float:
        """The sum of the known parts, without the reserve."""
        return sum(self.part(name) or 0.0 for name in PARTS)

    @property
    def low(self) -> float:
        """The least it takes."""
        return self.known + self.reserve_low

    @property
    def high(self) -> float:
        """The most it takes."""
        return self.known + self.reserve_high


def estimate(case: Case) -> MemoryEstimate:
    """Return the peak memory of a training step."""
    place = "gpu" if case.on_gpu else "cpu"
    low, high = RESERVE_GIB[place]
    full = case.recipe.adapter == "full"
    batch = heaviest_batch(case.recipe.micro_batch, case.recipe.max_length, case.way, case.lengths)
    trained = trained_parameters(case)
    head, passing = _head(case, batch)
    activations = _activations(case, batch, passing)
    adapter = None if trained is None else trained * (6.0 if case.formats.mixed else 4.0)
    return MemoryEstimate(
        weights=_weights(case),
        adapter=0.0 if full else adapter,
        optimizer=None if trained is None else _optimizer(case, trained, (activations or 0) + head),
        activations=activations,
        head=head,
        reserve_low=low * GIB,
        reserve_high=high * GIB,
    )


def trained_parameters(case: Case) -> int | None:
    """Return how many parameters are trained; None where it is not known."""
    recipe = case.recipe
    if recipe.adapter == "full":
        return case.shape.parameters
    return lora_parameters(case.shape.layers, recipe.lora_targets, recipe.lora_rank, dora=recipe.use_dora) or None


def _weights(case: Case) -> float | None:
    recipe, shape, formats = case.recipe, case.shape, case.formats
    if recipe.adapter == "full":
        # autocast keeps a copy of every linear layer's weights until the loss is computed; the head's is counted there
        copies = 2.0 * sum(layer.weights for layer in shape.layers) if formats.mixed else 0.0
        return 4.0 * shape.parameters + copies
    if recipe.quantization == "none":
        return float(formats.stream) * shape.parameters
    if not shape.layers:
        return None
    quantized = sum(layer.weights for layer in shape.quantizable)
    rest = float(formats.stream) * (shape.parameters - quantized)
    if recipe.quantization == "nf4":
        return _NF4_BYTES * quantized + rest
    return quantized + 4.0 * sum(layer.outputs for layer in shape.quantizable) + rest


def _optimizer(case: Case, trained: int, passing: float) -> float:
    """Return gradients and states; of the step's own memory what goes beyond ``passing``, which is gone by then."""
    recipe = case.recipe
    if recipe.optimizer in {"adamw", "rmsprop"}:
        step = 4.0 * trained if case.on_gpu and recipe.optimizer == "rmsprop" else 0.0
        return 4.0 * trained + state_bytes(case, trained) + max(0.0, step - passing)
    if recipe.optimizer == "paged_adamw_8bit" and case.on_gpu:
        return 4.0 * trained
    return 4.0 * trained + state_bytes(case, trained)


def state_bytes(case: Case, trained: int) -> float:
    """Return the bytes of the optimizer's states of the trained parameters, wherever they lie."""
    optimizer = case.recipe.optimizer
    if optimizer in {"adamw", "rmsprop"}:
        return (8.0 if optimizer == "adamw" else 4.0) * trained
    eight = _elements_in_8bit(case)
    return _STATES_8BIT * eight + 8.0 * (trained - eight)


def _elements_in_8bit(case: Case) -> int:
    """Return how many trained elements have 8-bit states: those of large matrices that are no embedding."""
    recipe, shape = case.recipe, case.shape
    if recipe.adapter == "full":
        head = 0 if shape.head_is_tied else shape.head
        sizes = [head, *(layer.weights for layer in shape.layers)]
    else:
        adapted = [layer for layer in shape.layers if layer.is_adapted(recipe.lora_targets)]
        sizes = [size for layer in adapted for size in layer.adapter_sizes(recipe.lora_rank)]
    return sum(size for size in sizes if size >= _SMALL_FOR_8BIT)


def _activations(case: Case, batch: Batch, passing: float) -> float | None:
    """Return what the blocks keep, and what a block's backward pass takes beyond the loss's own passing memory."""
    shape, recipe = case.shape, case.recipe
    if not shape.blocks:
        return None
    formats = case.formats
    kept = [
        (block.count, kept_by_block(block, shape, recipe, batch, formats=formats, way=case.way))
        for block in shape.blocks
    ]
    around = batch.fed * 2.0 * formats.stream * shape.hidden  # the embeddings and the last norm
    if case.recomputes:
        inputs = sum(count * block.checkpointed for count, block in kept)
        return around + inputs + max(0.0, max(_again(block) for _, block in kept) - passing)
    saved = sum(count * block.saved for count, block in kept)
    return around + saved + max(0.0, max(block.working for _, block in kept) - passing)


def _again(block: Kept) -> float:
    return block.saved + block.working


def _head(case: Case, batch: Batch) -> tuple[float, float]:
    """Return the memory of the loss, and how much of it has passed when the blocks' backward pass begins."""
    shape, formats = case.shape, case.formats
    full = case.recipe.adapter == "full"
    # a head that is kept in float32 is copied to be computed with
    copy = 2.0 * shape.head if formats.mixed and formats.stream == 4 else 0.0
    if full:
        copy += 4.0 * shape.head  # its gradient, summed up before it takes its place
    if case.way == "stock":
        passing = _STOCK_COPIES * 4 * batch.scored * shape.vocabulary + copy
        return passing, passing
    most = max(CHUNK_BYTES["gpu" if case.on_gpu else "cpu"], _SMALLEST_CHUNK * 4 * shape.vocabulary)
    # a frozen head on a CPU is computed for so many tokens at once, in parts of like size
    at_once = batch.scored if case.on_gpu or full else batch.scored / max(1.0, -(-batch.scored // _TILE_TOKENS))
    passing = _CHUNK_COPIES[formats.compute] * min(most, 4.0 * at_once * shape.vocabulary) + copy
    return passing + formats.compute * batch.scored * shape.hidden, passing
