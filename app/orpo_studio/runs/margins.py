"""The folder of a question to the base model: a run folder that is no run, and is gone when it is answered."""

from orpo_studio.runs.launch import Job
from orpo_studio.runs.passing import PassingJob, remove_passing

_MARGINS = PassingJob(Job.MARGINS, "question to the base model", "The base model cannot be asked.")

make_margins_folder = _MARGINS.make
explain_margins = _MARGINS.explain
remove_margins_folder = remove_passing
