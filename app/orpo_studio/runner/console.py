"""The supervisor's own lines in the console log, told apart from those of the trainer."""

_OWN = "[supervisor] "


def note(text: str) -> None:
    """Print a line into the console log. A log that cannot be written is no reason to end."""
    try:
        print(f"{_OWN}{text}", flush=True)
    except OSError:
        return


def without_notes(log: str) -> str:
    """Return a log without the supervisor's lines: what the trainer said last is looked for in it."""
    return "".join(line for line in log.splitlines(keepends=True) if not line.startswith(_OWN))
