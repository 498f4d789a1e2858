"""A body is read in the charset it is written in, whole and valid, or it is an error; and nothing in it is changed."""

from __future__ import annotations

import codecs
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from source_rest_api.errors import BrokenAnswerError, ConfigError, SourceError
from source_rest_api.http.response import Response, describe
from source_rest_api.records.decoders import Json


def answer(body: bytes, content_type: str | None = "application/json") -> Response:
    """Make an answer with status 200."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    return Response(200, CaseInsensitiveDict(headers), body, "https://h/")


def decoded(body: bytes, content_type: str | None = "application/json") -> bytes:
    """Decode a body to the text of its value."""
    return bytes(Json().decode(answer(body, content_type)))


SPACE = st.text(" \t\r\n", max_size=2)
NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,4})?", fullmatch=True)
STRINGS = st.builds(lambda text, escaped: json.dumps(text, ensure_ascii=escaped), st.text(), st.booleans())


def _containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    spaced = st.builds("{}{}{}".format, SPACE, inner, SPACE)
    member = st.builds("{}{}{}:{}".format, SPACE, STRINGS, SPACE, spaced)
    return st.lists(spaced, min_size=1).map(lambda items: f"[{','.join(items)}]") | st.lists(member, min_size=1).map(
        lambda members: f"{{{','.join(members)}}}"
    )


JSON_TEXT = st.recursive(
    NUMBERS | STRINGS | st.sampled_from(["null", "true", "false", "[]", "{}", "[ ]", "{\n}"]),
    _containers,
    max_leaves=10,
)
CHARSETS = [
    ("utf-8", b"", None),
    ("utf-8", b"", "application/json; charset=utf-8"),
    ("utf-8", b"", 'application/json;Charset="UTF-8"'),
    ("utf-8", b"", "application/json; charset=utf8; v=1"),
    ("utf-8", b"", "application/json; charset=us-ascii"),  # who declares it often sends more
    ("utf-8", b"", "application/json; charset="),
    ("utf-8", codecs.BOM_UTF8, None),
    ("utf-8", codecs.BOM_UTF8, "application/json; charset=iso-8859-1"),  # the mark is the better witness
    ("utf-16-le", codecs.BOM_UTF16_LE, None),
    ("utf-16-be", codecs.BOM_UTF16_BE, "application/json; charset=utf-16"),
    ("utf-32-le", codecs.BOM_UTF32_LE, None),
    ("utf-32-be", codecs.BOM_UTF32_BE, "application/json; charset=utf-8"),
    ("utf-16-le", b"", "application/json; charset=UTF-16LE"),
    ("utf-32-be", b"", "application/json; charset=utf-32be"),
]


@given(SPACE, JSON_TEXT, SPACE, st.sampled_from(CHARSETS))
def test_any_json_stays_as_it_was_written(
    before: str, text: str, after: str, written: tuple[str, bytes, str | None]
) -> None:
    """Every digit, escape, space and key of a value is kept, in UTF-8, whatever the charset that it came in."""
    charset, mark, content_type = written
    assert decoded(mark + f"{before}{text}{after}".encode(charset), content_type) == text.encode()


@pytest.mark.parametrize(
    ("charset", "text"), [("iso-8859-1", "é"), ("windows-1252", "€"), ("shift_jis", "日本"), ("koi8-r", "да")]
)
def test_a_declared_charset_is_read(charset: str, text: str) -> None:
    """Older servers write what they declare."""
    body = json.dumps(text, ensure_ascii=False).encode(charset)
    assert decoded(body, f"application/json; charset={charset}") == f'"{text}"'.encode()


@pytest.mark.parametrize(
    "charset",
    [
        "utf8mb4",
        "x-unknown",
        "none",
        "base64",
        "hex",
        "rot13",
        "zlib",
        "undefined",
        "idna",
        "punycode",
        "unicode_escape",
        "../../etc",
        "x" * 300,
        "a b",
        "utf-8, text/html",
    ],
)
def test_an_unknown_charset_is_an_error(charset: str) -> None:
    """The error names it; Python codecs that are not charsets are unknown too."""
    with pytest.raises(ConfigError, match="unknown charset"):
        decoded(b"[]", f"application/json; charset={charset}")


def test_half_a_pair_in_another_charset() -> None:
    """A lone surrogate cannot be encoded as UTF-8, so the response is broken."""
    with pytest.raises(BrokenAnswerError, match="not valid UTF-7"):
        decoded(b'"+2AA-"', "application/json; charset=utf-7")


@pytest.mark.parametrize(
    ("body", "content_type", "where"),
    [
        (b'{"a":"\xff"}', None, "UTF-8 at byte 6"),
        (b'{"a":"\xc3"}', None, "UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', None, "UTF-8"),  # a surrogate in CESU
        (b'{"a":"\xc0\xaf"}', None, "UTF-8"),  # overlong
        (b'{"\xff":1}', None, "UTF-8"),
        (b'{"a":"caf\xe9"}', "application/json; charset=utf-8", "UTF-8"),
        (b'\xef\xbb\xbf{"a":"\xff"}', None, "UTF-8"),
        (codecs.BOM_UTF16_LE + b'"\x00a', None, "UTF-16-LE"),
        (codecs.BOM_UTF32_BE + b"\x00\x00\x00", None, "UTF-32-BE"),
        (b'"\x81"', "application/json; charset=windows-1252", "WINDOWS-1252"),
    ],
)
def test_text_that_is_not_of_its_charset_is_a_broken_answer(body: bytes, content_type: str | None, where: str) -> None:
    """Bytes that are no text are found, in values and keys, and not replaced."""
    with pytest.raises(BrokenAnswerError, match=f"not valid {where}"):
        decoded(body, content_type)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  \n",
        codecs.BOM_UTF8,
        b'{"a":1',
        b'{"data":[{"id":1},{"id":2',
        b'"abc',
        b'"abc\\',
        b'"\\u00',
        b"[1,2",
        b"nul",
        b"-",
        b"undefined",
        b"True",
        b"None",
        b"{'a':1}",
        b"{a:1}",
        b'{"a":1,}',
        b"[1,]",
        b"[1 2]",
        b'{"a" 1}',
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"0x1F",
        b"1_000",
        b'"a\nb"',
        b'"a\tb"',
        b'"a\x00b"',
        rb'"\x"',
        rb'"\ud8zz"',
        rb'["\ud8","x"]',
        b'{"a":1}{"a":2}',
        b'{"a":1}\n{"a":2}\n',
        b'{"a":1} garbage',
        b'{"a":1}\x00',
        b'\xc2\xa0{"a":1}',
        b"[1]// comment",
        b")]}',\n[1",
        b")]}'[1]; alert(1)",
        b"callback([1]",
        b"plain text",
        b"<xml/>",
    ],
)
def test_what_is_not_json_is_a_broken_answer(body: bytes) -> None:
    """Cut, empty, followed by something, or a dialect: it is tried again, and never read in part."""
    with pytest.raises(BrokenAnswerError, match="not complete, valid JSON"):
        decoded(body)


@pytest.mark.parametrize(
    ("value", "read"),
    [("NaN", "null"), ("-Infinity", "null"), ("nan", "null"), ("+inf", "null"), ('"\\"NaN"', '"\\"NaN"')],
)
def test_nan_is_an_error_or_null(value: str, read: str) -> None:
    """JSON does not have it. The error names the option, and texts stay as they are."""
    body = f'{{"a":[NaN,{value}]}}'.encode()
    with pytest.raises(ConfigError, match=r"NaN or Infinity.*`decoder: \{type: json, nan_as_null: true\}`"):
        decoded(body)
    assert bytes(Json(nan_as_null=True).decode(answer(body))) == f'{{"a":[null,{read}]}}'.encode()


def test_nan_does_not_hide_a_cut_body() -> None:
    """It is tried again."""
    with pytest.raises(BrokenAnswerError, match="not complete, valid JSON"):
        decoded(b'{"a":NaN')
    with pytest.raises(BrokenAnswerError, match="not complete, valid JSON"):
        Json(nan_as_null=True).decode(answer(b'{"a":NaN'))


def test_a_charset_that_the_api_does_not_declare() -> None:
    """`encoding` names it; a byte order mark is the better witness."""
    decoder = Json(encoding="windows-1252")
    assert bytes(decoder.decode(answer('"€"'.encode("windows-1252")))) == '"€"'.encode()
    assert bytes(decoder.decode(answer(codecs.BOM_UTF8 + '"€"'.encode()))) == '"€"'.encode()
    with pytest.raises(BrokenAnswerError, match=r"set `decoder\.encoding`"):
        decoded('"€"'.encode("windows-1252"))


def test_xml_in_place_of_json_names_the_header() -> None:
    """Some APIs write XML if nobody requests JSON."""
    with pytest.raises(BrokenAnswerError, match="Accept: application/json"):
        decoded(b"<rows/>", "text/xml")


@given(JSON_TEXT.filter(lambda text: text[0] in '{["'), st.data())
def test_a_cut_body_is_never_read(text: str, data: st.DataObject) -> None:
    """Wherever a connection ends within a value, it is a broken answer."""
    body = text.encode()
    with pytest.raises(BrokenAnswerError):
        decoded(body[: data.draw(st.integers(0, len(body) - 1))])


@given(st.binary() | st.text().map(str.encode), st.sampled_from([None, "application/json", "text/html", *CHARSETS[3:]]))
def test_any_body_is_json_or_an_error(body: bytes, declared: Any) -> None:
    """Any body gives valid JSON or one of the connector's errors."""
    try:
        value = decoded(body, declared[2] if isinstance(declared, tuple) else declared)
    except SourceError:
        return
    json.loads(value.decode(), parse_constant=pytest.fail)


@pytest.mark.parametrize("body", [b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000])
def test_deep_nesting_is_an_error(body: bytes) -> None:
    """Deep nesting does not crash the process."""
    with pytest.raises(ConfigError, match="nested too deeply"):
        decoded(body)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (rb'"\ud83d"', rb'"\ufffd"'),
        (rb'"\uDE00"', rb'"\ufffd"'),
        (rb'"cut \ud83d"', rb'"cut \ufffd"'),
        (rb'"\ud83d\ud83d\ude00"', rb'"\ufffd\ud83d\ude00"'),
        (rb'"\ud83d\u0041"', rb'"\ufffd\u0041"'),
        (rb'"\\ud83d \ud83d"', rb'"\\ud83d \ufffd"'),
        (rb'"\\\ud83d\n"', rb'"\\\ufffd\n"'),
        (rb'{"\udc00": 1.10, "b": "\u00e9\/"}', rb'{"\ufffd": 1.10, "b": "\u00e9\/"}'),
    ],
)
def test_half_a_character_is_replaced(body: bytes, value: bytes) -> None:
    """An API that cut a text within an emoji does not stop the sync: only the half becomes U+FFFD."""
    assert decoded(body) == value


@pytest.mark.parametrize("content_type", ["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml"])
def test_a_page_for_people_is_an_error(content_type: str) -> None:
    """A login page needs the user; another page may be a passing failure, and is tried again."""
    login = b"<!DOCTYPE html><form action=/login><input type=PASSWORD></form>"
    with pytest.raises(ConfigError, match=r"login page.*`authentication`"):
        decoded(login, content_type)
    with pytest.raises(BrokenAnswerError, match=r"HTML page.*`url_base`"):
        decoded(b"<html><h1>Maintenance</h1></html>", content_type)


def test_json_that_is_declared_as_something_else_is_read() -> None:
    """The body decides, not its label."""
    for content_type in ("text/html", "text/plain", "application/octet-stream", "application/vnd.api+json", "", None):
        assert decoded(b'{"password":1}', content_type) == b'{"password":1}'


def test_an_error_describes_the_answer() -> None:
    """Status, content type, size and a line of the body: enough to know what came, little enough to read."""
    assert describe(answer(b"")) == "HTTP 200, empty body"
    assert describe(answer(b"a\x00\n\x1b[31mb", None)) == "HTTP 200, no content type, 9 bytes: a   [31mb"
    long = describe(answer(b"x" * 1000, "Text/Plain; charset=utf-8"))
    assert long == f"HTTP 200, text/plain, 1000 bytes: {'x' * 200}…"
