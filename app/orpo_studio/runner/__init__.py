"""The supervisor of one run: a small process that never imports torch and has one child, the trainer."""
