"""Runs whose processes are killed at any moment, and what must be true afterwards.

`python -m faults --long` (with ``tests`` on ``PYTHONPATH``) kills 200 times and prints a table; ``test_kills.py`` is
the short form. A *life* is one run from its start to its export; a *fault* is one kill in it, at a phase, of a victim.
Moments are chosen from outside, by the run's events, by the bytes in a folder and by chance: the program under test is
the one that people start.
"""
