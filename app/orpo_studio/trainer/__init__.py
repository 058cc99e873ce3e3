"""Training, evaluation and export of one run: the only package that imports torch.

Started as ``python -P -m orpo_studio.trainer FOLDER JOB``. The way of a run: ``pairs`` and ``tokens`` make rows,
``load`` brings model and tokenizer, ``measure`` says what the base does, ``orpo`` trains, ``reporter`` tells of it,
``checkpoints`` keeps it, ``export`` ships it. Nothing of torch is imported before ``jobs`` starts a job, so that a
broken installation is told in words.
"""
