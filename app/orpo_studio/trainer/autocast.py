"""Which number format a computation takes place in."""

import torch


def computed_in(x: torch.Tensor) -> torch.dtype:
    """Return the format in which a tensor's products are computed: autocast's where it is on, else its own."""
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
