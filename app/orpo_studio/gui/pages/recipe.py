"""The Recipe page: how strongly, how fast and how long; on the right, what that means."""

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from orpo_studio import paths
from orpo_studio.config import Level, Option, all_options, load_recipes
from orpo_studio.gui.forms.field import Field
from orpo_studio.gui.forms.form import Form
from orpo_studio.gui.pages.page import Page
from orpo_studio.gui.pages.recipe_chooser import RecipeChooser
from orpo_studio.gui.pages.recipe_meaning import Meaning
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import card
from orpo_studio.gui.widgets.fold import Fold
from orpo_studio.gui.widgets.scroll import scroll
from orpo_studio.gui.workbench import Workbench

SECTIONS = ("recipe", "train", "evaluate")
"""Sections of the schema whose options are edited here."""


def options_of(level: Level) -> list[Option]:
    """Return the options that a level of this page shows."""
    return [option for option in all_options() if option.section in SECTIONS and option.level is level]


class RecipePage(Page):
    """The settings of the training, the few that matter first."""

    step = "recipe"
    title = "Recipe"
    purpose = "How strongly, how fast and how long it learns."

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench)
        self.chooser = RecipeChooser(bench, load_recipes(paths.resources() / "recipes"))
        self.basic = Form(bench, options_of(Level.BASIC))
        self.all_settings = Fold("All settings", self._make_advanced)
        self.all_settings.toggled.connect(self._remember)
        self.meaning = Meaning(bench)
        self._advanced: Form | None = None
        self._advanced_names = {option.name for option in options_of(Level.ADVANCED)}
        self._settings = self._make_settings()
        row = QHBoxLayout()
        row.setSpacing(em(1))
        row.addWidget(self._settings, 5)
        consequences = scroll(self.meaning)
        consequences.setMinimumWidth(em(17))
        consequences.setMaximumWidth(em(26))
        row.addWidget(consequences, 3)
        self.body.addLayout(row, 1)
        bench.issues_changed.connect(self._count_problems)
        self._count_problems()
        self.all_settings.set_open(bench.preferences.advanced)

    def field(self, name: str) -> Field | None:
        """Return the field of an option, making the advanced ones if it is among them."""
        found = self.basic.field(name)
        if found is None and name in self._advanced_names:
            self.all_settings.set_open(True)
            found = self._advanced.field(name) if self._advanced is not None else None
        return found

    def show_option(self, name: str) -> None:
        field = self.field(name)
        if field is None:
            return
        field.setFocus(Qt.FocusReason.OtherFocusReason)
        # what was unfolded a moment ago has its place only after the next layout
        QTimer.singleShot(0, field, lambda: self._settings.ensureWidgetVisible(field, em(1), em(2)))

    def _make_settings(self) -> QScrollArea:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(1))
        for inside in (self.chooser, self.basic):
            frame, layout = card()
            layout.addWidget(inside)
            column.addWidget(frame)
        column.addWidget(self.all_settings)
        column.addStretch(1)
        return scroll(content)

    def _make_advanced(self) -> QWidget:
        self._advanced = Form(self.bench, options_of(Level.ADVANCED), headings=True)
        frame, layout = card()
        layout.addWidget(self._advanced)
        return frame

    def _remember(self, is_open: bool) -> None:
        self.bench.preferences.advanced = is_open

    def _count_problems(self) -> None:
        issues = [issue for issue in self.bench.issues() if issue.name in self._advanced_names]
        errors = sum(issue.severity == "error" for issue in issues)
        changed = sum(_differs(self.bench, option) for option in options_of(Level.ADVANCED))
        parts = ["All settings"]
        if changed:
            parts.append(f"{changed} changed")
        if errors:
            parts.append(f"{errors} to fix")
        self.all_settings.set_title(" · ".join(parts))


def _differs(bench: Workbench, option: Option) -> bool:
    value = bench.value(option)
    return bool((tuple(value) if isinstance(value, list) else value) != option.default)
