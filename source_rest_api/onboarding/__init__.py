"""Writes a config from a URL, an OpenAPI document, a curl command line or a HAR file, and verifies it with requests."""
