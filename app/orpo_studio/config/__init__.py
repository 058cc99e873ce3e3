"""The one schema of a run.

Each option is declared once, in :mod:`.sections`: type, bounds, default, unit, title, help and level. The
window's forms, the terminal's flags, ``run.toml`` with its comments and the reference page are made from it.
"""

from orpo_studio.config.check import Checked, Issue, check, usual_rates
from orpo_studio.config.option import Kind, Level, Option, OptionError, all_options, find_option
from orpo_studio.config.recipe import Recipe, load_recipe, load_recipes
from orpo_studio.config.sections import SECTIONS
from orpo_studio.config.spec import DEMO, RunSpec
from orpo_studio.config.toml import (
    SCHEMA_VERSION,
    NewerSchemaError,
    SpecError,
    read_name,
    read_newer_spec,
    read_spec,
    render_spec,
)

__all__ = [
    "DEMO",
    "SCHEMA_VERSION",
    "SECTIONS",
    "Checked",
    "Issue",
    "Kind",
    "Level",
    "NewerSchemaError",
    "Option",
    "OptionError",
    "Recipe",
    "RunSpec",
    "SpecError",
    "all_options",
    "check",
    "find_option",
    "load_recipe",
    "load_recipes",
    "read_name",
    "read_newer_spec",
    "read_spec",
    "render_spec",
    "usual_rates",
]
