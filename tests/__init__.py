"""Tests of the package, on loopback alone."""
