"""What a model folder holds, and whether it can be trained."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orpo_studio.models.architecture import require_causal_lm
from orpo_studio.models.files import first_count, first_text, read_object, read_object_if_there
from orpo_studio.models.problem import ModelProblem
from orpo_studio.models.special_tokens import (
    PadChoice,
    choose_pad_token,
    read_added_tokens,
    read_special_tokens,
    require_end_token,
)
from orpo_studio.models.template_source import read_chat_template
from orpo_studio.models.weights import count_parameters, main_dtype, read_headers, weight_files

_SLOW_TOKENIZERS = (("tokenizer.model",), ("vocab.json", "merges.txt"), ("spiece.model",))
_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_LICENSE = re.compile(r"^license:\s*[\"']?([^\"'\n#]+?)[\"']?\s*(?:#.*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A causal language model on disk, described from its files.

    Attributes:
        path: the folder.
        name: the folder's name, for people.
        architecture: the class that config.json names, such as ``LlamaForCausalLM``.
        model_type: the family, such as ``llama``.
        parameters: exact count from the weight files' headers; tied weights count once.
        dtype: the data type of most stored values, by its PyTorch name.
        vocabulary: rows of the embedding, in tokens.
        context: longest sequence the model was made for, in tokens; None where config.json does not say.
        hidden_size: width of a hidden state; None where config.json does not say.
        layers: number of transformer blocks; None where config.json does not say.
        size_bytes: what the weight files take on disk.
        chat_template: the template's source (Jinja), or None where the model brings none.
        has_tokenizer: tokenizer.json is there, so that tokens can be counted without the trainer.
        special_tokens: every special token that the tokenizer names, such as ``{"eos_token": "</s>"}``.
        pad: the padding token that training will use, and why.
        license: as the README's front matter names it.
        quantization_config: set where the stored weights are quantized already.
        notes: what the person should know, one sentence or two each.
    """

    path: Path
    name: str
    architecture: str
    model_type: str
    parameters: int
    dtype: str
    vocabulary: int
    context: int | None
    hidden_size: int | None
    layers: int | None
    size_bytes: int
    chat_template: str | None
    has_tokenizer: bool
    special_tokens: Mapping[str, str]
    pad: PadChoice
    license: str | None
    quantization_config: Mapping[str, object] | None
    notes: tuple[str, ...]

    @property
    def eos_token(self) -> str:
        """The token that ends an answer."""
        return self.special_tokens["eos_token"]

    @property
    def bos_token(self) -> str | None:
        """The token that begins every text, if there is one."""
        return self.special_tokens.get("bos_token")

    @property
    def pad_token(self) -> str | None:
        """The padding token that the tokenizer itself names, if it does."""
        return self.special_tokens.get("pad_token")


def inspect_model(folder: Path) -> ModelCard:
    """Describe a Hugging Face model folder from its files; no weight is read and no code in it is run.

    Raises:
        ModelProblem: the folder cannot be trained, with the reason and what to do.
    """
    config = _read_config(folder)
    architecture = require_causal_lm(config)
    files = weight_files(folder)
    tensors = read_headers(files)
    has_tokenizer = _require_tokenizer(folder)
    special_tokens = read_special_tokens(folder)
    eos_token = require_end_token(special_tokens, folder)
    vocabulary = first_count(config.get("vocab_size")) or 0
    pad = _choose_pad(folder, special_tokens, eos_token, vocabulary)
    quantization = config.get("quantization_config")
    quantization_config = quantization if isinstance(quantization, dict) else None
    bits = first_count(quantization_config.get("bits")) if quantization_config else None
    chat_template = read_chat_template(folder)
    return ModelCard(
        path=folder,
        name=folder.resolve().name,
        architecture=architecture,
        model_type=first_text(config.get("model_type")) or "unknown",
        parameters=count_parameters(tensors, tied=config.get("tie_word_embeddings") is True, packed_bits=bits),
        dtype=main_dtype(tensors),
        vocabulary=vocabulary,
        context=_count(
            config, "max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len", "seq_length"
        ),
        hidden_size=_count(config, "hidden_size", "n_embd", "d_model"),
        layers=_count(config, "num_hidden_layers", "n_layer", "num_layers", "n_layers"),
        size_bytes=sum(path.stat().st_size for path in files),
        chat_template=chat_template,
        has_tokenizer=has_tokenizer,
        special_tokens=special_tokens,
        pad=pad,
        license=_read_license(folder / "README.md"),
        quantization_config=quantization_config,
        notes=tuple(_notes(config, quantization_config, pad, chat_template, has_tokenizer=has_tokenizer)),
    )


def _count(config: Mapping[str, object], *keys: str) -> int | None:
    return first_count(*(config.get(key) for key in keys))


def _read_config(folder: Path) -> dict[str, object]:
    if not folder.is_dir():
        missing = not folder.exists()
        raise ModelProblem(
            "not-a-folder",
            "There is no such folder." if missing else "This is a file; a model is a folder.",
            detail=str(folder),
            hint="Choose the folder that holds config.json and the .safetensors files. A model from the Hugging Face "
            "Hub is downloaded first: hf download NAME --local-dir FOLDER",
        )
    if not (folder / "config.json").is_file():
        adapter = read_object_if_there(folder / "adapter_config.json")
        if adapter:
            raise ModelProblem(
                "adapter-only",
                "This folder holds an adapter, not a model.",
                detail=f"It was trained on: {first_text(adapter.get('base_model_name_or_path')) or 'not named'}.",
                hint="Choose the base model's folder, or a merged model.",
            )
        raise ModelProblem(
            "no-config",
            "This folder holds no model: config.json is missing.",
            detail=str(folder),
            hint="Choose the folder that holds config.json and the .safetensors files.",
        )
    if (folder / "adapter_config.json").exists():
        raise ModelProblem(
            "model-and-adapter",
            "This folder holds a model and an adapter at once.",
            detail=f"{folder} has an adapter_config.json besides its config.json: the adapter would be loaded unasked.",
            hint="Move the adapter's files, which begin with adapter_, into a folder of their own.",
        )
    return read_object(folder / "config.json")


def _require_tokenizer(folder: Path) -> bool:
    """Return whether tokenizer.json is there; where it is not, one of the older forms must be."""
    if (folder / "tokenizer.json").is_file():
        return True
    if any(all((folder / name).is_file() for name in names) for names in _SLOW_TOKENIZERS):
        return False
    raise ModelProblem(
        "no-tokenizer",
        "This model folder has no tokenizer.",
        detail=f"tokenizer.json is missing in {folder}.",
        hint="Copy tokenizer.json and tokenizer_config.json from where the model came from into the same folder.",
    )


def _choose_pad(folder: Path, tokens: Mapping[str, str], eos_token: str, vocabulary: int) -> PadChoice:
    declared = tokens.get("pad_token")
    added = {} if declared else read_added_tokens(folder)
    return choose_pad_token(
        declared=declared,
        added_tokens=[token for number, token in sorted(added.items()) if number < vocabulary],
        unk_token=tokens.get("unk_token"),
        eos_token=eos_token,
    )


def _notes(
    config: Mapping[str, object],
    quantization: Mapping[str, object] | None,
    pad: PadChoice,
    chat_template: str | None,
    *,
    has_tokenizer: bool,
) -> list[str]:
    notes = []
    if not pad.declared:
        notes.append(f"Padding: {pad.reason}")
    if chat_template is None:
        notes.append("The model brings no chat template; a plain one with '### User:' and '### Assistant:' is used.")
    if not has_tokenizer:
        notes.append("There is no tokenizer.json, so tokens are counted only once training starts.")
    if "auto_map" in config:
        notes.append(
            "The folder brings Python code of its own. It is never run: training works only where transformers "
            "itself knows this architecture."
        )
    if quantization is not None:
        method = first_text(quantization.get("quant_method")) or "an unnamed method"
        notes.append(
            f"The stored weights are quantized already ({method}). A merged model in full precision needs the "
            "original weights."
        )
    return notes


def _read_license(readme: Path) -> str | None:
    if not readme.is_file():
        return None
    with readme.open(encoding="utf-8", errors="replace") as file:
        front_matter = _FRONT_MATTER.match(file.read(65_536))
    found = _LICENSE.search(front_matter.group(1)) if front_matter else None
    return found.group(1).strip() if found else None
