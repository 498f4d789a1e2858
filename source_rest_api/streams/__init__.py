"""One endpoint as a stream: its partitions, its slices, and their pages."""
