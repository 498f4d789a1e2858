"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no test depends on time", deadline=None)
settings.load_profile("no test depends on time")
