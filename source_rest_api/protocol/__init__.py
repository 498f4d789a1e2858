"""The Airbyte protocol: messages, catalog, schemas, spec and state file. Only its `Writer` writes to stdout."""
