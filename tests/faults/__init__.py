"""What APIs, networks, users and attackers do to a connector, a row each, and what must be seen of it then."""
