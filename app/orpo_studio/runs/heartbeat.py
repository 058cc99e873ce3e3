"""What supervisor and trainer agree on about signs of life."""

SILENT_SECONDS = 180.0
"""Without a sign of life for as long, a trainer counts as silent, or later where it was slower before.

Two minutes are not rare where nothing is wrong: the first batch is compared with TRL's, kernels are compiled, a base
is quantized.
"""
