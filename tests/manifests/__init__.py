"""Low-code manifests: of our own making, and the public ones where their folder is there."""
