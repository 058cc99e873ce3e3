"""Rows in the form of well-known data sets: what they are recognized as, and the exact pairs they make."""

import pytest

from orpo_studio.data.layouts import Recognition, Row, recognize
from orpo_studio.data.mapping import Mapping
from orpo_studio.data.pair import Message, Pair
from orpo_studio.data.problem import Reason, RowProblem


def user(content: str) -> Message:
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    return {"role": "assistant", "content": content}


def system(content: str) -> Message:
    return {"role": "system", "content": content}


def pair(prompt: str | list[Message], chosen: str, rejected: str) -> Pair:
    asked = [user(prompt)] if isinstance(prompt, str) else prompt
    return Pair(asked, [assistant(chosen)], [assistant(rejected)], 1)


def read(row: Row, layout: str, *others: Row, mapping: Mapping = Mapping()) -> Recognition:  # noqa: B008
    found = recognize([row, *others], mapping)
    assert found.layout == layout
    assert found.evidence.endswith(".")
    assert found.alternatives == ()
    return found


def refused(row: Row, found: Recognition) -> Reason:
    with pytest.raises(RowProblem) as caught:
        found.convert(row, 1)
    assert caught.value.words
    return caught.value.reason


def test_that_openai_preference_rows_are_read() -> None:
    row = {
        "input": {
            "messages": [system("Be brief."), user("How cold is San Francisco today?")],
            "tools": [],
            "parallel_tool_calls": True,
        },
        "preferred_output": [assistant("About 20 degrees.")],
        "non_preferred_output": [assistant("It is not cold.")],
    }
    found = read(row, "OpenAI preference")
    asked = [system("Be brief."), user("How cold is San Francisco today?")]
    assert found.convert(row, 1) == [pair(asked, "About 20 degrees.", "It is not cold.")]
    assert "not kept" not in found.evidence
    with_tools = {**row, "input": {"messages": asked, "tools": [{"type": "function"}]}}
    assert "tools are not kept" in recognize([with_tools]).evidence


def test_that_llama_factory_ranking_rows_are_read() -> None:
    row = {
        "conversations": [
            {"from": "human", "value": "Hi"},
            {"from": "gpt", "value": "Yes?"},
            {"from": "human", "value": "A poem."},
        ],
        "chosen": {"from": "gpt", "value": "Roses."},
        "rejected": {"from": "gpt", "value": "No."},
        "system": "Be kind.",
    }
    found = read(row, "ShareGPT ranking")
    asked = [system("Be kind."), user("Hi"), assistant("Yes?"), user("A poem.")]
    assert found.convert(row, 1) == [pair(asked, "Roses.", "No.")]
    assert "system holds the system prompt" in found.evidence


def test_that_ms_swift_rows_are_read() -> None:
    turns = [system("S"), user("a"), assistant("b"), user("c"), assistant("d")]
    row = {"messages": turns, "rejected_response": "e"}
    found = read(row, "ms-swift")
    assert found.convert(row, 1) == [pair(turns[:-1], "d", "e")]
    several = {"messages": turns, "rejected_response": ["e", "f"]}
    assert read(several, "ms-swift").convert(several, 1) == [pair(turns[:-1], "d", "e"), pair(turns[:-1], "d", "f")]
    whole = {"messages": turns, "rejected_messages": [*turns[:-1], assistant("e")]}
    assert read(whole, "ms-swift").convert(whole, 1) == [pair(turns[:-1], "d", "e")]


def test_that_openpipe_rows_are_read() -> None:
    row = {
        "messages": [user("Capital of Tasmania?"), assistant("Hobart")],
        "rejected_message": {"role": "assistant", "content": "Paris"},
        "split": "TRAIN",
    }
    assert read(row, "OpenPipe").convert(row, 1) == [pair("Capital of Tasmania?", "Hobart", "Paris")]


NECTAR = {
    "prompt": "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: A joke. \n\nAssistant: ",
    "answers": [
        {"answer": "A", "model": "gpt-4", "rank": 1.0},
        {"answer": "B", "model": "mistral-7b-instruct-v0.1", "rank": 2.0},
        {"answer": "C", "model": "gpt-3.5-turbo", "rank": 2.0},
        {"answer": "D", "model": "llama-2-7b-chat", "rank": 4.0},
    ],
    "turns": 2,
    "num_responses": 4,
    "source": ["lmsys-chat-1m"],
    "good_natured": True,
}


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        (Mapping(), ["AD"]),
        (Mapping(ranking="adjacent"), ["AB", "AC", "BD", "CD"]),
        (Mapping(ranking="all"), ["AB", "AC", "AD", "BD", "CD"]),
        (Mapping(ranking="all", least_gap=2), ["AD", "BD", "CD"]),
    ],
)
def test_that_nectar_rows_are_read(mapping: Mapping, expected: list[str]) -> None:
    asked = [user("Hi"), assistant("Yes?"), user("A joke.")]
    found = read(NECTAR, "ranked list", mapping=mapping)
    assert found.convert(NECTAR, 1) == [pair(asked, better, worse) for better, worse in expected]


def test_that_a_ranked_list_without_an_order_is_set_aside() -> None:
    found = recognize([NECTAR])
    answers = [{"answer": text, "rank": 1} for text in "AB"]
    assert refused({**NECTAR, "answers": answers}, found) is Reason.TIE
    assert refused({**NECTAR, "answers": answers[:1]}, found) is Reason.NO_PARTNER
    assert refused({**NECTAR, "answers": [{"answer": "A"}, {"answer": "B", "rank": 1}]}, found) is Reason.NO_PREFERENCE
    assert refused({**NECTAR, "answers": "none"}, found) is Reason.MISSING_FIELD
    assert refused({**NECTAR, "answers": None}, found) is Reason.MISSING_FIELD
    close = recognize([NECTAR], Mapping(least_gap=4))
    assert refused(NECTAR, close) is Reason.TOO_CLOSE


def test_that_shp_rows_are_read() -> None:
    row = {
        "post_id": "qt3nxl",
        "domain": "askculinary_train",
        "upvote_ratio": 0.98,
        "history": "Why does my bread not rise?",
        "c_root_id_A": "hkh25sc",
        "human_ref_A": "The yeast is dead.",
        "human_ref_B": "No idea.",
        "labels": 1,
        "score_A": 340,
        "score_B": 166,
        "score_ratio": 2.05,
    }
    found = read(row, "SHP")
    assert found.convert(row, 1) == [pair("Why does my bread not rise?", "The yeast is dead.", "No idea.")]
    assert found.convert({**row, "labels": 0}, 1) == [
        pair("Why does my bread not rise?", "No idea.", "The yeast is dead.")
    ]
    assert refused(row, recognize([row], Mapping(least_gap=200))) is Reason.TOO_CLOSE


def completion(text: str, overall: object, *ratings: str) -> dict[str, object]:
    aspects = ("helpfulness", "honesty", "truthfulness")
    return {
        "annotations": {
            aspect: {"Rating": rating, "Rationale": "…"} for aspect, rating in zip(aspects, ratings, strict=True)
        },
        "custom_system_prompt": "As an AI …",
        "model": "bard",
        "overall_score": overall,
        "response": text,
    }


def test_that_raw_ultrafeedback_rows_are_read() -> None:
    row = {
        "source": "evol_instruct",
        "instruction": "Name a color.",
        "models": ["a", "b", "c"],
        "completions": [
            completion("Dog.", 2.0, "5", "5", "5"),
            completion("Blue.", 8.5, "1", "1", "1"),
            completion("Red?", 7.0, "1", "N/A", "1"),
        ],
        "correct_answers": ["None"],
    }
    found = read(row, "scored completions")
    assert "completions.overall_score" in found.evidence
    assert found.convert(row, 1) == [pair("Name a color.", "Blue.", "Dog.")]
    rated = {
        **row,
        "completions": [
            completion("Dog.", None, "2", "1", "1"),
            completion("Blue.", None, "5", "4", "5"),
            completion("Red?", None, "5", "N/A", "3"),
        ],
    }
    found = read(rated, "scored completions", mapping=Mapping(ranking="adjacent"))
    assert "completions.annotations" in found.evidence
    assert found.convert(rated, 1) == [pair("Name a color.", "Blue.", "Red?"), pair("Name a color.", "Red?", "Dog.")]


def test_that_lists_of_texts_beside_lists_of_scores_are_read() -> None:
    row = {"prompt": "Hi", "responses": ["a", "b", "c"], "scores": [0.1, 0.9, None]}
    assert read(row, "scored completions").convert(row, 1) == [pair("Hi", "b", "a")]
    ranked = {"prompt": "Hi", "responses": ["a", "b", "c"], "ranks": [3, 1, 2]}
    assert read(ranked, "ranked list").convert(ranked, 1) == [pair("Hi", "b", "a")]


def test_that_summarize_from_feedback_rows_are_read() -> None:
    row = {
        "info": {"id": "t3_x", "post": "My dog eats socks.", "title": "Dog", "subreddit": "pets", "article": None},
        "summaries": [
            {"text": " Dog.", "policy": "sup1", "note": "ok"},
            {"text": " Dog eats socks.", "policy": "ref", "note": None},
        ],
        "choice": 1,
        "worker": "w",
        "split": "train",
    }
    found = read(row, "summaries and a choice")
    asked = "SUBREDDIT: r/pets\n\nTITLE: Dog\n\nPOST: My dog eats socks.\n\nTL;DR:"
    assert found.convert(row, 1) == [pair(asked, " Dog eats socks.", " Dog.")]
    news = {**row, "info": {"article": "It rained.", "title": "Rain", "post": None, "subreddit": None}, "choice": 0}
    assert found.convert(news, 1) == [pair("TITLE: Rain\n\nARTICLE: It rained.\n\nTL;DR:", " Dog.", " Dog eats socks.")]
    assert refused({**row, "choice": 2}, found) is Reason.NO_PREFERENCE


def test_that_best_of_four_rows_are_read() -> None:
    row = {"query": "Go on:", "sample0": "a", "sample1": "b", "sample2": "c", "sample3": "d", "best": 2}
    assert read(row, "best of samples").convert(row, 1) == [pair("Go on:", "c", "a")]
    every = read(row, "best of samples", mapping=Mapping(ranking="all"))
    assert every.convert(row, 1) == [pair("Go on:", "c", other) for other in "abd"]
    assert refused({**row, "best": -1}, every) is Reason.NO_PREFERENCE


def test_that_webgpt_rows_are_read() -> None:
    row = {
        "question": {"dataset": "eli5", "id": "1", "full_text": "Why is the sky blue?"},
        "quotes_0": {"title": [], "extract": []},
        "answer_0": "Light scatters.",
        "tokens_0": {"prefix": [1], "completion": [2]},
        "score_0": 0.75,
        "answer_1": "It is paint.",
        "score_1": -0.75,
    }
    found = read(row, "two answers and a winner")
    assert found.convert(row, 1) == [pair("Why is the sky blue?", "Light scatters.", "It is paint.")]
    assert refused({**row, "score_0": 0.0, "score_1": 0.0}, found) is Reason.TIE
    assert refused(row, recognize([row], Mapping(least_gap=2))) is Reason.TOO_CLOSE


@pytest.mark.parametrize(("preference", "chosen"), [("better", "Paint."), ("safer", "Ask a grown-up.")])
def test_that_pku_saferlhf_rows_are_read(preference: str, chosen: str) -> None:
    row = {
        "prompt": "What burns?",
        "response_0": "Ask a grown-up.",
        "response_1": "Paint.",
        "is_response_0_safe": True,
        "is_response_1_safe": False,
        "better_response_id": 1,
        "safer_response_id": 0,
    }
    found = read(row, "PKU-SafeRLHF", mapping=Mapping(preference=preference))  # type: ignore[arg-type]
    (made,) = found.convert(row, 1)
    assert made.chosen == [assistant(chosen)]
    assert f"{preference}_response_id says which is preferred" in found.evidence


def test_that_arena_rows_are_read() -> None:
    ours = [user("Hi"), assistant("Hello"), user("More"), assistant("Yes")]
    theirs = [user("Hi"), assistant("What"), user("More"), assistant("No")]
    row = {
        "question_id": "58",
        "model_a": "koala-13b",
        "model_b": "gpt-4",
        "winner": "model_b",
        "judge": "arena_user_1",
        "conversation_a": theirs,
        "conversation_b": ours,
        "turn": 2,
        "language": "English",
    }
    found = read(row, "arena")
    assert found.convert(row, 1) == [Pair([user("Hi")], ours[1:], theirs[1:], 1)]
    first_turn = found.convert({**row, "turn": 1}, 1)  # only the first exchange was judged
    assert first_turn == [pair("Hi", "Hello", "What")]
    assert refused({**row, "winner": "tie"}, found) is Reason.TIE
    assert refused({**row, "winner": "tie (bothbad)"}, found) is Reason.TIE
    assert refused({**row, "winner": None}, found) is Reason.NO_PREFERENCE


def test_that_lmsys_rows_with_lists_of_turns_and_a_column_for_each_end_are_read() -> None:
    row = {
        "id": 30192,
        "model_a": "gpt-4",
        "model_b": "gpt-3.5",
        "prompt": '["Hi", "More"]',
        "response_a": '["Hello", "Yes"]',
        "response_b": '["What", "No"]',
        "winner_model_a": 0,
        "winner_model_b": 1,
        "winner_tie": 0,
    }
    found = read(row, "two answers and a winner")
    assert found.convert(row, 1) == [
        Pair(
            [user("Hi")],
            [assistant("What"), user("More"), assistant("No")],
            [assistant("Hello"), user("More"), assistant("Yes")],
            1,
        )
    ]
    assert refused({**row, "winner_model_b": 0, "winner_tie": 1}, found) is Reason.TIE
    assert refused({**row, "winner_model_a": 1}, found) is Reason.NO_PREFERENCE


def test_that_capybara_rows_are_read() -> None:
    turns = [user("a"), assistant("b"), user("c")]
    row = {
        "source": "Dove",
        "conversation": [{"input": "a", "output": "b"}, {"input": "c", "output": "d"}],
        "original_response": "d",
        "prompt": "anything else",
        "chosen": [*turns, assistant("d")],
        "rejected": [*turns, assistant("e")],
        "rating_chosen": 5,
        "rating_rejected": 3,
        "chosen_model": "x",
        "rejected_model": "y",
    }
    found = read(row, "Capybara")
    assert found.convert(row, 1) == [pair(turns, "d", "e")]
    assert "rating_chosen and rating_rejected are their scores" in found.evidence
    assert refused(row, recognize([row], Mapping(least_gap=2.5))) is Reason.TOO_CLOSE


def test_that_ultrafeedback_binarized_rows_are_read() -> None:
    row = {
        "prompt": "Name a color.",
        "prompt_id": "8c",
        "chosen": [user("Name a color."), assistant("Blue.")],
        "rejected": [user("Name a color."), assistant("Dog.")],
        "messages": [user("Name a color."), assistant("Blue.")],
        "score_chosen": 8.5,
        "score_rejected": 8.0,
    }
    found = read(row, "prompt and message lists")
    assert found.convert(row, 1) == [pair("Name a color.", "Blue.", "Dog.")]
    assert refused(row, recognize([row], Mapping(least_gap=1))) is Reason.TOO_CLOSE
    assert recognize([row], Mapping(least_gap=0.5)).convert(row, 1)


def test_that_orpo_mix_rows_of_many_turns_are_read() -> None:
    turns = [user("a"), assistant("b"), user("c")]
    row = {
        "source": "Airoboros",
        "chosen": [*turns, assistant("d")],
        "rejected": [*turns, assistant("e")],
        "prompt": "c",
        "question": "c",
    }
    assert read(row, "prompt and message lists").convert(row, 1) == [pair(turns, "d", "e")]


def test_that_reward_model_rows_are_read() -> None:
    row = {
        "chosen": [user("Hi"), assistant("Hello")],
        "rejected": [user("Hi"), assistant("What")],
        "chosen_score": 4.0,
        "rejected_score": 3.5,
    }
    found = read(row, "two conversations")
    assert found.convert(row, 1) == [pair("Hi", "Hello", "What")]
    assert refused(row, recognize([row], Mapping(least_gap=1))) is Reason.TOO_CLOSE
    assert refused({**row, "chosen_score": None}, recognize([row], Mapping(least_gap=1))) is Reason.MISSING_FIELD


def test_that_hh_rlhf_rows_are_read() -> None:
    start = "\n\nHuman: What is this?\n\nAssistant: A cat.\n\nHum: Does it bite?\n\n\nAssistant:"
    row = {"chosen": f"{start} Rarely.", "rejected": f"{start} Human: no idea"}
    asked = [user("What is this?"), assistant("A cat."), user("Does it bite?")]
    found = read(row, "transcripts")
    assert found.convert(row, 1) == [pair(asked, "Rarely.", "Human: no idea")]
    assert refused({"chosen": start, "rejected": f"{start} No"}, found) is Reason.EMPTY_ANSWER
    assert refused({"chosen": "", "rejected": f"{start} No"}, found) is Reason.EMPTY_ANSWER
    assert refused({"chosen": "Rarely.", "rejected": f"{start} No"}, found) is Reason.ROLES
    prompted = {"prompt": start, "chosen": " Rarely.", "rejected": " Always."}
    assert read(prompted, "prompt and text").convert(prompted, 1) == [pair(asked, "Rarely.", "Always.")]
    doubled = {"prompt": start, **row}
    assert read(doubled, "transcripts").convert(doubled, 1) == [pair(asked, "Rarely.", "Human: no idea")]


def test_that_orca_and_dolphin_rows_are_read() -> None:
    orca = {"system": "Think.", "question": "1 + 1?", "chosen": "2", "rejected": "3"}
    assert read(orca, "prompt and text").convert(orca, 1) == [pair([system("Think."), user("1 + 1?")], "2", "3")]
    dolphin = {"instruction": "Add.", "input": "1 + 1", "accepted": "2", "rejected": "3"}
    assert read(dolphin, "Alpaca ranking").convert(dolphin, 1) == [pair("Add.\n\n1 + 1", "2", "3")]


def test_that_text_answers_which_repeat_the_prompt_lose_it_there() -> None:
    rows = [
        {
            "prompt": f"Count to number {n}: ",
            "chosen": f"Count to number {n}: {n}",
            "rejected": f"Count to number {n}: x",
        }
        for n in range(5)
    ]
    found = read(rows[0], "prompt and text", *rows[1:])
    assert "repeat the prompt" in found.evidence
    assert found.convert(rows[3], 1) == [pair("Count to number 3: ", "3", "x")]


def test_that_kto_rows_are_read() -> None:
    row = {"prompt": "Hi", "completion": "Hello", "label": True}
    found = read(row, "labelled singles", {**row, "label": False})
    assert found.single is not None
    good = found.single(row, 3)
    assert (good.prompt, good.answer, good.good, good.source_row) == ([user("Hi")], [assistant("Hello")], True, 3)
    assert not found.single({**row, "label": "False"}, 4).good
    with pytest.raises(RowProblem) as caught:
        found.single({**row, "label": None}, 4)
    assert caught.value.reason is Reason.NO_PREFERENCE
    turns = {"messages": [user("a"), assistant("b"), user("c"), assistant("d")], "kto_tag": False}
    found = read(turns, "labelled singles")
    assert found.single is not None
    single = found.single(turns, 1)
    assert (single.prompt, single.answer, single.good) == (
        [user("a"), assistant("b"), user("c")],
        [assistant("d")],
        False,
    )


@pytest.mark.parametrize(
    ("winner", "chosen"),
    [
        *(("a", "x"), ("B", "y"), ("answer_a", "x"), ("Answer B", "y"), ("model_a", "x"), ("[[B]]", "y")),
        *(("0", "x"), (1, "y"), ("first", "x"), ("right", "y"), ("A>B", "x"), ("B >> A", "y"), ("a<b", "y")),
        *(("A", "x"), ("assistant_b", "y"), ("x", "x"), ("gpt-4", "y"), (1.0, "y")),
    ],
)
def test_that_the_winner_may_be_written_in_many_ways(winner: object, chosen: str) -> None:
    row = {"question": "?", "answer_a": "x", "answer_b": "y", "model_a": "koala", "model_b": "gpt-4", "winner": winner}
    (made,) = read(row, "two answers and a winner").convert(row, 1)
    assert made.chosen == [assistant(chosen)]


@pytest.mark.parametrize("winner", ["tie", "Tie", "both", "both bad", "neither", "equal", "draw", "A=B", 2])
def test_that_a_tie_is_set_aside(winner: object) -> None:
    row = {"question": "?", "answer_a": "x", "answer_b": "y", "winner": "a"}
    found = recognize([row, {**row, "winner": 0}])
    assert refused({**row, "winner": winner}, found) is Reason.TIE


@pytest.mark.parametrize("winner", [None, "", "maybe", 7, 0.5, True, [], {"a": 1}])
def test_that_a_verdict_which_says_nothing_is_set_aside(winner: object) -> None:
    row = {"question": "?", "answer_a": "x", "answer_b": "y", "winner": "a"}
    assert refused({**row, "winner": winner}, recognize([row])) is Reason.NO_PREFERENCE


@pytest.mark.parametrize(
    ("verdicts", "chosen"),
    [
        ([1, 2], "xy"),
        ([2, 2], "yy"),
        ([1, 1], "xx"),
        ([0, 1], "xy"),
        ([-3, 2], "xy"),
        (["response1", "response2"], "xy"),
    ],
)
def test_that_numbers_name_the_winner_as_the_columns_are_counted(verdicts: list[object], chosen: str) -> None:
    rows = [{"prompt": "?", "response1": "x", "response2": "y", "preference": verdict} for verdict in verdicts]
    found = recognize(rows)
    assert [made.chosen[0]["content"] for row in rows for made in found.convert(row, 1)] == list(chosen)


def test_that_values_decide_where_names_could_mean_two_layouts() -> None:
    whole = [user("Hi"), assistant("Hello")]
    row = {"messages": whole, "prompt": "Hi", "chosen": "Hello", "rejected": "What"}
    assert read(row, "prompt and text").convert(row, 1) == [pair("Hi", "Hello", "What")]
    asked = {"messages": [user("Hi")], "chosen": "Hello", "rejected": "What"}
    assert read(asked, "ShareGPT ranking").convert(asked, 1) == [pair("Hi", "Hello", "What")]
    generated = {
        "system": "S", "input": "Hi", "chosen": "a", "rejected": "b", "generations": ["a", "b"], "rating": [5, 3],
    }  # fmt: skip
    assert read(generated, "prompt and text").convert(generated, 1) == [pair([system("S"), user("Hi")], "a", "b")]


def test_that_some_damaged_rows_do_not_hide_a_layout() -> None:
    row = {"conversations": [user("Hi")], "chosen": assistant("Hello"), "rejected": assistant("What")}
    damaged = {**row, "conversations": [user("Hi"), assistant("Yes?")]}
    found = read(row, "ShareGPT ranking", damaged, row)
    assert refused(damaged, found) is Reason.ROLES
    single = {"prompt": "Hi", "completion": "Hello", "label": True}
    assert recognize([single] * 19 + [{**single, "label": "perhaps"}]).single is not None


def test_that_a_broken_cell_of_messages_does_not_become_a_text() -> None:
    row = {
        "prompt": "Hi",
        "chosen": '[{"role": "assistant", "content": "Hello"}]',
        "rejected": '[{"role": "assistant", "content": "What"}]',
    }
    broken = {**row, "chosen": '[{"role": "assistant", "content": "Hel'}
    found = read(row, "prompt and message lists", *[row] * 20, broken)
    assert found.convert(row, 1) == [pair("Hi", "Hello", "What")]
    assert refused(broken, found) is Reason.UNREADABLE
    assert found.convert({**row, "chosen": "[sic] Hello"}, 1) == [pair("Hi", "[sic] Hello", "What")]


@pytest.mark.parametrize(
    "history",
    [
        [["a", "b"]],
        '[["a", "b"]]',
        [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
        [{"human": "a", "assistant": "b"}],
    ],
)
def test_that_the_turns_in_a_history_come_before_the_prompt(history: object) -> None:
    row = {"system": "S", "history": history, "query": "c", "response": "d", "rejected_response": "e"}
    found = read(row, "prompt and text")
    assert "with the turns in history before it" in found.evidence
    assert found.convert(row, 1) == [pair([system("S"), user("a"), assistant("b"), user("c")], "d", "e")]
    assert found.convert({**row, "history": []}, 1) == [pair([system("S"), user("c")], "d", "e")]
    assert refused({**row, "history": ["a", "b"]}, found) is Reason.NOT_TEXT


def test_that_columns_of_text_which_are_not_used_are_named() -> None:
    row = {
        "prompt": "Hi",
        "chosen": "Hello",
        "rejected": "What",
        "id": "x1",
        "score": 3,
        "context": "It was a dark night.",
    }
    assert read(row, "prompt and text").evidence.endswith(" Not used: context.")
    many = row | {f"notes {n}": ["some words of text"] for n in range(9)}
    found = read(many, "prompt and text")
    assert found.evidence.endswith(" Not used: context, notes 0, notes 1, notes 2 and 6 more.")
    by_hand = Mapping(columns="prompt=prompt, input=context, chosen=chosen, rejected=rejected")
    assert "Not used" not in recognize([row], by_hand).evidence


def test_that_alpaca_input_follows_the_instruction_in_comparisons_and_lists() -> None:
    compared = {"instruction": "Add.", "input": "1 + 1", "output_1": "3", "output_2": "2", "preference": 2}
    assert read(compared, "two answers and a winner").convert(compared, 1) == [pair("Add.\n\n1 + 1", "2", "3")]
    listed = {"instruction": "Add.", "input": "1 + 1", "output": ["2", "3"]}
    found = read(listed, "ranked list")
    assert "output holds the answers, the best first" in found.evidence
    assert found.convert(listed, 1) == [pair("Add.\n\n1 + 1", "2", "3")]
    labelled = {"instruction": "Add.", "input": "1 + 1", "output": "2", "label": True}
    single = read(labelled, "labelled singles").single
    assert single is not None
    assert single(labelled, 1).prompt == [user("Add.\n\n1 + 1")]


def test_that_a_second_layout_which_makes_other_pairs_is_told() -> None:
    row = {
        "prompt": "Hi",
        "answers": [{"answer": "a", "rank": 1}, {"answer": "b", "rank": 2}],
        "answer_a": "c",
        "answer_b": "d",
        "winner": "answer_b",
    }
    found = recognize([row])
    assert (found.layout, found.alternatives) == ("ranked list", ("two answers and a winner",))
    same = {**row, "answer_a": "b", "answer_b": "a"}
    assert recognize([same]).alternatives == ()


TEMPLATED = {
    "ChatML": (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
        "<|im_end|>",
    ),
    "Llama 3": (
        "<|begin_of_text|>{0}system{1}S<|eot_id|>{0}user{1}Hi<|eot_id|>{0}assistant{1}".format(
            "<|start_header_id|>", "<|end_header_id|>\n\n"
        ),
        "<|eot_id|>",
    ),
    "Zephyr": ("<|system|>\nS</s>\n<|user|>\nHi</s>\n<|assistant|>\n", "</s>\n"),
}


@pytest.mark.parametrize("name", TEMPLATED)
def test_that_texts_in_the_form_of_a_chat_template_become_turns(name: str) -> None:
    start, end = TEMPLATED[name]
    expected = [pair([system("S"), user("Hi")], "Hello", "What")]
    row = {"prompt": start, "chosen": f"Hello{end}", "rejected": f"What{end}"}
    found = read(row, "prompt and text")
    assert "prompt is the prompt as a transcript" in found.evidence
    assert found.convert(row, 1) == expected
    assert found.convert({**row, "chosen": "Hello"}, 1) == expected
    whole = {"chosen": f"{start}Hello{end}", "rejected": f"{start}What{end}"}
    assert read(whole, "transcripts").convert(whole, 1) == expected
    unknown = {**whole, "chosen": whole["chosen"].replace("system", "nobody", 1)}
    assert refused(unknown, found) is Reason.MISSING_FIELD
    assert refused(unknown, recognize([whole])) is Reason.ROLES


def test_that_conversations_that_wait_for_an_answer_are_prompts_of_all_kinds() -> None:
    turns = [user("a"), assistant("b"), user("c")]
    scored = {"messages": turns, "responses": ["x", "y"], "scores": [1, 2]}
    assert read(scored, "scored completions").convert(scored, 1) == [pair(turns, "y", "x")]
    compared = {"conversation": turns, "response_a": "x", "response_b": "y", "winner": "tie"}
    assert refused(compared, read(compared, "two answers and a winner")) is Reason.TIE
    labelled = {"messages": turns, "completion": "x", "label": True}
    single = read(labelled, "labelled singles").single
    assert single is not None
    assert single(labelled, 1).prompt == turns
