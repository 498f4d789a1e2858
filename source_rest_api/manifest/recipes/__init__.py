"""What stands for the classes of well-known connectors, and for those of a user."""
