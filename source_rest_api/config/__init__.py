"""The config: its endpoints and settings, how it is loaded and checked."""
