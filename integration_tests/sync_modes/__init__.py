"""The sync modes, as PyAirbyte runs them on DuckDB and PostgreSQL."""
