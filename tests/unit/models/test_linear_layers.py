"""Linear layers by the headers of the weight files, and the size of an adapter on them."""

from orpo_studio.models.linear_layers import LinearLayer, linear_layers, lora_parameters
from orpo_studio.models.weights import Tensor

LAYERS = (
    LinearLayer("model.layers.0.self_attn.q_proj", 4, 4),
    LinearLayer("model.layers.0.self_attn.k_proj", 4, 2),
    LinearLayer("model.layers.0.mlp.down_proj", 6, 4),
)


def tensors(*names_and_shapes: tuple[str, tuple[int, ...]], dtype: str = "BF16") -> list[Tensor]:
    return [Tensor(name, dtype, shape) for name, shape in names_and_shapes]


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


def test_that_nothing_is_claimed_of_layers_of_another_kind():
    q = ("model.layers.0.self_attn.q_proj.weight", (2, 4))
    assert linear_layers(tensors(q, ("model.layers.0.mlp.experts.3.up_proj.weight", (6, 4)))) == ()
    assert linear_layers(tensors(q, ("model.layers.0.block_sparse_moe.gate.weight", (6, 4)))) == ()
    assert linear_layers(tensors(("transformer.h.0.attn.c_attn.weight", (4, 12)))) == ()
    assert linear_layers(tensors(q, dtype="U8")) == ()


def test_that_each_layer_takes_rank_times_inputs_and_outputs():
    assert lora_parameters(LAYERS, ("all-linear",), 8) == 8 * (8 + 6 + 10)


def test_that_dora_adds_one_number_an_output():
    assert lora_parameters(LAYERS, ("all-linear",), 8, dora=True) == 8 * (8 + 6 + 10) + 4 + 2 + 4


def test_that_targets_name_layers_by_the_end_of_their_name():
    assert lora_parameters(LAYERS, ("q_proj",), 2) == 2 * 8
    assert lora_parameters(LAYERS, ("self_attn.q_proj", "down_proj"), 2) == 2 * (8 + 10)
    assert lora_parameters(LAYERS, ("proj",), 2) == 0
