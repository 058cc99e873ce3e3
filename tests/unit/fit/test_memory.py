"""The sum of the parts, by arithmetic done here a second time, and how it grows."""

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orpo_studio.config import RunSpec
from orpo_studio.fit.memory import GIB, PARTS, Case, estimate, trained_parameters
from orpo_studio.fit.rows import PairLengths, Way
from orpo_studio.fit.shape import ModelShape

LINEAR_8B = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336)
PARAMETERS_8B = 8_030_261_248
WAYS: list[Way] = ["packed", "padded", "stock"]
LENGTHS = PairLengths.of([(100, 50, 20), (400, 300, 10), (30, 600, 500), (900, 900, 900), (2000, 5, 5)])


def case(shape: ModelShape, *, on_gpu: bool = True, way: Way = "packed", lengths: Any = None, **recipe: Any) -> Case:
    return Case(RunSpec.model_validate({"recipe": recipe}).recipe, shape, on_gpu, way, lengths)


def test_that_the_weights_take_what_their_format_takes(big: ModelShape) -> None:
    assert big.parameters == PARAMETERS_8B
    rest = 2 * (PARAMETERS_8B - LINEAR_8B)
    outputs = 32 * (2 * 4096 + 2 * 1024 + 2 * 14336 + 4096)
    assert estimate(case(big)).weights == 2 * PARAMETERS_8B
    assert estimate(case(big, on_gpu=False)).weights == 4 * PARAMETERS_8B
    assert estimate(case(big, quantization="nf4")).weights == pytest.approx(0.516 * LINEAR_8B + rest, rel=1e-3)
    assert estimate(case(big, quantization="8bit")).weights == LINEAR_8B + 4 * outputs + rest
    fp16 = estimate(case(big, quantization="nf4", precision="fp16"))
    assert fp16.weights == pytest.approx(0.516 * LINEAR_8B + 2 * rest, rel=1e-3)
    assert estimate(replace(case(big, quantization="nf4"), has_bf16=False)) == fp16
    assert estimate(case(big, adapter="full")).weights == 4 * PARAMETERS_8B + 2 * LINEAR_8B
    assert estimate(case(big, adapter="full", precision="fp32")).weights == 4 * PARAMETERS_8B


def test_that_lora_of_llama_3_8b_takes_42_million_parameters(big: ModelShape) -> None:
    lora = trained_parameters(case(big))
    assert lora == 41_943_040
    whole = estimate(case(big))
    assert whole.adapter == 6 * lora
    assert whole.optimizer == 12 * lora
    assert estimate(case(big, optimizer="rmsprop")).optimizer == 8 * lora
    assert estimate(case(big, optimizer="adamw_8bit")).optimizer == pytest.approx(6.03125 * lora)
    assert estimate(case(big, optimizer="paged_adamw_8bit")).optimizer == 4 * lora
    assert estimate(case(big, optimizer="paged_adamw_8bit", on_gpu=False)).optimizer == pytest.approx(6.03125 * lora)


def test_that_full_fine_tuning_takes_16_bytes_a_parameter_and_the_copies(big: ModelShape) -> None:
    whole = estimate(case(big, adapter="full", micro_batch=8, max_length=4096))
    assert whole.adapter == 0
    assert whole.optimizer == 12 * PARAMETERS_8B
    # with short rows the 4 bytes a parameter of RMSprop's step come after the activations, and are more
    short = estimate(case(big, adapter="full", micro_batch=1, max_length=64, optimizer="rmsprop"))
    assert short.known == pytest.approx(short.weights + 12 * PARAMETERS_8B)
    embeddings = 128_256 * 4096
    eight = estimate(case(big, adapter="full", optimizer="adamw_8bit")).optimizer
    assert eight == pytest.approx(6.03125 * (PARAMETERS_8B - embeddings) + 12 * embeddings, rel=1e-4)


def test_that_the_head_takes_a_chunk_or_all_logits(big: ModelShape) -> None:
    tokens = 2 * 2 * 1024
    assert estimate(case(big, way="stock")).head == 4.5 * 4 * tokens * 128_256
    assert estimate(case(big)).head == pytest.approx(1.6 * 256 * 2**20 + 2 * tokens * 4096)
    assert estimate(case(big, on_gpu=False)).head == pytest.approx(1.1 * 32 * 2**20 + 4 * tokens * 4096)


def test_that_activations_of_llama_3_8b_are_those_of_the_derivation(big: ModelShape) -> None:
    hidden, keys, inner, rank = 4096, 1024, 14336, 16
    block = 2 * (4 * hidden + 4) + 2 * (2 * hidden + 2 * keys) + 4 * 32 + 2 * 2 * inner + 2 * (2 * hidden + inner)
    block += 2 * rank * 7
    tokens = 4096
    expected = tokens * (32 * block + 2 * 2 * hidden)
    assert estimate(case(big)).activations == pytest.approx(expected, rel=0.01)
    again = estimate(case(big, gradient_checkpointing="on")).activations
    assert again is not None
    assert again < tokens * (33 * 2 * hidden + 2 * block + 8 * inner)


def test_that_the_data_decides_where_its_lengths_are_known(small: ModelShape) -> None:
    every = estimate(case(small, max_length=2048, micro_batch=2))
    real = estimate(case(small, max_length=2048, micro_batch=2, lengths=LENGTHS))
    assert real.known < every.known
    # 900+900+900 and 2000+5+5 meet
    fed = 2700 + 2010
    assert real.head == pytest.approx(1.6 * 256 * 2**20 + 2 * fed * 576)


def test_that_an_unknown_architecture_leaves_unknown_what_is_unknown(big: ModelShape) -> None:
    unknown = replace(big, layers=(), blocks=())
    lora = estimate(case(unknown))
    assert (lora.adapter, lora.optimizer, lora.activations, lora.is_whole) == (None, None, None, False)
    assert lora.weights == 2 * PARAMETERS_8B
    full = estimate(case(unknown, adapter="full", precision="fp32"))
    assert full.activations is None
    assert full.weights == 4 * PARAMETERS_8B
    assert full.optimizer is not None
    assert estimate(case(unknown, quantization="nf4")).weights is None


RECIPES = st.fixed_dictionaries(
    {
        "adapter": st.sampled_from(["lora", "full"]),
        "optimizer": st.sampled_from(["adamw", "adamw_8bit", "paged_adamw_8bit", "rmsprop"]),
        "precision": st.sampled_from(["auto", "bf16", "fp32"]),
        "gradient_checkpointing": st.sampled_from(["on", "off"]),
        "use_dora": st.booleans(),
        "lora_dropout": st.sampled_from([0.0, 0.1]),
        "lora_targets": st.sampled_from([["all-linear"], ["q_proj", "v_proj"], ["down_proj"]]),
        "micro_batch": st.integers(1, 64),
        "max_length": st.integers(8, 8192),
        "lora_rank": st.integers(1, 256),
    }
).flatmap(
    lambda recipe: st.sampled_from(["none"] if recipe["adapter"] == "full" else ["none", "8bit", "nf4"]).map(
        lambda quantization: {**recipe, "quantization": quantization}
    )
)


@settings(max_examples=150, deadline=None)
@given(
    recipe=RECIPES,
    way=st.sampled_from(WAYS),
    on_gpu=st.booleans(),
    real=st.booleans(),
    name=st.sampled_from(["micro_batch", "max_length", "lora_rank"]),
    more=st.integers(1, 100),
)
def test_that_every_part_is_known_and_memory_grows_with_batch_length_and_rank(
    small: ModelShape, recipe: dict[str, Any], way: Way, on_gpu: bool, real: bool, name: str, more: int
) -> None:
    here = case(small, on_gpu=on_gpu, way=way, lengths=LENGTHS if real else None, **recipe)
    now, then = estimate(here), estimate(here.having(**{name: recipe[name] + more}))
    assert now.is_whole
    assert all((now.part(part) or 0) >= 0 for part in PARTS)
    assert then.known >= now.known * (1 - 1e-12)
    assert now.low <= now.high


def test_that_an_estimate_takes_no_time(big: ModelShape) -> None:
    many = PairLengths.of([(n, n // 2, n // 3) for n in range(2500)])
    here = case(big, micro_batch=8, lengths=many)
    estimate(here)
    taken = []
    for _ in range(20):
        begun = time.process_time()
        estimate(here)
        taken.append(time.process_time() - begun)
    assert sorted(taken)[10] < 0.01


def test_that_the_reserve_is_the_drivers_or_pythons(small: ModelShape) -> None:
    assert estimate(case(small)).high - estimate(case(small)).low == pytest.approx(1.5 * GIB)
    assert estimate(case(small, on_gpu=False)).reserve_high == 1.5 * GIB
