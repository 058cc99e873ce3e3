"""The folder of a probe: a run folder that is no run, and is gone when its two steps are."""

from orpo_studio.runs.launch import Job
from orpo_studio.runs.passing import PassingJob, remove_passing

_PROBE = PassingJob(Job.PROBE, "probe", "The two steps could not be prepared.")

make_probe = _PROBE.make
explain_probe = _PROBE.explain
remove_probe = remove_passing
