"""XML is read as one JSON value, complete, and without unbounded expansion."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.errors import BrokenAnswerError, ConfigError, SourceError
from source_rest_api.http.response import Response
from source_rest_api.records.xml_decoder import Xml
from tests.api import Answer
from tests.process import MAIN
from tests.reading import sampled

if TYPE_CHECKING:
    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")
XML = {"Content-Type": "application/xml"}
FEED = b"""<?xml version="1.0" encoding="UTF-8"?>
<!-- a feed -->
<orders page="1">
  <order id="007"><total currency="EUR">9.50</total><line>a</line><line>b</line><note/></order>
  <order id="8"><line>c</line><note> as is </note></order>
</orders>"""


def decoded(text: str | bytes, **options: Any) -> Any:
    """The value of a document."""
    body = text if isinstance(text, bytes) else text.encode()
    return json.loads(bytes(Xml.model_validate(options).decode(Response(200, {}, body, ""))))


def read(api: Api, **endpoint: Any) -> list[Any]:
    """The records of a stream."""
    decoder = {"type": "xml", **endpoint.pop("decoder", {})}
    raw = {
        "url_base": api.url,
        "retry": {"max_attempts": 1},
        "endpoints": [{"name": "orders", "path": "orders", "decoder": decoder, **endpoint}],
    }
    return sampled(raw)


def test_records(api: Api) -> None:
    """Records are found by their path; attributes have an `@`, texts stay texts, lists are lists where asked."""
    api.get("/orders")(lambda _: Answer(FEED, headers=XML))
    assert read(api, records_path="orders.order", decoder={"lists": ["line"]}) == [
        {"@id": "007", "total": {"@currency": "EUR", "#text": "9.50"}, "line": ["a", "b"], "note": None},
        {"@id": "8", "line": ["c"], "note": " as is "},
    ]


def test_changes_apply(api: Api) -> None:
    """Options for records apply to XML records as to JSON records."""
    api.get("/orders")(lambda _: Answer(FEED, headers=XML))
    options: dict[str, Any] = {
        "remove_fields": ["note", "line"],
        "flatten": True,
        "snake_case": True,
        "cast": {"id": "integer", "total_text": "number"},
    }
    expected = [{"id": 7, "total_currency": "EUR", "total_text": 9.5}, {"id": 8}]
    assert read(api, records_path="orders.order", **options) == expected


def test_paging(api: Api) -> None:
    """Tokens are found in the body, as in JSON; a page without records has no element for them."""

    @api.get("/orders")
    def orders(call: Call) -> Answer:
        number = int(call.arg("after", "0"))
        more = f"<next>{number + 1}</next>" if number < 2 else ""
        row = f"<row><id>{number}</id></row>" if number != 1 else ""
        return Answer(f"<list>{more}<rows>{row}</rows></list>", headers=XML)

    pagination = {"type": "cursor", "cursor_path": "list.next", "cursor_param": "after"}
    with pytest.raises(ConfigError, match=r"`records_path: list\.rows\.row` is not in the response"):
        read(api, records_path="list.rows.row", pagination=pagination)
    rows = read(api, records_path="list.rows.row", pagination=pagination, allow_missing_records=True)
    assert rows == [{"id": "0"}, {"id": "2"}]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<a/>", {"a": None}),
        ("<a>\n</a>", {"a": None}),
        ("<a>x</a>", {"a": "x"}),
        ("<a><![CDATA[<b> & ]]></a>", {"a": "<b> & "}),
        ("<a>&lt;&#233;</a>", {"a": "<é"}),
        ("<a b=''/>", {"a": {"@b": ""}}),
        ("<a b='1'>x</a>", {"a": {"@b": "1", "#text": "x"}}),
        ("<a><b/><b/></a>", {"a": {"b": [None, None]}}),
        ("<a><b>1</b><c/><b>2</b></a>", {"a": {"b": ["1", "2"], "c": None}}),
        ("<a>x <b>y</b> z</a>", {"a": {"b": "y", "#text": "x  z"}}),
        ("<a><!-- c --><?p i?></a>", {"a": None}),
        ("<s:a xmlns:s='u'><s:b>1</s:b></s:a>", {"s:a": {"@xmlns:s": "u", "s:b": "1"}}),
        ("<!DOCTYPE a SYSTEM 'http://x.invalid/a.dtd'><a>1</a>", {"a": "1"}),
    ],
)
def test_one_way_to_read_it(text: str, value: Any) -> None:
    """Elements, attributes, texts."""
    assert decoded(text) == value


def rows_of_the_docs() -> list[tuple[str, str, str]]:
    """The examples in docs/records.md: a document, the names of its lists, its value."""
    text = (MAIN.parent / "docs/records.md").read_text()
    return re.findall(r"^\| `(<.+>)`(?: with `lists: \[(\w+)\]`)? \| `(\{.+\})`", text, re.MULTILINE)


def test_the_docs_examples() -> None:
    """The examples in docs/records.md are true."""
    rows = rows_of_the_docs()
    assert len(rows) == 6
    for text, name, value in rows:
        assert decoded(text, lists=[name] if name else []) == json.loads(value)


def test_lists_are_lists() -> None:
    """At any depth, whatever the number; an element that is not there is no list."""
    options = {"lists": ["b"]}
    assert decoded("<a><b/></a>", **options) == {"a": {"b": [None]}}
    assert decoded("<a><c><b>1</b></c></a>", **options) == {"a": {"c": {"b": ["1"]}}}
    assert decoded("<a><b>1</b><b>2</b></a>", **options) == {"a": {"b": ["1", "2"]}}
    assert decoded("<a/>", **options) == {"a": None}


NAMES = st.sampled_from(["a", "b", "c"])
TEXTS = st.text(st.characters(exclude_categories=["C"]), max_size=5)
TREES: st.SearchStrategy[Any] = st.recursive(
    st.tuples(NAMES, st.dictionaries(NAMES, TEXTS, max_size=2), TEXTS, st.just([])),
    lambda inner: st.tuples(NAMES, st.dictionaries(NAMES, TEXTS, max_size=2), st.just(""), st.lists(inner, max_size=4)),
    max_leaves=15,
)


@given(TREES)
def test_nothing_is_lost(tree: Any) -> None:
    """Every attribute and text of any document is in its value, as another parser sees it."""

    def element(node: Any) -> ET.Element:
        name, attributes, text, children = node
        made = ET.Element(name, attributes)
        made.text = text
        made.extend(map(element, children))
        return made

    def texts(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [text for inner in value.values() for text in texts(inner)]
        if isinstance(value, list):
            return [text for inner in value for text in texts(inner)]
        return [] if value is None else [value]

    document = ET.tostring(element(tree))
    parsed = ET.fromstring(document)
    expected: list[str] = []
    for node in parsed.iter():
        expected += node.attrib.values()
        if node.text and node.text.strip():
            expected.append(node.text.strip() if node.attrib or len(node) else node.text)
    assert sorted(texts(decoded(document))) == sorted(expected)


@pytest.mark.parametrize(
    "body",
    [
        '<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'.encode("latin-1"),
        '<?xml version="1.0" encoding="windows-1252"?><a>é</a>'.encode("cp1252"),
        '<?xml version="1.0"?><a>é</a>'.encode("utf-16"),
        "\ufeff<a>é</a>".encode(),
    ],
)
def test_charsets(body: bytes) -> None:
    """From the byte order mark or the XML declaration."""
    assert decoded(body) == {"a": "é"}


def test_the_content_types_charset_goes_first(api: Api) -> None:
    """RFC 7303, section 3; and `encoding` before it, for APIs that say it wrong."""
    body = '<?xml version="1.0" encoding="UTF-8"?><a><b><c>é</c></b></a>'.encode("latin-1")
    api.get("/orders")(lambda _: Answer(body, headers={"Content-Type": "text/xml; charset=ISO-8859-1"}))
    assert read(api, records_path="a.b") == [{"c": "é"}]
    api.get("/orders")(lambda _: Answer(body, headers={"Content-Type": "text/xml; charset=utf-8"}))
    with pytest.raises(BrokenAnswerError, match=r"not valid UTF-8: if this persists, set `decoder\.encoding`"):
        read(api, records_path="a.b")
    assert read(api, records_path="a.b", decoder={"encoding": "latin-1"}) == [{"c": "é"}]


BOMB = "<!DOCTYPE a [<!ENTITY x 'xxxx'><!ENTITY y '&x;&x;'>]><a>&y;</a>"
OUTSIDE = "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><a>&x;</a>"


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (BOMB, ConfigError, "declares entities"),
        (OUTSIDE, ConfigError, "declares entities"),
        ("<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://x.invalid'>%p;]><a/>", ConfigError, "declares entities"),
        ("<a>&unknown;</a>", BrokenAnswerError, "not complete, valid XML"),
        ("<a><b></a>", BrokenAnswerError, "not complete, valid XML"),
        ("<a>", BrokenAnswerError, "not complete, valid XML"),
        ("", BrokenAnswerError, "empty body"),
        ('{"a": 1}', BrokenAnswerError, "not complete, valid XML"),
        ("<a/><b/>", BrokenAnswerError, "not complete, valid XML"),
        ("<a>" * 5000, BrokenAnswerError, "nested too deeply"),
        ("<?xml version='1.0' encoding='no-such'?><a/>", BrokenAnswerError, "not complete, valid XML"),
        ("<?xml version='1.0' encoding='utf-7'?><a/>", BrokenAnswerError, "not complete, valid XML"),
        (b"<a>\xff</a>", BrokenAnswerError, "not complete, valid XML"),
        (b"PK\x03\x04", ConfigError, "is a zip file: set `decoder"),
    ],
)
def test_what_is_not_read(text: str | bytes, error: type[SourceError], message: str) -> None:
    """Bombs, files, and what is cut or no XML."""
    with pytest.raises(error, match=message):
        decoded(text)


def test_an_error_with_status_200(api: Api) -> None:
    """Is no page without records; nor is a page for people."""
    api.get("/orders")(lambda _: Answer("<error><code>7</code></error>", headers=XML))
    with pytest.raises(ConfigError, match="returned an error in a response with a success status"):
        read(api, records_path="orders.order")
    api.get("/orders")(lambda _: Answer("<html><br></html>", headers={"Content-Type": "text/html"}))
    with pytest.raises(BrokenAnswerError, match="HTML page instead of XML"):
        read(api, records_path="orders.order")
