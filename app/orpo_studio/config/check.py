"""Checks of a whole specification: every problem at once, each with the option it belongs to."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from orpo_studio.config.option import Option, all_options, did_you_mean, format_number, quoted
from orpo_studio.config.sections import SECTIONS
from orpo_studio.config.spec import RunSpec


@dataclass(frozen=True, slots=True)
class Issue:
    """Something wrong, or worth a second look, in a specification.

    Attributes:
        name: the option's full name ``section.key``; the section's or key's name when no option is meant.
        message: what is wrong and what to do.
        severity: errors forbid the start, warnings do not.
    """

    name: str
    message: str
    severity: Literal["error", "warning"] = "error"

    @property
    def section(self) -> str:
        """The section the issue belongs to."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Checked:
    """Result of :func:`check`.

    Attributes:
        spec: the specification when there are no errors, ready to start.
        issues: every error and warning.
        parsed: the specification when every value is of its kind and within bounds, even where something is missing.
    """

    spec: RunSpec | None
    issues: tuple[Issue, ...]
    parsed: RunSpec | None = None

    @property
    def errors(self) -> tuple[Issue, ...]:
        """The issues that forbid a start."""
        return tuple(issue for issue in self.issues if issue.severity == "error")


def check(values: Mapping[str, Any], *, to_start: bool = True) -> Checked:
    """Validate nested values (``{"recipe": {"lambda": 0.1}}``) as a whole.

    Args:
        values: sections with their keys as in the file; absent ones take their defaults.
        to_start: whether model and data must be named, as a start needs and a recipe does not.
    """
    try:
        spec = RunSpec.model_validate(dict(values))
    except ValidationError as error:
        broken = tuple(_from_pydantic(detail) for detail in error.errors())
        return Checked(None, (*broken, *_rest(values, error, broken, to_start=to_start)))
    issues = _rules(spec, to_start=to_start)
    blocked = any(issue.severity == "error" for issue in issues)
    return Checked(None if blocked else spec, issues, spec)


def _rules(spec: RunSpec, *, to_start: bool) -> tuple[Issue, ...]:
    if not to_start:
        return tuple(_contradictions(spec))
    return (*_missing(spec), *_contradictions(spec), *_advice(spec))


def _rest(
    values: Mapping[str, Any], error: ValidationError, broken: tuple[Issue, ...], *, to_start: bool
) -> tuple[Issue, ...]:
    """Return what the rules say of the values that are sound, so that a person sees every problem at once."""
    sound = {name: dict(content) if isinstance(content, Mapping) else content for name, content in values.items()}
    for section, *keys in (detail["loc"] for detail in error.errors()):
        if keys and isinstance(sound.get(str(section)), dict):
            sound[str(section)].pop(keys[0], None)
        else:
            sound.pop(str(section), None)
    try:
        spec = RunSpec.model_validate(sound)
    except ValidationError:  # an option given by both of its names, say: the first errors have to do
        return ()
    known = {issue.name for issue in broken}
    return tuple(issue for issue in _rules(spec, to_start=to_start) if issue.name not in known)


def _missing(spec: RunSpec) -> list[Issue]:
    found = []
    if not spec.model.path.strip():
        found.append(Issue("model.path", "Choose a base model."))
    if not spec.data.source.strip():
        found.append(Issue("data.source", "Choose preference pairs."))
    return found


def _contradictions(spec: RunSpec) -> list[Issue]:
    recipe = spec.recipe
    found = []
    if recipe.adapter == "full" and recipe.quantization != "none":
        found.append(
            Issue(
                "recipe.quantization",
                "Quantized weights cannot be trained themselves. Choose LoRA, or no quantization.",
            )
        )
    if recipe.adapter == "lora" and not recipe.lora_targets:
        found.append(Issue("recipe.lora_targets", "Name the layers that get an adapter, or “all-linear”."))
    if recipe.warmup >= 1 and recipe.warmup != int(recipe.warmup):
        found.append(Issue("recipe.warmup", "From 1 on, the warm-up is a whole number of steps."))
    return found


def usual_rates(spec: RunSpec) -> tuple[float, float]:
    """Return the lowest and the highest learning rate that is not warned of."""
    return (5e-6, 3e-4) if spec.recipe.adapter == "lora" else (1e-7, 5e-5)


def _advice(spec: RunSpec) -> list[Issue]:
    recipe = spec.recipe
    found = []
    low, high = usual_rates(spec)
    what = "LoRA" if recipe.adapter == "lora" else "full fine-tuning"
    if recipe.learning_rate < low:
        found.append(
            Issue(
                "recipe.learning_rate",
                f"Low for {what}: below {format_number(low)} it barely learns in one epoch.",
                "warning",
            )
        )
    if recipe.learning_rate > high:
        found.append(
            Issue(
                "recipe.learning_rate",
                f"High for {what}: above {format_number(high)} the loss often climbs instead of falling. Small models "
                "can take more.",
                "warning",
            )
        )
    if recipe.max_steps and recipe.warmup > recipe.max_steps:
        found.append(
            Issue(
                "recipe.warmup",
                f"Longer than the run of {recipe.max_steps} steps: the learning rate never reaches its peak.",
                "warning",
            )
        )
    if recipe.lambda_ > 1:
        found.append(
            Issue(
                "recipe.lambda",
                "Above 1 the preference outweighs the language: answers may lose fluency.",
                "warning",
            )
        )
    return found


def _from_pydantic(detail: ErrorDetails) -> Issue:
    location = [str(part) for part in detail["loc"]]
    name = ".".join(location[:2])
    option = next((o for o in all_options() if name in {o.name, f"{o.section}.{o.attribute}"}), None)
    if detail["type"] == "extra_forbidden":
        return Issue(name, _unknown(location))
    if option is None:
        return Issue(name, f"“{name}” is not right: {detail['msg']}.")
    return Issue(option.name, _in_words(option, detail))


def _unknown(location: list[str]) -> str:
    if len(location) == 1:
        return f"There is no section “{location[0]}”.{did_you_mean(location[0], SECTIONS)}"
    section, key = location[0], location[1]
    known = [o.key for o in all_options() if o.section == section]
    elsewhere = [o.name for o in all_options() if o.key == key]
    hint = did_you_mean(key, known) or (f" Did you mean “{elsewhere[0]}”?" if elsewhere else "")
    return f"Section [{section}] has no option “{key}”.{hint}"


def _in_words(option: Option, detail: ErrorDetails) -> str:
    value = detail["input"]
    unit = f" {option.unit}" if option.unit else ""
    kind = detail["type"]
    if kind == "finite_number" or (isinstance(value, float) and math.isnan(value)):
        return f"{option.title} must be a finite number."
    if kind in {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}:
        return f"{option.title} must be {option.bounds}{unit}."
    if kind == "literal_error":
        return f"{option.title} is one of {', '.join(option.choices)}; “{quoted(value)}” is not."
    if kind.startswith(("int", "float")):
        return option.not_of_its_kind(value)
    if kind.startswith("bool"):
        return f"{option.title} is either true or false."
    return f"{option.title}: {detail['msg']}."
