"""The Train page."""

from orpo_studio.gui.pages.page import Page


class TrainPage(Page):
    """The Train page."""

    step = "train"
    title = "Training"
    purpose = "Losses and preferences as they move."
