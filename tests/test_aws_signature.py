"""Requests carry signatures that hold when they are computed again from what arrived, as AWS does it."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.config.config_updates import ConfigUpdates
from source_rest_api.config.loading import load
from source_rest_api.config.masking import Mask, secrets_of
from source_rest_api.errors import ConfigError
from source_rest_api.http.request import Request
from source_rest_api.http.request_body import JsonPayload
from source_rest_api.http.requester import Requester
from tests.api import JSON, Answer, Api, Call
from tests.aws_signature import KEY_ID, SECRET, holds, signature
from tests.sign_in import signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1440938160.0
KEY = {"type": "aws_sigv4", "access_key_id": KEY_ID, "secret_access_key": SECRET, "region": "us-east-1"}


@pytest.fixture
def api() -> Iterator[Api]:
    """Run an API that answers those whose signature holds."""
    with Api() as api:

        def answer(call: Call) -> JSON:
            return [] if holds(call) else Answer({"message": "The request signature we calculated …"}, 403)

        for path in ("/x", "/x/{id}", "/x/{id}/y"):
            api.get(path)(answer)
            api.post(path)(answer)
        yield api
        assert api.errors == []


def send(api: Api, request: Request, **more: str) -> Call:
    """Send one request, which has to succeed, and give what arrived."""
    raw = {"url_base": api.url, "authentication": {**KEY, "service": "execute-api", **more}}
    config = load({**raw, "endpoints": [{"name": "x", "path": "/x"}]})
    credentials = signed_in(config, ConfigUpdates(raw, Mask([])), time=lambda: NOW)
    with Requester(config.http(api.url), credentials=credentials) as requester:
        requester.fetch(request, lambda response: response.body)
    return api.requests[-1]


def test_the_judge_agrees_with_the_example_in_aws_documentation() -> None:
    """The example of "Signature Version 4 signing process" for ListUsers gives the signature that stands there."""
    headers: Any = {
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        "host": "iam.amazonaws.com",
        "x-amz-date": "20150830T123600Z",
    }
    call = Call("GET", "/?Action=ListUsers&Version=2010-05-08", "/", {}, {}, headers, b"", 0)
    scope = "20150830/us-east-1/iam/aws4_request"
    expected = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    assert signature(call, "content-type;host;x-amz-date", scope, "20150830T123600Z") == expected


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/x", {}),
        ("/x", {"b": "2", "a": ["z", "y"], "empty": ""}),
        ("/x", {"filter[name]": "a b+c=d&e/f?g", "q": "ä€😀~*'()!"}),
        ("/x/a%20b", {}),
        ("/x/a%2Fb/y", {"next": "/x?page=2"}),
        ("/x/a:b,c", {"A": "1", "a": "2"}),
        ("/x/%C3%A9~", {}),
    ],
)
def test_a_signature_holds_whatever_path_and_parameters_are(api: Api, path: str, params: dict[str, Any]) -> None:
    """The signature is of what is sent, with all its escapes."""
    assert send(api, Request("GET", f"{api.url}{path}", params)).headers["X-Amz-Date"] == "20150830T123600Z"


def test_a_body_is_signed(api: Api) -> None:
    """The hash of the body is part of the signature."""
    call = send(api, Request("POST", f"{api.url}/x", body=JsonPayload({"limit": 100, "é": "ü"})))
    assert call.headers["X-Amz-Content-Sha256"] == sha256(call.body).hexdigest()
    assert call.json() == {"limit": 100, "é": "ü"}


def test_headers_of_the_request_stay(api: Api) -> None:
    """Headers that AWS reads, such as a target, are signed; none is changed."""
    target = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Date": "Mon, 01 Jan 2001 00:00:00 GMT"}
    call = send(api, Request("POST", f"{api.url}/x", headers={**target, "Accept": "application/json"}))
    assert (call.headers["X-Amz-Target"], call.headers["Date"]) == (target["X-Amz-Target"], None)


def test_temporary_credentials_send_their_session_token(api: Api) -> None:
    """The token goes into a header, which is signed too."""
    assert (
        send(api, Request("GET", f"{api.url}/x"), session_token="TOKEN/+=").headers["X-Amz-Security-Token"]
        == "TOKEN/+="
    )


def test_a_wrong_secret_is_an_error_that_does_not_show_it(api: Api) -> None:
    """AWS answers 403, and the error says where to look."""
    with pytest.raises(ConfigError, match=r"403.*authentication") as caught:
        send(api, Request("GET", f"{api.url}/x"), secret_access_key="WRONG-SECRET")
    assert "WRONG" not in f"{caught.value}{caught.value.detail}"


def test_its_secrets_are_known_to_the_mask() -> None:
    """The secret key and the session token are masked; the access key id is not a secret."""
    raw = {"url_base": "https://x", "authentication": {**KEY, "service": "s3", "session_token": "SESSION"}}
    secrets = set(secrets_of(load({**raw, "endpoints": [{"name": "x", "path": "/x"}]})))
    assert secrets == {SECRET, "SESSION"}
