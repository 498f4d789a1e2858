"""Manifests of our own making, read by this connector and by the CDK: the same records, for the same requests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.manifest.connector import ManifestConnector
from tests.api import Api
from tests.manifests import engines
from tests.manifests.imitation import imitation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api import Call

FOLDER = Path(__file__).parent / "manifests"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))

FAILING = """
version: "6.48.0"
type: DeclarativeSource
check: {type: CheckStream, stream_names: [rows]}
streams:
  - type: DeclarativeStream
    name: rows
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: "{{ config['url'] }}", path: rows}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [data]}}
      paginator:
        type: DefaultPaginator
        page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: after}
        pagination_strategy:
          type: CursorPagination
          cursor_value: "{{ 'a token' if 'after=' in response.next else '' }}"
          stop_condition: "{{ not response.next }}"
    schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {}}}
spec: {type: Spec, connection_specification: {type: object, properties: {}}}
"""


@pytest.fixture
def api() -> Iterator[Api]:
    """The imitation."""
    with imitation() as api:
        yield api


def config(api: Api) -> dict[str, Any]:
    """The config for all manifests."""
    return {
        "url": api.url,
        "token": "a-token-of-the-tests",
        "user": "ada",
        "password": "pass word",
        "mode": "a",
        "start_date": "2024-01-05",
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the CDK, which warns of deprecated fields
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", NAMES)
def test_both_engines_read_the_same(name: str, api: Api) -> None:
    """Every stream has the same records, in both engines."""
    path = FOLDER / f"{name}.yaml"
    assert ManifestConnector.at(path).translation(config(api)).blocked == {}
    one, other = engines.ours(path, api, config(api)), engines.cdk(path, api, config(api))
    assert one.failed == other.failed == []
    assert one.records == other.records
    assert {asked for asked in other.requests if not asked.startswith("POST /oauth")} <= set(one.requests)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the CDK, which warns of deprecated fields
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_token_that_cannot_be_computed_fails_here_only(tmp_path: Path) -> None:
    """The CDK sends the template as the token, and ends as if it had read all."""
    path = tmp_path / "manifest.yaml"
    path.write_text(FAILING, encoding="utf-8")
    with Api() as api:

        @api.get("/rows")
        def rows(call: Call) -> Any:
            return {"data": [], "next": 0} if call.arg("after", "") else {"data": [{"id": 1}], "next": 2}

        one, other = engines.ours(path, api, config(api)), engines.cdk(path, api, config(api))
    assert "{{ 'a token' if ('after=' in response['next']) else '' }}" in one.failed[0]
    assert other.failed == []
    assert "{{ 'a token' if" in other.requests[0]  # in order of their text
