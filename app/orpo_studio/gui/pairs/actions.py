"""What menu and palette offer of the Data page: to find, to go somewhere, to have the pairs examined."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from orpo_studio.config import DEMO
from orpo_studio.gui.actions import ActionInfo
from orpo_studio.gui.workbench import Workbench

if TYPE_CHECKING:
    from orpo_studio.gui.pages.data import DataPage

GROUP = "Data"


def data_actions(bench: Workbench, page: "Callable[[], DataPage]") -> list[ActionInfo]:
    """Return the actions; ``page`` shows the Data page and returns it."""
    data, doctor = bench.data, bench.doctor

    def is_read() -> bool:
        return data.prepared is not None

    def is_editable() -> bool:
        return not bench.read_only

    def has_columns() -> bool:
        return is_editable() and data.source not in {"", DEMO}

    def browse_file() -> None:
        page().fields.browse_file()

    def browse_folder() -> None:
        page().fields.browse_a_folder()

    def open_more() -> None:
        page().fields.open_more()

    def examine() -> None:
        page().show_doctor()
        doctor.start()

    return [
        ActionInfo("Browse for preference pairs…", GROUP, browse_file, can=is_editable),
        ActionInfo("Browse for a folder of preference pairs…", GROUP, browse_folder, can=is_editable),
        ActionInfo("Splits and further sources…", GROUP, open_more),
        ActionInfo(
            "Say which column is which…",
            GROUP,
            lambda: page().edit_columns(),
            can=has_columns,
        ),
        ActionInfo("Read the data again", GROUP, data.read_again, can=lambda: bool(data.source) and not data.is_busy),
        ActionInfo("Cancel reading the data", GROUP, data.stop, can=lambda: data.is_busy),
        ActionInfo("Find text in the pairs…", GROUP, lambda: page().find_text(), can=is_read),
        ActionInfo("Go to a row of the source…", GROUP, lambda: page().enter_row(), can=is_read),
        *(
            ActionInfo(f"Show the {words}", GROUP, partial(lambda part: page().show_part(part), what), can=is_read)
            for words, what in (
                ("training pairs", "train"),
                ("held-out pairs", "held_out"),
                ("rows set aside", "set_aside"),
            )
        ),
        ActionInfo("Go to the doctor's findings", GROUP, lambda: page().show_doctor(), can=is_read),
        ActionInfo("Run the data doctor", GROUP, examine, can=lambda: is_read() and not doctor.is_running),
        ActionInfo("Cancel the data doctor", GROUP, doctor.cancel, can=lambda: doctor.is_running),
    ]
