"""Jinja templates of the config: their sandbox, their functions, and what they may read."""
