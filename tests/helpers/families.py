"""A tiny random model of each common family, as an ordinary model folder."""

from pathlib import Path
from typing import Any

from helpers.tiny_model import write_tokenizer

VOCABULARY = 400
_COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 176,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}
_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 48, "decoder_sparse_step": 1}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": _COMMON,
    "qwen2": _COMMON,
    "qwen3": _COMMON | {"head_dim": 16},
    "mistral": _COMMON,
    "gemma": _COMMON | {"head_dim": 16},
    "gemma2": _COMMON | {"head_dim": 16},
    "gemma3_text": _COMMON | {"head_dim": 16},
    "phi": _COMMON,
    "phi3": _COMMON | {"pad_token_id": 0},
    "gpt2": {"vocab_size": VOCABULARY, "n_embd": 64, "n_head": 4, "n_positions": 512},
    "gpt_neox": {key: value for key, value in _COMMON.items() if key != "num_key_value_heads"},
    "falcon": {"vocab_size": VOCABULARY, "hidden_size": 64, "num_attention_heads": 4},
    "olmo": _COMMON,
    "olmo2": _COMMON,
    "granite": _COMMON,
    "cohere": _COMMON,
    "starcoder2": _COMMON,
    "mixtral": _COMMON | {"num_local_experts": 4, "num_experts_per_tok": 2},
    "qwen2_moe": _COMMON | _EXPERTS | {"shared_expert_intermediate_size": 80},
    "qwen3_moe": _COMMON | _EXPERTS | {"head_dim": 16},
    "olmoe": _COMMON | {"num_experts": 4, "num_experts_per_tok": 2},
}
MIXTURES = frozenset({"mixtral", "qwen2_moe", "qwen3_moe", "olmoe"})


def write_family(folder: Path, family: str, *, blocks: int = 2) -> Path:
    """Write a random model of a family."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    key = "n_layer" if family == "gpt2" else "num_hidden_layers"
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **FAMILIES[family], **{key: blocks}))
    folder.mkdir(parents=True)
    model.save_pretrained(folder)
    write_tokenizer(folder)
    return folder
