"""Tests that need more than Python, and the sample API."""
