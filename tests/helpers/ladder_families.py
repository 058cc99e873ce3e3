"""A tiny random model of each family on the ladder, none of its peculiarities switched off."""

from dataclasses import dataclass
from typing import Any

import torch

from orpo_studio.trainer.scoring.ladder import Way

VOCABULARY = 400


@dataclass(frozen=True, slots=True)
class Family:
    """One row of the table.

    Attributes:
        models: whose they are, for people.
        kind: transformers' ``model_type``.
        config: what differs from a plain tiny model.
        way: the way that is expected.
        lora: whether PEFT's ``all-linear`` finds layers to adapt that work.
    """

    models: str
    kind: str
    config: dict[str, Any]
    way: Way = Way.PACKED
    lora: bool = True


# Windows are shorter than the pairs, caps lower than the scores, factors not 1.
_WINDOW = {"sliding_window": 5}
_CAPS = {"attn_logit_softcapping": 0.5, "final_logit_softcapping": 2.0, "query_pre_attn_scalar": 16}
_ROUTER = {"output_router_logits": True, "router_aux_loss_coef": 0.1}
_LOCAL_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24, "decoder_sparse_step": 1}
_SHARED_EXPERT = _EXPERTS | {"shared_expert_intermediate_size": 40}
_GPT = {"n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 128}

FAMILIES: dict[str, Family] = {
    "llama": Family("Llama 2 and 3, SmolLM2, TinyLlama, Vicuna", "llama", {}),
    "mistral": Family("Mistral 7B, later versions", "mistral", {"sliding_window": None}),
    "mistral-window": Family("Mistral 7B with a sliding window", "mistral", _WINDOW),
    "qwen2": Family("Qwen 2 and 2.5", "qwen2", {}),
    "qwen2-window": Family(
        "Qwen 2 with sliding windows", "qwen2", _WINDOW | {"use_sliding_window": True, "max_window_layers": 1}
    ),
    "qwen3": Family("Qwen 3", "qwen3", {"head_dim": 8}),
    "gemma": Family("Gemma", "gemma", {"head_dim": 8}),
    "gemma2": Family("Gemma 2", "gemma2", _WINDOW | _CAPS | {"head_dim": 8}),
    "gemma3": Family(
        "Gemma 3, text alone", "gemma3_text",
        _WINDOW | _CAPS | {"head_dim": 8, "layer_types": ["sliding_attention", "full_attention"]},
    ),
    "phi": Family("Phi 1.5 and 2", "phi", {}),
    "phi3": Family("Phi 3 and 4, a window included", "phi3", _WINDOW),
    "smollm3": Family("SmolLM3", "smollm3", {}),
    "olmo": Family("OLMo", "olmo", {}),
    "olmo2": Family("OLMo 2", "olmo2", {}),
    "olmo3": Family("OLMo 3", "olmo3", _WINDOW),
    "granite": Family(
        "Granite 3", "granite",
        {"logits_scaling": 3.0, "embedding_multiplier": 2.0, "attention_multiplier": 0.3, "residual_multiplier": 0.7},
    ),
    "cohere": Family("Command R", "cohere", {"logit_scale": 0.25}),
    "cohere2": Family("Command R7B", "cohere2", _WINDOW | {"logit_scale": 0.25, "num_hidden_layers": 4}),
    "glm4": Family("GLM 4", "glm4", {"head_dim": 8}),
    "ernie": Family("ERNIE 4.5", "ernie4_5", {"head_dim": 8}),
    "starcoder2": Family("StarCoder 2", "starcoder2", _WINDOW),
    "gpt2": Family("GPT-2", "gpt2", _GPT | {"scale_attn_by_inverse_layer_idx": True, "tie_word_embeddings": True}),
    "bigcode": Family("StarCoder", "gpt_bigcode", _GPT),
    "neox": Family("GPT-NeoX, Pythia", "gpt_neox", {"num_key_value_heads": None}),
    "opt": Family("OPT", "opt", {"ffn_dim": 64, "word_embed_proj_dim": 16, "do_layer_norm_before": False}),
    "mixtral": Family("Mixtral", "mixtral", _LOCAL_EXPERTS),
    "mixtral-router": Family("Mixtral, router loss on", "mixtral", _LOCAL_EXPERTS | _ROUTER, Way.PADDED),
    "qwen2-moe": Family("Qwen 1.5 and 2 MoE", "qwen2_moe", _SHARED_EXPERT),
    "qwen2-moe-router": Family(
        "Qwen 1.5 and 2 MoE, router loss on", "qwen2_moe", _SHARED_EXPERT | _ROUTER, Way.PADDED
    ),
    "qwen3-moe": Family("Qwen 3 MoE", "qwen3_moe", _EXPERTS | {"head_dim": 8}),
    "qwen3-moe-router": Family(
        "Qwen 3 MoE, router loss on", "qwen3_moe", _EXPERTS | _ROUTER | {"head_dim": 8}, Way.PADDED
    ),
    "olmoe-router": Family(
        "OLMoE, router loss on", "olmoe", {"num_experts": 4, "num_experts_per_tok": 2} | _ROUTER, Way.PADDED
    ),
    "gpt-oss": Family("gpt-oss", "gpt_oss", _WINDOW | _LOCAL_EXPERTS | {"head_dim": 8}),
    "gpt-oss-router": Family(
        "gpt-oss, router loss on", "gpt_oss", _WINDOW | _LOCAL_EXPERTS | _ROUTER | {"head_dim": 8}, Way.PADDED
    ),
    "deepseek3": Family(
        "DeepSeek V3", "deepseek_v3",
        {
            "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "moe_intermediate_size": 24,
            "first_k_dense_replace": 1, "kv_lora_rank": 8, "q_lora_rank": 8, "qk_rope_head_dim": 4,
            "qk_nope_head_dim": 4, "v_head_dim": 8, "num_key_value_heads": 4,
        },
    ),
    "granite-moe": Family("Granite 3 MoE", "granitemoe", _LOCAL_EXPERTS | {"logits_scaling": 3.0}),
    "llama4": Family(
        "Llama 4, text alone", "llama4_text",
        {
            "head_dim": 8, "num_local_experts": 2, "intermediate_size_mlp": 64, "attention_chunk_size": 6,
            "num_hidden_layers": 4,
        },
        Way.PADDED, lora=False,
    ),
    "falcon": Family("Falcon", "falcon", {"alibi": False}, Way.PADDED),
    "falcon-alibi": Family("Falcon RW (ALiBi)", "falcon", {"alibi": True}, Way.PADDED),
    "bloom": Family("BLOOM", "bloom", {"n_layer": 2, "n_head": 4}, Way.PADDED),
    "mpt": Family("MPT", "mpt", {"d_model": 32, "n_layers": 2, "n_heads": 4}, Way.PADDED),
    "stablelm": Family("StableLM", "stablelm", {}, Way.PADDED),
    "gptj": Family("GPT-J", "gptj", _GPT | {"rotary_dim": 4}, Way.PADDED),
    "mamba": Family("Mamba", "mamba", {"state_size": 4}, Way.PADDED, lora=False),
    "jamba": Family(
        "Jamba", "jamba",
        {
            "num_experts": 2, "num_experts_per_tok": 1, "attn_layer_period": 2, "attn_layer_offset": 1,
            "expert_layer_period": 2, "expert_layer_offset": 1, "use_mamba_kernels": False, "mamba_d_state": 4,
            "mamba_dt_rank": 4,
        },
        Way.PADDED,
    ),
    "qwen3-next": Family(
        "Qwen 3 Next", "qwen3_next",
        _SHARED_EXPERT | {
            "head_dim": 8, "layer_types": ["linear_attention", "full_attention"], "linear_num_value_heads": 4,
            "linear_num_key_heads": 2, "linear_key_head_dim": 8, "linear_value_head_dim": 8,
        },
        Way.PADDED,
    ),
    "lfm2": Family("LFM 2", "lfm2", {"layer_types": ["conv", "full_attention"]}, Way.PADDED),
    "t5": Family(
        "T5, FLAN-T5", "t5", {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}, Way.STOCK
    ),
}  # fmt: skip
_PLAIN = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "tie_word_embeddings": False,
}
_NAMED_OTHERWISE = {"gpt2", "gpt_bigcode", "gptj", "mpt", "bloom", "t5"}


def make_family(name: str) -> Any:
    """Return a random model whose every parameter, norms and biases included, has its part in what comes out."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

    family = FAMILIES[name]
    plain = {} if family.kind in _NAMED_OTHERWISE else dict(_PLAIN)
    special = {"vocab_size": VOCABULARY, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    options = {key: value for key, value in (plain | special | family.config).items() if value is not None}
    if family.config.get("sliding_window", 0) is None:
        options["sliding_window"] = None
    config = AutoConfig.for_model(family.kind, **options)
    torch.manual_seed(0)
    model = (AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM).from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape)
            parameter.add_(noise, alpha=0.2) if parameter.ndim == 1 else parameter.copy_(0.15 * noise)
    return model.train()


def with_lora(model: Any) -> Any:
    """Return a model with an adapter that already does something."""
    from peft import LoraConfig, get_peft_model

    adapted = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return adapted
