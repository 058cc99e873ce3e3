"""Each family takes the way it can, gives what TRL gives, and lies no farther from the truth than TRL does.

The help topic ``models`` is the table of these families. To write it anew after a change:

    ORPO_STUDIO_WRITE_HELP=1 python -m pytest tests/training/test_families.py -k help
"""

import os
from typing import Any

import pytest
import torch

from helpers.ladder_families import FAMILIES, Family, make_family, with_lora
from helpers.random_pairs import uneven_pairs
from helpers.stock import Computed, apart, compute, compute_in_float64, make_scorer
from orpo_studio import paths
from orpo_studio.models.architecture import require_causal_lm
from orpo_studio.models.problem import ModelProblem
from orpo_studio.trainer.load import _switch_off_dropout
from orpo_studio.trainer.scoring.attention import CannotPackError
from orpo_studio.trainer.scoring.first_batch import Tolerance, prove
from orpo_studio.trainer.scoring.ladder import WAYS, Choice, Way, choose_way

LAMBDA = 0.5
BATCH = uneven_pairs(3, seed=3)
# Two computations in float32 differ by the order of their sums. What rounding alone makes of these models is some
# units in the last place of the figures (about 6 nats: 5e-7 each) and of the gradients' size (1e-7 each). Both ways
# are samples of that noise, so ours may be the farther one by chance; what is wrong by design is wrong by far more.
FIGURES_NOISE = 1e-6
GRADIENT_NOISE = 3e-7
BY_CHANCE = 1.5
HELP = paths.resources() / "help" / "models.md"
INTRODUCTION = """\
# Which models are computed how

To train on a pair, the probability of each token of both answers has to be computed. There are three ways, and a run takes the first that its model can take. The loss and its gradients are the same by all three; the way decides how long a step takes and how much memory it needs.

- **packed**: each prompt is computed once for both answers, pairs stand one behind the other without padding, and no table of all tokens' scores is made. The fastest, with the least memory.
- **padded**: chosen and rejected sequences are computed apart and padded to the longest of the batch, but no table of all tokens' scores is made.
- **stock**: TRL's own computation, which the other two are compared with.

What a model is decides which way is tried. A run's first batch proves it: figures and gradients are compared with TRL's, and where they differ by more than rounding explains, the run says so and takes the next way. The first step's message says which way runs and why.

The table comes from tests that compute tiny random models of these families in full and with LoRA: at the way named, loss, figures and the gradients of all trained weights agree with TRL's in single precision, and lie no farther from a computation in double precision than TRL's do. Quantized bases, LoRA, DoRA and full fine-tuning take the same way as their family.

| models | `model_type` | way | why |
|---|---|---|---|
"""  # noqa: E501 - help topics have a paragraph a line


def gradients_by_tensor(ours: Computed, theirs: Computed) -> float:
    """Return the largest difference of a single tensor's gradient, relative to its size and a hundredth of all."""
    whole = sum(float(one.square().sum()) for one in theirs.gradients.values() if one is not None) ** 0.5
    nothing = torch.zeros(())
    worst = 0.0
    for name, found in theirs.gradients.items():
        one, other = (nothing if gradient is None else gradient for gradient in (ours.gradients[name], found))
        worst = max(worst, float((one - other).norm()) / (float(other.norm()) + 1e-2 * whole))
    return worst


def prepared(name: str, mode: str) -> Any:
    model = make_family(name)
    _switch_off_dropout(model)
    return with_lora(model) if mode == "lora" else model


CASES = [
    pytest.param(name, mode, id=f"{name}-{mode}")
    for name, family in FAMILIES.items()
    for mode in ("full", "lora")
    if family.way is not Way.STOCK and (mode == "full" or family.lora)
]


@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set to False:UserWarning")  # PEFT says so of every GPT-2
@pytest.mark.filterwarnings("ignore:The following (rank|alpha)_pattern keys:RuntimeWarning")  # or mixture
@pytest.mark.parametrize(("name", "mode"), CASES)
def test_that_a_family_computes_what_trl_does(name: str, mode: str) -> None:
    model = prepared(name, mode)
    way = choose_way(model).way
    assert way is FAMILIES[name].way
    truth = compute_in_float64(model, BATCH, lambda_=LAMBDA)
    stock = compute(model, Way.STOCK, BATCH, lambda_=LAMBDA)

    for rung in WAYS[WAYS.index(way) : -1]:
        proof = prove(make_scorer(model, rung), model, BATCH, Tolerance.of(model, "fp32"), LAMBDA)
        ours = compute(model, rung, BATCH, lambda_=LAMBDA)

        assert proof.gradients is not None
        assert abs(ours.loss - stock.loss) < 5e-6
        assert (ours.figures - stock.figures).abs().max() < 5e-6
        assert apart(ours, stock) < 5e-6
        assert gradients_by_tensor(ours, stock) < 3e-5
        assert abs(ours.loss - truth.loss) <= BY_CHANCE * abs(stock.loss - truth.loss) + FIGURES_NOISE
        errors = [(computed.figures - truth.figures).abs().max() for computed in (ours, stock)]
        assert errors[0] <= BY_CHANCE * errors[1] + FIGURES_NOISE
        assert apart(ours, truth) <= BY_CHANCE * apart(stock, truth) + GRADIENT_NOISE


def test_that_a_layer_that_attends_on_its_own_is_not_packed() -> None:
    model = make_family("llama")
    layer, config = model.model.layers[1].self_attn, model.config
    attend = layer.forward

    def forward(*arguments: Any, **options: Any) -> Any:
        asked, config._attn_implementation = config._attn_implementation, "sdpa"
        try:
            return attend(*arguments, **options)
        finally:
            config._attn_implementation = asked

    layer.forward = forward
    scorer = make_scorer(model, Way.PACKED)
    one = uneven_pairs(1)

    with pytest.raises(CannotPackError, match="only 1 of its 2 layers"):
        prove(scorer, model, one, Tolerance.of(model, "bf16"), LAMBDA)


def is_refused(model: Any) -> bool:
    """Tell whether the program does not train a model at all, as its card says before anything is loaded."""
    try:
        require_causal_lm(model.config.to_dict() | {"architectures": [type(model).__name__]})
    except ModelProblem:
        return True
    return False


def test_that_an_encoder_decoder_is_refused_and_would_be_computed_by_trl() -> None:
    model = make_family("t5")

    assert is_refused(model)
    assert choose_way(model) == Choice(Way.STOCK, "it is an encoder-decoder")


def table_row(family: Family, model: Any) -> str:
    choice = choose_way(model)
    way = "not trained" if is_refused(model) else choice.way.value
    return f"| {family.models} | `{family.kind}` | {way} | {choice.reason[0].upper()}{choice.reason[1:]}. |"


def help_text() -> str:
    return INTRODUCTION + "".join(f"{table_row(family, make_family(name))}\n" for name, family in FAMILIES.items())


def test_that_the_help_topic_says_what_the_ladder_does() -> None:
    text = help_text()
    if os.environ.get("ORPO_STUDIO_WRITE_HELP"):
        HELP.write_text(text, encoding="utf-8")

    assert HELP.read_text(encoding="utf-8") == text
