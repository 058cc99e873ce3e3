"""A look at model and data before a run is made, so that what is wrong with them is said at once."""

from orpo_studio import paths
from orpo_studio.cli.output import Output
from orpo_studio.config import RunSpec
from orpo_studio.runs.inputs import model_folder


def look(spec: RunSpec, output: Output) -> None:
    """Inspect the base model's folder and convert the pairs, and say what was found.

    Raises:
        ModelProblem: the folder cannot be trained.
        DataProblem: the pairs cannot be used.
    """
    _look_at_model(spec, output)
    _look_at_data(spec, output)


def _look_at_model(spec: RunSpec, output: Output) -> None:
    from orpo_studio.models.card import inspect_model
    from orpo_studio.models.token_counter import TokenCounter

    folder = model_folder(spec.model.path)
    card = inspect_model(folder)
    if card.has_tokenizer:
        TokenCounter(folder)  # a broken tokenizer is to be told now, not when the trainer loads it
    output.say(
        f"Model: {card.name}, {card.architecture}, {card.parameters / 1e6:,.1f} million parameters, {card.dtype}"
    )


def _look_at_data(spec: RunSpec, output: Output) -> None:
    from orpo_studio.data.conversion import prepare_plan  # brings pyarrow
    from orpo_studio.data.plan import plan_of

    plan = plan_of(spec.data, spec.recipe.max_length, spec.model.path)
    prepared = prepare_plan(plan, paths.cache_folder() / "data")
    summary = prepared.summary
    aside = sum(summary.set_aside.values())
    output.say(
        f"Data: {plan.source.name}, {summary.rows_in:,} rows: "
        f"{summary.train:,} to train on, {summary.held_out:,} held out" + (f", {aside:,} set aside" if aside else "")
    )
