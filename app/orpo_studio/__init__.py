"""ORPO Studio: preference fine-tuning on one workstation."""

__version__ = "0.1.0"
