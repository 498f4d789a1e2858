"""A page → the position of the next one, or the end."""
