"""``python -m orpo_studio`` and ``orpo-studio-window``: the window."""

import os
import sys
from collections.abc import Mapping, Sequence


class NoWindowError(Exception):
    """The window cannot be shown here; in words for the person.

    Attributes:
        code: a stable name for programs.
        title: what happened.
        detail: why.
        hint: what to do.
    """

    def __init__(self, code: str, title: str, detail: str, hint: str) -> None:
        super().__init__(f"{title} {detail} {hint}")
        self.code, self.title, self.detail, self.hint = code, title, detail, hint


def has_screen(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Tell whether Qt has somewhere to paint: a display, or a platform plugin named on purpose."""
    if not platform.startswith("linux"):
        return True
    return any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def open_window(arguments: Sequence[str]) -> int:
    """Show the window and return its exit code when it is closed.

    Args:
        arguments: what follows the program's name, such as ``--workspace DIR``.

    Raises:
        NoWindowError: there is no screen, or the window's libraries do not load.
    """
    if not has_screen():
        raise NoWindowError(
            "no-screen",
            "There is no screen to show the window on.",
            "Neither DISPLAY nor WAYLAND_DISPLAY is set.",
            "Without a screen everything works in the terminal. Start with: orpo-studio demo",
        )
    try:
        from orpo_studio.gui.app import main as show
    except ImportError as error:
        raise NoWindowError(
            "no-window-libraries",
            "The window's libraries do not load.",
            f"{error}.",
            "Set the program up again with: python3 packaging/start.py. "
            "Until then everything works in the terminal; start with: orpo-studio demo",
        ) from error
    return show(list(arguments))


def main() -> int:
    """Open the window; what keeps it from opening is said in words."""
    try:
        return open_window(sys.argv[1:])
    except NoWindowError as error:
        print(error.title, error.detail, error.hint, sep="\n", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
