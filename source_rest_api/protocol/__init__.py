"""The Airbyte protocol: messages, catalog, schemas, spec and state file. Its writer alone touches stdout."""
