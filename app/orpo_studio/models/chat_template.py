"""Write a conversation as a model's chat template writes it, without transformers.

A template is a program that came with a model, so it runs in a bounded sandbox, with the names and
settings that ``transformers.utils.chat_template_utils`` (version 5.23) gives it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Self

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser

from orpo_studio.models.card import ModelCard
from orpo_studio.models.problem import ModelProblem
from orpo_studio.models.template_sandbox import BoundedSandbox, begin_rendering, bounded

PLAIN_TEMPLATE_NAME = "plain"
PLAIN_TEMPLATE = (
    "{{- bos_token -}}"
    "{%- for message in messages -%}"
    "{%- if not loop.first -%}{{ '\\n\\n' }}{%- endif -%}"
    "{{- '### ' + message['role'] | capitalize + ':\\n' + message['content'] | trim -}}"
    "{%- if message['role'] == 'assistant' -%}{{ eos_token }}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '\\n\\n### Assistant:\\n' }}{%- endif -%}"
)
"""For a model without a template: ``### User:`` and ``### Assistant:`` headings, the end token after each answer.

It needs no token that a base model lacks, and an answer ends exactly with the end token. The trainer writes the
same source to the tokenizer, so that the shipped model carries it.
"""


class TemplateProblem(ModelProblem):
    """A template that cannot be read (``broken-template``) or that refuses a conversation (``template-refused``)."""


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A chat template and the special tokens it may name.

    Attributes:
        source: Jinja source.
        special_tokens: as the tokenizer names them; a token that is not named renders as nothing.
        name: ``model`` for the model's own, ``plain`` for the fallback.
    """

    source: str
    special_tokens: Mapping[str, str]
    name: str = "model"

    @classmethod
    def of(cls, card: ModelCard) -> Self:
        """Return the model's own template, or the plain one where it brings none."""
        if card.chat_template is None:
            return cls(PLAIN_TEMPLATE, card.special_tokens, PLAIN_TEMPLATE_NAME)
        return cls(card.chat_template, card.special_tokens)

    def render(self, messages: Sequence[Mapping[str, Any]], *, add_generation_prompt: bool = False) -> str:
        """Return the text of a conversation.

        Args:
            messages: ``{role, content}`` each.
            add_generation_prompt: end with what comes right before the assistant's next words.

        Raises:
            TemplateProblem: the template is broken or refuses these messages.
        """
        template = _compile(self.source)
        begin_rendering()
        try:
            return template.render(
                messages=[dict(message) for message in messages],
                tools=None,
                documents=None,
                add_generation_prompt=add_generation_prompt,
                **self.special_tokens,
            )
        except jinja2.TemplateError as error:
            raise TemplateProblem(
                "template-refused",
                "The model's chat template does not accept this conversation.",
                detail=error.message or type(error).__name__,
                hint="Often a system turn or an unusual order of turns is the cause. Such rows can be left out.",
            ) from error
        except (
            TypeError,
            ValueError,
            LookupError,
            ArithmeticError,
            AttributeError,
            RecursionError,
            MemoryError,
        ) as error:
            raise TemplateProblem(
                "template-refused",
                "The model's chat template fails on this conversation.",
                detail=f"{type(error).__name__}: {error}",
                hint="Check the chat template, or use another model.",
            ) from error


class _Generation(jinja2.ext.Extension):
    """Accept ``{% generation %}``, by which templates mark the assistant's words; they are rendered as they are."""

    tags = {"generation"}  # noqa: RUF012 - declared so by jinja2

    def parse(self, parser: jinja2.parser.Parser) -> jinja2.nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.Scope(body, lineno=line)


def _raise_exception(message: str) -> str:
    raise jinja2.TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.now().astimezone().strftime(form)


def _tojson(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


@lru_cache(maxsize=16)
def _compile(source: str) -> jinja2.Template:
    environment = BoundedSandbox(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = bounded("tojson", _tojson)
    functions: dict[str, Callable[..., Any]] = {"raise_exception": _raise_exception, "strftime_now": _strftime_now}
    environment.globals.update(functions)
    try:
        return environment.from_string(source)
    except (jinja2.TemplateError, RecursionError) as error:
        raise TemplateProblem(
            "broken-template",
            "The model's chat template cannot be read.",
            detail=str(error),
            hint="Take chat_template.jinja or tokenizer_config.json from where the model came from again.",
        ) from error
