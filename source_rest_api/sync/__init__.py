"""Runs `read` and `check`: worker threads, the run of each stream, its statuses and its states."""
