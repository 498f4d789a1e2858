"""The functions of templates are the CDK's."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

from source_rest_api import template_functions, templates


def test_now_is_now_in_utc() -> None:
    """`now_utc()` is the moment, with its zone."""
    now = template_functions.now_utc()
    assert now.utcoffset() == timedelta(0)
    assert abs(datetime.now(timezone.utc) - now) < timedelta(minutes=1)


def test_today_is_a_date() -> None:
    """`today_utc()` prints as an ISO date."""
    before = template_functions.now_utc().date()
    today = date.fromisoformat(templates.render("{{ today_utc() }}", {}))
    assert before <= today <= template_functions.now_utc().date()


def test_moments_are_formatted() -> None:
    """A template may write a moment as the API wants it, and compare."""
    assert templates.render("{{ now_utc().strftime('%Y') }}", {}) == str(template_functions.now_utc().year)
    assert templates.render("{{ min('b', 'a') }}{{ max(1, 2) }}", {}) == "a2"
