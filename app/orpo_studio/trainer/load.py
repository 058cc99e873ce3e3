"""The base model and its tokenizer in memory: safetensors only, no code from the folder, no network."""

import contextlib
import copy
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from peft import prepare_model_for_kbit_training
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from orpo_studio.config import RunSpec
from orpo_studio.models.card import ModelCard, inspect_model
from orpo_studio.models.chat_template import ChatTemplate
from orpo_studio.runs.inputs import model_folder
from orpo_studio.trainer.problems import TrainerProblem, is_out_of_memory

Precision = Literal["bf16", "fp16", "fp32"]
Quantization = Literal["none", "8bit", "nf4"]

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to compute with.

    Attributes:
        model: the base, or the base with its adapter.
        tokenizer: with padding token and chat template set.
        template: the chat template, as the window's preview uses it.
        device: where the model lies.
        precision: of the computation.
    """

    model: Any
    tokenizer: PreTrainedTokenizerBase
    template: ChatTemplate
    device: torch.device
    precision: Precision

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context in which a forward pass outside the trainer computes as training does."""
        if self.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=DTYPES[self.precision])

    def base(self) -> AbstractContextManager[Any]:
        """Return the context in which the model is the base, its adapter switched off."""
        if hasattr(self.model, "disable_adapter"):
            return self.model.disable_adapter()
        return contextlib.nullcontext()


def read_card(spec: RunSpec) -> ModelCard:
    """Describe the run's base model from its files.

    Raises:
        TrainerProblem: it is not there.
        ModelProblem: it cannot be trained, with the reason.
    """
    folder = model_folder(spec.model.path)
    if not folder.exists():
        raise TrainerProblem(
            "base-missing",
            "The base model of this run is not where it was.",
            detail=f"There is no {folder}. The run, or the model, may have been moved, or come from another machine.",
            hint="Put the model there, or write its present place after path under [model] in the run's run.toml.",
        )
    return inspect_model(folder)


def choose_device() -> torch.device:
    """Return the first GPU where there is one, else Apple's, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", 0)
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def has_bf16(device: torch.device) -> bool:
    """Tell whether a device computes in bfloat16; a card that only imitates it does not."""
    return device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)


def choose_precision(wanted: str, device: torch.device) -> Precision:
    """Resolve ``auto``: bf16 on a GPU that has it in hardware, fp16 on an older one, fp32 elsewhere.

    Raises:
        TrainerProblem: the device cannot compute in the precision that was asked for.
    """
    if wanted == "auto":
        if device.type != "cuda":
            return "fp32"
        return "bf16" if has_bf16(device) else "fp16"
    if wanted == "fp16" and device.type != "cuda":
        raise TrainerProblem(
            "precision",
            "float16 training needs an NVIDIA GPU.",
            detail="Loss scaling, without which float16 gradients vanish, is not there on this device.",
            hint="Set the precision to automatic or to float32.",
        )
    if wanted == "bf16" and not has_bf16(device):
        raise TrainerProblem(
            "precision",
            "This GPU cannot compute in bfloat16.",
            detail=f"{torch.cuda.get_device_name(device)} is older than bfloat16.",
            hint="Set the precision to automatic.",
        )
    precisions: dict[str, Precision] = {"bf16": "bf16", "fp16": "fp16", "fp32": "fp32"}
    return precisions[wanted]


def load_tokenizer(folder: Path, card: ModelCard) -> PreTrainedTokenizerBase:
    """Load a tokenizer with the padding token that the model's card names and the template that training uses."""
    with _in_words("tokenizer", folder):
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    if tokenizer.eos_token is None:
        tokenizer.eos_token = card.eos_token
    tokenizer.pad_token = card.pad.token
    tokenizer.padding_side = "right"
    tokenizer.chat_template = ChatTemplate.of(card).source
    return tokenizer


def load_base(folder: Path, *, dtype: torch.dtype, device: torch.device, quantization: Quantization = "none") -> Any:
    """Load a causal language model whole onto one device.

    Raises:
        TrainerProblem: the weights or the architecture cannot be loaded, with the reason.
    """
    if (folder / "adapter_config.json").exists():  # transformers would load the adapter with it, unasked
        raise TrainerProblem(
            "model-and-adapter",
            "This folder holds a model and an adapter at once.",
            detail=f"{folder} has an adapter_config.json besides its config.json.",
            hint="Move the adapter's files, which begin with adapter_, into a folder of their own.",
        )
    options: dict[str, Any] = {
        "dtype": dtype,
        "use_safetensors": True,
        "local_files_only": True,
        "trust_remote_code": False,
        "device_map": {"": device},
    }
    if quantization == "nf4":
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
    elif quantization == "8bit":
        options["quantization_config"] = BitsAndBytesConfig(load_in_8bit=True)
        # That it rounds its inputs to float16, which it would say once a layer and step.
        logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    with _in_words("model", folder):
        model = AutoModelForCausalLM.from_pretrained(str(folder), **options)
    _switch_off_dropout(model)
    return model


def freeze_quantized(model: Any, precision: Precision) -> Any:
    """Freeze a base with quantized layers.

    PEFT keeps in float32 whatever is not quantized. By that, embeddings and head take twice the memory, 2 GB more for 8
    billion parameters and a vocabulary of 128 thousand; and norms answer in float32, and so does all that a block keeps
    for the backward pass. bfloat16 gains nothing from it: it reaches as far as float32, and norms compute in float32
    inside. But the hidden states of some models are beyond float16, so there it is done as in PEFT.
    """
    if precision == "fp16":
        return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    return model.requires_grad_(False)


def _switch_off_dropout(model: Any) -> None:
    """Switch off the base's own dropout, as TRL means to; an adapter that is added later keeps its own.

    TRL knows ``nn.Dropout`` alone. But most attention layers hold the probability as a number, and some layers ask
    their configuration at every pass: those get a copy of it, since the model's own is saved with the model.
    """
    without: dict[int, Any] = {}
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        for name in _dropouts(module):
            setattr(module, name, 0.0)
        config = getattr(module, "config", None)
        if config is None or isinstance(module, PreTrainedModel) or not _dropouts(config):
            continue
        if id(config) not in without:
            without[id(config)] = copy.copy(config)
            for name in _dropouts(config):
                setattr(without[id(config)], name, 0.0)
        module.config = without[id(config)]


def _dropouts(holder: Any) -> list[str]:
    return [name for name, value in vars(holder).items() if "drop" in name and isinstance(value, float) and value > 0]


@contextlib.contextmanager
def _in_words(what: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except ImportError:
        raise
    except Exception as error:  # safetensors, tokenizers and each architecture raise their own kinds
        if is_out_of_memory(error):
            raise
        raise TrainerProblem(
            "cannot-load-model",
            f"The {what} cannot be loaded.",
            detail=f"{folder}: {type(error).__name__}: {str(error)[:600]}",
            hint="Check that the folder is complete, and that this version of transformers knows the architecture. "
            "Copy or download the model again if a file is damaged.",
        ) from error
