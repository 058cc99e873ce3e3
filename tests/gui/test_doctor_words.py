"""What the doctor's report says in words: bins, verdicts, shares, and the report as Markdown."""

import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.doctor_report import DUPLICATES, LENGTHS, LONGER, SIMILARITIES, make_report
from orpo_studio.gui.doctor.as_markdown import as_markdown
from orpo_studio.gui.doctor.bins import in_percent, in_words, middle, quantile, reading
from orpo_studio.gui.doctor.verdict import amount, noise_in_words, share_in_words, summary, verdict_of


def test_that_a_median_lies_evenly_within_its_bin() -> None:
    assert quantile((0.0, 10.0, 20.0), (4, 4), 0.5) == pytest.approx(10.0)
    assert quantile((0.0, 10.0, 20.0), (0, 8), 0.25) == pytest.approx(12.5)
    assert quantile((0.0, 10.0), (0,), 0.5) is None


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30), st.floats(0, 1))
def test_that_a_quantile_stays_within_the_edges(counts: list[int], share: float) -> None:
    edges = tuple(float(edge) for edge in range(len(counts) + 1))
    found = quantile(edges, tuple(counts), share)

    assert (found is None) == (sum(counts) == 0)
    assert found is None or 0 <= found <= edges[-1]


def test_that_a_histogram_is_told_by_medians_bins_and_sentences() -> None:
    assert middle(LENGTHS).startswith("Half lie below: prompt ")
    assert reading(LENGTHS, 2).startswith("80–120 tokens: prompt ")
    assert "and more" in reading(LENGTHS, len(LENGTHS.edges) - 2)
    assert "The line marks 1,024 tokens." in in_words(LENGTHS)
    assert reading(SIMILARITIES, 3).startswith("0.15–0.2: ")


def test_that_only_clean_preferences_make_orpo_a_good_choice() -> None:
    words = [verdict_of(make_report(score=score).cleanliness) for score in (95, 70)]

    assert [verdict.word for verdict in words] == ["Clean", "Some noise"]
    assert "good choice" in words[0].meaning
    noisy = verdict_of(make_report(score=30, noise=0.35).cleanliness)
    assert noisy.word == "Noisy"
    assert "SFT" in noisy.meaning
    assert "DPO" in noisy.meaning


@pytest.mark.parametrize(
    ("noise", "high", "words"),
    [(0.0, 0.001, "Hardly any pair"), (0.001, 0.04, "4.0\xa0% at most"), (0.12, 0.2, "About 12\xa0% of the pairs")],
)
def test_that_the_flipped_share_is_told_as_finely_as_it_is_known(noise: float, high: float, words: str) -> None:
    assert words in noise_in_words(replace(make_report().cleanliness, noise=noise, low=0.0, high=high))


def test_that_shares_are_read_as_percentages() -> None:
    shares = replace(SIMILARITIES, unit="share")

    assert reading(in_percent(shares), 3).startswith("15–20 %: ")
    assert "nine of ten below about" in in_words(shares)
    assert in_percent(LENGTHS) is LENGTHS


@pytest.mark.parametrize(
    ("score", "low", "high", "word"),
    [
        (85, 0.02, 0.15, "Clean"),
        (80, 0.0, 0.23, "Probably clean"),
        (40, 0.05, 0.34, "Probably noisy"),
        (40, 0.2, 0.4, "Noisy"),
    ],
)
def test_that_the_interval_weakens_the_word(score: float, low: float, high: float, word: str) -> None:
    assert verdict_of(replace(make_report(score=score).cleanliness, low=low, high=high)).word == word


def test_that_a_wide_interval_decides_nothing() -> None:
    unsure = replace(make_report(score=90).cleanliness, low=0.0, high=0.4)

    assert verdict_of(unsure).word == "Hard to tell"


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0, "0 %"), (0.0001, "< 0.1 %"), (0.041, "4.1 %"), (0.64, "64 %"), (0.9999, "> 99.9 %"), (1.0, "100 %")],
)
def test_that_a_share_is_never_rounded_to_none_or_all(share: float, words: str) -> None:
    assert share_in_words(share) == words


def test_that_a_finding_about_no_pair_in_particular_has_no_amount() -> None:
    assert amount(DUPLICATES) == "4.1 %"
    assert amount(LONGER) == "640 pairs · 64 %"
    assert not amount(replace(LONGER, count=0, share=0.0))


def test_that_a_report_is_summed_up_by_its_worst() -> None:
    assert summary(make_report()) == "Clean · ✕ 1 serious · ▲ 1 warning"
    assert summary(make_report(LONGER)) == "Clean · ✓ nothing to fix"


def test_that_markdown_tells_everything_and_reads_no_markup_in_the_data() -> None:
    nasty = replace(DUPLICATES, examples=("<img src=x> [link](http://x) \x1b[31m | `code`",))
    text = as_markdown(make_report(nasty, LONGER), "pairs_*.jsonl")

    assert "## Cleanliness: 84 of 100, clean" in text
    assert "### Warning: 41 pairs are exact duplicates" in text
    assert "Remedy `drop-exact-duplicates`" in text
    assert "Length of prompts and answers" in text
    assert "\x1b" not in text
    assert not re.search(r"(?<!\\)<img|(?<!\\)\[link", text)
    assert r"pairs\_\*.jsonl" in text
