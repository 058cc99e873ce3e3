"""The whole specification of a run."""

from typing import Any

from pydantic import BaseModel, Field

from orpo_studio.config.option import all_options
from orpo_studio.config.sections import (
    DataSection,
    EvaluateSection,
    ModelSection,
    RecipeSection,
    ShipSection,
    TrainSection,
)

DEMO = "demo"
"""Stands for the embedded demo where a model's folder or a data file is named."""


class RunSpec(BaseModel):
    """Everything that decides a run; what ``run.toml`` holds."""

    model_config = {"extra": "forbid", "frozen": True}

    name: str = Field("", max_length=200)
    model: ModelSection = ModelSection()
    data: DataSection = DataSection()
    recipe: RecipeSection = RecipeSection()
    train: TrainSection = TrainSection()
    evaluate: EvaluateSection = EvaluateSection()
    ship: ShipSection = ShipSection()

    @property
    def effective_batch(self) -> int:
        """Pairs per optimizer step on one device."""
        return self.recipe.micro_batch * self.recipe.accumulation

    def value(self, name: str) -> Any:
        """Return the value of the option called ``section.key``."""
        section, _, key = name.partition(".")
        for candidate in all_options():
            if candidate.section == section and candidate.key == key:
                return getattr(getattr(self, section), candidate.attribute)
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """Return the specification as nested dicts with the keys of the file."""
        return self.model_dump(by_alias=True, mode="json")
