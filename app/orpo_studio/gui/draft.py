"""The settings being prepared: values by option, checked as a whole after each edit, with undo."""

import copy
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from orpo_studio.config import Checked, Option, OptionError, Recipe, RunSpec, all_options, check, find_option

Values = dict[str, Any]
"""``name`` and, per section, a dict of keys, as in ``run.toml``; a text that could not be parsed stays as it is."""


class Draft(QObject):
    """Values by option. Raw text stays when it is invalid, so the check can say what is wrong with it."""

    changed = Signal()
    """Any value changed; ``checked`` is up to date."""

    def __init__(self, values: Values, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.undo = QUndoStack(self)
        self._values: Values = {}
        self.checked: Checked = check({})
        self._replace(values)

    @property
    def values(self) -> Values:
        """A copy of all values."""
        return copy.deepcopy(self._values)

    def value(self, option: Option) -> Any:
        """Return the value of an option: its default when it was never set."""
        return self._values.get(option.section, {}).get(option.key, option.default)

    def is_changed(self, option: Option) -> bool:
        """Tell whether an option differs from its default."""
        value = self.value(option)
        return bool((list(value) if isinstance(value, tuple) else value) != _plain(option.default))

    def set(self, name: str, value: Any, *, apart: bool = False) -> None:
        """Set the option called ``section.key``; undone with the window's Undo.

        Args:
            name: of the option.
            value: the new one.
            apart: undone by itself, and not together with the edit of the same option just before.
        """
        option = find_option(name)
        if _plain(value) == _plain(self.value(option)):
            return
        after = self.values
        after.setdefault(option.section, {})[option.key] = _plain(value)
        self._push(f"Set {option.title}", after, merge="" if apart else name)

    def set_text(self, name: str, text: str) -> None:
        """Set an option from what a person typed; what cannot be parsed is kept and reported as an issue."""
        try:
            self.set(name, find_option(name).parse(text))
        except OptionError:
            self.set(name, text)

    def set_name(self, name: str) -> None:
        """Set the name of the run."""
        if name != self._values.get("name", ""):
            self._push("Rename", {**self.values, "name": name}, merge="name")

    def reset(self, name: str) -> None:
        """Give an option its default."""
        self.set(name, find_option(name).default)

    def apply_recipe(self, recipe: Recipe) -> None:
        """Give every option of the recipe page its default, then the recipe's values."""
        after = self.values
        after["recipe"] = {}
        for section, patch in recipe.values.items():
            after.setdefault(section, {}).update(patch)
        self._push(f"Use the recipe {recipe.title}", after)

    def load(self, spec: RunSpec, *, text: str = "Use these settings") -> None:
        """Take over a run's whole specification."""
        self._push(text, spec.to_dict())

    def _push(self, text: str, after: Values, merge: str = "") -> None:
        self.undo.push(_Change(self, text, self.values, after, merge))

    def _replace(self, values: Values) -> None:
        self._values = copy.deepcopy(values)
        self.checked = check(self._values)
        self.changed.emit()


class _Change(QUndoCommand):
    def __init__(self, draft: Draft, text: str, before: Values, after: Values, merge: str) -> None:
        super().__init__(text)
        self._draft, self._before, self.after, self.merge = draft, before, after, merge

    def redo(self) -> None:
        self._draft._replace(self.after)

    def undo(self) -> None:
        self._draft._replace(self._before)

    def id(self) -> int:
        return hash(self.merge) & 0x7FFFFFFF if self.merge else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        """Typing in one field is undone as a whole, not letter by letter."""
        if not isinstance(other, _Change) or other.merge != self.merge:
            return False
        self.after = other.after
        return True


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def only_known(values: Values) -> Values:
    """Return remembered values without what this version does not know, so that an old draft never blocks."""
    known: Values = {}
    if isinstance(values.get("name"), str):
        known["name"] = values["name"]
    for option in all_options():
        section = values.get(option.section)
        if isinstance(section, dict) and option.key in section:
            known.setdefault(option.section, {})[option.key] = section[option.key]
    return known
