"""Printing into console.log, which must never end a process: the log lies on the disk that may be full."""

import io
import sys
from typing import Any


class _Forgiving(io.FileIO):
    """A file into which what cannot be written is dropped."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            return len(data)


def forgive_full_console() -> None:
    """Let printing go on where standard output and standard error take nothing more; a print would raise."""
    sys.stdout = _over(sys.stdout)
    sys.stderr = _over(sys.stderr)


def _over(stream: Any) -> Any:
    try:
        file = _Forgiving(stream.fileno(), "w", closefd=False)
    except (AttributeError, OSError, ValueError):  # there is none, or it is no file
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(file), encoding="utf-8", errors="backslashreplace", line_buffering=True, write_through=True
    )
