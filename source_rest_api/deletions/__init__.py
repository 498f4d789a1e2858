"""Delete detection: sweeps for keys, the rows that are known, and the delete records of those that are gone."""
