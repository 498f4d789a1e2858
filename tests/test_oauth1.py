"""Requests carry signatures that hold when they are computed again from what arrived, as RFC 5849 says."""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, unquote_plus

import pytest

from source_rest_api.config.config_updates import ConfigUpdates
from source_rest_api.config.loading import load
from source_rest_api.config.masking import Mask, secrets_of
from source_rest_api.http.request import Request
from source_rest_api.http.request_body import FormPayload, JsonPayload
from source_rest_api.http.requester import Requester
from tests.api import JSON, Answer, Api, Call
from tests.sign_in import signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_700_000_000.7
KEY = {
    "type": "oauth1",
    "consumer_key": "ck&1",
    "consumer_secret": "c-secret+/",
    "token": "tk",
    "token_secret": "t-secret=",
}


def encoded(text: str) -> str:
    """Encode as section 3.6 says."""
    return quote(text, safe="-._~")


def signature(call: Call, base: str, given: dict[str, str], secrets: tuple[str, str]) -> str:
    """Sign a request as section 3.4 says, from what arrived."""
    path, _, query = call.target.partition("?")
    form = call.body.decode() if call.headers["Content-Type"] == "application/x-www-form-urlencoded" else ""
    pairs = [pair.partition("=") for text in (query, form) for pair in text.split("&") if pair]
    parameters = [(encoded(unquote_plus(name)), encoded(unquote_plus(value))) for name, _, value in pairs]
    own = [(encoded(name), encoded(value)) for name, value in given.items() if name not in {"realm", "oauth_signature"}]
    text = "&".join(f"{name}={value}" for name, value in sorted([*parameters, *own]))
    key = "&".join(map(encoded, secrets)).encode()
    kind = given["oauth_signature_method"].removeprefix("HMAC-").lower()
    signed = "&".join(map(encoded, (call.method, base + path, text)))
    return b64encode(hmac.new(key, signed.encode(), kind).digest()).decode()


def header(call: Call) -> dict[str, str]:
    """Take the header apart."""
    scheme, _, rest = str(call.headers["Authorization"]).partition(" ")
    assert scheme == "OAuth"
    return {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', rest)}


@pytest.fixture
def api() -> Iterator[Api]:
    """Run an API that answers those whose signature holds, once a nonce."""
    used: set[str] = set()
    with Api() as api:

        def answer(call: Call) -> JSON:
            given = header(call)
            right = signature(call, api.url, given, ("c-secret+/", "t-secret=" if "oauth_token" in given else ""))
            if given["oauth_signature"] != right or given["oauth_nonce"] in used:
                return Answer({"error": "Invalid login attempt."}, 401)
            used.add(given["oauth_nonce"])
            return []

        for path in ("/x", "/x/{id}"):
            api.get(path)(answer)
            api.post(path)(answer)
        yield api
        assert api.errors == []


def send(api: Api, request: Request, **more: Any) -> dict[str, str]:
    """Send one request, which has to succeed; gives the header that arrived."""
    raw = {"url_base": api.url, "authentication": {**KEY, **more}, "retry": {"max_attempts": 2}}
    config = load({**raw, "endpoints": [{"name": "x", "path": "/x"}]})
    credentials = signed_in(config, ConfigUpdates(raw, Mask([])), time=lambda: NOW)
    with Requester(config.http(api.url), credentials=credentials, jitter=lambda: 0.0) as requester:
        requester.fetch(request, lambda response: response.body)
    return header(api.requests[-1])


def test_the_judge_agrees_with_the_example_in_the_rfc() -> None:
    """The example of section 1.2 gives the signature that stands there."""
    call = Call("GET", "/photos?file=vacation.jpg&size=original", "", {}, {}, {"Content-Type": None}, b"", 0)  # type: ignore[arg-type]
    given = {
        "realm": "Photos",
        "oauth_consumer_key": "dpf43f3p2l4k3l03",
        "oauth_token": "nnch734d00sl2jdk",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": "137131202",
        "oauth_nonce": "chapoH",
    }
    secrets = "kd94hf93k423kf44", "pfkkdhi9sl3r4s00"
    assert signature(call, "http://photos.example.net", given, secrets) == "MdpQcU8iPSUjWoN/UDMsK2sui9I="


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/x", {}),
        ("/x/a%20b%2Fc~d", {"q": "a b&c=d+e/ü", "": "", "z": ["2", "10", "1"]}),
        ("/x?a=1+2&b&a=%2B", {"c": "*!'()"}),
    ],
)
@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256"])
def test_a_signature_of_url_and_parameters(api: Api, path: str, params: dict[str, Any], method: str) -> None:
    """Everything in the URL is signed, as it arrives."""
    given = send(api, Request("GET", f"{api.url}{path}", params), signature_method=method)
    assert given | {"oauth_nonce": "", "oauth_signature": ""} == {
        "oauth_consumer_key": "ck&1",
        "oauth_token": "tk",
        "oauth_nonce": "",
        "oauth_signature": "",
        "oauth_signature_method": method,
        "oauth_timestamp": "1700000000",
        "oauth_version": "1.0",
    }


def test_the_body_of_a_form_is_signed_and_no_other(api: Api) -> None:
    """A form has parameters; JSON has none."""
    send(api, Request("POST", f"{api.url}/x", body=FormPayload({"a b": "ü&", "c": ["2", "1"]})))
    send(api, Request("POST", f"{api.url}/x", body=JsonPayload({"a": 1})))


def test_a_client_without_a_token(api: Api) -> None:
    """Only the client signs; the realm is sent and not signed."""
    given = send(api, Request("GET", f"{api.url}/x"), token="", token_secret="", realm="1234567_SB1")
    assert given["realm"] == "1234567_SB1"
    assert "oauth_token" not in given


def test_each_attempt_is_signed_anew(api: Api) -> None:
    """A nonce is used once, also where a request is repeated."""
    failures = iter([503])

    @api.get("/y")
    def y(call: Call) -> JSON:
        return Answer({}, next(failures, 200), {"X-Nonce": header(call)["oauth_nonce"]})

    send(api, Request("GET", f"{api.url}/y"))
    assert len({header(call)["oauth_nonce"] for call in api.requests}) == 2


def test_both_secrets_are_masked() -> None:
    """They are secrets of the config."""
    endpoints = [{"name": "x", "path": "/x"}]
    config = load({"url_base": "https://a.example.com", "authentication": KEY, "endpoints": endpoints})
    assert {"c-secret+/", "t-secret="} <= set(secrets_of(config))
