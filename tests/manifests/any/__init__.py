"""An imitation of the API of any manifest, derived from the manifest itself."""
