"""The Recipe page."""

from orpo_studio.gui.pages.page import Page


class RecipePage(Page):
    """The Recipe page."""

    step = "recipe"
    title = "Recipe"
    purpose = "How strongly, how fast and how long it learns."
