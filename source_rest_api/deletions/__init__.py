"""Delete detection: sweeps for keys, the rows that the destination has, and delete records for missing ones."""
