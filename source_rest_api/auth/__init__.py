"""Authenticators, and the credentials that they create for a session."""
