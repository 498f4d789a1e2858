"""One stream on several machines, by Spark."""
