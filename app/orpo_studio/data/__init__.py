"""Preference data: read it, recognize its layout, convert it once, check it and page through it. No Qt, no torch.

The way of a row: ``reading`` yields it, ``layouts`` says which columns mean what (``mapping`` does, by hand),
``transcripts`` and ``templated`` split texts into turns, ``messages`` turns it into a ``pair.Pair`` or says why not,
``conversion`` writes the canonical files, ``prepared`` opens them again, ``rendering`` shows a pair as the model will
see it.
"""
