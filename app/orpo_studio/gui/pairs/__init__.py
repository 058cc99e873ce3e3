"""Preference pairs on the screen: the table, and one pair as the model will see it."""
