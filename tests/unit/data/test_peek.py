"""The beginning of a source, read at once and no further."""

import json
from pathlib import Path

import pytest

from orpo_studio.data.mapping import Mapping
from orpo_studio.data.peek import peek
from orpo_studio.data.plan import Portion
from orpo_studio.data.problem import DataProblem, Reason

ROWS = [{"prompt": f"Question {n}?", "chosen": f"Answer {n}.", "rejected": f"No {n}."} for n in range(30)]


def test_that_the_first_rows_come_as_pairs_with_the_evidence(tmp_path: Path) -> None:
    file = tmp_path / "pairs.json"
    file.write_text(json.dumps(ROWS))
    seen = peek(Portion(file), count=10)
    assert [pair.source_row for pair in seen.pairs] == list(range(1, 11))
    assert seen.columns == ("prompt", "chosen", "rejected")
    assert seen.recognition.evidence
    assert seen.rows == 10


def test_that_what_follows_is_not_read(tmp_path: Path) -> None:
    """A JSON array that breaks off later would be refused as a whole, but its beginning can be looked at."""
    file = tmp_path / "pairs.json"
    filler = json.dumps([{**row, "chosen": "long " * 20_000} for row in ROWS])
    file.write_text(f"{filler[:-1]}, broken")
    assert len(peek(Portion(file), count=10).pairs) == 10
    with pytest.raises(DataProblem):
        peek(Portion(file))


def test_that_rows_that_make_no_pair_are_told(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text("\n".join([json.dumps(ROWS[0]), "{broken", json.dumps({**ROWS[1], "chosen": ""})]))
    seen = peek(Portion(file))
    assert len(seen.pairs) == 1
    assert [row.reason for row in seen.set_aside] == [Reason.UNREADABLE, Reason.EMPTY_ANSWER]


def test_that_columns_by_hand_are_used(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text(json.dumps({"frage": "Wo?", "gut": "Hier.", "schlecht": "Dort."}))
    seen = peek(Portion(file), Mapping("prompt=frage, chosen=gut, rejected=schlecht"))
    assert seen.pairs[0].chosen[-1]["content"] == "Hier."
    assert seen.columns == ("frage", "gut", "schlecht")
