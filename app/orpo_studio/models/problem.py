"""What is wrong with a model folder, in words for the person who chose it."""


class ModelProblem(Exception):  # noqa: N818 - a problem is what the person is shown
    """A model folder that cannot be trained, and what to do about it.

    Attributes:
        code: a stable name for programs, such as ``no-safetensors``.
        title: what happened, in one short sentence.
        detail: the evidence: files, names and figures.
        hint: what to do about it.
    """

    def __init__(self, code: str, title: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(title)
        self.code = code
        self.title = title
        self.detail = detail
        self.hint = hint
