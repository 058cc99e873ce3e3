"""The log-probabilities of a batch's tokens, by the way that the model can take: packed, padded, or TRL's own.

``batch`` holds the pairs, ``layout`` places them in tensors, ``attention`` keeps packed pairs apart, ``head`` and
``token_logps`` score tokens without a tensor of all logits, ``odds_ratio`` makes the loss, ``ladder`` chooses the
way by what the model is, and ``first_batch`` proves it.
"""
