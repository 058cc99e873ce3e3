"""The parts of a causal language model that scoring computes with: its decoder and its output layer."""

from dataclasses import dataclass
from typing import Any

import torch

from orpo_studio.trainer.scoring.token_logps import OutputLayer


class UnknownPartsError(Exception):
    """A model is not built of a decoder and one linear output layer; the message says what is otherwise."""


@dataclass(frozen=True, slots=True)
class ModelParts:
    """A causal language model in two.

    Attributes:
        causal: the whole, without PEFT's wrapper around it; adapters lie inside.
        decoder: from ids to hidden states.
        head: the linear layer from hidden states to logits.
        scale: factor on the logits.
        softcap: bound of the logits, or None.
    """

    causal: Any
    decoder: Any
    head: Any
    scale: float
    softcap: float | None

    def output_layer(self) -> OutputLayer:
        """Return the output layer with its present weights: under FSDP these are whole only inside a forward pass."""
        return OutputLayer(self.head.weight, self.head.bias, self.scale, self.softcap)


def causal_model(model: Any) -> Any:
    """Return the causal language model inside PEFT's wrapper, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def find_parts(model: Any) -> ModelParts:
    """Take a model apart.

    The factor on the logits is ``1 / logits_scaling`` (Granite) or ``logit_scale`` (Cohere), the bound
    ``final_logit_softcapping`` (Gemma 2). What else a model may do to its logits shows in the proof on the first batch.

    Raises:
        UnknownPartsError: it has no decoder or no plain linear output layer.
    """
    causal = causal_model(model)
    # Llama 4's prefix names what only its multimodal sibling has.
    decoder = getattr(causal, causal.base_model_prefix, None) or getattr(causal, "model", None)
    head = causal.get_output_embeddings()
    if decoder is None or decoder is causal:
        raise UnknownPartsError("its decoder is not known")
    if type(head) is not torch.nn.Linear:
        raise UnknownPartsError(f"its output layer is of the kind {type(head).__name__}")
    config = causal.config
    scale = float(getattr(config, "logit_scale", None) or 1.0) / float(getattr(config, "logits_scaling", None) or 1.0)
    softcap = getattr(config, "final_logit_softcapping", None)
    return ModelParts(causal, decoder, head, scale, float(softcap) if softcap else None)
