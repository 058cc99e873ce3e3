"""The cards of the Train page: which metric stands where, and in which color."""

from orpo_studio.gui.charts.style import ATTENTION, BASE, CHOSEN, REJECTED, TUNED, CardStyle, CurveStyle, LaneStyle

LOSS = CardStyle(
    "Loss",
    [
        CurveStyle("loss", "Total", TUNED),
        CurveStyle("nll_loss", "NLL", CHOSEN, dash="dashed"),
        CurveStyle("odds_ratio_loss", "λ · odds-ratio term", REJECTED, dash="dotted"),
    ],
)
PREFERENCE = CardStyle(
    "Preference",
    [
        CurveStyle("rewards/accuracies", "Accuracy", TUNED, unit="ratio", lane="accuracy"),
        CurveStyle("rewards/margins", "Margin", TUNED, lane="margin"),
        CurveStyle("rewards/chosen", "Reward, chosen", CHOSEN, lane="rewards", shown=False, optional=True),
        CurveStyle(
            "rewards/rejected", "Reward, rejected", REJECTED, dash="dashed", lane="rewards", shown=False, optional=True
        ),
    ],
    [
        LaneStyle("accuracy", "Chosen preferred to rejected", percent=True, signed=True),
        LaneStyle("margin", "Reward margin", signed=True),
        LaneStyle("rewards", "Rewards", signed=True),
    ],
)
LOG_PROBABILITIES = CardStyle(
    "Log-probabilities",
    [
        CurveStyle("logps/chosen", "Chosen", CHOSEN, lane="logps"),
        CurveStyle("logps/rejected", "Rejected", REJECTED, dash="dashed", lane="logps"),
        CurveStyle("log_odds", "Log-odds", TUNED, lane="odds"),
    ],
    [
        LaneStyle("logps", "Mean per answer token", signed=True),
        LaneStyle("odds", "Log-odds of chosen over rejected", signed=True),
    ],
)
OPTIMIZATION = CardStyle(
    "Optimization",
    [
        CurveStyle("learning_rate", "Learning rate", TUNED, lane="rate"),
        CurveStyle("grad_norm", "Gradient norm", TUNED, lane="norm"),
    ],
    [LaneStyle("rate", "Learning rate"), LaneStyle("norm", "Gradient norm")],
)
MACHINE = CardStyle(
    "Machine",
    [
        CurveStyle("tokens_per_second", "Tokens/s", TUNED, lane="speed"),
        CurveStyle("memory_gib", "Memory", TUNED, unit="GiB", lane="memory"),
        CurveStyle(
            "process_memory_gib", "Trainer memory", BASE, dash="dashed", unit="GiB", lane="memory", optional=True
        ),
        CurveStyle("gpu_memory_gib", "GPU memory", CHOSEN, dash="dotted", unit="GiB", lane="memory", optional=True),
        CurveStyle("gpu_load", "GPU load", TUNED, unit="%", lane="gpu", optional=True),
        CurveStyle(
            "gpu_temperature", "GPU temperature", ATTENTION, dash="dashed", unit="°C", lane="gpu", optional=True
        ),
    ],
    [LaneStyle("speed", "Tokens per second"), LaneStyle("memory", "GiB"), LaneStyle("gpu", "% and °C", signed=True)],
    empty_text="Speed and memory appear when training starts.",
)
CARDS = (LOSS, PREFERENCE, LOG_PROBABILITIES, OPTIMIZATION, MACHINE)

OTHER = CardStyle("Other", [], [])
OTHER_COLORS = (TUNED, CHOSEN, REJECTED, BASE, ATTENTION)
OTHER_SHOWN = 3
"""So many unknown metrics are drawn unasked, each in a lane of its own; the others wait in the legend."""
