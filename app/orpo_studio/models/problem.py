"""What is wrong with a model folder, in words for the person who chose it."""

from orpo_studio.in_words import SpokenError


class ModelProblem(SpokenError):  # noqa: N818 - a problem is what the person is shown
    """A model folder that cannot be trained, and what to do about it.

    Attributes:
        code: a stable name for programs, such as ``no-safetensors``.
        title: what happened, in one short sentence.
        detail: the evidence: files, names and figures.
        hint: what to do about it.
    """
