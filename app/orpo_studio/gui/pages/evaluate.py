"""The Evaluate page."""

from orpo_studio.gui.pages.page import Page


class EvaluatePage(Page):
    """The Evaluate page."""

    step = "evaluate"
    title = "Evaluation"
    purpose = "Base and tuned model on pairs that were held out."
