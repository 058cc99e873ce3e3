"""Show that something moves: one line that is rewritten on a terminal, plain lines now and then elsewhere."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

TICK = 0.25  # seconds between two looks at what a command is doing
PLAIN_EVERY = 10.0  # seconds between two lines where lines cannot be rewritten


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


def seconds(value: float) -> str:
    """Format a duration: 9 s, 1:05 min."""
    whole = round(value)
    return f"{whole} s" if whole < 60 else f"{whole // 60}:{whole % 60:02d} min"


def megabytes(size: int) -> str:
    """Format a size in bytes in MB or GB."""
    return f"{size / 1e6:.0f} MB" if size < 1e9 else f"{size / 1e9:.2f} GB"


class Step:
    """One long step of the set-up on the screen."""

    def __init__(self, title: str, stream: IO[str] | None = None) -> None:
        self.title = title
        self._stream = stream or sys.stdout
        self._rewrites = self._stream.isatty()
        self._began = time.monotonic()
        self._next_plain = self._began + PLAIN_EVERY
        if not self._rewrites:
            self._write(f"  {title} …\n")

    def show(self, status: str) -> None:
        """Show how far the step is. Cheap: without a terminal most calls print nothing."""
        now = time.monotonic()
        text = ", ".join(part for part in (status, seconds(now - self._began)) if part)
        if self._rewrites:
            width = shutil.get_terminal_size().columns - 1
            self._write("\r\033[K" + f"  {self.title}: {text}"[:width])
        elif now >= self._next_plain:
            self._next_plain = now + PLAIN_EVERY
            self._write(f"    {text}\n")

    def done(self, status: str = "done") -> None:
        """Leave the final line of the step on the screen."""
        took = seconds(time.monotonic() - self._began)
        self._write(f"\r\033[K  {self.title}: {status}, {took}\n" if self._rewrites else f"    {status}, {took}\n")

    def failed(self) -> None:
        """Leave the line as it is and go to the next."""
        if self._rewrites:
            self._write("\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def run_shown(
    command: Sequence[str | Path],
    step: Step,
    log: Path,
    *,
    on_line: Callable[[str], None] = lambda _line: None,
    status: Callable[[], str] = lambda: "",
    environment: Mapping[str, str] | None = None,
    keep_open: tuple[int, ...] = (),
) -> tuple[int, str]:
    """Run a command, show its step's progress and append all it prints to the log.

    Args:
        on_line: called with each line the command prints.
        status: called a few times a second for the words of the progress line.
        keep_open: file descriptors the command inherits (the set-up's lock, see setup_lock).

    Returns:
        The exit code and the last lines printed.
    """
    lines: queue.Queue[str | None] = queue.Queue()
    tail: deque[str] = deque(maxlen=60)
    with (
        log.open("a", encoding="utf-8") as record,
        subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment) if environment is not None else None,
            pass_fds=keep_open if os.name != "nt" else (),
            encoding="utf-8",
            errors="replace",
        ) as process,
    ):
        record.write(f"\n$ {' '.join(str(word) for word in command)}\n")
        reader = threading.Thread(target=_read_lines, args=(process, lines), daemon=True)
        reader.start()
        try:
            while (line := _next_line(lines)) is not None:
                if line:
                    record.write(line)
                    tail.append(line)
                    on_line(line)
                step.show(status())
            reader.join()
        except BaseException:
            process.terminate()
            raise
        code = process.wait()
        record.write(f"exit code {code}\n")
    return code, "".join(tail)


def _read_lines(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


def _next_line(lines: queue.Queue[str | None]) -> str | None:
    """The next line, an empty text when none came within a tick, None at the end."""
    try:
        return lines.get(timeout=TICK)
    except queue.Empty:
        return ""
