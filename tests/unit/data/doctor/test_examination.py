"""What the doctor sees, and that it sees nothing where nothing is."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from helpers.pair_files import text_row, write_jsonl
from helpers.prepared_pairs import pair, prepared
from orpo_studio import paths
from orpo_studio.data.conversion import convert, convert_plan
from orpo_studio.data.doctor.columns import open_pairs
from orpo_studio.data.doctor.duplicates import near_duplicates
from orpo_studio.data.doctor.examination import KINDS, ROW_CHECKS, examine
from orpo_studio.data.doctor.facts import gather
from orpo_studio.data.doctor.remedy_names import REMEDIES
from orpo_studio.data.doctor.report import Report, Severity
from orpo_studio.data.pair import Message, Pair
from orpo_studio.data.plan import DataPlan, Portion
from orpo_studio.data.prepared import PreparedData
from orpo_studio.data.problem import ConversionCancelled

DEMO = Path(__file__).resolve().parents[5] / "shared" / "data" / "dpo_en_demo.json"
LONG = "Tell me in a few words why the sky over the sea is blue at noon and red at dusk."


def turn(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def answers(chosen: str, rejected: str = "It is the scattered light, I would think.", prompt: str = LONG) -> Pair:
    return pair(prompt, chosen, rejected)


WRONG = {
    "same-answers": answers("It is the light.", "it is  the Light. "),
    "empty-answers": answers(" … "),
    "role-errors": Pair(
        [turn("user", "Hello?"), turn("user", "Is anybody there?")],
        [turn("assistant", "I am here and I listen.")],
        [turn("assistant", "Nobody is here, go away.")],
        1,
    ),
    "prompt-in-answer": answers(f"{LONG} Because light is scattered."),
    "refusals-chosen": answers("I'm sorry, but I can't help with that."),
    "refusals-rejected": answers("Light is scattered by the air.", "I’m sorry, but I cannot assist with that request."),
    "boilerplate": answers("The light is scattered by air. As an AI language model, I have never seen it."),
    "encoding-damage": answers("The cafÃ© is blue because light is scattered."),
    "control-characters": answers("Light is scat\x0ctered by the air that it passes."),
    "template-tokens": answers("Light is scattered by the air.<|im_end|>"),
    "personal-data": answers("Ask mary.smith@physics.edu about scattered light."),
    "secrets": answers("Set the key to sk-" + "a1B2" * 8 + " and look at the light."),
    "script-mismatch": answers(
        "Свет рассеивается воздухом, и поэтому небо голубое.", "Light is scattered by air, so the sky is blue."
    ),
    "mixed-scripts": answers("Light is scattered by the air. Свет рассеивается воздухом."),
    "no-room": answers("Light is scattered by the air.", prompt="blue " * 3_000),
    "truncated-answers": answers("Light is scattered by the air. " * 200),
    "toxic-source": pair("How is it done?", "Like this and that.", "Better not at all.", origin="toxic-dpo-v0.2"),
}


def report_of(data: PreparedData) -> Report:
    """Return the report of prepared data."""
    return examine(data)


def report(tmp_path: Path, pairs: Sequence[Pair], held_out: Sequence[Pair] = ()) -> Report:
    return examine(prepared(tmp_path / "data", pairs, held_out))


def rows(found: Report, code: str) -> tuple[int, ...]:
    finding = found.finding(code)
    assert finding is not None
    assert finding.count == len(finding.rows)
    return finding.rows


def test_that_clean_pairs_get_no_warning_but_for_their_number(tmp_path: Path, clean: list[Pair]) -> None:
    found = report(tmp_path, clean)
    told = {finding.code for finding in found.findings if finding.severity in {Severity.WARNING, Severity.SERIOUS}}
    assert told - {"doubtful-preferences"} == {"small-set"}  # which of two is better was drawn by lot here
    assert [finding.code for finding in found.findings if finding.remedy] == []


def test_that_every_kind_is_found_alone_and_only_where_it_is(tmp_path: Path, clean: list[Pair]) -> None:
    found = report(tmp_path, [*clean, *WRONG.values()])
    for place, code in enumerate(WRONG):
        assert len(clean) + place in rows(found, code), code
    alone = {"same-answers", "empty-answers", "role-errors", "prompt-in-answer", "encoding-damage", "template-tokens"}
    for code in alone | {"control-characters", "personal-data", "secrets", "script-mismatch", "toxic-source"}:
        assert len(rows(found, code)) == 1, code


def test_that_rows_are_numbered_across_batches(tmp_path: Path) -> None:
    pairs = [pair(f"What is {number}?", f"The number {number}.", f"Not {number}.") for number in range(2_100)]
    places = (0, 1_023, 1_024, 1_500, 2_099)
    for place in places:
        pairs[place] = Pair(
            [turn("system", "Be brief."), turn("user", "What?"), turn("user", f"What is {place}?")],
            [turn("assistant", f"It is {place}.<|eot_id|>")],
            [turn("assistant", "No."), turn("assistant", f"Not {place}.")],
            1,
        )
    data = prepared(tmp_path / "data", pairs[:2_000], pairs[2_000:])
    checks = [check for check in ROW_CHECKS if check.kind.code in {"role-errors", "template-tokens"}]
    with open_pairs(data.folder, train=2_000) as opened:
        found = gather(opened, checks, sketch=False)
    for check in checks:
        assert tuple(np.flatnonzero(found.masks[check.kind.code]).tolist()) == places


def test_that_a_report_says_of_every_kind_what_was_seen(tmp_path: Path, clean: list[Pair]) -> None:
    found = report(tmp_path, clean)
    assert {finding.code for finding in found.findings} == {kind.code for kind in KINDS}
    assert {check.name for check in found.checked} == {kind.code for kind in KINDS}
    assert {kind.remedy for kind in KINDS if kind.remedy} == set(REMEDIES)


def test_that_duplicates_and_contradictions_are_found(tmp_path: Path, clean: list[Pair]) -> None:
    first = clean[0]
    near = pair(first.prompt[0]["content"] + " Yes", first.chosen[0]["content"], first.rejected[0]["content"])
    opposite = pair(*(part[0]["content"] for part in (clean[5].prompt, clean[5].rejected, clean[5].chosen)))
    found = report(tmp_path, [*clean, first, near, opposite])
    assert rows(found, "exact-duplicates") == (60,)
    assert rows(found, "near-duplicates") == (61,)
    assert rows(found, "contradictory-pairs") == (5, 62)


def test_that_copies_with_a_word_changed_are_nearly_the_same(tmp_path: Path, clean: list[Pair]) -> None:
    def other(content: str, place: int) -> str:
        words = content.split()
        words[place % len(words)] = "another"
        return " ".join(words)

    copies = [
        pair(*(other(part[-1]["content"], row) for part in (one.prompt, one.chosen, one.rejected)))
        for row, one in enumerate(clean)
    ]
    data = prepared(tmp_path / "data", [*clean, *copies])
    with open_pairs(data.folder, train=data.summary.train) as opened:
        found = near_duplicates(gather(opened, ()))
    assert found.min() >= len(clean)
    assert len(found) > 0.75 * len(copies)


def test_that_the_held_out_copy_of_a_duplicate_is_not_the_one_to_go(tmp_path: Path, clean: list[Pair]) -> None:
    found = report(tmp_path, clean, [clean[3]])
    assert rows(found, "exact-duplicates") == (3,)
    assert rows(found, "held-out-overlap") == (3,)


def test_that_a_nearly_equal_held_out_prompt_is_an_overlap(tmp_path: Path, clean: list[Pair]) -> None:
    held = pair(clean[3].prompt[0]["content"].upper() + " Please.", "Another answer.", "A worse answer.")
    assert rows(report(tmp_path, clean, [held]), "held-out-overlap") == (3,)


def test_that_prompts_of_one_form_are_no_overlap_where_what_they_ask_differs(tmp_path: Path) -> None:
    form = "A customer writes to the help desk of a shop about order {} and asks politely where their new {} is by now."
    things = [f"{color} {thing}" for color in ("red", "green", "blue") for thing in ("bike", "lamp", "chair", "kettle")]
    asked = [form.format(1_000 + number, thing) for number, thing in enumerate(things * 4)]
    train = [pair(text, "It is on its way.", "No idea.") for text in asked[:40]]
    held = [pair(text, "It is on its way.", "No idea.") for text in (*asked[40:], asked[3].upper() + " Thanks")]
    assert rows(report(tmp_path, train, held), "held-out-overlap") == (3,)


def near_prompts(data: PreparedData) -> list[tuple[set[str], set[str]]]:
    """Return the words of the prompts that count as nearly held out, each with those of its held-out one."""
    with open_pairs(data.folder, train=data.summary.train) as opened:
        near = gather(opened, ()).nearly_held_out
        prompts = [[opened.one(int(row)).text("prompt", 0) for row in pair] for pair in near]
    return [(set(one.lower().split()), set(other.lower().split())) for one, other in prompts]


def test_that_the_demos_questions_overlap_only_where_a_greeting_alone_differs(tmp_path: Path) -> None:
    found = near_prompts(convert(paths.demo_data(), tmp_path / "out", held_out=paths.demo_held_out(), seed=1))
    assert 1 <= len(found) <= 10
    assert all(one <= other or other <= one for one, other in found)


@pytest.mark.skipif(not DEMO.exists(), reason="the shared data is not there")
def test_that_tasks_with_the_same_instructions_are_no_overlap(tmp_path: Path) -> None:
    assert near_prompts(convert(DEMO, tmp_path / "out", held_out=0.3, seed=1)) == []


def test_that_findings_name_the_rows_and_of_a_mix_the_files(tmp_path: Path) -> None:
    rows_of = [text_row(number) for number in range(20)]
    first = write_jsonl(
        tmp_path / "a.jsonl", [*rows_of, {**rows_of[3], "chosen": "Ask mary.smith@physics.edu about it."}]
    )
    second = write_jsonl(tmp_path / "b.jsonl", [{**rows_of[5], "rejected": "Ask john.smith@physics.edu about it."}])
    plan = DataPlan(first, held_out=0, seed=1, mix=(Portion(second),))
    found = examine(convert_plan(plan, tmp_path / "data")).finding("personal-data")
    assert found is not None
    assert found.where() == "a.jsonl: row 21; b.jsonl: row 1"
    alone = examine(convert_plan(DataPlan(first, held_out=0, seed=1), tmp_path / "alone")).finding("personal-data")
    assert alone is not None
    assert alone.where() == "Row 21"


def test_that_personal_data_is_masked_in_examples(tmp_path: Path, clean: list[Pair]) -> None:
    found = report(tmp_path, [*clean, WRONG["personal-data"], WRONG["secrets"]])
    shown = found.to_json()
    assert "mary.smith" not in shown
    assert "a1B2a1B2" not in shown


def test_that_length_bias_is_told_with_its_effect(tmp_path: Path, clean: list[Pair]) -> None:
    longer = [pair(one.prompt[0]["content"], one.chosen[0]["content"] * 3, one.rejected[0]["content"]) for one in clean]
    found = report(tmp_path, longer).finding("length-bias")
    assert found is not None
    assert (found.severity, found.share) == (Severity.SERIOUS, 1.0)
    assert "Expect answers of about" in found.why


def test_that_other_languages_are_told(tmp_path: Path) -> None:
    english = "The light of the sun is scattered by the air above us, and blue light is scattered more than red light."
    german = "Das Licht der Sonne wird in der Luft gestreut, und zwar das blaue Licht viel stärker als das rote Licht."
    many = [pair(f"Why is it so, number {number}?", english, f"{english} Or not.") for number in range(9)]
    found = report(
        tmp_path, [*many, pair("Warum ist es so?", german, german + " Oder nicht."), answers(german, english)]
    )
    assert rows(found, "mixed-languages") == (9,)
    assert rows(found, "language-mismatch") == (10,)


def test_that_prompts_that_begin_alike_are_one_topic(tmp_path: Path, clean: list[Pair]) -> None:
    same = [
        pair(f"Translate this into French: {one.prompt[0]['content']}", one.chosen[0]["content"], "Non merci.")
        for one in clean
    ]
    found = report(tmp_path, same).finding("one-topic")
    assert found is not None
    assert found.severity is Severity.WARNING


def test_that_histograms_count_every_pair(tmp_path: Path, clean: list[Pair]) -> None:
    found = report(tmp_path, [*clean, WRONG["no-room"]])
    for histogram in found.histograms:
        for name, counts in histogram.series:
            assert sum(counts) == 61, (histogram.name, name)
            assert len(counts) == len(histogram.edges) - 1


def test_that_a_tokenizer_counts_where_there_is_one(tmp_path: Path, clean: list[Pair]) -> None:
    class Letters:
        def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
            return [list(map(ord, text)) for text in texts]

    data = prepared(tmp_path / "data", clean)
    found = examine(data, counter=Letters(), max_length=200)
    assert found.counted == "tokens"
    expected = tuple(
        row
        for row, one in enumerate(clean)
        if len(one.prompt[0]["content"]) + 10 + max(len(one.chosen[0]["content"]), len(one.rejected[0]["content"]))
        > 200
    )
    assert rows(found, "truncated-answers") == expected


def test_that_progress_rises_to_one_and_the_report_is_always_the_same(tmp_path: Path, clean: list[Pair]) -> None:
    data = prepared(tmp_path / "data", clean)
    shares: list[float] = []
    first, second = examine(data, progress=shares.append), examine(data)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert (first.findings, first.histograms, first.cleanliness) == (
        second.findings,
        second.histograms,
        second.cleanliness,
    )


@pytest.mark.parametrize("after", [0, 1, 3, 6, 9])
def test_that_it_stops_when_asked(tmp_path: Path, clean: list[Pair], after: int) -> None:
    data = prepared(tmp_path / "data", clean)
    asked = iter([False] * after + [True] * 100)
    with pytest.raises(ConversionCancelled):
        examine(data, cancel=lambda: next(asked))


def test_that_two_pairs_are_enough_for_a_report(tmp_path: Path) -> None:
    found = report(tmp_path, [answers("Light is scattered."), pair("Why?", "Because of this.", "Because of that.")])
    assert found.pairs == 2
    assert (found.cleanliness.low, found.cleanliness.high) == (0.0, 0.5)


@pytest.mark.skipif(not DEMO.exists(), reason="the shared data is not there")
def test_that_real_pairs_are_examined(tmp_path: Path) -> None:
    found = examine(convert(DEMO, tmp_path / "out", held_out=0.1, seed=1))
    assert Report.from_json(found.to_json()) == found
    assert rows(found, "exact-duplicates")
    assert rows(found, "encoding-damage")
    assert found.cleanliness.low <= found.cleanliness.noise <= found.cleanliness.high
