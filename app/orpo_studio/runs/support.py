"""The support archive: what somebody needs to help with a run, and nothing that must stay at home."""

import json
import os
import platform
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from orpo_studio.events import AnyEvent, SampleAnswer, UnknownEvent, read_events
from orpo_studio.plain_files import open_plain
from orpo_studio.runs.folder import RunFolder

_PACKAGES = (
    "orpo-studio", "torch", "transformers", "trl", "peft", "datasets", "accelerate", "bitsandbytes",
    "PySide6-Essentials", "pyqtgraph", "numpy", "pyarrow", "pydantic",
)  # fmt: skip

_MOST_BYTES = 8_000_000
"""Of a text file: its end is what helps."""

_TOKEN = re.compile(r"hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{16,}|AKIA[A-Z0-9]{16}")
_NAMED = re.compile(
    r"(?i)(bearer\s+|(?:token|password|passwd|secret|(?:api|access|secret)[_-]?key)[\\\"']*\s*[=:]\s*[\\\"']*"
    r"|://[^\s/@:]+:)[^\s\"',@\\]+"
)
"""A name that says that a secret follows, or a user name in an address, and the secret."""


_SECRET_NAME = re.compile(r"(?i)token|secret|passw|credential|(?:api|access|private)_?key")
_SHORTEST_SECRET = 8

_QUOTING = (SampleAnswer, UnknownEvent)
"""Events that quote prompts or answers, which are data; and those of which it is not known."""


def versions() -> dict[str, str]:
    """Return the versions of Python, the system and the packages that matter, without importing any."""
    import importlib.metadata  # it brings the e-mail library, 20 ms that the window's start can do without

    found = {"python": platform.python_version(), "system": platform.platform()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def write_support_archive(folder: RunFolder, target: Path) -> Path:
    """Write a zip with specification, events without quoted texts, log and versions; no data, weights or secrets.

    The person's home folder is written as ``~``, and what looks like a token as ``[removed]``.

    Raises:
        OSError: the archive cannot be written.
    """
    import zipfile

    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (folder.spec_file, folder.console_log):
            archive.writestr(path.name, clean(_end_of(path)))
        with archive.open("events.jsonl", "w", force_zip64=True) as kept:
            for event in _events(folder):
                if not isinstance(event, _QUOTING):
                    kept.write(clean(event.model_dump_json()).encode() + b"\n")
        archive.writestr("versions.json", json.dumps(versions(), indent=2))
    return target


def _end_of(path: Path) -> str:
    try:
        with os.fdopen(open_plain(path), "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _MOST_BYTES))
            return file.read(_MOST_BYTES).decode(errors="replace")
    except OSError as error:
        return f"{path.name}: {error.strerror}."


def _events(folder: RunFolder) -> Iterator[AnyEvent]:
    with suppress(OSError):  # what cannot be read helps nobody, and the rest does
        yield from read_events(folder.events_file)


def clean(text: str) -> str:
    """Return a text without the person's home folder and without what looks like a secret."""
    home = str(Path.home())
    if len(home) > 1:
        text = text.replace(home, "~")
        text = text.replace(home.replace("\\", "\\\\"), "~")  # as JSON and TOML write it on Windows
    for secret in _secrets_at_hand():
        text = text.replace(secret, "[removed]")
    return _NAMED.sub(r"\1[removed]", _TOKEN.sub("[removed]", text))


def _secrets_at_hand() -> list[str]:
    """Return the values of this process's environment that are secrets by their names."""
    named = (value for name, value in os.environ.items() if _SECRET_NAME.search(name))
    return [value for value in named if len(value) >= _SHORTEST_SECRET]
