"""Authenticators, and the credentials that they make for a session."""
