"""Airbyte's low-code manifests, translated to the config of this connector."""
