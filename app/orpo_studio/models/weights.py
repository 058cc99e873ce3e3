"""What the safetensors files of a model hold, from their headers alone.

Format: https://huggingface.co/docs/safetensors: 8 bytes with the header's length (little-endian), the header
(JSON: name → dtype, shape, data_offsets), then the data.
"""

import json
import math
import struct
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orpo_studio.models.files import read_object
from orpo_studio.models.problem import ModelProblem

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
HEADER_LIMIT = 100_000_000
"""Largest header the safetensors library accepts, in bytes."""

DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}

_MOST_DIMENSIONS, _FAR = 16, 2**48

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_BNB_STATE = (".quant_state.bitsandbytes__nf4", ".quant_state.bitsandbytes__fp4")
_BNB_PARTS = (".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", *_BNB_STATE)
_PACKED_PARTS = (".qzeros", ".scales", ".g_idx")


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor as a safetensors header names it."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """How many stored values the tensor has."""
        return math.prod(self.shape)


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files that make up the model, in order.

    Raises:
        ModelProblem: there are none, only pickles, or some that the index names are missing.
    """
    index = folder / INDEX
    if index.is_file():
        return _indexed_files(index)
    single = folder / SINGLE
    if single.is_file():
        return [single]
    raise _no_weights(folder)


def _indexed_files(index: Path) -> list[Path]:
    weight_map = read_object(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelProblem(
            "broken-index",
            f"{INDEX} does not say which file holds which weight.",
            detail=str(index),
            hint="Copy or download the model again.",
        )
    names = sorted({str(name) for name in weight_map.values()})
    outside = [name for name in names if Path(name).name != name or not name.endswith(".safetensors")]
    if outside:
        raise ModelProblem(
            "broken-index",
            f"{INDEX} names files that are not safetensors files of this folder.",
            detail=", ".join(outside[:5]),
            hint="Weights must be safetensors files beside the index. Download the model again.",
        )
    missing = [name for name in names if not (index.parent / name).is_file()]
    if missing:
        raise ModelProblem(
            "missing-shards",
            f"{len(missing)} of the model's {len(names)} weight files are missing.",
            detail="Missing: " + ", ".join(missing),
            hint="The copy or download was not finished. Fetch the missing files into the same folder.",
        )
    return [index.parent / name for name in names]


def _no_weights(folder: Path) -> ModelProblem:
    shards = sorted(path.name for path in folder.glob("*.safetensors"))
    if shards:
        return ModelProblem(
            "no-index",
            f"The weight files of this model have no index: {INDEX} is missing.",
            detail="Found: " + ", ".join(shards[:5]),
            hint=f"Fetch {INDEX} from where the model came from, or rename a single weight file to {SINGLE}.",
        )
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if pickles:
        return ModelProblem(
            "only-pickles",
            "The weights must be safetensors; this folder holds only pickles.",
            detail="Found: " + ", ".join(pickles[:5]),
            hint="A pickle can run any program when it is opened, so it is never opened here. Look for a safetensors "
            "version of the model, or convert it where you trust it: load it with transformers and call "
            "save_pretrained(folder), which writes safetensors.",
        )
    ggufs = sorted(path.name for path in folder.glob("*.gguf"))
    if ggufs:
        return ModelProblem(
            "only-gguf",
            "This folder holds a GGUF file, a form made for running models, not for training them.",
            detail="Found: " + ", ".join(ggufs[:5]),
            hint="Choose the original model, whose weights are safetensors files.",
        )
    return ModelProblem(
        "no-weights",
        "This folder holds no weights.",
        detail=f"Neither {SINGLE} nor {INDEX} is in {folder}.",
        hint="The copy or download was not finished. Fetch the .safetensors files into the same folder.",
    )


def read_headers(files: Iterable[Path]) -> list[Tensor]:
    """Return every tensor that the files' headers name.

    Raises:
        ModelProblem: a file is cut short or is not a safetensors file.
    """
    return [tensor for path in files for tensor in _read_header(path)]


def _tensor(name: str, entry: Mapping[str, Any]) -> tuple[Tensor, int]:
    """Return a tensor of a header and where its data ends, if it is one that can be."""
    shape = tuple(map(int, entry["shape"]))
    begin, end = map(int, entry["data_offsets"])
    if len(shape) > _MOST_DIMENSIONS or not all(0 <= length < _FAR for length in shape) or not 0 <= begin <= end < _FAR:
        raise ValueError(f"{name[:80]} is of no possible size")
    return Tensor(name, str(entry["dtype"]), shape), end


def _read_header(path: Path) -> list[Tensor]:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            if start == b"version ":
                raise ModelProblem(
                    "lfs-pointer",
                    f"{path.name} is only a pointer to the weights, not the weights.",
                    detail=f"{path} is a Git LFS pointer of {size} bytes.",
                    hint="Run `git lfs pull` in the model's folder, or download the file itself.",
                )
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if not 2 <= length <= HEADER_LIMIT:
                raise _damaged(path, f"{size:,} bytes, and no readable header.")
            raw = file.read(length)
    except OSError as error:
        raise ModelProblem(
            "unreadable-file",
            f"{path.name} cannot be read.",
            detail=f"{path}: {error.strerror}",
            hint="Check that you may read the file.",
        ) from error
    if len(raw) < length:
        raise _damaged(path, f"{size:,} bytes; its header alone needs {length + 8:,}.")
    try:
        header = json.loads(raw)
        tensors = [_tensor(name, entry) for name, entry in header.items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, OverflowError) as error:
        raise _damaged(path, f"Its header cannot be read: {error}") from error
    needed = 8 + length + max((end for _, end in tensors), default=0)
    if size < needed:
        raise _damaged(path, f"{size:,} bytes where {needed:,} are needed.")
    return [tensor for tensor, _ in tensors]


def _damaged(path: Path, detail: str) -> ModelProblem:
    return ModelProblem(
        "damaged-weights",
        f"{path.name} is cut short or damaged.",
        detail=f"{path}: {detail}",
        hint="The copy or download was not finished. Fetch this file again.",
    )


def count_parameters(tensors: list[Tensor], *, tied: bool, packed_bits: int | None = None) -> int:
    """Return how many parameters the tensors are.

    Args:
        tensors: from the headers.
        tied: the output layer shares the input embedding's weights, which are then counted once.
        packed_bits: bits per weight where GPTQ or AWQ packs several weights into one int32.
    """
    names = {tensor.name for tensor in tensors}
    return sum(
        _parameters_of(tensor, names, packed_bits)
        for tensor in tensors
        if not (tied and tensor.name.endswith("lm_head.weight") and _has_embedding(names))
    )


def _has_embedding(names: set[str]) -> bool:
    return any(name.endswith(("embed_tokens.weight", "wte.weight", "embed_in.weight")) for name in names)


def _parameters_of(tensor: Tensor, names: set[str], packed_bits: int | None) -> int:
    name = tensor.name
    if name.endswith(("rotary_emb.inv_freq", ".masked_bias")) or (
        name.endswith(".attn.bias") and len(tensor.shape) == 4
    ):
        return 0  # buffers of older checkpoints: rotary frequencies and causal masks
    if name.endswith(_BNB_PARTS):
        return 0
    if any(name + suffix in names for suffix in _BNB_STATE):
        return 2 * tensor.elements  # two 4-bit weights a byte
    if packed_bits is not None:
        if name.endswith(_PACKED_PARTS):
            return 0
        if name.endswith(".qweight"):
            return tensor.elements * 32 // packed_bits
    return tensor.elements


def main_dtype(tensors: list[Tensor]) -> str:
    """Return the data type that most of the stored values have, by its PyTorch name."""
    elements: Counter[str] = Counter()
    for tensor in tensors:
        elements[tensor.dtype] += tensor.elements
    if not elements:
        return "unknown"
    dtype = elements.most_common(1)[0][0]
    return DTYPES.get(dtype, dtype.lower())
