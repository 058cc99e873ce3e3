"""A model as memory sees it: sizes, by config.json and the headers of its weight files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from orpo_studio.models.card import ModelCard
from orpo_studio.models.files import first_count, first_text, read_object
from orpo_studio.models.linear_layers import INPUT_EMBEDDINGS, LinearLayer, Role, linear_layers
from orpo_studio.models.weights import Tensor, read_headers, weight_files

_BLOCK = re.compile(r"\.?(?:layers|h)\.(\d+)\.")
_LAYER_NORM = frozenset({"gpt2", "gpt_neox", "phi", "opt", "bloom", "falcon", "starcoder2", "stablelm", "olmo"})
"""Families with ``nn.LayerNorm``; all others have an RMSNorm, computed in float32 step by step."""
_OTHER_NORM = frozenset({"gemma", "gemma2", "gemma3", "gemma3_text", "vaultgemma", "qwen3_next", "cohere", "cohere2"})
"""Families whose norm is neither: it multiplies by 1 + w, or is a LayerNorm of their own in float32."""
_KEPT_BY_ACTIVATION = {"gelu_new": 4, "gelu_fast": 4, "gelu_accurate": 4, "quick_gelu": 2}
"""Tensors of the MLP's width that an activation keeps; those computed by one kernel keep their input alone."""
_OWN_ATTENTION = frozenset({"falcon", "bloom", "opt"})
"""Families with an attention of their own kind; what it keeps is not known here."""


@dataclass(frozen=True, slots=True)
class BlockShape:
    """One kind of transformer block; widths are in features, counted per token.

    Attributes:
        count: how many blocks of this kind the model has.
        layers: its linear layers.
        norms: normalizations of the hidden state.
        query: width of all query heads.
        key: width of all key heads, which is that of the value heads.
        heads: query heads.
        fused: query, key and value come from one layer.
        rotary: positions are rotated into query and key.
        query_norm: query and key are normalized as well.
        softcap: attention scores are capped, which is computed without a fused kernel.
        gated: the MLP has a gate beside the way up.
        swiglu: the gate is a layer of its own and its activation SiLU, as training fuses it.
        inner: width of the MLP, of one expert in a mixture.
        experts_used: experts that each token goes through; 0 for a dense MLP.
        shared_inner: width of the expert that every token goes through, beside the others.
    """

    count: int
    layers: tuple[LinearLayer, ...]
    norms: int
    query: int
    key: int
    heads: int
    fused: bool
    rotary: bool
    query_norm: bool
    softcap: bool
    gated: bool
    swiglu: bool
    inner: int
    experts_used: int
    shared_inner: int

    def of(self, role: Role) -> list[LinearLayer]:
        """Return its linear layers of a role, stacks of experts left out."""
        return [layer for layer in self.layers if layer.role == role and layer.matrices == 1]

    @property
    def experts(self) -> list[LinearLayer]:
        """Its stacks of experts."""
        return [layer for layer in self.layers if layer.matrices > 1]


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What a model's memory depends on.

    Attributes:
        parameters: all of them, tied weights once.
        embeddings: parameters of the embedding tables.
        vocabulary: rows of the output head.
        hidden: width of a hidden state; 0 where it is not known.
        head_is_tied: the output head is the input embedding.
        rms_norm: the norms are RMSNorms.
        plain_norm: they are so by the usual formula, as training fuses it.
        kept_by_activation: tensors of the MLP's width that its activation function keeps.
        layers: every linear layer of the blocks; empty where the architecture is not known here.
        blocks: the kinds of block; empty where what a block keeps is not known.
        context: longest sequence the model was made for, in tokens; None where config.json does not say.
    """

    parameters: int
    embeddings: int
    vocabulary: int
    hidden: int
    head_is_tied: bool
    rms_norm: bool
    plain_norm: bool
    kept_by_activation: int
    layers: tuple[LinearLayer, ...]
    blocks: tuple[BlockShape, ...]
    context: int | None

    @property
    def head(self) -> int:
        """Weights of the output head, its own or tied."""
        return self.vocabulary * self.hidden

    @property
    def quantizable(self) -> list[LinearLayer]:
        """The layers that bitsandbytes quantizes: the ordinary ones of the blocks."""
        return [layer for layer in self.layers if layer.is_module]


def read_shape(card: ModelCard) -> ModelShape:
    """Return the shape of the model that a card describes; headers of a 7B model take a few milliseconds.

    Raises:
        ModelProblem: its files cannot be read any more.
    """
    config = read_object(card.path / "config.json")
    return model_shape(card, config, read_headers(weight_files(card.path)))


def model_shape(card: ModelCard, config: Mapping[str, object], tensors: Sequence[Tensor]) -> ModelShape:
    """Return the shape of a model by its configuration and its headers."""
    layers = () if card.quantization_config is not None else linear_layers(tensors, card.model_type)
    names = {tensor.name for tensor in tensors}
    return ModelShape(
        parameters=card.parameters,
        embeddings=sum(tensor.elements for tensor in tensors if _last(tensor.name) in INPUT_EMBEDDINGS),
        vocabulary=card.vocabulary,
        hidden=card.hidden_size or 0,
        head_is_tied=config.get("tie_word_embeddings") is True
        or not any(name.endswith(("lm_head.weight", "embed_out.weight")) for name in names),
        rms_norm=card.model_type not in _LAYER_NORM,
        plain_norm=card.model_type not in _LAYER_NORM | _OTHER_NORM,
        kept_by_activation=_KEPT_BY_ACTIVATION.get(_activation(config, card.model_type), 1),
        layers=layers,
        blocks=_blocks(card, config, tensors, layers) if card.hidden_size else (),
        context=card.context,
    )


def _activation(config: Mapping[str, object], model_type: str) -> str:
    usual = "gelu_new" if model_type == "gpt2" else "silu"
    named = (config.get(key) for key in ("hidden_activation", "hidden_act", "activation_function"))
    return first_text(*named) or usual


def _blocks(
    card: ModelCard, config: Mapping[str, object], tensors: Sequence[Tensor], layers: Sequence[LinearLayer]
) -> tuple[BlockShape, ...]:
    """Return the kinds of block, each with how often it stands in the model; none where one of them is not whole."""
    if card.model_type in _OWN_ATTENTION:
        return ()
    layers_of: dict[int, list[LinearLayer]] = {}
    for layer in layers:
        layers_of.setdefault(_place(layer.name), []).append(layer)
    norms_of: dict[int, list[str]] = {}
    for tensor in tensors:
        place = _place(tensor.name)
        if place >= 0 and len(tensor.shape) == 1 and tensor.name.endswith(".weight"):
            norms_of.setdefault(place, []).append(tensor.name.removesuffix(".weight"))
    kinds: dict[BlockShape, tuple[BlockShape, int]] = {}
    for place, found in layers_of.items():
        block = _block(card, config, found, norms_of.get(place, []))
        if place < 0 or block is None:
            return ()
        alike = _without_place(block)
        first, count = kinds.get(alike, (block, 0))
        kinds[alike] = (first, count + 1)
    return tuple(replace(block, count=count) for block, count in kinds.values())


def _block(
    card: ModelCard, config: Mapping[str, object], layers: Sequence[LinearLayer], norms: Sequence[str]
) -> BlockShape | None:
    roles: dict[Role, list[LinearLayer]] = {"qkv": [], "out": [], "up": [], "down": [], "router": []}
    for layer in layers:
        roles[layer.role].append(layer)
    if not all(roles[role] for role in ("qkv", "out", "up", "down")):
        return None
    query, whole = roles["out"][0].inputs, sum(layer.outputs for layer in roles["qkv"])
    shared = [layer.inputs for layer in roles["down"] if ".shared_expert" in layer.name]
    inner = max(layer.inputs for layer in roles["down"] if ".shared_expert" not in layer.name)
    has_experts = any(layer.matrices > 1 for layer in layers)
    used = first_count(config.get("num_experts_per_tok"), config.get("moe_k"), config.get("num_experts_per_token"))
    ways_up = {_last(layer.name) for layer in roles["up"]}
    return BlockShape(
        count=1,
        layers=tuple(layers),
        # OLMo's norms have no weights, so no header names them
        norms=sum("q_norm" not in name and "k_norm" not in name for name in norms) or 2,
        query=query,
        key=(whole - query) // 2,
        heads=first_count(config.get("num_attention_heads"), config.get("n_head")) or 1,
        fused=len(roles["qkv"]) == 1,
        rotary=card.model_type not in {"gpt2", "opt", "bloom"},
        query_norm=any("q_norm" in name for name in norms),
        softcap=isinstance(config.get("attn_logit_softcapping"), (int, float)),
        gated=bool(ways_up & {"gate_proj", "gate_up_proj"}),
        swiglu="gate_proj" in ways_up and _activation(config, card.model_type) in {"silu", "swish"},
        inner=inner,
        experts_used=(used or 1) if has_experts else 0,
        shared_inner=max(shared, default=0) if has_experts else 0,
    )


def _without_place(block: BlockShape) -> BlockShape:
    return replace(block, layers=tuple(_renamed(layer) for layer in block.layers))


def _renamed(layer: LinearLayer) -> LinearLayer:
    return replace(layer, name=_BLOCK.sub(".0.", layer.name, count=1))


def _place(name: str) -> int:
    found = _BLOCK.search(name)
    return int(found[1]) if found else -1


def _last(name: str) -> str:
    return name.removesuffix(".weight").rpartition(".")[2]
