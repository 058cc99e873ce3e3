"""The supervisor of one run: a small process that never imports torch and never forks after taking the lock."""
