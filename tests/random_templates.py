"""Random templates over random records, for tests that compare ways to fill them."""

from __future__ import annotations

from hypothesis import strategies as st

from source_rest_api.templates import templates

NAMES = ["a", "b", "items"]
SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-9, 9) | st.sampled_from(["", "x", "1.5", "Ü"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=2)
)
RECORDS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3)
LEAVES = st.sampled_from(
    [
        "record.a",
        "record['b']",
        "record.items",
        "record.a.b",
        "record.a[0]",
        "record",
        "config.c",
        "config.absent",
        "none",
        "true",
        "2",
        "0.5",
        "'x'",
        "[1, record.a]",
        "{'k': record.b}",
    ]
)
WRAPPED = [
    "({0} == {1})",
    "({0} < {1})",
    "({0} in {1})",
    "({0} and {1})",
    "({0} or {1})",
    "({0} if {1})",
    "({0} if {1} else 'no')",
    "({0} ~ {1})",
    "({0} + {1})",
    "({0} * {1})",
    "({0} // {1})",
    "(not {0})",
    "(-{0})",
    "({0} is none)",
    "({0} is defined)",
    "({0} | lower)",
    "({0} | int)",
    "({0} | tojson)",
    "({0} | default({1}))",
    "({0} | list | length)",
    "({0}).get('a', {1})",
    "({0}).__class__",
    "({0}).upper()",
    "max({0}, {1})",
]
EXPRESSIONS = st.recursive(LEAVES, lambda inner: st.builds(str.format, st.sampled_from(WRAPPED), inner, inner))
TEMPLATES = (
    EXPRESSIONS.map("{{{{ {} }}}}".format)
    | st.builds(
        "{}{{{{ {} }}}}{}".format, st.sampled_from(["", "n-", " "]), EXPRESSIONS, st.sampled_from(["", "!", "\n"])
    )
    | st.builds("{{{{ {} }}}}/{{{{ {} }}}}".format, EXPRESSIONS, EXPRESSIONS)
    | st.builds("{{% if {} %}}{{{{ {} }}}}{{% endif %}}".format, EXPRESSIONS, EXPRESSIONS)
)


def _is_valid(text: str) -> bool:
    try:
        templates.check(text)
    except ValueError:
        return False
    return True


TEMPLATES = TEMPLATES.filter(_is_valid)
CONDITIONS = EXPRESSIONS.map("{{{{ {} }}}}".format).filter(_is_valid)
CONFIG = {"c": {"a": 1}, "one": 1}
