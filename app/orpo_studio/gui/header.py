"""Over the pages: what is looked at, and how the machine is."""

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QToolButton

from orpo_studio import words
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, label
from orpo_studio.gui.widgets.elided import ElidedLabel
from orpo_studio.gui.workbench import Workbench

CHIP_MS = 2000


class Header(QFrame):
    """The subject's name, which can be edited while it is a draft, and the machine chip."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        layout = QHBoxLayout(self)
        layout.setContentsMargins(em(1.5), em(0.6), em(1.5), 0)
        self.name = QLineEdit(placeholderText="Name of this run")
        self.name.setMaxLength(200)
        self.name.setMinimumWidth(em(12))
        self.name.setMaximumWidth(em(28))
        self.name.setAccessibleName("Name of this run")
        self.name.textEdited.connect(bench.draft.set_name)
        self.run_title = ElidedLabel("", "heading")
        self.new_run = button("New run", bench.show_draft, "link", hint="Back to the settings being prepared")
        layout.setSpacing(em(1))
        self.chip = label("", "muted")
        self.chip.setAccessibleName("This machine")
        layout.addWidget(self.name, 2)
        for widget in (self.run_title, self.new_run):
            layout.addWidget(widget)
        layout.addStretch(1)
        layout.addWidget(self.chip)
        self.menu = QToolButton()
        self.menu.setText("☰")
        self.menu.setAutoRaise(True)
        self.menu.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu.setAccessibleName("Menu")
        self.menu.setToolTip("Menu. Ctrl+K searches all actions")
        layout.addSpacing(em(0.5))
        layout.addWidget(self.menu)
        self.setFixedHeight(em(3))
        bench.subject_changed.connect(self.refresh)
        bench.draft.changed.connect(self.refresh)
        self._timer = QTimer(self, interval=CHIP_MS)
        self._timer.timeout.connect(self._sample)
        QTimer.singleShot(300, self._start_sampling)
        self.refresh()

    def refresh(self) -> None:
        """Show the subject."""
        follower = self._bench.follower
        self.name.setVisible(follower is None)
        self.run_title.setVisible(follower is not None)
        self.new_run.setVisible(follower is not None)
        if follower is not None:
            spec = self._bench.run_spec
            name = (spec.name if spec else "") or follower.folder.id
            self.run_title.setText(words.one_line(words.printable(name)))
        else:
            name = str(self._bench.draft.values.get("name", ""))
            if name != self.name.text():
                self.name.setText(name)
                self.name.setCursorPosition(0)  # a long name shows its beginning

    def _start_sampling(self) -> None:
        from orpo_studio.runs.machine import MachineSampler  # psutil and NVML can wait until after the first paint

        self._machine = MachineSampler()
        self._timer.start()
        self._sample()

    def _sample(self) -> None:
        values, machine = self._machine.sample().values, self._machine
        if "gpu_memory_gib" in values:
            parts = [machine.gpu_name, f"{values['gpu_memory_gib']:.1f}/{machine.gpu_total_gib:.0f} GiB"]
            if "gpu_temperature" in values:
                parts.append(f"{values['gpu_temperature']:.0f} °C")
        else:
            parts = [
                "CPU",
                f"{values['cpu_load']:.0f} %",
                f"{values['memory_gib']:.1f}/{machine.memory_total_gib:.0f} GiB",
            ]
        self.chip.setText(" · ".join(parts))
