"""Whatever stands under the names of a layout's columns: a row makes pairs, or is refused with its reason."""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from orpo_studio.data.layouts import Row, recognize
from orpo_studio.data.mapping import Mapping
from orpo_studio.data.problem import DataProblem, RowProblem
from orpo_studio.data.sketch import columns_found, roles_found, suggest

COLUMNS = [
    *("prompt", "instruction", "input", "question", "history", "system", "messages", "conversations", "conversation"),
    *("chosen", "rejected", "preferred_output", "non_preferred_output", "rejected_response", "rejected_message"),
    *("answers", "completions", "scores", "ranks", "info", "summaries", "choice", "sample0", "sample1", "best"),
    *("answer_a", "answer_b", "winner", "response_0", "response_1", "better_response_id", "safer_response_id"),
    *("conversation_a", "conversation_b", "turn", "human_ref_A", "human_ref_B", "labels", "score_A", "score_B"),
    *("completion", "label", "kto_tag", "chosen_score", "rejected_score", "winner_model_a", "winner_model_b"),
]
ROLES = st.sampled_from(["user", "assistant", "system", "gpt", "human", "Bot", "", None])
KEYS = [
    "role",
    "content",
    "from",
    "value",
    "text",
    "answer",
    "rank",
    "response",
    "overall_score",
    "annotations",
    "post",
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.floats(),
    st.integers(),
    st.text(max_size=8),
    st.sampled_from(
        ["a", "b", "tie", "model_a", "\n\nHuman: x\n\nAssistant: y", "\n\nHuman: x", '["a", "b"]', "[" * 2000]
    ),
    st.sampled_from(['[{"role": "user", "content": "x"}]', "[{'from': 'gpt', 'value': 'x'}]", "half \ud83d"]),
)
MESSAGES = st.builds(lambda role, content: {"role": role, "content": content}, ROLES, SCALARS)
VALUES = st.recursive(
    st.one_of(SCALARS, MESSAGES, st.lists(MESSAGES, max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(st.sampled_from(COLUMNS), VALUES, max_size=8), min_size=1, max_size=3)
MAPPINGS = st.builds(
    Mapping,
    columns=st.sampled_from(
        [
            *("", "", "", "", "prompt=prompt, chosen=chosen, rejected=rejected", "prompt=prompt, answers=answers"),
            *("answer_a=chosen, answer_b=rejected, winner=winner", "prompt=prompt, completion=completion, label=label"),
            "prompt=input.messages, answers=completions.response, scores=completions.overall_score",
        ]
    ),
    roles=st.sampled_from(["", "user=Bot"]),
    ranking=st.sampled_from(["best_worst", "adjacent", "all"]),
    preference=st.sampled_from(["better", "safer"]),
    least_gap=st.sampled_from([0.0, 1.0]),
)


@settings(max_examples=120, deadline=None)
@given(ROWS, MAPPINGS)
def test_that_wild_values_make_pairs_or_are_refused(rows: list[Row], mapping: Mapping) -> None:
    with suppress(DataProblem):
        found = recognize(rows, mapping)
        assert found.evidence.endswith(".")
        for number, row in enumerate(rows, 1):
            with suppress(RowProblem):
                made = [found.single(row, number)] if found.single else found.convert(row, number)
                assert made
                assert all(one.source_row == number for one in made)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_that_wild_values_are_sketched(rows: list[Row]) -> None:
    assert {sketch.name for sketch in columns_found(rows)} >= {column for row in rows for column in row}
    assert all(isinstance(role, str) for role in roles_found(rows).values())
    assert isinstance(suggest(rows), Mapping)


def test_that_rows_nested_as_deeply_as_a_reader_lets_them_are_refused() -> None:
    deep: object = "x"
    for _ in range(50_000):
        deep = [deep]
    good = {"question": "?", "answer_a": "x", "answer_b": "y", "winner": "a"}
    for column in good:
        row = {**good, column: deep}
        found = recognize([good, row])
        with suppress(RowProblem):
            assert found.convert(row, 2)
    assert columns_found([{"deep": deep}])
