"""``run.toml``: written, read back, refused."""

import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orpo_studio.config import (
    SCHEMA_VERSION,
    Kind,
    NewerSchemaError,
    Option,
    RunSpec,
    SpecError,
    all_options,
    read_spec,
    render_spec,
)
from orpo_studio.config.toml import read_values, write_spec

WORDS = st.text(max_size=40)


def values_of(option: Option) -> st.SearchStrategy[Any]:
    match option.kind:
        case Kind.FLAG:
            return st.booleans()
        case Kind.CHOICE:
            return st.sampled_from(sorted(option.choices))
        case Kind.LIST:
            return st.lists(WORDS, max_size=4)
        case Kind.INTEGER:
            return st.integers(int(option.minimum or 0), int(option.maximum or 0))
        case Kind.NUMBER:
            return st.floats(
                option.minimum,
                option.maximum,
                exclude_min=option.exclusive_minimum,
                exclude_max=option.exclusive_maximum,
            )
    return WORDS


@st.composite
def specifications(draw: st.DrawFn) -> RunSpec:
    values: dict[str, Any] = {"name": draw(WORDS)}
    for option in all_options():
        values.setdefault(option.section, {})[option.key] = draw(values_of(option))
    return RunSpec.model_validate(values)


@settings(max_examples=50)
@given(specifications())
def test_that_any_specification_is_read_back_as_it_was_written(spec: RunSpec) -> None:
    assert RunSpec.model_validate(read_values(render_spec(spec), "run.toml")) == spec


@settings(max_examples=50)
@given(specifications())
def test_that_a_specification_as_dict_is_a_specification_again(spec: RunSpec) -> None:
    assert RunSpec.model_validate(spec.to_dict()) == spec


@given(st.text())
def test_that_any_text_is_toml_or_an_error_in_words(text: str) -> None:
    with suppress(SpecError):
        read_values(text, "run.toml")


def test_that_a_number_of_thousands_of_digits_is_an_error_in_words() -> None:
    with pytest.raises(SpecError, match="not valid TOML"):
        read_values("a = " + "1" * 10_000, "run.toml")


def test_that_each_option_stands_under_a_comment_that_explains_it() -> None:
    lines = render_spec(RunSpec()).splitlines()
    at = lines.index("lora_rank = 16")
    assert lines[at - 1] == "# LoRA rank; from 1 to 1024"


def test_that_a_newer_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(f"schema_version = {SCHEMA_VERSION + 1}\nnew_section = true\n")
    with pytest.raises(NewerSchemaError, match="Update ORPO Studio"):
        read_spec(file)


@pytest.mark.parametrize("version", ["0", "-1", "'one'", "1.5"])
def test_that_a_version_that_makes_no_sense_is_refused(version: str) -> None:
    with pytest.raises(SpecError, match="schema_version"):
        read_values(f"schema_version = {version}", "run.toml")


def test_that_all_problems_of_a_file_are_listed(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("[recipe]\nlambda = -1\nepoch = 2\n")
    with pytest.raises(SpecError) as caught:
        read_spec(file)
    assert {issue.name for issue in caught.value.issues} == {
        "recipe.lambda", "recipe.epoch", "model.path", "data.source",
    }  # fmt: skip


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[recipe", b"x" * 2_000_000])
def test_that_what_is_no_specification_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "run.toml"
    file.write_bytes(content)
    with pytest.raises(SpecError, match=r"run\.toml"):
        read_spec(file)


def test_that_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="No such file"):
        read_spec(tmp_path / "none.toml")


def test_that_writing_leaves_the_old_file_or_the_new_one_and_nothing_beside(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    write_spec(RunSpec(name="first"), file)
    write_spec(RunSpec(name="second"), file)
    assert tomllib.loads(file.read_text())["name"] == "second"
    assert list(tmp_path.iterdir()) == [file]


def test_that_a_failed_write_leaves_nothing_beside(tmp_path: Path) -> None:
    target = tmp_path / "run.toml"
    target.mkdir()
    (target / "kept").touch()
    with pytest.raises(OSError, match=r"run\.toml"):
        write_spec(RunSpec(), target)
    assert list(tmp_path.iterdir()) == [target]
