"""Data formats on their own: undecoded JSON, dates, YAML, the `Link` header. Every other package may import it."""
