"""The linear layers of a model, by the headers of its weight files, and what a LoRA adapter on them takes.

What PEFT 0.21 adapts under transformers 5.23 was found by trying it on a tiny model of each family
(``tests/training/test_fit_counts.py`` repeats it). Mixtures of experts are the odd ones: transformers stacks the
experts that the files hold one by one into two parameters, and PEFT adapts those, and the router, in some families
and leaves them alone in others.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from orpo_studio.models.weights import Tensor

ALL_LINEAR = "all-linear"
Role = Literal["qkv", "out", "up", "down", "router"]
"""What a layer is for: before attention, behind it, the MLP's way up and down, or choosing experts."""

_ROLES: dict[str, Role] = {
    "q_proj": "qkv",
    "k_proj": "qkv",
    "v_proj": "qkv",
    "qkv_proj": "qkv",
    "query_key_value": "qkv",
    "c_attn": "qkv",
    "o_proj": "out",
    "out_proj": "out",
    "dense": "out",
    "gate_proj": "up",
    "up_proj": "up",
    "gate_up_proj": "up",
    "fc1": "up",
    "c_fc": "up",
    "dense_h_to_4h": "up",
    "down_proj": "down",
    "fc2": "down",
    "c_proj": "down",
    "dense_4h_to_h": "down",
    "gate": "router",
    "shared_expert_gate": "router",
}
INPUT_EMBEDDINGS = frozenset({"embed_tokens", "wte", "wpe", "embed_in", "word_embeddings", "embed_positions"})
OUTPUT_HEADS = frozenset({"lm_head", "embed_out"})
_TRANSPOSED = frozenset({"gpt2"})
"""Families whose layers are ``Conv1D``, stored as (inputs, outputs)."""
_NO_LAYERS = (".bias", ".inv_freq", ".masked_bias")
_EXPERT = re.compile(r"(.+\.experts)\.\d+\.(\w+)\.weight")
_STACKS = {
    "mixtral": (("w1", "w3"), ("w2",)),
    "qwen2_moe": (("gate_proj", "up_proj"), ("down_proj",)),
}
"""How the files call an expert's matrices on the way up and down, by the way of writing them."""
_WRITTEN_AS_QWEN = (
    "qwen3_moe qwen3_next olmoe flex_olmo deepseek_v2 deepseek_v3 dots1 ernie4_5_moe glm4_moe glm4_moe_lite afmoe "
    "hunyuan_v1_moe exaone_moe cohere2_moe solar_open longcat_flash mellum"
)
_ADAPTED_EXPERTS = {"mixtral": "mixtral", "minimax": "mixtral", "minimax_m2": "mixtral"} | dict.fromkeys(
    _WRITTEN_AS_QWEN.split(), "qwen2_moe"
)
"""Families whose experts and router PEFT adapts (``peft.utils.transformers_weight_conversion``), and their names.

``qwen2_moe`` itself is not among them: there only attention and the shared expert get an adapter.
"""


@dataclass(frozen=True, slots=True)
class LinearLayer:
    """One linear layer, or the stacked experts of a block.

    Attributes:
        name: full name of the module, as the weight files have it.
        inputs: in features.
        outputs: out features; of a stack, those of one expert.
        matrices: how many matrices of this shape it has: the experts of a stack, else 1.
        is_module: a ``nn.Linear`` or ``Conv1D``, which can be quantized; not so a router or a stack of experts.
        targets: the names by which PEFT is told to adapt it, all of them needed; none where it cannot be adapted;
            None for an ordinary module, which is named by its own name.
    """

    name: str
    inputs: int
    outputs: int
    matrices: int = 1
    is_module: bool = True
    targets: tuple[str, ...] | None = None

    @property
    def weights(self) -> int:
        """How many weights it has."""
        return self.inputs * self.outputs * self.matrices

    @property
    def role(self) -> Role:
        """What it is for."""
        parent, _, last = self.name.rpartition(".")
        if last == "c_proj" and parent.endswith("attn"):
            return "out"
        return _ROLES[last]

    def is_adapted(self, targets: Sequence[str]) -> bool:
        """Tell whether a LoRA adapter on these targets adapts it.

        A target names a layer when it is its full name or the end of it after a dot, as PEFT has it.
        """
        if self.targets is None:
            return any(_matches(self.name, target) for target in targets)
        return bool(self.targets) and all(any(_ends(target, name) for target in targets) for name in self.targets)

    def adapter_sizes(self, rank: int) -> tuple[int, int]:
        """Return the elements of the adapter's two matrices.

        PEFT gives two projections that are stacked into one twice the rank.
        """
        width = rank * self.matrices * len(self.targets or ("itself",))
        return width * self.inputs, width * self.outputs


def linear_layers(tensors: Iterable[Tensor], model_type: str = "") -> tuple[LinearLayer, ...]:
    """Return the linear layers of a model's blocks, in order; none where a matrix is of a kind not known here.

    Known are the dense families around Llama, Qwen, Mistral, Gemma, Phi, GPT-2, GPT-NeoX, Falcon, BLOOM, OPT, OLMo,
    Granite, Cohere and StarCoder, and mixtures of experts written as Mixtral's or Qwen's.

    Args:
        tensors: of the model's weight files.
        model_type: as in its config.json.
    """
    layers: list[LinearLayer] = []
    experts: Counter[tuple[str, str, int, int]] = Counter()
    for tensor in tensors:
        if len(tensor.shape) < 2 or tensor.name.endswith(_NO_LAYERS):
            continue
        module = tensor.name.removesuffix(".weight")
        last = module.rpartition(".")[2]
        if last in INPUT_EMBEDDINGS or last in OUTPUT_HEADS:
            continue
        if module == tensor.name or len(tensor.shape) != 2 or tensor.dtype not in {"F32", "F16", "BF16"}:
            return ()
        outputs, inputs = tensor.shape[::-1] if model_type in _TRANSPOSED else tensor.shape
        expert = _EXPERT.fullmatch(tensor.name)
        if expert is not None:
            experts[expert[1], expert[2], inputs, outputs] += 1
        elif last in _ROLES:
            layers.append(_layer(module, inputs, outputs, model_type))
        else:
            return ()
    stacked = _stack(experts, model_type)
    return () if stacked is None else (*layers, *stacked)


def lora_parameters(layers: Sequence[LinearLayer], targets: Sequence[str], rank: int, *, dora: bool = False) -> int:
    """Return how many parameters a LoRA adapter has: rank × (inputs + outputs) a layer, and one an output with DoRA.

    0 where it is not known: no layer is adapted, or a target is an embedding or the output head.
    """
    if any(target.rpartition(".")[2] in INPUT_EMBEDDINGS | OUTPUT_HEADS for target in targets):
        return 0
    adapted = [layer for layer in layers if layer.is_adapted(targets)]
    return sum(sum(layer.adapter_sizes(rank)) + (layer.outputs if dora else 0) for layer in adapted)


def _layer(module: str, inputs: int, outputs: int, model_type: str) -> LinearLayer:
    last = module.rpartition(".")[2]
    names = _STACKS.get(_ADAPTED_EXPERTS.get(model_type, ""))
    if last == "gate":
        return LinearLayer(module, inputs, outputs, is_module=False, targets=() if names is None else ("gate",))
    # In these families PEFT takes an expert's names from the modules, so dense layers of that name get none.
    taken = names is not None and last in {*names[0], *names[1]}
    return LinearLayer(module, inputs, outputs, targets=() if taken else None)


def _stack(experts: Counter[tuple[str, str, int, int]], model_type: str) -> list[LinearLayer] | None:
    """Return the stacks that transformers makes of single experts; None where their names are not known."""
    shapes = {(parent, name): (inputs, outputs, count) for (parent, name, inputs, outputs), count in experts.items()}
    adapted = model_type in _ADAPTED_EXPERTS
    stacked = []
    for parent in dict.fromkeys(parent for parent, _ in shapes):
        written = {name for owner, name in shapes if owner == parent}
        names = next((both for both in _STACKS.values() if written == {*both[0], *both[1]}), None)
        if names is None or (adapted and names != _STACKS[_ADAPTED_EXPERTS[model_type]]):
            return None
        for title, sources in zip(("gate_up_proj", "down_proj"), names, strict=True):
            inputs, outputs, count = shapes[parent, sources[0]]
            stacked.append(
                LinearLayer(
                    f"{parent}.{title}",
                    inputs,
                    outputs * len(sources),
                    matrices=count,
                    is_module=False,
                    targets=sources if adapted else (),
                )
            )
    return stacked


def _matches(name: str, target: str) -> bool:
    return target == ALL_LINEAR or _ends(name, target)


def _ends(name: str, end: str) -> bool:
    return name in {ALL_LINEAR, end} or name.endswith(f".{end}")
