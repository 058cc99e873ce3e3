"""Whatever a pair holds, written in any layout and read again it is the same pair."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.layout_rows import WRITERS, Writer
from helpers.pair_files import write_csv, write_jsonl, write_parquet
from orpo_studio.data.layouts import recognize
from orpo_studio.data.pair import Message, Pair
from orpo_studio.data.reading import read_rows

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], include_characters="\n :[]{}\"'"), min_size=1, max_size=30
).filter(lambda text: bool(text.strip()))


@st.composite
def pairs(draw: st.DrawFn, writer: Writer) -> Pair:
    text = TEXTS.map(str.strip) if writer.stripped else TEXTS
    prompt: list[Message] = []
    if writer.system and draw(st.booleans()):
        prompt.append({"role": "system", "content": draw(text)})
    for _ in range(draw(st.integers(0, 2)) if writer.turns else 0):
        prompt += {"role": "user", "content": draw(text)}, {"role": "assistant", "content": draw(text)}
    prompt.append({"role": "user", "content": draw(text)})
    chosen, rejected = draw(st.lists(text, min_size=2, max_size=2, unique_by=str.strip))
    return Pair(
        prompt, [{"role": "assistant", "content": chosen}], [{"role": "assistant", "content": rejected}], source_row=1
    )


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_that_a_pair_comes_back_from_each_layout(name: str, data: st.DataObject) -> None:
    writer = WRITERS[name]
    written = data.draw(st.lists(pairs(writer), min_size=1, max_size=4))
    rows = [writer.write(pair) for pair in written]
    found = recognize(rows)
    assert found.layout == writer.layout
    assert [found.convert(row, 1) for row in rows] == [[pair] for pair in written]


EXAMPLE = Pair(
    [{"role": "user", "content": "How do I boil an egg?"}],
    [{"role": "assistant", "content": 'Put it in boiling water, for "eight" minutes.\nThen it\'s done.'}],
    [{"role": "assistant", "content": "Use water."}],
    1,
)


@pytest.mark.parametrize("name", WRITERS)
def test_that_each_layout_is_read_from_files_of_each_kind(name: str, tmp_path: Path) -> None:
    writer = WRITERS[name]
    row = writer.write(EXAMPLE)
    cells = {key: json.dumps(cell) if isinstance(cell, list | dict) else cell for key, cell in row.items()}
    printed = {key: str(cell) if isinstance(cell, list | dict) else cell for key, cell in row.items()}
    files = [
        write_jsonl(tmp_path / "a.jsonl", [row]),
        write_parquet(tmp_path / "a.parquet", [row]),
        write_csv(tmp_path / "a.csv", [cells]),
        write_csv(tmp_path / "printed.csv", [printed]),
        write_jsonl(tmp_path / "cells.jsonl", [cells]),
    ]
    for file in files:
        rows = [row for _, row in read_rows(file) if isinstance(row, dict)]
        found = recognize(rows)
        assert found.layout == writer.layout, file.name
        assert found.convert(rows[0], 1) == [EXAMPLE], file.name
