"""Cursors: the slices of a stream to read, the request parameters for them, and the cursor values of each page."""
