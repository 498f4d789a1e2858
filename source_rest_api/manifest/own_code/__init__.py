"""Runs the classes of a `components.py` behind this connector's own interfaces."""
