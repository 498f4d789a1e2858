"""A sync: threads, the run of each stream, statuses and states; and `check`."""
