"""The Data page."""

from orpo_studio.gui.pages.page import Page


class DataPage(Page):
    """The Data page."""

    step = "data"
    title = "Preference pairs"
    purpose = "Prompts with an answer to prefer and an answer to avoid."
