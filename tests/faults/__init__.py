"""Faults of APIs, networks, users and attackers, a row each, with the required behaviour of the connector."""
