"""The Link header is read as RFC 8288 says, sloppy ones too, and a hostile one does not take long."""

from __future__ import annotations

import time
from string import ascii_letters

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.errors import ConfigError
from source_rest_api.formats.link_header import find_link, resolve

BASE = "https://api.example.com/v1/items?page=1"
TWO_TITLES = (
    "</TheBook/chapter2>; rel=\"previous\"; title*=UTF-8'de'letztes%20Kapitel, "
    "</TheBook/chapter4>; rel=\"next\"; title*=UTF-8'de'n%c3%a4chstes%20Kapitel"
)


@pytest.mark.parametrize(
    ("header", "relation", "target"),
    [
        ("", "next", None),
        # RFC 8288, section 3.5
        ('<http://example.com/TheBook/chapter2>; rel="previous"; title="previous chapter"', "previous",
         "http://example.com/TheBook/chapter2"),
        ('</>; rel="http://example.net/foo"', "http://example.net/foo", "https://api.example.com/"),
        ('</terms>; rel="copyright"; anchor="#foo"', "copyright", "https://api.example.com/terms"),
        (TWO_TITLES, "next", "https://api.example.com/TheBook/chapter4"),
        ('<http://example.org/>; rel="start http://example.net/relation/other"', "http://example.net/relation/other",
         "http://example.org/"),
        ('<https://example.org/>; rel="start", <https://example.org/index>; rel="index"', "index",
         "https://example.org/index"),
        # as APIs send them
        ('<https://h/1>; rel="prev", <https://h/3>; rel="next", <https://h/9>; rel="last"', "next", "https://h/3"),
        ('<?page=2>; rel="next"', "next", "https://api.example.com/v1/items?page=2"),
        ("<caf\xc3\xa9?caf\xe9>;rel=next", "next", "https://api.example.com/v1/caf\xc3\xa9?caf\xe9"),
        ("<caf\xc3\xa9>;rel=next", "next", "https://api.example.com/v1/café"),
        ("<more>;rel=next", "next", "https://api.example.com/v1/more"),
        ("<//h/2>; rel=next", "next", "https://h/2"),
        ("<https://h/2?a=1,2;b=3>; rel=next", "next", "https://h/2?a=1,2;b=3"),
        ("< https://h/2 > ; rel=next", "next", "https://h/2"),
        ("<https://h/2>; REL = NEXT", "next", "https://h/2"),
        ("<https://h/2>; rel='next'", "next", "https://h/2"),
        ('<https://h/2>; rel="last next"', "next", "https://h/2"),
        ("<https://h/2>;; rel=next;", "next", "https://h/2"),
        ("<https://h/2>; ; rel=next", "next", "https://h/2"),
        ("<https://h/2>\t;\trel=next", "next", "https://h/2"),
        ('<https://h/2>; title="a, <https://evil/>; rel=next"; rel=next', "next", "https://h/2"),
        (r'<https://h/2>; title="a \", <https://evil/>; rel=next"; rel=next', "next", "https://h/2"),
        ('<https://h/2>; results="true"; cursor="0:100:0"; rel="next"', "next", "https://h/2"),
        ("<https://h/1>; rel=next, <https://h/2>; rel=next", "next", "https://h/1"),
        # no next
        ('<https://h/1>; title="a, b; rel=next"', "next", None),
        ('<https://h/1>; title="<https://evil/>; rel=next"', "next", None),
        ("<https://h/1>; rel=prev; rel=next", "next", None),
        ("<https://h/1>; rel=nextish", "next", None),
        ("<https://h/1>; xrel=next", "next", None),
        ("<https://h/1>; rev=next", "next", None),
        ("<https://h/1>; rel", "next", None),
        ("<https://h/1>", "next", None),
        ("https://h/1; rel=next", "next", None),
        ("<https://h/1; rel=next", "next", None),
    ],
)  # fmt: skip
def test_the_target_of_a_relation_is_found(header: str, relation: str, target: str | None) -> None:
    """Quotes, several links, several relations, relative targets; of several `rel` of a link the first counts."""
    assert find_link(header, relation, BASE) == target


@given(
    st.lists(st.tuples(st.text(ascii_letters + '0123456789,;="\\ /?&%', min_size=1), st.sampled_from(["prev", "next"])))
)
def test_any_quoted_text_stays_in_its_quotes(parameters: list[tuple[str, str]]) -> None:
    """Whatever a title contains, each link keeps its own target and relation."""
    quoted = [title.replace("\\", "\\\\").replace('"', '\\"') for title, _ in parameters]
    header = ", ".join(
        f'<https://h/{i}>; title="{title}"; rel="{relation}"'
        for i, (title, (_, relation)) in enumerate(zip(quoted, parameters, strict=True))
    )
    nexts = [f"https://h/{i}" for i, (_, relation) in enumerate(parameters) if relation == "next"]
    assert find_link(header, "next", BASE) == (nexts[0] if nexts else None)


RELATIVE = st.text(ascii_letters + "0123456789/?&=%._~-;,@!", max_size=20).filter(
    lambda text: not text.startswith("//")
)


@given(RELATIVE)
def test_a_relative_target_stays_at_its_origin(target: str) -> None:
    """A relative target never leads to another origin; an absolute one is unchanged."""
    url = resolve(BASE, target)
    assert url.startswith("https://api.example.com/")
    assert resolve("https://else.example/", url) == url
    if target.startswith("?"):
        assert url == f"https://api.example.com/v1/items{target}" or target == "?"


@given(st.text() | RELATIVE.map(lambda text: f"//{text}") | RELATIVE.map(lambda text: f"https:{text}"))
def test_any_target_is_a_url_or_an_error_of_its_own(target: str) -> None:
    """Any value for the next page gives a URL or a config error."""
    try:
        url = resolve(BASE, target)
    except ConfigError as error:
        assert "`pagination`" in error.message  # noqa: PT017
    else:
        assert resolve(BASE, url) == url


@given(
    st.text()
    | st.lists(st.sampled_from(["<", ">", ";", ",", '"', "\\", "=", " ", "rel", "next", "a", "'"])).map("".join)
)
def test_no_header_is_too_odd(header: str) -> None:
    """Any text gives a URL, nothing, or an error that names the setting."""
    try:
        target = find_link(header, "next", BASE)
    except ConfigError as error:
        assert "pagination" in error.message  # noqa: PT017
    else:
        assert target is None or isinstance(target, str)


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "<a",
        "<a>",
        "<a>;",
        "<a>; ",
        "<a> ",
        "<a>;a",
        "<a>;a=",
        "<a>;a =",
        '<a>;a="',
        '<a>;a="\\',
        '<a>;a="\\"',
        "<a>;'",
    ],
)
@pytest.mark.parametrize("rest", ["", ";", " ", "; ", "=", '"', "\\", "a", "<"])
def test_a_hostile_header_is_read_in_linear_time(piece: str, rest: str) -> None:
    """40,000 characters that make patterns backtrack take moments; quadratic time would be a minute."""
    started = time.process_time()
    find_link(piece + rest * 40_000, "next", BASE)
    find_link((piece + rest) * 40_000, "next", BASE)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("target", ["http://[", "http://[::1", "http://h:port/", "http://h:99999/"])
def test_what_is_not_a_url_is_an_error_that_names_the_setting(target: str) -> None:
    """A broken link of the API is the API's or the config's fault, never a bug of the connector."""
    with pytest.raises(ConfigError, match="`pagination`"):
        resolve(BASE, target)
    with pytest.raises(ConfigError, match="`pagination`"):
        find_link(f"<{target}>; rel=next", "next", BASE)
