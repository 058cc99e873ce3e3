"""Mappings by hand: their text, the pairs they make, and what the editor starts from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orpo_studio.data.layouts import Row, recognize
from orpo_studio.data.mapping import PARTS, Mapping, column_parts, columns_text, role_names, roles_text
from orpo_studio.data.pair import Message, Pair
from orpo_studio.data.problem import DataProblem, Reason, RowProblem
from orpo_studio.data.sketch import ColumnSketch, columns_found, roles_found, suggest


def user(content: str) -> Message:
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    return {"role": "assistant", "content": content}


def pairs_of(row: Row, columns: str, **others: object) -> list[Pair]:
    found = recognize([row], Mapping(columns=columns, **others))  # type: ignore[arg-type]
    assert found.layout == "by hand"
    assert found.evidence.startswith("As you said: ")
    return found.convert(row, 1)


HI = Pair([user("Hi")], [assistant("Hello")], [assistant("What")], 1)


def test_that_the_text_of_a_mapping_names_the_column_of_each_part() -> None:
    assert column_parts("") == column_parts(" , ") == {}
    assert column_parts('prompt=frage,chosen = gut , rejected="schlecht, sehr"') == {
        "prompt": "frage",
        "chosen": "gut",
        "rejected": "schlecht, sehr",
    }
    assert column_parts('Chosen=a b, rejected="say ""no"""') == {"chosen": "a b", "rejected": 'say "no"'}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=3, max_size=3))
def test_that_any_name_of_a_column_can_be_written(names: list[str]) -> None:
    parts = dict(zip(("prompt", "chosen", "rejected"), names, strict=True))
    assert column_parts(columns_text(parts)) == parts


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("frage", "“frage” does not say what is what."),
        ("prompt=", "does not say what is what."),
        ("=a", "does not say what is what."),
        ("chosen=a, rejected=b, ", None),
        ('chosen="a, rejected=b', "does not say what is what."),
        ("antwort=a, chosen=b, rejected=c", "“antwort” is no part of a pair."),
        ("chosen=a, chosen=b, rejected=c", "chosen is given twice."),
        ("prompt=a, chosen=b", "prompt, chosen together make no pair."),
        ("prompt=a, answers=b, winner=c", "together make no pair."),
        ("chosen=a, rejected=b, chosen_score=c", "Only one of chosen_score and rejected_score is given."),
        ("prompt=p, answers=a, scores=b, ranks=c", "Both scores and ranks are given."),
        ("chosen=a, rejected=b, input=c", "input is given without prompt."),
    ],
)
def test_that_a_mapping_that_makes_no_sense_is_refused_in_words(columns: str, said: str | None) -> None:
    if said is None:
        assert column_parts(columns)
        return
    with pytest.raises(DataProblem) as caught:
        recognize([{"a": 1}], Mapping(columns=columns))
    assert caught.value.code == "mapping"
    assert said in caught.value.detail
    assert caught.value.hint


def test_that_a_column_which_is_not_there_is_named_beside_those_that_are() -> None:
    with pytest.raises(DataProblem) as caught:
        recognize([{"gut": "a", "schlecht": "b"}], Mapping(columns="chosen=gut, rejected=schlect"))
    assert caught.value.code == "mapping-columns"
    assert "Not found: schlect. The columns are: gut, schlecht." in caught.value.detail


def test_that_a_mapping_overrides_what_would_be_recognized() -> None:
    row = {"prompt": "no", "chosen": "What", "rejected": "Hello", "frage": "Hi"}
    assert pairs_of(row, "prompt=frage, chosen=rejected, rejected=chosen") == [HI]


def test_that_input_and_system_go_with_a_mapping() -> None:
    row = {"f": "Add.", "mehr": "1 + 1", "rolle": "Think.", "gut": "2", "schlecht": "3"}
    (made,) = pairs_of(row, "prompt=f, input=mehr, system=rolle, chosen=gut, rejected=schlecht")
    assert made.prompt == [{"role": "system", "content": "Think."}, user("Add.\n\n1 + 1")]


def test_that_a_path_reaches_into_objects_and_lists() -> None:
    row = {
        "data": {"turns": [user("Hi")]},
        "out": [{"text": "What", "stars": 1}, {"text": "Hello", "stars": 5}],
        "out.0": "a column whose name holds a dot",
    }
    assert pairs_of(row, "prompt=data.turns, answers=out.text, scores=out.stars") == [HI]
    assert pairs_of(row, "prompt=data.turns.0.content, chosen=out.1.text, rejected=out.-2.text") == [HI]
    (made,) = pairs_of(row, "prompt=data.turns, chosen=out.1.text, rejected=out.0")
    assert made.rejected == [assistant("a column whose name holds a dot")]


def test_that_answers_without_scores_stand_best_first() -> None:
    row = {"q": "Hi", "a": ["Hello", "Hey", "What"]}
    assert pairs_of(row, "prompt=q, answers=a") == [HI]
    assert len(pairs_of(row, "prompt=q, answers=a", ranking="all")) == 3
    assert pairs_of({**row, "n": [1, 2, 3]}, "prompt=q, answers=a, ranks=n") == [HI]


def test_that_two_answers_and_a_winner_can_be_mapped() -> None:
    row = {"q": "Hi", "links": "What", "rechts": "Hello", "sieger": "rechts"}
    assert pairs_of(row, "prompt=q, answer_a=links, answer_b=rechts, winner=sieger") == [HI]


def test_that_labelled_singles_can_be_mapped() -> None:
    row = {"q": "Hi", "a": "Hello", "daumen": "👍"}
    found = recognize([row], Mapping(columns="prompt=q, completion=a, label=daumen"))
    assert found.single is not None
    assert found.single(row, 2).good


def test_that_mapped_scores_are_held_against_the_least_gap() -> None:
    row = {"q": "Hi", "g": "Hello", "b": "What", "x": "0.5", "y": "0.25"}
    columns = "prompt=q, chosen=g, rejected=b, chosen_score=x, rejected_score=y"
    assert pairs_of(row, columns, least_gap=0.25) == [HI]
    with pytest.raises(RowProblem) as caught:
        pairs_of(row, columns, least_gap=0.3)
    assert caught.value.reason is Reason.TOO_CLOSE


def test_that_roles_by_hand_name_the_speakers_of_messages_and_transcripts() -> None:
    roles = "user=Fragender, assistant=Bot 2"
    turns = {
        "prompt": [{"from": "Fragender", "value": "Hi"}],
        "chosen": {"from": "bot 2", "value": "Hello"},
        "rejected": {"from": "assistant", "value": "What"},
    }
    assert recognize([turns], Mapping(roles=roles)).convert(turns, 1) == [HI]
    lines = {"chosen": "Fragender: Hi\nBot 2: Hello", "rejected": "Fragender: Hi\nBot 2: What"}
    assert recognize([lines], Mapping(roles=roles)).convert(lines, 1) == [HI]


@pytest.mark.parametrize("roles", ["narrator=x", "user", "user=x, assistant=X"])
def test_that_roles_that_make_no_sense_are_refused(roles: str) -> None:
    with pytest.raises(DataProblem) as caught:
        role_names(roles)
    assert caught.value.code == "mapping"


def test_that_the_text_of_roles_is_read_as_it_is_written() -> None:
    assert role_names(roles_text({"Q, or A": "user", "Bot": "assistant"})) == {"q, or a": "user", "bot": "assistant"}


def test_that_columns_are_sketched_with_the_fields_inside_them() -> None:
    rows = [
        {"q": "Hi " * 200, "n": 3, "ok": True, "turns": [user("Hi")], "none": None, "tags": ["a"]},
        {"out": '[{"text": "A", "rank": 1}]', "meta": {"deep": {"x": 1}}, "q": ""},
    ]
    found = {sketch.name: sketch for sketch in columns_found(rows)}
    kinds = {name: sketch.kind for name, sketch in found.items()}
    assert kinds == {
        "q": "text",
        "n": "number",
        "ok": "true or false",
        "turns": "messages",
        "none": "empty",
        "tags": "list of texts",
        "out": "list of objects",
        "out.text": "text",
        "out.rank": "number",
        "meta": "object",
        "meta.deep": "object",
        "meta.deep.x": "number",
    }
    assert found["out.text"] == ColumnSketch("out.text", "text", "A")
    assert len(found["q"].example) == 120
    assert all(part in PARTS for part in column_parts(suggest(rows).columns))


def test_that_speakers_are_found_with_the_roles_that_are_known() -> None:
    turns = [{"from": "Fragender", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]
    assert roles_found([{"id": "x", "conversations": turns}]) == {"Fragender": "", "gpt": "assistant"}
    texts = [{"chosen": f"Q: {n}\n\nA: yes", "rejected": f"Q: {n}\n\nA: no"} for n in range(3)]
    assert roles_found(texts) == {"Q": "", "A": ""}


def test_that_a_suggestion_reads_what_is_recognized_the_same_way() -> None:
    row = {"input": {"messages": [user("Hi")]}, "preferred_output": [assistant("Hello")], "non_preferred_output": [assistant("What")]}  # fmt: skip  # noqa: E501
    proposed = suggest([row])
    assert proposed.columns == "prompt=input.messages, chosen=preferred_output, rejected=non_preferred_output"
    assert recognize([row], proposed).convert(row, 1) == [HI]


def test_that_a_suggestion_is_guessed_where_nothing_is_recognized() -> None:
    row = {"id": 3, "frage": "Hi", "gut": "Hello", "schlecht": "What"}
    with pytest.raises(DataProblem) as caught:
        recognize([row])
    assert "perhaps prompt=frage, chosen=gut, rejected=schlecht;" in caught.value.hint
    proposed = suggest([row])
    assert proposed.columns == "prompt=frage, chosen=gut, rejected=schlecht"
    assert recognize([row], proposed).convert(row, 1) == [HI]
    assert suggest([{"id": 3}]) == Mapping()
    texts = {"chosen": "Q: Hi\n\nA: Hello", "rejected": "Q: Hi\n\nA: What"}
    proposed = suggest([texts])
    assert proposed.roles == "user=Q, assistant=A"
    assert recognize([texts], proposed).convert(texts, 1) == [HI]


def test_that_names_with_half_characters_can_be_printed() -> None:
    row = {"gut \ud83d": "Hello", "schlecht \ud83d": "What", "frage": "Hi", "rest \ud83d": "what else was said"}
    with pytest.raises(DataProblem) as caught:
        recognize([row])
    assert (caught.value.hint + caught.value.detail).encode()
    found = recognize([row], suggest([row]))
    assert found.convert(row, 1) == [HI]
    assert "Not used: rest" in found.evidence.encode().decode()
