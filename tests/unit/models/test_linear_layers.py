"""Linear layers by the headers of the weight files, and the size of an adapter on them."""

from orpo_studio.models.linear_layers import LinearLayer, linear_layers, lora_parameters
from orpo_studio.models.weights import Tensor

LAYERS = (
    LinearLayer("model.layers.0.self_attn.q_proj", 4, 4),
    LinearLayer("model.layers.0.self_attn.k_proj", 4, 2),
    LinearLayer("model.layers.0.mlp.down_proj", 6, 4),
)
Q = ("model.layers.0.self_attn.q_proj.weight", (4, 4))


def tensors(*names_and_shapes: tuple[str, tuple[int, ...]], dtype: str = "BF16") -> list[Tensor]:
    return [Tensor(name, dtype, shape) for name, shape in names_and_shapes]


def experts(names: tuple[str, ...], parent: str = "model.layers.0.mlp") -> list[Tensor]:
    shapes = {"down_proj": (4, 6), "w2": (4, 6)}
    return tensors(
        Q,
        (f"{parent}.gate.weight", (3, 4)),
        *(
            (f"{parent}.experts.{number}.{name}.weight", shapes.get(name, (6, 4)))
            for number in range(3)
            for name in names
        ),
    )


def test_that_projections_are_layers_and_norms_embeddings_and_head_are_not():
    found = linear_layers(
        tensors(
            ("model.embed_tokens.weight", (8, 4)),
            ("model.layers.0.self_attn.q_proj.weight", (2, 4)),
            ("model.layers.0.self_attn.q_proj.bias", (2,)),
            ("model.layers.0.input_layernorm.weight", (4,)),
            ("lm_head.weight", (8, 4)),
        )
    )
    assert found == (LinearLayer("model.layers.0.self_attn.q_proj", inputs=4, outputs=2),)


def test_that_convolutions_of_gpt2_are_read_the_other_way_round_and_its_masks_are_no_layers():
    found = linear_layers(
        tensors(
            ("transformer.wte.weight", (8, 4)),
            ("transformer.wpe.weight", (16, 4)),
            ("transformer.h.0.attn.bias", (1, 1, 16, 16)),
            ("transformer.h.0.attn.c_attn.weight", (4, 12)),
            ("transformer.h.0.attn.c_proj.weight", (4, 4)),
            ("transformer.h.0.mlp.c_proj.weight", (16, 4)),
        ),
        "gpt2",
    )
    assert [(layer.inputs, layer.outputs, layer.role) for layer in found] == [
        (4, 12, "qkv"),
        (4, 4, "out"),
        (16, 4, "down"),
    ]


def test_that_single_experts_are_stacked_as_transformers_does():
    found = linear_layers(experts(("w1", "w2", "w3"), "model.layers.0.block_sparse_moe"), "mixtral")
    _, router, up, down = found
    assert (router.is_module, router.targets) == (False, ("gate",))
    assert (up.inputs, up.outputs, up.matrices, up.targets) == (4, 12, 3, ("w1", "w3"))
    assert (down.inputs, down.outputs, down.matrices, down.targets) == (6, 4, 3, ("w2",))
    assert up.weights + down.weights == 3 * 3 * 4 * 6


def test_that_experts_get_an_adapter_only_where_peft_gives_one():
    names = ("gate_proj", "up_proj", "down_proj")
    attention = 2 * 8
    everything = attention + 2 * (4 + 3) + 2 * 2 * 3 * (4 + 12) + 2 * 3 * (6 + 4)
    assert lora_parameters(linear_layers(experts(names), "qwen3_moe"), ("all-linear",), 2) == everything
    assert lora_parameters(linear_layers(experts(names), "qwen2_moe"), ("all-linear",), 2) == attention
    # half of what is stacked cannot be adapted
    assert lora_parameters(linear_layers(experts(names), "qwen3_moe"), ("gate_proj",), 2) == 0
    assert lora_parameters(linear_layers(experts(names), "qwen3_moe"), ("down_proj",), 2) == 2 * 3 * (6 + 4)


def test_that_nothing_is_claimed_of_layers_of_another_kind():
    assert linear_layers(tensors(Q, ("model.layers.0.mamba.in_proj.weight", (6, 4)))) == ()
    assert linear_layers(tensors(Q, ("model.layers.0.mamba.conv1d.weight", (6, 1, 4)))) == ()
    assert linear_layers(tensors(Q, ("model.layers.0.mlp.experts.gate_up_proj", (3, 4, 12)))) == ()
    assert linear_layers(experts(("up", "down")), "mixtral") == ()
    assert linear_layers(experts(("w1", "w2", "w3")), "qwen3_moe") == ()
    assert linear_layers(tensors(Q, dtype="U8")) == ()


def test_that_each_layer_takes_rank_times_inputs_and_outputs():
    assert lora_parameters(LAYERS, ("all-linear",), 8) == 8 * (8 + 6 + 10)


def test_that_dora_adds_one_number_an_output():
    assert lora_parameters(LAYERS, ("all-linear",), 8, dora=True) == 8 * (8 + 6 + 10) + 4 + 2 + 4


def test_that_targets_name_layers_by_the_end_of_their_name():
    assert lora_parameters(LAYERS, ("q_proj",), 2) == 2 * 8
    assert lora_parameters(LAYERS, ("self_attn.q_proj", "down_proj"), 2) == 2 * (8 + 10)
    assert lora_parameters(LAYERS, ("proj",), 2) == 0


def test_that_an_adapter_on_embeddings_or_head_is_not_guessed_at():
    assert lora_parameters(LAYERS, ("q_proj", "lm_head"), 2) == 0
    assert lora_parameters(LAYERS, ("q_proj", "model.embed_tokens"), 2) == 0
