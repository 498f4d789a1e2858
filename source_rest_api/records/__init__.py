"""A response's body → records → transformed records."""
