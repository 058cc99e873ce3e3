"""The declared options: their names, bounds and how a typed text becomes a value."""

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orpo_studio.config import Kind, OptionError, all_options, find_option
from orpo_studio.config.option import format_number
from orpo_studio.config.reference import markdown, terminal_list


def test_that_lambda_goes_by_its_own_name_outside_python() -> None:
    option = find_option("recipe.lambda")
    assert (option.key, option.attribute, option.default) == ("lambda", "lambda_", 0.1)


def test_that_a_mistyped_option_is_answered_with_the_nearest() -> None:
    with pytest.raises(OptionError, match=r"Did you mean “recipe\.learning_rate”\?"):
        find_option("recipe.lerning_rate")


def test_that_every_option_says_what_it_is_for() -> None:
    for option in all_options():
        assert option.title, option.name
        assert option.help.endswith("."), option.name
        assert all(option.choices.values()), option.name


def test_that_every_default_is_written_and_read_back_as_itself() -> None:
    for option in all_options():
        read = option.parse(option.format(option.default))
        assert (tuple(read) if option.kind is Kind.LIST else read) == option.default, option.name


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_that_a_formatted_number_is_read_back_as_the_same_number(value: float) -> None:
    assert float(format_number(value)) == value


@given(st.text())
def test_that_any_typed_text_is_a_value_or_an_error_for_the_person(text: str) -> None:
    for option in all_options():
        with suppress(OptionError):
            option.parse(text)


@pytest.mark.parametrize(("text", "value"), [("5e-5", 5e-5), ("1_000", 1000.0), (" 0.1 ", 0.1), ("2×10^-5", 2e-5)])
def test_that_numbers_may_be_typed_as_people_write_them(text: str, value: float) -> None:
    assert math.isclose(find_option("recipe.learning_rate").parse(text), value)


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("recipe.lora_rank", "from 1 to 1024"),
        ("recipe.lambda", "above 0 and at most 10"),
        ("recipe.lora_dropout", "at least 0 and below 1"),
    ],
)
def test_that_bounds_read_as_words(name: str, bounds: str) -> None:
    assert find_option(name).bounds == bounds


def test_that_the_references_name_every_option() -> None:
    page, listed = markdown(), terminal_list()
    for option in all_options():
        assert f"`{option.name}`" in page
        assert f"{option.name} " in listed
