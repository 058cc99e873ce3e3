"""What the schema knows of one option, beyond its value."""

import difflib
import math
import re
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, Literal

import annotated_types
from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

_LONGEST_QUOTE = 40
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+(e[-+]?\d+)?", re.IGNORECASE)


class Level(StrEnum):
    """Who needs an option: everybody, or those who asked for all of them."""

    BASIC = "basic"
    ADVANCED = "advanced"


class Kind(StrEnum):
    """How an option is edited and parsed."""

    TEXT = "text"
    PATH = "path"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"
    LIST = "list"


class OptionError(ValueError):
    """A text cannot be read as a value of an option. The message is for the person who typed it."""


@dataclass(frozen=True, slots=True)
class Option:
    """One declared option.

    Attributes:
        section: name of the section it lies in, such as ``recipe``.
        key: its name in ``run.toml`` and on the command line, such as ``lambda``.
        attribute: its name in Python, such as ``lambda_``.
        title: its label on the screen.
        help: what it does and when to change it, in a sentence or two.
        level: whether the basic view shows it.
        kind: how it is edited.
        default: its value when nobody says anything.
        unit: what its number counts, or the empty string.
        minimum: smallest value allowed, or None. ``exclusive_minimum`` excludes the bound itself.
        maximum: largest value allowed, or None. ``exclusive_maximum`` excludes the bound itself.
        choices: for ``Kind.CHOICE``, each value with its explanation.
        logarithmic: whether a slider for it should be logarithmic.
        group: heading under which the window shows it, within its section.
    """

    section: str
    key: str
    attribute: str
    title: str
    help: str
    level: Level
    kind: Kind
    default: Any
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False
    choices: Mapping[str, str] = field(default_factory=dict)
    logarithmic: bool = False
    group: str = ""

    @property
    def name(self) -> str:
        """The full name, ``section.key``."""
        return f"{self.section}.{self.key}"

    @property
    def bounds(self) -> str:
        """The allowed range in words, or the empty string."""
        low, high = self.minimum, self.maximum
        if low is not None and high is not None and not (self.exclusive_minimum or self.exclusive_maximum):
            return f"from {format_number(low)} to {format_number(high)}"
        parts = []
        if low is not None:
            parts.append(f"{'above' if self.exclusive_minimum else 'at least'} {format_number(low)}")
        if high is not None:
            parts.append(f"{'below' if self.exclusive_maximum else 'at most'} {format_number(high)}")
        return " and ".join(parts)

    def parse(self, text: str) -> Any:
        """Read a value typed by a person; bounds are left to the validation of the whole specification.

        Raises:
            OptionError: the text is no value of this kind.
        """
        text = text.strip()
        match self.kind:
            case Kind.INTEGER:
                return self._integer(text)
            case Kind.NUMBER:
                return self._number(text)
            case Kind.FLAG:
                return self._flag(text)
            case Kind.CHOICE:
                return self._choice(text)
            case Kind.LIST:
                return [part.strip() for part in text.split(",") if part.strip()]
            case _:
                return text

    def format(self, value: Any) -> str:
        """Write a value the way :meth:`parse` reads it."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float):
            return format_number(value)
        if isinstance(value, (list, tuple)):
            return ", ".join(map(str, value))
        return str(value)

    def not_of_its_kind(self, value: object) -> str:
        """Say that something entered is no number, and how one is written."""
        wanted = "a whole number" if self.kind is Kind.INTEGER else "a number, such as 0.1 or 5e-5"
        entered = quoted(value)
        if not entered:
            return f"{self.title} needs {wanted}."
        if _DECIMAL_COMMA.fullmatch(entered):
            return f"{self.title} needs {wanted}; write “{entered}” with a point."
        return f"{self.title} needs {wanted}; “{entered}” is not one."

    def _integer(self, text: str) -> int:
        try:
            return int(text.replace("_", "").replace(" ", ""))
        except ValueError:
            raise OptionError(self.not_of_its_kind(text)) from None

    def _number(self, text: str) -> float:
        try:
            return float(text.replace("_", "").replace("×10^", "e"))
        except ValueError:
            raise OptionError(self.not_of_its_kind(text)) from None

    def _flag(self, text: str) -> bool:
        word = text.lower()
        if word in {"true", "yes", "on", "1"}:
            return True
        if word in {"false", "no", "off", "0"}:
            return False
        raise OptionError(f"{self.title} is either true or false; “{quoted(text)}” is neither.")

    def _choice(self, text: str) -> str:
        if text in self.choices:
            return text
        raise OptionError(f"{self.title} is one of {', '.join(self.choices)}; “{quoted(text)}” is not.")


def quoted(value: object) -> str:
    """Write what a person entered so that it fits into a sentence: on one line, cut where it is long."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in str(value)[:200]).split())
    return text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 1]}…"


def format_number(value: float) -> str:
    """Write a number as short as it can be read back: ``0.1``, ``5e-05`` as ``5e-5``, ``8`` for ``8.0``."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(value).replace("e-0", "e-").replace("e+0", "e")


def option(
    default: Any,
    *,
    title: str,
    help: str,  # noqa: A002 - the field's own word for it
    level: Level = Level.ADVANCED,
    group: str = "",
    unit: str = "",
    choices: Mapping[str, str] | None = None,
    logarithmic: bool = False,
    path: bool = False,
    key: str | None = None,
    **bounds: float,
) -> Any:
    """Declare an option; ``bounds`` are pydantic's ``ge``, ``gt``, ``le`` and ``lt``."""
    extra: Any = {
        "level": level,
        "group": group,
        "unit": unit,
        "choices": dict(choices or {}),
        "logarithmic": logarithmic,
        "path": path,
    }
    constraints: dict[str, Any] = dict(bounds)
    return Field(default, title=title, description=help, alias=key, json_schema_extra=extra, **constraints)


def describe(section: str, attribute: str, declared: FieldInfo) -> Option:
    """Make the :class:`Option` of a declared field."""
    extra = declared.json_schema_extra
    if not isinstance(extra, dict):
        raise TypeError(f"{section}.{attribute} was not declared with option()")
    limits = _limits(declared)
    details: dict[str, Any] = dict(extra)
    return Option(
        section=section,
        key=declared.alias or attribute,
        attribute=attribute,
        title=declared.title or attribute,
        help=declared.description or "",
        level=details["level"],
        kind=_kind(declared.annotation, is_path=bool(details["path"])),
        default=declared.get_default(call_default_factory=True),
        unit=details["unit"],
        choices=details["choices"],
        logarithmic=details["logarithmic"],
        group=details["group"],
        **limits,
    )


def _kind(annotation: Any, *, is_path: bool) -> Kind:
    if is_path:
        return Kind.PATH
    if typing.get_origin(annotation) is Literal:
        return Kind.CHOICE
    if typing.get_origin(annotation) is tuple:
        return Kind.LIST
    return {bool: Kind.FLAG, int: Kind.INTEGER, float: Kind.NUMBER}.get(annotation, Kind.TEXT)


def _limits(declared: FieldInfo) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for constraint in declared.metadata:
        match constraint:
            case annotated_types.Ge(ge=bound):
                found["minimum"] = bound
            case annotated_types.Gt(gt=bound):
                found |= {"minimum": bound, "exclusive_minimum": True}
            case annotated_types.Le(le=bound):
                found["maximum"] = bound
            case annotated_types.Lt(lt=bound):
                found |= {"maximum": bound, "exclusive_maximum": True}
    return found


@cache
def all_options() -> tuple[Option, ...]:
    """Return every option of every section, in the order of the file."""
    from orpo_studio.config.sections import SECTIONS  # the sections are declared with this module's option()

    return tuple(
        describe(section, attribute, field)
        for section, model in SECTIONS.items()
        for attribute, field in model.model_fields.items()
    )


def find_option(name: str) -> Option:
    """Return the option called ``section.key``.

    Raises:
        OptionError: there is none; the message names the nearest one.
    """
    for candidate in all_options():
        if name == candidate.name:
            return candidate
    raise OptionError(f"There is no option “{name}”.{did_you_mean(name, (o.name for o in all_options()))}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` Did you mean “x”?`` for the known word nearest to ``word``, or the empty string."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean “{near[0]}”?" if near else ""


class Section(BaseModel):
    """Base of the sections: unknown keys are errors, values are frozen once checked."""

    model_config = {"extra": "forbid", "frozen": True, "validate_by_name": True, "validate_by_alias": True}
