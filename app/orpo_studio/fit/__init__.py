"""Whether a run fits, before it runs: its peak memory by the model's files alone, and its time by measured steps.

``shape`` reads what a model takes from its headers, ``rows`` says what the heaviest micro-batch holds, ``activations``
what a block keeps for the backward pass, ``memory`` adds it all up; ``limits`` and ``savings`` turn the sum round,
``pace`` extrapolates measured steps, ``measured`` puts a probe's figures in place of the sum. No Qt, no torch, and no
weight is read.
"""
