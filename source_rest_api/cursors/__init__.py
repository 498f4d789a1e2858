"""Cursors: which intervals of a stream to read, and what a page says about them."""
