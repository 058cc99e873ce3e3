"""Whether a configuration describes a causal language model, and if not, what it describes."""

from collections.abc import Mapping

from orpo_studio.models.files import first_text
from orpo_studio.models.problem import ModelProblem

_CAUSAL_ENDINGS = ("ForCausalLM", "LMHeadModel")
_OTHER_KINDS = {
    "ForSequenceClassification": "It sorts texts into classes; it does not write text.",
    "ForTokenClassification": "It labels words; it does not write text.",
    "ForQuestionAnswering": "It marks answers in a text; it does not write text.",
    "ForMultipleChoice": "It picks one of several answers; it does not write text.",
    "ForMaskedLM": "It is an encoder that fills gaps; it does not write text from left to right.",
    "ForPreTraining": "It is an encoder; it does not write text from left to right.",
    "ForRewardModel": "It scores texts; it does not write text.",
    "RewardModel": "It scores texts; it does not write text.",
    "ForSeq2SeqLM": "It is an encoder-decoder (sequence to sequence).",
    "ForConditionalGeneration": "It writes from something other than text alone: an encoder-decoder, images or sound.",
    "ForImageTextToText": "It also reads images.",
    "Model": "It has no output layer for words: it gives vectors, not text.",
}


def require_causal_lm(config: Mapping[str, object]) -> str:
    """Return the name of the causal language model's class.

    Raises:
        ModelProblem: the configuration is of something else, with what it is.
    """
    architectures = config.get("architectures")
    name = first_text(*architectures) if isinstance(architectures, list) else None
    model_type = first_text(config.get("model_type"))
    if name is None or model_type is None:
        missing = "architectures" if name is None else "model_type"
        raise ModelProblem(
            "unknown-architecture",
            f"config.json does not say what kind of model this is: {missing} is missing.",
            detail=f"model_type: {model_type or 'not named'}; architectures: {name or 'not named'}.",
            hint="Take config.json from where the model came from.",
        )
    if config.get("is_encoder_decoder") is True:
        raise _not_causal(name, "It is an encoder-decoder (sequence to sequence).")
    if name.endswith(_CAUSAL_ENDINGS):
        return name
    reason = next(
        (words for ending, words in _OTHER_KINDS.items() if name.endswith(ending)), "Its kind is not known here."
    )
    raise _not_causal(name, reason)


def _not_causal(name: str, reason: str) -> ModelProblem:
    return ModelProblem(
        "not-causal",
        "This is not a causal language model, the kind that ORPO trains.",
        detail=f"config.json names {name}. {reason}",
        hint="Choose a model whose architecture ends in ForCausalLM, such as LlamaForCausalLM.",
    )
