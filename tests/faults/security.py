"""X: secrets that are shown, requests that go elsewhere, bodies and texts that are bombs."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.api import Answer, Api
from tests.faults.case import endpoint, rows
from tests.faults.row import Table
from tests.process import TOKEN

if TYPE_CHECKING:
    from tests.api import Call
    from tests.faults.case import Case

table = Table()
NEXT_URL = {"type": "next_url", "next_url_path": "next"}
IN_QUERY = {"type": "api_key", "api_key": TOKEN, "in": "query", "name": "key"}


def refused_url() -> str:
    """Nobody listens there."""
    with Api() as api:
        return api.url


def echo(call: Call) -> Answer:
    """An API that quotes the request in its error, as some do."""
    sent = {"target": call.target, "query": call.query, "headers": dict(call.headers.items())}
    return Answer({"error": {"you sent": sent}}, 403)


@table.row("X-01", "a key in the query; the API answers 403, or refuses the connection", "no form of the key anywhere")
def _(case: Case) -> None:
    case.api.token = None
    case.api.get("/rows")(echo)
    for url in (case.api.url, refused_url()):
        done = case.read(url_base=url, authentication=IN_QUERY)
        case.failed(done, "config_error|transient_error|system_error")


@table.row("X-02", "`check`, with a key in the query and nobody listening", "no form of the key anywhere")
def _(case: Case) -> None:
    done = case.run("check", url_base=refused_url(), authentication=IN_QUERY)
    assert [status["status"] for status in done.bodies("CONNECTION_STATUS")] in ([], ["FAILED"])


@table.row("X-03", 'a secret with a space, `/`, `&`, `"`, `\\`, `é`, which the API quotes', "no form of it anywhere")
def _(case: Case) -> None:
    case.api.token = None
    case.api.get("/rows")(echo)
    secret = 'a secret/of&many"odd\\characters-é'
    for key in ({**IN_QUERY, "api_key": secret}, {"type": "basic", "username": "me", "password": secret}):
        case.failed(case.read(authentication=key), "config_error|system_error")
        assert case.run("check", authentication=key).code == 0


@table.row("X-04", "the secret is `E`, `1`, `type`", "lines stay valid JSON, and readable")
def _(case: Case) -> None:
    case.api.token = None
    case.api.get("/rows")(echo)
    for secret in ("E", "1", "type"):
        case.failed(case.read(authentication={**IN_QUERY, "api_key": secret}), "config_error|system_error")


@table.row("X-05", "the next link leads to another origin", "config_error; nothing is asked there")
def _(case: Case) -> None:
    case.other.get("/rows")(lambda _: {"rows": rows(5, 5)})
    case.answer("rows", {"rows": rows(5), "next": f"{case.other.url}/rows"})
    for auth in ({"type": "bearer", "token": TOKEN}, {"type": "api_key", "api_key": TOKEN}, IN_QUERY):
        case.api.token = TOKEN if auth["type"] == "bearer" else None
        done = case.read(endpoint(pagination=NEXT_URL), authentication=auth)
        case.seen = f"{len(case.other.requests)} requests to the other origin, exit {done.code}"
        case.failed(done, "config_error", "origin")


@table.row("X-06", "a redirect leads to another origin", "config_error; nothing is asked there")
def _(case: Case) -> None:
    case.other.get("/rows")(lambda _: {"rows": rows(5)})
    case.api.token = None
    case.answer("rows", Answer("", 302, {"Location": f"{case.other.url}/rows"}))
    done = case.read(authentication={"type": "api_key", "api_key": TOKEN})
    sent = [call for call in case.other.requests if TOKEN in str(call.headers)]
    case.seen = f"{len(sent)} requests with the key to the other origin, exit {done.code}"
    case.failed(done, "config_error", "origin")


@table.row(
    "X-07",
    "a parent's ids are `../stolen`, `//127.0.0.2/x`, `a/b?x=1#f`, `..`",
    "each is one segment of the path; the last is refused",
)
def _(case: Case) -> None:
    ids = ["../stolen", "//127.0.0.2/x", "a/b?x=1#f"]
    case.api.get("/parents")(lambda _: {"rows": [{"id": name} for name in ids]})
    case.api.get("/parents/{id}/children")(lambda call: {"rows": [{"id": call.path_params["id"]}]})
    case.api.get("/stolen/children")(lambda _: {"rows": []})
    children = endpoint("children", path="/parents/{{ parents.id }}/children", pagination=None)
    done = case.read(endpoint("parents", pagination=None), children)
    asked = {call.target for call in case.api.requests} - {"/parents"}
    case.seen = f"asked for {', '.join(sorted(asked))}"
    assert asked == {f"/parents/{quote(name, safe='')}/children" for name in ids}
    assert done.code == 0
    ids[:] = [".."]
    done = case.read(endpoint("parents", pagination=None), children)
    assert len(asked | {call.target for call in case.api.requests}) == len(asked) + 1
    case.failed(done, "config_error", stream="children")


@table.row(
    "X-09",
    "in the cloud's mode `url_base` is a loopback or metadata address: plain, decimal, hexadecimal, in IPv6, a name",
    "refused before a connection is made",
    scale="names that answer differently the second time are in tests/test_egress.py",
)
def _(case: Case) -> None:
    case.answer("rows", {"rows": rows(5)})
    port = case.api.port
    hosts = ("127.0.0.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]", "169.254.169.254", "localhost")
    urls = [case.api.url, *(f"https://{host}:{port}" for host in hosts)]
    refused = []
    for url in urls:
        done = case.read(url_base=url, env={"DEPLOYMENT_MODE": "cloud"}, seconds=15)
        kinds = {error.get("failure_type") for error in done.errors}
        refused.append(done.code == 1 and kinds == {"config_error"})
    case.seen = f"{sum(refused)} of {len(urls)} refused with config_error"
    assert all(refused)
    assert not case.api.requests


@table.row(
    "X-10",
    "a gzip body of less than 1 MB that inflates to 600 MB",
    "refused by a limit; memory is bounded",
)
def _(case: Case) -> None:
    # Members one after the other are one gzip stream, and quick to make.
    member = gzip.compress(b"0" * (1 << 20))
    bomb = gzip.compress(b'{"rows": [{"id": 1, "pad": "') + member * 600 + gzip.compress(b'"}]}')
    case.answer("rows", Answer(bomb, headers={"Content-Encoding": "gzip"}))
    done = case.read(endpoint(pagination=None), megabytes=10_000, retry={"max_attempts": 1})
    case.seen = f"{done.peak:.0f} MB, exit {done.code}"
    case.failed(done, "config_error", "MB")
    assert done.peak < 300


BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
)


@table.row(
    "X-11",
    "a YAML text of 0.5 kB whose aliases stand for 9^9 items",
    "refused while it is read",
)
def _(case: Case) -> None:
    if case.ours:
        done = case.run("read", endpoints=[], endpoints_yaml=BOMB, seconds=10)
        assert [error["failure_type"] for error in done.errors] == ["config_error"]
        assert "alias" in done.errors[0]["message"]
    else:
        manifest = case.folder / "manifest.yaml"
        manifest.write_text(BOMB)
        done = case.command("check", "--manifest-path", str(manifest), config={})
        assert done.code == 0
    case.seen = f"{done.peak:.0f} MB, {done.seconds:.0f} s"
    assert done.peak < 200


@table.row("X-12", "templates that reach for Python: `''.__class__`, `config.__class__`, `cycler.__init__`", "refused")
def _(case: Case) -> None:
    case.serve([])
    texts = {
        "text": "{{ ''.__class__.__mro__ }}",
        "config": "{{ config.__class__.__init__.__globals__ }}",
        "cycler": "{{ cycler.__init__.__globals__.os }}",
    }
    for text in texts.values():
        done = case.read(endpoint(params={"q": text}, pagination=None), seconds=15)
        assert done.code == 1
        assert not case.api.requests


@table.row("X-13", "templates that never end: `^(a+)+$`, `'a' * 10^9`, five loops inside each other", "refused soon")
def _(case: Case) -> None:
    case.api.get("/rows")(lambda _: {"rows": []})
    loops = "".join(f"{{% for i{n} in 'x' * 32 %}}" for n in range(5)) + "x" + "{% endfor %}" * 5
    silent = loops.replace("x{%", "{%")
    regex = "{{ ('a' * 40 ~ '!') | regex_search('^(a+)+$') }}"
    for text in (regex, "{{ 'a' * 10 ** 9 }}", loops, silent):
        done = case.read(endpoint(params={"q": text}, pagination=None), seconds=60)
        case.seen = f"{done.peak:.0f} MB, {done.seconds:.0f} s, exit {done.code}"
        assert done.peak < 300


@table.row("X-14", "a template names a variable that is not there", "an error that does not show the config")
def _(case: Case) -> None:
    case.serve([])
    private = "a-private-value"
    done = case.read(
        endpoint(params={"q": "{{ nowhere.to_be_found }}"}, pagination=None), name=private, __cdk={"name": private}
    )
    assert done.code == 1
    assert private.encode() not in done.stdout + done.stderr


@table.row("X-16", "a value of the config is `{{ 7*7 }}`", "it is sent as it stands")
def _(case: Case) -> None:
    case.serve([])
    text = "{{ 7*7 }}"
    done = case.read(endpoint(params={"q": "{{ config['name'] }}"}, pagination=None), name=text, __cdk={"name": text})
    asked: list[Any] = [call.arg("q") for call in case.api.requests]
    assert (done.code, asked) == (0, [text])
