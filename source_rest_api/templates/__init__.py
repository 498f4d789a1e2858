"""Jinja templates of the config: their sandbox, their functions and the names they may read."""
