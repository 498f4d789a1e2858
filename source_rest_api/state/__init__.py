"""The state of a stream, and the progress that changes it."""
