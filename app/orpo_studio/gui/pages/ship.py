"""The Ship page."""

from orpo_studio.gui.pages.page import Page


class ShipPage(Page):
    """The Ship page."""

    step = "ship"
    title = "Ship"
    purpose = "Take the result with you: as an adapter, or merged into one model."
