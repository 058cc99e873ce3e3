"""Does it fit: the run's memory against the machine's, what would fit, and what would help."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QPushButton, QVBoxLayout, QWidget

from orpo_studio.config import RunSpec
from orpo_studio.gui.pages.recipe_machine import Room
from orpo_studio.gui.pages.recipe_memory_bar import MemoryBar, Segment, Swatch
from orpo_studio.gui.pages.recipe_reading import FitReading
from orpo_studio.gui.pages.recipe_words import gib
from orpo_studio.gui.theme import em, figure_font
from orpo_studio.gui.widgets.basic import button, label, line, set_kind, tooltip
from orpo_studio.gui.workbench import Workbench
from orpo_studio.words import count

if TYPE_CHECKING:
    from orpo_studio.fit.memory import Case, MemoryEstimate

UNKNOWN = "–"
LEGEND = {
    "weights": ("Weights", "The base model."),
    "adapter": ("Adapter", "The LoRA weights beside it."),
    "optimizer": ("Optimizer", "Gradients and the optimizer's states of what is trained."),
    "activations": ("Activations", "What the blocks keep for the backward pass: grows with pairs and their length."),
    "head": ("Head", "The loss over the vocabulary."),
    "reserve": ("Reserve", "What driver, libraries and fragmentation take on top, at most."),
}
_GIB = 2**30
_SAVINGS = 4
"""Changes that are proposed at most."""


class MemoryCard(QFrame):
    """The memory of the subject's recipe."""

    def __init__(self, bench: Workbench, reading: FitReading) -> None:
        super().__init__()
        self.setProperty("kind", "card")
        self._bench, self._reading = bench, reading
        self.figure = label(UNKNOWN)
        self.figure.setFont(figure_font())
        self.figure.setAccessibleName("Memory")
        self.verdict = label("", wrap=True)
        self.bar = MemoryBar()
        self.parts = {part: label(UNKNOWN) for part in LEGEND}
        self.limits = {name: label(UNKNOWN) for name in ("micro_batch", "max_length")}
        self.uses = {name: button("", partial(self._use, name), "link") for name in self.limits}
        self.note = label("", "muted", wrap=True)
        self._changes: dict[str, tuple[str, Mapping[str, Any]]] = {}
        self._savings = QWidget()
        self._rows = QGridLayout(self._savings)
        self._proposed: list[tuple[str, Mapping[str, Any], str]] = []
        self.proposals: list[QPushButton] = []
        self._arrange()

    def show_spec(self, spec: RunSpec) -> None:
        """Show the memory of settings that can be used."""
        case = self._reading.case(spec)
        self._bench.card_need = None
        if case is None:
            self._show_nothing()
            return
        room = self._reading.watch.room
        if room is None:
            return
        memory = self._reading.memory(case)
        if case.on_gpu and memory.is_whole:
            self._bench.card_need = memory.low / _GIB, memory.high / _GIB
        self._show_parts(memory, room, self._recomputing(case))
        self._show_limits(case, room, memory)

    # --- building

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(em(1), em(1), em(1), em(1))
        column.setSpacing(em(0.4))
        column.addWidget(label("Memory", "heading"))
        column.addWidget(self.figure)
        column.addWidget(self.verdict)
        column.addWidget(self.bar)
        column.addLayout(self._legend())
        column.addSpacing(em(0.2))
        self._limits = QWidget()
        grid = QGridLayout(self._limits)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(em(0.15))
        grid.setColumnStretch(1, 1)
        titles = {"micro_batch": "Most pairs at once", "max_length": "Longest length"}
        for row, (name, value) in enumerate(self.limits.items()):
            value.setAccessibleName(f"{titles[name]} that fits")
            grid.addWidget(label(titles[name], "muted"), row, 0)
            grid.addWidget(value, row, 1)
            grid.addWidget(self.uses[name], row, 2)
        column.addWidget(self._limits)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setVerticalSpacing(em(0.35))
        self._rows.setColumnStretch(0, 1)
        column.addWidget(self._savings)
        column.addWidget(self.note)

    def _legend(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(em(0.5))
        grid.setVerticalSpacing(em(0.15))
        for place, (part, (title, help_text)) in enumerate(LEGEND.items()):
            row, side = place % 3, 4 * (place // 3)
            value = self.parts[part]
            value.setAccessibleName(title)
            value.setAlignment(Qt.AlignmentFlag.AlignRight)
            name = label(title, "muted")
            for widget in (name, value):
                widget.setToolTip(tooltip(help_text))
            grid.addWidget(Swatch(part), row, side)
            grid.addWidget(name, row, side + 1)
            grid.addWidget(value, row, side + 2)
        grid.setColumnMinimumWidth(3, em(1))
        grid.setColumnStretch(3, 1)
        return grid

    # --- showing

    def _show_nothing(self) -> None:
        card = self._bench.model.card
        self.figure.setText(UNKNOWN)
        set_kind(self.verdict, "muted")
        reading = card is not None or self._bench.model.is_busy
        self.verdict.setText("Reading the model…" if reading else "Choose a base model to see whether it fits.")
        self.note.hide()
        self.bar.show_parts((), free=0, total=0, alarm="", told="Not known yet.")
        for value in self.parts.values():
            value.setText(UNKNOWN)
        self._limits.hide()
        self._savings.hide()

    def _recomputing(self, case: "Case") -> str:
        """Return what is told of gradient checkpointing where it is automatic and comes on."""
        if case.recipe.gradient_checkpointing != "auto" or not case.recomputes:
            return ""
        without = self._reading.estimated(case.having(gradient_checkpointing="off"))
        return f"Gradient checkpointing comes on by itself: without it, {gib(without.high)} GiB might be needed."

    def _show_parts(self, memory: "MemoryEstimate", room: Room, again: str) -> None:
        sizes = {part: memory.reserve_high if part == "reserve" else memory.part(part) for part in LEGEND}
        for part, value in self.parts.items():
            size = sizes[part]
            value.setText(UNKNOWN if size is None else gib(size))
        free = room.total if self._bench.read_only else room.free
        if memory.is_whole:
            figure = gib(memory.high) if memory.measured else _span(memory.low, memory.high)
            self.figure.setText(f"{figure} GiB")
            kind, words = _verdict(memory, free, room, is_run=self._bench.read_only)
        else:
            self.figure.setText(f"at least {gib(memory.low)} GiB")
            kind = "failure" if memory.low > free else "muted"
            words = f"{gib(free)} GiB are free {room.place}."
            if kind == "failure":
                words = f"✕ Does not fit: {words}"
        set_kind(self.verdict, kind)
        self.verdict.setText(words)
        told = ", ".join(f"{LEGEND[part][0]} {gib(size)} GiB" for part, size in sizes.items() if size is not None)
        self.bar.show_parts(
            [Segment(part, size) for part, size in sizes.items() if size],
            free=free,
            total=room.total,
            alarm=kind if kind in {"attention", "failure"} else "",
            told=f"{told}, of {gib(room.total)} GiB {room.place}, {gib(free)} GiB free. {words}",
        )
        self.note.setText(" ".join(filter(None, (_source(memory, self._reading), again, room.note))))
        self.note.show()

    def _show_limits(self, case: "Case", room: Room, memory: "MemoryEstimate") -> None:
        is_asked = self._reading.estimated(case).is_whole and not self._bench.read_only
        self._limits.setVisible(is_asked)
        self._savings.setVisible(is_asked and memory.high > room.free)
        if not is_asked:
            return
        from orpo_studio.fit.limits import largest_micro_batch, longest_sequence

        recipe = case.recipe
        # what the sum was found to be off by here, it is taken to be off by elsewhere
        free = room.free + self._reading.estimated(case).high - memory.high if memory.measured else room.free
        most, longest = largest_micro_batch(case, free) or 0, longest_sequence(case, free) or 0
        together = recipe.micro_batch * recipe.accumulation
        # the largest share of a step that fits and leaves the pairs per step, and so the result, as they are
        pairs = next((number for number in range(min(most, together), 0, -1) if together % number == 0), 0)
        self._show_limit(
            "micro_batch",
            count(most) if most else "not even one",
            f"Use {pairs} × {together // pairs}" if pairs not in {0, recipe.micro_batch} else "",
            {"recipe.micro_batch": pairs, "recipe.accumulation": together // max(1, pairs)},
        )
        is_all = case.lengths is not None and longest >= case.lengths.longest > 0
        self._show_limit(
            "max_length",
            "any of your pairs" if is_all else f"{count(longest)} tokens" if longest else "none",
            "" if is_all or longest in {0, recipe.max_length} else f"Use {longest}",
            {"recipe.max_length": longest},
        )
        if memory.high > room.free:
            self._show_savings(case, free)

    def _show_limit(self, name: str, value: str, offer: str, changes: Mapping[str, Any]) -> None:
        self.limits[name].setText(value)
        self.uses[name].setText(offer)
        self.uses[name].setVisible(bool(offer))
        self.uses[name].setAccessibleName(f"{offer}: the largest that fits")
        self._changes[name] = (offer, changes)

    def _show_savings(self, case: "Case", free: float) -> None:
        from orpo_studio.fit.savings import savings

        found = savings(case, free)[:_SAVINGS]
        proposed = [
            (saving.words, saving.changes, f"saves {gib(saving.saved)} GiB{', then it fits' if saving.fits else ''}")
            for saving in found
        ]
        if proposed == self._proposed:
            return
        self._proposed = proposed
        while (item := self._rows.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self.proposals = []
        self._rows.addWidget(line(), 0, 0, 1, 2)
        self._rows.addWidget(_heading(bool(proposed)), 1, 0, 1, 2)
        for row, (words, changes, told) in enumerate(proposed, start=2):
            text = QWidget()
            inside = QVBoxLayout(text)
            inside.setContentsMargins(0, 0, 0, 0)
            inside.setSpacing(0)
            inside.addWidget(label(words, wrap=True))
            inside.addWidget(label(told, "muted"))
            use = button("Use it", partial(self._apply, words, changes), "link", name=f"Use it: {words}, {told}")
            self.proposals.append(use)
            self._rows.addWidget(text, row, 0)
            self._rows.addWidget(use, row, 1, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight)

    # --- using

    def _use(self, name: str) -> None:
        self._apply(*self._changes[name])

    def _apply(self, words: str, changes: Mapping[str, Any]) -> None:
        """Change settings, undone as one."""
        draft = self._bench.draft
        draft.undo.beginMacro(words)
        for option, value in changes.items():
            draft.set(option, value)
        draft.undo.endMacro()


def _heading(has_proposals: bool) -> QWidget:
    return label("What would help", "heading") if has_proposals else label("No single setting helps.", "muted")


def _span(low: float, high: float) -> str:
    return f"{low / _GIB:.1f} to {high / _GIB:.1f}" if high < 100 * _GIB else f"{low / _GIB:.0f} to {high / _GIB:.0f}"


def _verdict(memory: "MemoryEstimate", free: float, room: Room, *, is_run: bool) -> tuple[str, str]:
    """Return the kind of a verdict and its words."""
    if is_run:
        return "muted", f"{gib(room.total)} GiB {room.place}."
    there = f"{gib(free)} GiB are free {room.place}."
    if memory.high <= free:
        return "chosen", f"✓ Fits: {there}"
    if memory.low <= free:
        return "attention", f"▲ Tight: {there}"
    return "failure", f"✕ Does not fit: {there}"


def _source(memory: "MemoryEstimate", reading: FitReading) -> str:
    """Return how the figure was come by."""
    if memory.measured:
        return "Measured on this machine with the longest pairs; how it divides is estimated."
    if not memory.is_whole:
        return "What is not known for this architecture and these settings is left out."
    lengths = reading.lengths
    if lengths is None:
        return "An estimate from the model's files, with every pair at the maximum length."
    return f"An estimate from the model's files and the longest of your pairs, {count(lengths.longest)} tokens."
