"""The state of a stream, and what moves it."""
