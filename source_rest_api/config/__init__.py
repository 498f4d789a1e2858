"""The whole config: its endpoints and options, how it is loaded, and what is wrong with it."""
