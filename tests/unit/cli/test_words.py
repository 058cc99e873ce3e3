"""Numbers and results as people and programs read them."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from orpo_studio.cli.output import Output
from orpo_studio.cli.progress import PlainProgress
from orpo_studio.cli.results import show_answers
from orpo_studio.cli.words import CommandError, ErrorWords, figure, plain
from orpo_studio.words import duration, percent, size


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (754, "12 min"),
        (7200, "2 h"),
        (7500, "2 h 5 min"),
    ],
)
def test_that_times_read_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.123456, "0.1235"),
        (1e-7, "1e-07"),
        (192512.0, "192,512"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
    ],
)
def test_that_figures_are_short_and_counts_are_whole(value: float, words: str) -> None:
    assert figure(value) == words


def test_that_shares_and_sizes_carry_their_unit() -> None:
    assert percent(0.834) == "83 %"
    assert percent(math.nan) == "NaN"
    assert (size(12), size(5_900_000), size(16.2e9)) == ("12 bytes", "5.9 MB", "16.2 GB")


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(Path("/tmp/x")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=10,
)


@given(VALUES)
def test_that_any_result_can_be_written_as_strict_json(value: Any) -> None:
    json.loads(json.dumps(plain(value), allow_nan=False))


def test_that_no_text_can_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=False)
    hostile = "\x1b]0;owned\x07na\x9b2Jme\r\n\x1b[2Kλ\tend"
    output.say(hostile)
    output.error(CommandError(ErrorWords("code", hostile)))
    show_answers(output, [{"prompt": hostile, "before": hostile, "after": hostile}])
    PlainProgress(Console(file=output.stream)).note(hostile)

    said = capsys.readouterr()
    assert "λ" in said.out
    assert not set("\x1b\x07\x9b\r") & set(said.out + said.err)


def test_that_a_result_can_be_read_in_any_encoding(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).result({"name": "λ – 漢"})
    said = capsys.readouterr().out
    assert said.isascii()
    assert json.loads(said) == {"name": "λ – 漢"}
