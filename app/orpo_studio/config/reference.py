"""The reference page of all options, and the terminal's list of them, made from the schema."""

from orpo_studio.config.option import Kind, Option, all_options
from orpo_studio.config.sections import SECTIONS


def markdown() -> str:
    """Return the reference of every option as Markdown."""
    lines = [
        "# All settings",
        "",
        "Made from the schema of a run. `orpo-studio train --set section.key=value` sets any.",
    ]
    for section, model in SECTIONS.items():
        lines += ["", f"## {section.capitalize()}", "", (model.__doc__ or "").strip()]
        for option in (o for o in all_options() if o.section == section):
            lines += ["", f"### {option.title}", "", f"`{option.name}` · {facts(option)}", "", option.help]
            lines += [f"- `{value}`: {meaning}" for value, meaning in option.choices.items()]
    return "\n".join(lines) + "\n"


def facts(option: Option) -> str:
    """Return kind, bounds, unit and default of an option in one line."""
    kind = {Kind.NUMBER: "number", Kind.INTEGER: "whole number", Kind.FLAG: "true or false"}.get(
        option.kind, str(option.kind)
    )
    parts = [kind]
    if option.bounds:
        parts.append(option.bounds)
    if option.unit:
        parts.append(option.unit)
    default = option.format(option.default)
    parts.append(f"default {default}" if default else "no default")
    return ", ".join(parts)


def terminal_list(section: str = "") -> str:
    """Return one line per option for ``--help``: all of them, or those of one section."""
    wanted = [option for option in all_options() if section in {"", option.section}]
    return "\n".join(f"  {option.name:<30} {option.title}; {facts(option)}" for option in wanted)
