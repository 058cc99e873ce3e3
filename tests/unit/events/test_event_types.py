"""Events: strict for the writer, tolerant for the reader."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orpo_studio.events import Machine, Stage, UnknownEvent, parse_event
from orpo_studio.events.types import KnownEvent

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def line(**content: Any) -> bytes:
    return json.dumps(content).encode()


def test_that_a_writer_cannot_misspell_a_field() -> None:
    with pytest.raises(ValidationError):
        Stage.model_validate({"name": "load", "titel": "Loading"})


def test_that_an_event_does_not_change_once_it_is_said() -> None:
    with pytest.raises(ValidationError):
        Machine(values={}).seq = 3  # type: ignore[misc]


def test_that_an_unknown_type_is_kept_with_its_content() -> None:
    event = parse_event(line(seq=7, time=1.5, type="sweep.started", trials=20))
    assert isinstance(event, UnknownEvent)
    assert (event.seq, event.type) == (7, "sweep.started")
    assert event.model_extra == {"trials": 20}


def test_that_a_known_type_with_a_newer_field_is_read_without_it() -> None:
    event = parse_event(line(seq=1, time=1.0, type="stage", name="load", title="Loading", color="green"))
    assert event == Stage(seq=1, time=1.0, name="load", title="Loading")


def test_that_a_known_type_in_another_shape_is_kept_as_unknown() -> None:
    event = parse_event(line(seq=1, time=1.0, type="stage", name=["a", "list"]))
    assert isinstance(event, UnknownEvent)
    assert event.seq == 1


@given(st.binary())
def test_that_no_bytes_break_the_reader(noise: bytes) -> None:
    parse_event(noise)


@given(st.dictionaries(st.sampled_from(["seq", "time", "type", "values", "step", "model_fields"]), JSON))
def test_that_no_json_object_breaks_the_reader(content: dict[str, Any]) -> None:
    assert parse_event(json.dumps(content).encode()) is not None


def test_that_deep_nesting_does_not_break_the_reader() -> None:
    assert parse_event(b"[" * 100_000) is None


@given(st.sampled_from([kind.model_fields["type"].default for kind in KnownEvent.__args__]), JSON)
def test_that_known_types_with_any_content_are_read(kind: str, content: Any) -> None:
    assert parse_event(line(seq=1, time=0.0, type=kind, name=content, values=content, step=content)) is not None
