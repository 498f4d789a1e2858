"""The places where the generic connector finds a low-code manifest, besides `--manifest-path`."""

from __future__ import annotations

from pathlib import Path

INJECTED = "__injected_declarative_manifest"
"""Key of the config that holds a manifest, as Airbyte's Connector Builder sends it."""
IN_IMAGE = Path("/airbyte/integration_code/source_declarative_manifest/manifest.yaml")
"""Path of the manifest in an image built upon Airbyte's image for manifests."""
