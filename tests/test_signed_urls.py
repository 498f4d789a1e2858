"""A signed URL names the same file after it is signed again; other URLs are unchanged."""

from __future__ import annotations

import pytest

from source_rest_api.formats.signed_urls import resource


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://b/f?X-Amz-Date=1&X-Amz-Expires=60&X-Amz-Signature=ab&versionId=3", "https://b/f?versionId=3"),
        ("https://b/f?X-Goog-Algorithm=a&X-Goog-Signature=b", "https://b/f"),
        ("https://b/f?sv=1&se=2&sr=b&sp=r&sig=x%3D&part=2", "https://b/f?part=2"),
        ("https://b/f?Expires=1&Signature=b~&Key-Pair-Id=K", "https://b/f"),
        ("https://b/f?Policy=1&Signature=b&Key-Pair-Id=K&id=4", "https://b/f?id=4"),
    ],
)
def test_a_signature_is_no_part_of_the_name(url: str, named: str) -> None:
    """Other parameters are: they may tell files apart."""
    assert resource(url) == named


@pytest.mark.parametrize(
    "text",
    [
        "https://b/f?token=abc",  # it may be all that tells two files apart
        "https://b/f?sig=1",
        "https://b/f?signature=ada",
        "https://b/f?expires=1",
        "https://b/f",
        "https://[b/f?X-Amz-Signature=1",
        "see ?X-Amz-Signature=1",
        "",
    ],
)
def test_what_is_not_signed_is_unchanged(text: str) -> None:
    """Two files never look like one."""
    assert resource(text) == text
