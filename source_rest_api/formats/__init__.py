"""Data formats: undecoded JSON, dates, YAML, the `Link` header. Every other package may import this one."""
