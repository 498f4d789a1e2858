"""The warehouse: tables in PostgreSQL, loaded by dlt, transformed by dbt."""
