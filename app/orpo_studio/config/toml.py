"""``run.toml``: reading, migrating and writing a specification."""

import errno
import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orpo_studio.config.check import Issue, check
from orpo_studio.config.option import Option, all_options, quoted
from orpo_studio.config.sections import SECTIONS
from orpo_studio.config.spec import RunSpec
from orpo_studio.plain_files import read_plain

SCHEMA_VERSION = 1
"""Version of the file's layout. Each increase comes with an entry in ``MIGRATIONS``."""

MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""From version n to n + 1: plain dict to plain dict, importing no live code, so that they never change."""

MAX_BYTES = 1_000_000
"""A specification is a few kilobytes; anything far larger is no specification."""


_DEEP_KEY = re.compile(r"""(?<![\w"'-])(?:["']?+[\w-]*+["']?+\s*+\.\s*+){40}""")


class SpecError(ValueError):
    """A specification file cannot be used.

    Attributes:
        issues: everything that is wrong with it, or empty when it cannot be read at all.
    """

    def __init__(self, message: str, issues: tuple[Issue, ...] = ()) -> None:
        super().__init__(message)
        self.issues = issues


class NewerSchemaError(SpecError):
    """The file was written by a newer version of the program."""


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML that may come from anybody.

    Raises:
        ValueError: it is no TOML, or has a key of far too many parts, for which the parser would take minutes.
        RecursionError: it is nested far too deep.
    """
    if _DEEP_KEY.search(text):
        raise ValueError("a key has far too many parts")
    return tomllib.loads(text)


def read_values(text: str, origin: str) -> dict[str, Any]:
    """Parse TOML and migrate it to the present schema, without checking the values.

    Raises:
        SpecError: it is no TOML, or has no usable schema version.
        NewerSchemaError: it was written by a newer version.
    """
    values = _parse(text, origin)
    version = values.pop("schema_version", SCHEMA_VERSION)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise SpecError(f"{origin} has no usable schema_version: “{quoted(version)}”.")
    if version > SCHEMA_VERSION:
        raise NewerSchemaError(
            f"{origin} was written by a newer ORPO Studio, in a form that this version does not know. "
            "Update ORPO Studio to use it."
        )
    for step in range(version, SCHEMA_VERSION):
        values = MIGRATIONS[step](values)
    return values


def load_values(path: Path) -> dict[str, Any]:
    """Read a specification file as nested values, migrated but not checked.

    Raises:
        SpecError: it cannot be read, or is no TOML.
        NewerSchemaError: it was written by a newer version.
    """
    return read_values(_read_text(path), str(path))


def _parse(text: str, origin: str) -> dict[str, Any]:
    try:
        return parse_toml(text)
    except (ValueError, RecursionError) as error:  # ValueError: numbers of thousands of digits, besides bad TOML
        raise SpecError(f"{origin} is not valid TOML: {error}.") from None


def _read_text(path: Path) -> str:
    try:
        return read_plain(path, MAX_BYTES, follow_link=True).decode("utf-8")
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise SpecError(f"{path} is far too large for a run's specification.") from None
        raise SpecError(f"{path} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise SpecError(f"{path} is not a text file in UTF-8.") from None


def read_spec(path: Path, *, to_start: bool = True) -> RunSpec:
    """Read a specification file.

    Raises:
        SpecError: it cannot be read or is not valid; the message lists every problem.
        NewerSchemaError: it was written by a newer version.
    """
    checked = check(load_values(path), to_start=to_start)
    if checked.spec is None:
        lines = "\n".join(f"  {issue.name}: {issue.message}" for issue in checked.errors)
        raise SpecError(f"{path} cannot be used:\n{lines}", checked.errors)
    return checked.spec


def read_newer_spec(path: Path) -> tuple[RunSpec, tuple[str, ...]]:
    """Read what this version knows of a specification that a newer one wrote; the rest takes its defaults.

    Good to look at and for nothing else: an option may mean something else there.

    Returns:
        The specification, and the full names of the options that are set there to what cannot be read here.

    Raises:
        SpecError: it cannot be read at all.
    """
    values = _parse(_read_text(path), str(path))
    known: dict[str, Any] = {"name": name} if isinstance(name := values.get("name"), str) else {}
    unread = []
    for option in all_options():
        section = values.get(option.section, {})
        if not isinstance(section, dict):
            unread.append(option.name)
        elif option.key in section:
            known.setdefault(option.section, {})[option.key] = section[option.key]
    for issue in check(known, to_start=False).errors:
        section, _, key = issue.name.partition(".")
        if not isinstance(known.get(section), dict):
            known.pop(section, None)
        elif known[section].pop(key, None) is not None:
            unread.append(issue.name)
    spec = check(known, to_start=False).parsed
    return (spec, tuple(unread)) if spec is not None else (RunSpec(), tuple(option.name for option in all_options()))


def read_name(path: Path) -> str:
    """Return the name that a specification gives its run, whatever else stands there; nothing where it has none."""
    try:
        name = _parse(_read_text(path), str(path)).get("name")
    except SpecError:
        return ""
    return name if isinstance(name, str) else ""


def render_spec(spec: RunSpec) -> str:
    """Write a specification as TOML, each option under a comment that says what it is."""
    lines = [
        "# A run of ORPO Studio. Repeat it with: orpo-studio train run.toml",
        f"schema_version = {SCHEMA_VERSION}",
        f"name = {_toml(spec.name)}",
    ]
    for section in SECTIONS:
        lines += ["", f"[{section}]"]
        for option in all_options():
            if option.section == section:
                lines += [f"# {_comment(option)}", f"{option.key} = {_toml(spec.value(option.name))}"]
    return "\n".join(lines) + "\n"


def write_spec(spec: RunSpec, path: Path) -> None:
    """Write a specification so that a reader finds the old file or the new one, never half of it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(render_spec(spec))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def _comment(option: Option) -> str:
    parts = [option.title]
    if option.unit:
        parts.append(f"in {option.unit}")
    if option.choices:
        parts.append("one of " + ", ".join(option.choices))
    elif option.bounds:
        parts.append(option.bounds)
    return "; ".join(parts)


def _toml(value: Any) -> str:
    if isinstance(value, float):
        return repr(value)
    import tomlkit  # only writing needs it, and the window's start does not write

    text: str = tomlkit.item(list(value) if isinstance(value, tuple) else value).as_string()
    return text
