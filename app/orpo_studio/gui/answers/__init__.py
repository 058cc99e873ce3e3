"""Answers and figures of base and tuned model, side by side."""
