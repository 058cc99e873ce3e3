"""Fields made from the schema."""
