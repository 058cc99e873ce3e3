"""The Model page."""

from orpo_studio.gui.pages.page import Page


class ModelPage(Page):
    """The Model page."""

    step = "model"
    title = "Base model"
    purpose = "The language model that learns from your preference pairs."
