"""A sandbox for chat templates with bounds on time and memory.

A template is a program that came with a model. Jinja's sandbox keeps it from files and objects, but not from looping
for hours or from making a text that fills the memory. Here every turn of a loop, call and filter is counted, the
processor time of the thread is watched meanwhile, and what makes texts longer is looked at before it is done.
"""

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from functools import wraps
from typing import Any

import jinja2
import jinja2.nodes
import jinja2.runtime
import jinja2.sandbox

MOST_SECONDS = 3.0
"""Processor time of one rendering; real templates take a millisecond."""
MOST_STEPS = 2_000_000
LONGEST_TEXT = 16_000_000
"""Characters; also the most items of a list."""

_LONGEST_RANGE = jinja2.sandbox.MAX_RANGE
_MOST_ITEMS = 500_000
"""Of a list with all lists in it, to be written."""
_WIDEST = 10_000
"""For what pads, indents or rounds."""
_CHARACTERS_A_STEP = 256
_SHORT_TEXT = 65_536
_TURNS_A_LOOK = 256
"""Looking at the clock costs as much as a few turns, so that a usual rendering never does."""
_MOST_BITS = 100_000
_WIDE_FORMAT = re.compile(r"[0-9]{5,}|%[^%a-zA-Z]*\*")
_PADS = frozenset({"ljust", "rjust", "center", "zfill", "expandtabs", "indent", "batch", "slice", "wordwrap", "round"})
_WRITES = frozenset({"format", "format_map", "join", "pprint", "replace", "string", "tojson", "urlencode", "xmlattr"})


class TemplateTooGreedyError(jinja2.TemplateError):
    """A template takes more time or memory than any that writes a conversation."""


class _Budget(threading.local):
    """What the rendering in this thread may still take."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.steps, self.turns, self.until = MOST_STEPS, 0, 0.0

    def spend(self, size: int = 0) -> None:
        self.steps -= 1 + size // _CHARACTERS_A_STEP
        self.turns += 1
        if size > LONGEST_TEXT:
            raise TemplateTooGreedyError(f"It makes a text of {size:,} characters.")
        if self.steps < 0 or (self.turns % _TURNS_A_LOOK == 0 and self._is_late()):
            raise TemplateTooGreedyError("It takes far longer than any template that writes a conversation.")

    def _is_late(self) -> bool:
        now = time.thread_time()
        self.until = self.until or now + MOST_SECONDS
        return now > self.until


_budget = _Budget()
begin_rendering = _budget.begin
"""Give a rendering that begins in this thread its time."""


class BoundedSandbox(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """The sandbox. Call :func:`begin_rendering` before each rendering."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, finalize=_weighed)
        self.filters = {name: bounded(name, function) for name, function in self.filters.items()}
        del self.globals["lipsum"]  # it writes as much as it is asked for
        self.filters |= {"_counted": _counted, "_joined": _joined}

    def concat(self, pieces: Iterable[Any]) -> str:
        """Put the pieces of a text together, unless it would be far too long."""
        return _joined(pieces)

    def _parse(self, source: str, name: str | None, filename: str | None) -> jinja2.nodes.Template:
        tree = super()._parse(source, name, filename)
        for loop in list(tree.find_all(jinja2.nodes.For)):
            loop.iter = _filtered(loop.iter, "_counted")
        for chain in list(tree.find_all(jinja2.nodes.Concat)):
            chain.nodes = [_filtered(jinja2.nodes.List(chain.nodes, lineno=chain.lineno), "_joined")]
        tree.set_environment(self)
        return tree

    def call_binop(self, context: jinja2.runtime.Context, operator: str, left: Any, right: Any) -> Any:
        """Compute, unless the result would be far too large."""
        if operator == "+" and type(left) is type(right) is str and len(left) + len(right) < _SHORT_TEXT:
            return left + right  # what nearly all templates do nearly all the time; it grows by turns, which count
        _budget.spend(_size_of_result(operator, left, right))
        return super().call_binop(context, operator, left, right)

    def call(self, context: jinja2.runtime.Context, called: Any, /, *values: Any, **named: Any) -> Any:
        """Call, unless the result would be far too large."""
        name = getattr(called, "__name__", "")
        subject = getattr(getattr(called, "__wrapped__", called), "__self__", None)  # jinja2 wraps str.format
        _look_at_arguments(str(name), (subject, *values), named)
        result = super().call(context, called, *values, **named)
        _budget.spend(_size(result))
        return result


def _filtered(node: Any, name: str) -> jinja2.nodes.Filter:
    return jinja2.nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


class _CountedList(list[Any]):
    def __iter__(self) -> Iterator[Any]:
        for item in super().__iter__():
            _budget.spend()
            yield item


def _counted(items: Iterable[Any]) -> Iterable[Any]:
    return _CountedList(items) if isinstance(items, Sized) else _count_each(items)


def _count_each(items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        _budget.spend()
        yield item


def _joined(pieces: Iterable[Any]) -> str:
    texts, size = [], 0
    for piece in pieces:
        text = piece if type(piece) is str else str(_weighed(piece))
        size += len(text)
        if size > LONGEST_TEXT:
            raise TemplateTooGreedyError(f"It makes a text of more than {LONGEST_TEXT:,} characters.")
        texts.append(text)
    _budget.spend(size)
    return "".join(texts)


def bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter whose arguments and result are looked at."""

    @wraps(function)
    def looked_at(*values: Any, **named: Any) -> Any:
        _look_at_arguments(name, values, named)
        result = function(*values, **named)
        _budget.spend(_size(result))
        return result

    return looked_at


def _look_at_arguments(name: str, values: tuple[Any, ...], named: dict[str, Any]) -> None:
    everything = (*values, *named.values())
    numbers = [abs(value) for value in everything if isinstance(value, int) and not isinstance(value, bool)]
    texts = [value for value in everything if isinstance(value, str)]
    if (name in _PADS or "indent" in named) and any(number > _WIDEST for number in numbers):
        raise TemplateTooGreedyError(f"It asks for a width of {max(numbers):,}.")
    if name == "replace" and len(texts) > 2:
        _budget.spend(len(texts[0]) // max(1, len(texts[1])) * len(texts[2]))
    if name == "join" and texts:
        _budget.spend(len(texts[-1]) * (_size(values[0]) if isinstance(values[0], Sized) else _LONGEST_RANGE))
    if name in {"format", "format_map"} and any(_WIDE_FORMAT.search(text) for text in texts[:1]):
        raise TemplateTooGreedyError("It asks for a very wide format.")
    if name in _WRITES:
        for value in everything:
            _weighed(value)
    _budget.spend(sum(map(len, texts)))


def _weighed(value: Any) -> Any:
    """Return a value that is about to be written, unless it holds itself so often that this would never end."""
    if not isinstance(value, list | tuple | dict):
        return value
    size, items, waiting = 0, 0, [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple):
            waiting += item
        size, items = size + _size(item), items + 1
        if size > LONGEST_TEXT or items + len(waiting) > _MOST_ITEMS:
            raise TemplateTooGreedyError("It writes a list that is far too long.")
    _budget.spend(size)
    return value


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple | dict) else 0


def _size_of_result(operator: str, left: Any, right: Any) -> int:
    if operator == "+":
        return _size(left) + _size(right)
    if operator == "%":
        if isinstance(left, str) and _WIDE_FORMAT.search(left):
            raise TemplateTooGreedyError("It asks for a very wide format.")
        _weighed(right)
        return _size(left)
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() * right if operator == "**" else left.bit_length() + right.bit_length()
        if bits > _MOST_BITS:
            raise TemplateTooGreedyError("It computes with far too large a number.")
        return 0
    for text, times in ((left, right), (right, left)):
        if operator == "*" and isinstance(times, int):
            return _size(text) * max(times, 0)
    return 0
