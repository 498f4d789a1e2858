"""Measurements side by side with the field: `scripts/bench`, one program per claim."""
