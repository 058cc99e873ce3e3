"""The cards of the Train page: which metric stands where, and in which hue."""

from orpo_studio.gui.charts.style import CardStyle, CurveStyle, Hue, LaneStyle

LOSS = CardStyle(
    "Loss",
    [
        CurveStyle("loss", "Total", "tuned"),
        CurveStyle("nll_loss", "NLL", "chosen", dash="dashed"),
        CurveStyle("odds_ratio_loss", "λ · odds-ratio term", "rejected", dash="dotted"),
    ],
)
PREFERENCE = CardStyle(
    "Preference",
    [
        CurveStyle("rewards/accuracies", "Accuracy", "tuned", unit="ratio", lane="accuracy"),
        CurveStyle("rewards/margins", "Margin", "tuned", lane="margin"),
        CurveStyle("rewards/chosen", "Chosen", "chosen", lane="rewards", shown=False, optional=True),
        CurveStyle(
            "rewards/rejected", "Rejected", "rejected", dash="dashed", lane="rewards", shown=False, optional=True
        ),
    ],
    [
        LaneStyle("accuracy", "Chosen preferred to rejected", percent=True, signed=True),
        LaneStyle("margin", "Reward margin", signed=True),
        LaneStyle("rewards", "Rewards of chosen and rejected", signed=True),
    ],
)
LOG_PROBABILITIES = CardStyle(
    "Log-probabilities",
    [
        CurveStyle("logps/chosen", "Chosen", "chosen", lane="logps"),
        CurveStyle("logps/rejected", "Rejected", "rejected", dash="dashed", lane="logps"),
        CurveStyle("log_odds", "Log-odds", "tuned", lane="odds"),
    ],
    [
        LaneStyle("logps", "Mean per answer token", signed=True),
        LaneStyle("odds", "Log-odds of chosen over rejected", signed=True),
    ],
)
OPTIMIZATION = CardStyle(
    "Optimization",
    [
        CurveStyle("learning_rate", "Learning rate", "tuned", lane="rate", smoothed=False),
        CurveStyle("grad_norm", "Gradient norm", "tuned", lane="norm"),
    ],
    [LaneStyle("rate", "Learning rate"), LaneStyle("norm", "Gradient norm")],
)
MACHINE = CardStyle(
    "Machine",
    [
        CurveStyle("tokens_per_second", "Tokens/s", "tuned", lane="speed"),
        CurveStyle("memory_gib", "Memory", "tuned", unit="GiB", lane="memory"),
        CurveStyle(
            "process_memory_gib", "Trainer memory", "base", dash="dashed", unit="GiB", lane="memory", optional=True
        ),
        CurveStyle("gpu_memory_gib", "GPU memory", "chosen", dash="dotted", unit="GiB", lane="memory", optional=True),
        CurveStyle(
            "gpu_memory_peak_gib", "Peak GPU memory", "rejected", unit="GiB", lane="memory", shown=False, optional=True
        ),
        CurveStyle("cpu_load", "CPU load", "base", dash="dotted", unit="%", lane="gpu", optional=True),
        CurveStyle("gpu_load", "GPU load", "tuned", unit="%", lane="gpu", optional=True),
        CurveStyle(
            "gpu_temperature", "GPU temperature", "attention", dash="dashed", unit="°C", lane="gpu", optional=True
        ),
        CurveStyle("gpu_power_w", "GPU power", "tuned", unit="W", lane="power", shown=False, optional=True),
    ],
    [
        LaneStyle("speed", "Tokens per second"),
        LaneStyle("memory", "GiB"),
        LaneStyle("gpu", "% and °C", signed=True),
        LaneStyle("power", "W"),
    ],
    empty_text="Speed and memory appear with the first logged step.",
)
CARDS = (LOSS, PREFERENCE, LOG_PROBABILITIES, OPTIMIZATION, MACHINE)

OTHER = CardStyle("Other", [], [])
OTHER_HUES: tuple[Hue, ...] = ("tuned", "chosen", "rejected", "base", "attention")
OTHER_MOST = 40
"""So many unknown metrics have a curve: each takes milliseconds to make. All are in the run's events."""
OTHER_SHOWN = 3
"""So many unknown metrics are drawn unasked, each in a lane of its own; the others wait in the legend."""
