"""The headers of real-sized models, made up in memory: no weight is there."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from helpers.model_folder import write_model
from orpo_studio.fit.shape import ModelShape, model_shape
from orpo_studio.models.card import ModelCard, inspect_model
from orpo_studio.models.weights import Tensor, count_parameters


def llama_tensors(
    *, hidden: int, inner: int, keys: int, blocks: int, vocabulary: int, tied: bool = False
) -> list[Tensor]:
    """Return the tensors of a Llama of these sizes."""
    shapes = {
        "self_attn.q_proj": (hidden, hidden),
        "self_attn.k_proj": (keys, hidden),
        "self_attn.v_proj": (keys, hidden),
        "self_attn.o_proj": (hidden, hidden),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
        "input_layernorm": (hidden,),
        "post_attention_layernorm": (hidden,),
    }
    inside = [
        Tensor(f"model.layers.{place}.{name}.weight", "BF16", shape)
        for place in range(blocks)
        for name, shape in shapes.items()
    ]
    ends = [
        Tensor("model.embed_tokens.weight", "BF16", (vocabulary, hidden)),
        Tensor("model.norm.weight", "BF16", (hidden,)),
    ]
    head = [] if tied else [Tensor("lm_head.weight", "BF16", (vocabulary, hidden))]
    return [*ends, *inside, *head]


def llama_shape(tmp_path: Path, *, heads: int = 32, **sizes: Any) -> ModelShape:
    """Return the shape of a Llama of these sizes."""
    tensors = llama_tensors(**sizes)
    card: ModelCard = replace(
        inspect_model(write_model(tmp_path / "card")),
        parameters=count_parameters(tensors, tied=False),
        vocabulary=sizes["vocabulary"],
        hidden_size=sizes["hidden"],
        layers=sizes["blocks"],
        context=8192,
    )
    return model_shape(card, {"num_attention_heads": heads, "hidden_act": "silu"}, tensors)


LLAMA_8B: dict[str, int] = {"hidden": 4096, "inner": 14336, "keys": 1024, "blocks": 32, "vocabulary": 128_256}
SMALL: dict[str, int] = {"hidden": 576, "inner": 1536, "keys": 192, "blocks": 30, "vocabulary": 49_152}
