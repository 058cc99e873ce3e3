"""What a transformer block keeps for the backward pass, in bytes.

Derived from what autograd saves with the fused layers of ``trainer/fused`` in place, as packed and padded training has
them; the stock way computes with the layers of transformers and PEFT, and where these keep another amount, it is named
as unfused. A count of live storages on a CPU agrees within 1 % for blocks of Llama, Mistral, Gemma, Qwen 3, Granite,
OLMo, OLMo 2, GPT-2, GPT-NeoX and StarCoder 2 with LoRA and in full float32 fine-tuning, and within 10 % for Phi, Phi-3
and Cohere, for mixtures of experts, for Gemma 2, and for the peak of whole training steps of a Llama
(``tests/training/test_fit_saved_bytes.py`` and ``test_fit_step_peak.py``). What holds on a card alone is arithmetic: it
was not measured there.

With c the bytes of the computation's format (2 or 4), s those of the hidden state between blocks and i those of a
linear layer's output, per token of a block with hidden width d, query width q, key width k, MLP width f:

=================  ====================================================================================================
RMSNorm            4·d, its input in float32; trained: nothing else, but unfused + s·d, the normalized input
LayerNorm          4·d, its input (on a CPU under autocast: s·d)
norm of q and k    4·(q + k); trained: unfused, or under autocast, + i·(q + k)
attention          c·(q + q + 2·k): query, key, value behind the rotation, and its output; 4 a head for the softmax
– padded           key and value once for each query head, and the mask
– packed           on a card in 16 bits as above, with a prompt's keys twice. Else + c·q for prompt and chosen side,
                   whose queries are joined, and c·q for the joined output, where the layer behind reads it; float32 on
                   a card: key and value once for each query head
– fused q, k, v    padded: + c·(q + k), the one output that the value is a view of stays whole, beside the rotated query
                   and key; packed: + 2·c·k where nothing is rotated, for the query's sake
– capped scores    heads · keys · (c + 4 + c): no fused kernel, so tanh, softmax and its rounded form stay
gated MLP          i·(a + 2)·f: gate before and behind its activation (a tensors), and the way up
– SwiGLU           i·2·f: gate and way up; silu(gate) is made again. Only where the gate is a layer of its own
plain MLP          i·a·f
inputs             of each layer that is trained or has an adapter: c·(its inputs). Where the hidden state is in the
                   computation's format (s = c), layers that read the same tensor share it, and attention's output is
                   kept already. Under autocast else each makes a copy of its own, of attention's output only with
                   dropout. DoRA and unfused LoRA copy everything under autocast, as PEFT makes a detour by float32.
adapter            c·r a layer; DoRA: + (c + i)·(its outputs); dropout: own inputs, and a mask, 1 byte an input; on a
                   CPU the bytes of the number that it masks (DoRA, unfused: 4)
8-bit base         unfused: the inputs of all layers, kept by bitsandbytes outside autograd: checkpointing does not free
                   them
experts            n a token, not reached by autocast: n·s·(3·f + d); trained or with an adapter: + n·s·(d + f) + s·d
=================  ====================================================================================================

On a card, norms go through torch's ``rms_norm``. Its kernel there is said to keep its input as it comes (s·d), so that
the table's 4·d, and s·d where it is trained, are rather too much; they stay until they are counted on one.

s and i are c. But full fine-tuning under autocast: s = 4; a quantized base under autocast in float16: s = 4, since its
embeddings and norms are kept in float32, and with nf4 i = 4, as bitsandbytes answers in the format it was asked in.

An adapter on stacked experts adds to their weights before it multiplies: the sum, s bytes a weight, is kept as well.
"""

from dataclasses import dataclass

from orpo_studio.config.sections import RecipeSection
from orpo_studio.fit.rows import Batch, Way
from orpo_studio.fit.shape import BlockShape, ModelShape
from orpo_studio.models.linear_layers import LinearLayer

_VARLEN_HEAD = 256
"""Widest head of the kernel that packed attention takes on a card in 16 bits."""


@dataclass(frozen=True, slots=True)
class Computation:
    """In which formats a recipe computes.

    Attributes:
        compute: bytes of a number in a matrix product.
        stream: bytes of a number of the hidden state between blocks, and of a weight that is not quantized.
        inner: bytes of a number of a linear layer's output.
        on_gpu: on a card; else in main memory.
    """

    compute: int
    stream: int
    inner: int
    on_gpu: bool

    @property
    def mixed(self) -> bool:
        """Whether autocast computes in 16 bits."""
        return self.compute == 2


def computation(recipe: RecipeSection, *, on_gpu: bool, has_bf16: bool) -> Computation:
    """Return the formats of a recipe; "auto" is 16 bits on a card, float16 where it has no bfloat16, else float32."""
    in_full = recipe.precision == "fp32" or (recipe.precision == "auto" and not on_gpu)
    if in_full:
        return Computation(4, 4, 4, on_gpu)
    if recipe.adapter == "full":
        return Computation(2, 4, 2, on_gpu)
    is_float16 = recipe.precision == "fp16" or (recipe.precision == "auto" and not has_bf16)
    if recipe.quantization == "none" or not is_float16:
        return Computation(2, 2, 2, on_gpu)
    return Computation(2, 4, 4 if recipe.quantization == "nf4" else 2, on_gpu)


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes that one block keeps.

    Attributes:
        saved: for its own backward pass.
        checkpointed: when it is computed again in the backward pass: its input, and what cannot be let go.
        working: what its backward pass takes on top for a moment.
    """

    saved: float
    checkpointed: float
    working: float


def kept_by_block(
    block: BlockShape, shape: ModelShape, recipe: RecipeSection, batch: Batch, *, formats: Computation, way: Way
) -> Kept:
    """Return what a block keeps of a micro-batch."""
    made = _Block(block, shape, recipe, formats, fused=way != "stock")
    stuck = batch.fed * made.stuck_inputs()
    saved = (
        batch.fed * (made.norms() + made.mlp() + made.experts() + made.inputs() + made.adapters())
        + made.attention(batch, packed=way == "packed")
        + made.merged_experts()
        + batch.fed * made.loose_inputs()
    )
    return Kept(saved, batch.fed * made.formats.stream * shape.hidden + stuck, made.working(batch))


class _Block:
    """One block under one recipe; what is said per token is in bytes."""

    def __init__(
        self, block: BlockShape, shape: ModelShape, recipe: RecipeSection, formats: Computation, *, fused: bool
    ) -> None:
        self.block, self.shape, self.recipe, self.formats, self.fused = block, shape, recipe, formats, fused
        self.full = recipe.adapter == "full"
        self.holds_inputs = not self.full and recipe.quantization == "8bit" and not fused

    def norms(self) -> float:
        block, hidden, formats = self.block, self.shape.hidden, self.formats
        one = 4.0 * hidden + 4
        if not self.shape.rms_norm and not formats.on_gpu:
            one = formats.stream * (hidden + 2.0)
        elif self.full and self.shape.rms_norm and not self._is_fused_norm(formats.stream):
            one += formats.stream * hidden
        inner = 0 if not self.full or self._is_fused_norm(formats.inner) else formats.inner
        both = (4 + inner) * (block.query + block.key) if block.query_norm else 0
        return block.norms * one + both

    def _is_fused_norm(self, read: int) -> bool:
        """Tell whether a norm with float32 weights, of numbers of so many bytes, takes the pass that keeps no more."""
        return self.fused and self.shape.plain_norm and read == 4 and not self.formats.on_gpu

    def attention(self, batch: Batch, *, packed: bool) -> float:
        """Return the bytes of a whole micro-batch: keys are not counted per fed token."""
        block, formats = self.block, self.formats
        compute = formats.compute
        if block.softcap:
            scores = block.heads * batch.looks * (compute + 4 + (compute if formats.mixed else 0))
            return scores + batch.fed * compute * (2 * block.query + 2 * block.key)
        queries = batch.fed * (2.0 * compute * block.query + 4 * block.heads)
        if packed and formats.on_gpu and formats.mixed and block.query <= _VARLEN_HEAD * block.heads:
            return queries + batch.keys * compute * 2 * block.key
        if packed:
            # pieces are joined: a prompt's queries with the chosen side's, its keys and values with either side's,
            # and in the end what was attended; a card writes keys and values out for each query head
            joined = batch.first + (batch.fed if self._reads_attended() else 0)
            width = block.query if formats.on_gpu else block.key
            views = 0 if block.rotary or not block.fused else batch.fed * 2 * block.key
            return queries + compute * (joined * block.query + batch.keys * 2 * width + views)
        if block.fused and not self._makes_copies():
            queries += batch.fed * compute * ((block.query + block.key) if block.rotary else 0)
        # padding needs a mask, and a masked kernel keys for each query head
        mask = batch.rows * batch.length**2 * compute
        return queries + mask + batch.keys * compute * 2 * block.query

    def _reads_attended(self) -> bool:
        """Tell whether the layer behind attention keeps what it reads."""
        return any(map(self._is_read, self.block.of("out")))

    def _makes_copies(self) -> bool:
        """Tell whether query, key and value are cast before attention, so that what they were views of goes."""
        return self.formats.inner != self.formats.compute

    def mlp(self) -> float:
        block, kept = self.block, self.shape.kept_by_activation
        width = block.shared_inner if block.experts_used else block.inner
        if block.swiglu and self.fused:
            return self.formats.inner * 2 * width
        return self.formats.inner * (kept + 2 if block.gated else kept) * width

    def experts(self) -> float:
        block, formats, hidden = self.block, self.formats, self.shape.hidden
        used = block.experts_used
        if not used:
            return 0
        # autocast does not reach stacked experts: they compute as the hidden state comes; 16 for how they are chosen
        behind = used * (formats.stream * (3.0 * block.inner + hidden) + 16)
        if self.full or any(self._has_adapter(stack) for stack in block.experts):
            behind += used * formats.stream * (hidden + block.inner) + formats.stream * hidden
        return behind

    def merged_experts(self) -> float:
        if self.full:
            return 0
        return self.formats.stream * sum(stack.weights for stack in self.block.experts if self._has_adapter(stack))

    def inputs(self) -> float:
        """Return what trained and adapted layers keep of what they read."""
        compute = self.formats.compute
        if self._shares_inputs():
            read = [self.block.of("qkv")] if self.block.norms > 1 else [self.block.of("qkv") + self.block.of("up")]
            read += [self.block.of("up")] if self.block.norms > 1 else []
            shared = sum(self.shape.hidden for layers in read if any(map(self._is_read, layers)))
            return compute * (shared + sum(layer.inputs for layer in self.block.of("down") if self._is_read(layer)))
        own = [layer for layer in self.block.layers if layer.matrices == 1 and self._is_read(layer)]
        return compute * sum(layer.inputs for layer in own if not self._is_kept_already(layer))

    def _is_kept_already(self, layer: LinearLayer) -> bool:
        """Tell whether a layer that makes a copy of what it reads need not, since attention keeps it so."""
        reads_plainly = self.full or (self._is_fused_lora() and self.recipe.lora_dropout == 0)
        return reads_plainly and layer.role == "out"

    def adapters(self) -> float:
        recipe, compute = self.recipe, self.formats.compute
        if self.full:
            return 0
        adapted = [layer for layer in self.block.layers if self._has_adapter(layer)]
        modules = [layer for layer in adapted if layer.matrices == 1]
        per_token = compute * recipe.lora_rank * len(modules)
        if recipe.use_dora:
            per_token += (compute + self.formats.inner) * sum(layer.outputs for layer in modules)
        if recipe.lora_dropout > 0:
            per_token += sum(self._mask(layer) * layer.inputs for layer in modules)
        return per_token

    def _mask(self, layer: LinearLayer) -> int:
        """Return the bytes of dropout's mask for each number that a layer reads."""
        if self.formats.on_gpu:
            return 1
        if not self._is_fused_lora():
            return 4
        return {"out": self.formats.compute, "down": self.formats.inner}.get(layer.role, self.formats.stream)

    def stuck_inputs(self) -> float:
        """Return what bitsandbytes' 8-bit layers hold of their inputs, whether they are computed again or not."""
        if not self.holds_inputs:
            return 0
        formats, down = self.formats, sum(layer.inputs for layer in self.block.of("down"))
        shared = formats.stream * 2 * self.shape.hidden
        return shared + formats.compute * self.block.query + formats.inner * down

    def loose_inputs(self) -> float:
        """Return the part of them that nothing else of the block holds as well."""
        if not self.holds_inputs:
            return 0
        attended = self.formats.compute * self.block.query
        return self.stuck_inputs() - attended - (self.inputs() if self._shares_inputs() else 0)

    def working(self, batch: Batch) -> float:
        """Return what the backward pass takes for a moment: gradients inside the MLP, and a weight made whole."""
        block, formats = self.block, self.formats
        width = block.inner * max(1, block.experts_used)
        gradients = batch.fed * (8 if formats.inner == formats.compute else 10) * width
        layers = [layer for layer in block.layers if layer.matrices == 1]
        whole = 0.0
        if not self.full and self.recipe.quantization != "none":
            bytes_each = formats.stream if self.holds_inputs else formats.compute
            whole = bytes_each * max(layer.weights for layer in layers)
        if not self.full and self.recipe.use_dora:
            whole += max((self._dora(layer) for layer in layers if self._has_adapter(layer)), default=0)
        return gradients + whole

    def _dora(self, layer: LinearLayer) -> float:
        """Return what DoRA makes to know the length of a weight: an identity matrix, and the weight three times."""
        return (4 + self.formats.compute) * layer.inputs**2 + 12.0 * layer.weights

    def _shares_inputs(self) -> bool:
        if not self.formats.mixed:
            return self.full or self.recipe.lora_dropout == 0
        return self._is_fused_lora() and self.recipe.lora_dropout == 0 and self.formats.stream == self.formats.compute

    def _is_fused_lora(self) -> bool:
        return self.fused and not self.full and not self.recipe.use_dora

    def _is_read(self, layer: LinearLayer) -> bool:
        return self.full or self._has_adapter(layer)

    def _has_adapter(self, layer: LinearLayer) -> bool:
        return not self.full and layer.is_adapted(self.recipe.lora_targets)
