"""The container image, built once and run as Airbyte runs it; skipped, with the reason, where none can be built."""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Thread
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import yaml

from integration_tests import image as images
from integration_tests.sample_api import KEYS, TOKEN, Shop
from source_rest_api import scaffold
from source_rest_api.manifest.connector import ManifestConnector
from source_rest_api.protocol import catalog
from tests.api import Answer, Api, Call
from tests.manifests import engines
from tests.manifests.imitation import imitation
from tests.test_manifest_engines import config as manifest_config
from tests.test_packaging import locked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from email.message import Message
    from pathlib import Path

pytestmark = [pytest.mark.image, pytest.mark.timeout(600)]

ROOT = images.ROOT
SECRET = "s3cret-t0ken-of-the-image"
AIRBYTE_USER = 1000
HARDENED = ("--user", "1000:1000", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
"""The settings of Airbyte with ROOTLESS_WORKLOAD=true."""

READ = ("read", "--config", "/secrets/config.json", "--catalog", "/secrets/catalog.json")

AS_THE_PLATFORM = """
[ -n "$AIRBYTE_ENTRYPOINT" ] || exit 127
eval "$AIRBYTE_ENTRYPOINT read --config /source/connectorConfig.json --catalog /source/catalog.json {state}" \
    2> stderr > stdout
code=$?
echo $code > exitCode.txt
exit $code
"""
"""The command that Airbyte's launcher puts in the place of ENTRYPOINT (ContainerCommandFactory, as of August 2026)."""

AIRBYTES_TESTS = """
from pathlib import Path

from airbyte_cdk.test.standard_tests.docker_base import DockerConnectorTestSuite


class TestImage(DockerConnectorTestSuite):
    @classmethod
    def get_connector_root_dir(cls):
        return Path(__file__).parent
"""


@dataclass
class Result:
    """The outcome of a container."""

    code: int
    out: bytes
    err: bytes

    @cached_property
    def messages(self) -> list[dict[str, Any]]:
        """The messages on stdout; each line must be one."""
        messages = [json.loads(line) for line in self.out.splitlines()]
        assert all(message["type"].isupper() for message in messages)
        return messages

    def only(self, kind: str) -> dict[str, Any]:
        """The one message of a kind."""
        [message] = [message for message in self.messages if message["type"] == kind]
        body: dict[str, Any] = message[{"CONNECTION_STATUS": "connectionStatus"}.get(kind, kind.lower())]
        return body

    @property
    def states(self) -> list[dict[str, Any]]:
        """The states, as `--state` takes them."""
        return [message["state"] for message in self.messages if message["type"] == "STATE"]

    @property
    def statuses(self) -> dict[str, str]:
        """The last status of each stream."""
        traces = [message["trace"] for message in self.messages if message["type"] == "TRACE"]
        statuses = [trace["stream_status"] for trace in traces if trace["type"] == "STREAM_STATUS"]
        return {status["stream_descriptor"]["name"]: status["status"] for status in statuses}

    def keys(self, stream: str, key: str) -> list[Any]:
        """The keys of a stream's records."""
        records = [message["record"] for message in self.messages if message["type"] == "RECORD"]
        return [record["data"][key] for record in records if record["stream"] == stream]


class Image:
    """An image, to run."""

    def __init__(self, engine: images.Docker, name: str) -> None:
        self.engine = engine
        self.name = name

    def command(self, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        """The engine's command that runs it."""
        return self.engine.run(self.name, *arguments, options=tuple(options))

    @contextmanager
    def started(self, *arguments: str, options: Sequence[str] = ()) -> Iterator[subprocess.Popen[bytes]]:
        """Start a container, whose stdout is a pipe."""
        command = self.command(*arguments, options=options)
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self.engine.environment,
            cwd=images.scratch(),
        ) as process:
            yield process

    def run(self, *arguments: str, options: Sequence[str] = ()) -> Result:
        """Run it to its end."""
        command = self.command(*arguments, options=options)
        done = subprocess.run(
            command, capture_output=True, env=self.engine.environment, cwd=images.scratch(), check=False
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def shell(self, script: str, *options: str) -> str:
        """Returns the output of a shell command in the image."""
        result = self.run("-c", script, options=("--entrypoint", "sh", *options))
        assert result.code == 0, result.err.decode()
        return result.out.decode()

    @property
    def settings(self) -> dict[str, Any]:
        """Returns the engine's description of the image."""
        [inspected] = json.loads(self.engine.call("image", "inspect", self.name).stdout)
        settings: dict[str, Any] = inspected
        return settings


@pytest.fixture(scope="session")
def image() -> Image:
    """The image, built; a second process finds every layer in the cache."""
    engine = images.find()
    try:
        return Image(engine, engine.build())
    except images.UnavailableError as error:
        if os.environ.get("TEST_ALL") or os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture
def shop() -> Iterator[Shop]:
    """The sample shop on loopback."""
    with Shop() as shop:
        yield shop


class Folder:
    """A folder to mount, whose files the container's user can read, whoever runs the test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.give(path)

    def give(self, path: Path) -> Path:
        """Make a file the container user's."""
        os.chown(path, AIRBYTE_USER, AIRBYTE_USER) if os.geteuid() == 0 else path.chmod(0o777)
        return path

    def put(self, **values: Any) -> None:
        """Write JSON files."""
        for name, value in values.items():
            (self.path / f"{name}.json").write_text(json.dumps(value))
            self.give(self.path / f"{name}.json")

    def at(self, target: str) -> tuple[str, str]:
        """The option that mounts it."""
        return ("--volume", f"{self.path}:{target}")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder for configs, catalogs, states and pipes."""
    return Folder(tmp_path)


def shop_config(url: str) -> dict[str, Any]:
    """The config of the sample shop, at the port that it got."""
    config: dict[str, Any] = json.loads((ROOT / "integration_tests/config.json").read_text())
    return {**config, "url_base": url}


CATALOG = json.loads((ROOT / "integration_tests/configured_catalog.json").read_text())


def one_stream(name: str) -> dict[str, Any]:
    """A catalog that reads one stream incrementally."""
    stream = {"name": name, "json_schema": {}, "supported_sync_modes": ["incremental"]}
    return {"streams": [{"stream": stream, "sync_mode": "incremental", "destination_sync_mode": "append"}]}


class SlowShop(Shop):
    """The shop, where some tables take their time for each page."""

    def __init__(self, *slow: str) -> None:
        super().__init__()
        self._slow = slow

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        answer = super().answer(method, target, headers, body)
        return replace(answer, delay=0.5) if target.startswith(self._slow) else answer


def test_what_the_image_says_of_itself(image: Image) -> None:
    """Labels, user, platform and entry point are what Airbyte looks at, and as the metadata has them."""
    metadata = yaml.safe_load((ROOT / "metadata.yaml").read_text())["data"]
    settings = image.settings
    environment = dict(entry.split("=", 1) for entry in settings["Config"]["Env"])
    assert settings["Config"]["Labels"]["io.airbyte.name"] == metadata["dockerRepository"]
    assert settings["Config"]["Labels"]["io.airbyte.version"] == metadata["dockerImageTag"]
    assert settings["Config"]["User"] == "airbyte"
    assert settings["Os"] == "linux"
    assert settings["Config"]["Entrypoint"] == environment["AIRBYTE_ENTRYPOINT"].split()
    assert image.shell("id -u; id -g").split() == [str(AIRBYTE_USER)] * 2


def test_only_the_connector_is_inside(image: Image) -> None:
    """No secret, test, git history or trace of the machine that built it; the code is that of the repository."""
    package = ROOT / "source_rest_api"
    files = [path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    code = {str(path.relative_to(ROOT)) for path in files if package / "template" not in path.parents}
    listed = image.shell("find . -type f -not -name '*.pyc'").split()
    assert {path.removeprefix("./") for path in listed} == {*code, "main.py", "requirements-image.lock"}
    assert image.shell(f"grep -rl {TOKEN} /airbyte || true; cat /etc/pip.conf 2> /dev/null || true") == ""


def test_exactly_the_lock_is_installed(image: Image) -> None:
    """Every package has the locked version; none is missing, and there are no others."""
    python = image.shell("python -c 'import sys; print(*sys.version_info[:2], sep=chr(46))'").strip()
    frozen = dict(
        line.lower().replace("_", "-").split("==")
        for line in image.shell("pip --python /opt/venv/bin/python freeze").split()
    )
    assert frozen == locked("requirements-image.lock", python, "linux")
    assert image.shell("pip --python /opt/venv/bin/python check") == "No broken requirements found.\n"


def test_spec_needs_no_network_nor_disk_nor_rights(image: Image) -> None:
    """The form is printed with no network, nothing to write to, no capabilities."""
    options = ("--network", "none", *image.engine.read_only, *HARDENED)
    result = image.run("spec", options=options)
    assert (result.code, result.err) == (0, b"")
    assert result.only("SPEC")["connectionSpecification"]["required"]


def test_check_discover_and_read(image: Image, shop: Shop, folder: Folder) -> None:
    """The sample shop is checked, discovered and read in full on a read-only disk without privileges."""
    folder.put(config=shop_config(shop.url), catalog=CATALOG)
    options = (*folder.at("/secrets"), *image.engine.read_only, *HARDENED)
    check = image.run("check", "--config", "/secrets/config.json", options=options)
    discover = image.run("discover", "--config", "/secrets/config.json", options=options)
    read = image.run(*READ, options=options)
    assert [(run.code, run.err) for run in (check, discover, read)] == [(0, b"")] * 3
    assert check.only("CONNECTION_STATUS")["status"] == "SUCCEEDED"
    assert [stream["name"] for stream in discover.only("CATALOG")["streams"]] == ["customers", "orders", "products"]
    assert read.statuses == dict.fromkeys(shop.tables, "COMPLETE")
    for name, table in shop.tables.items():
        assert sorted(read.keys(name, KEYS[name])) == sorted(table)
    assert shop.errors == []


def test_started_as_the_platform_does(image: Image, shop: Shop, folder: Folder) -> None:
    """Two syncs run with the launcher's shell command, file names, working directory and pipes."""
    folder.put(connectorConfig=shop_config(shop.url), catalog=CATALOG)
    first = as_the_platform(image, folder)
    assert (first.code, first.err, first.statuses) == (0, b"", dict.fromkeys(shop.tables, "COMPLETE"))
    changed = shop.touch("orders", 7)
    folder.put(inputState=first.states)
    second = as_the_platform(image, folder)
    assert (second.code, second.err, second.statuses) == (0, b"", dict.fromkeys(shop.tables, "COMPLETE"))
    assert changed["id"] in second.keys("orders", "id")
    assert len(second.keys("orders", "id")) < len(shop.tables["orders"]) / 10


def as_the_platform(image: Image, folder: Folder) -> Result:
    """Read as Airbyte does: stdout and stderr by named pipes, the exit code in a file."""
    said = {}
    pipes = [folder.path / name for name in ("stdout", "stderr")]
    for pipe in pipes:
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe)
        folder.give(pipe)
    readers = [Thread(target=lambda pipe=pipe: said.update({pipe.name: pipe.read_bytes()})) for pipe in pipes]
    for reader in readers:
        reader.start()
    state = "--state /source/inputState.json" if (folder.path / "inputState.json").exists() else ""
    options = (*folder.at("/source"), "--workdir", "/source", "--memory", "2g", *HARDENED, "--entrypoint", "sh")
    done = image.run("-c", AS_THE_PLATFORM.replace("{state}", state), options=options)
    for reader in readers:
        reader.join(10)
    assert (folder.path / "exitCode.txt").read_text() == f"{done.code}\n"
    return Result(done.code, said["stdout"], said["stderr"])


def test_a_million_records_in_little_memory(image: Image, folder: Folder) -> None:
    """A sync of any length runs under 256 MB, and every record of it comes out once."""
    pages, rows = 200, 5000
    row = b'{"id": @%04d, "name": "a customer with a name", "email": "customer@example.com", "vip": false}'
    body = b"[%s]" % b",".join(row % n for n in range(rows))
    api = Api()

    @api.get("/rows")
    def page(call: Call) -> Answer:
        number = int(call.arg("page"))
        return Answer(body.replace(b"@", b"%d" % number) if number <= pages else b"[]")

    endpoint = {"name": "rows", "path": "/rows", "pagination": {"type": "page_number"}}
    with api:
        folder.put(config={"url_base": api.url, "endpoints": [endpoint]}, catalog=full_refresh("rows"))
        with image.started(*READ, options=(*folder.at("/secrets"), "--memory", "256m")) as process:
            assert process.stdout
            ids = [int(found[1]) for line in process.stdout if (found := re.search(rb'"id": (\d+)', line))]
    assert process.returncode == 0
    assert sorted(ids) == [page * 10000 + n for page in range(1, pages + 1) for n in range(rows)]


def full_refresh(name: str) -> dict[str, Any]:
    """A catalog of one stream that is read whole."""
    stream = {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    return {"streams": [{"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}]}


@dataclass
class Interrupted:
    """A running read; its result is available afterwards."""

    name: str
    result: Result = field(default_factory=lambda: Result(-1, b"", b""))


@contextmanager
def interrupted(image: Image, folder: Folder, shop: Shop, *signs: str) -> Iterator[Interrupted]:
    """Read the shop, and yield as soon as a line with all the signs was printed."""
    folder.put(config=shop_config(shop.url), catalog=CATALOG)
    read = Interrupted(f"source-rest-api-{uuid4()}")
    with image.started(*READ, options=(*folder.at("/secrets"), "--name", read.name)) as process:
        assert process.stdout
        lines = []
        for line in process.stdout:
            lines.append(line)
            if all(sign.encode() in line for sign in signs):
                break
        yield read
        lines += process.stdout
    # What a killed process had begun to write is no line.
    read.result = Result(process.returncode, b"".join(line for line in lines if line.endswith(b"\n")), b"")


def test_stop_ends_it_in_order(image: Image, folder: Folder) -> None:
    """SIGTERM, as `stop` sends it, ends a read within its grace: 143, and INCOMPLETE for every stream."""
    with SlowShop("/") as shop, interrupted(image, folder, shop, '"RECORD"') as read:
        image.engine.call("stop", "--time", "8", read.name)
    assert read.result.code == 143
    assert read.result.statuses == dict.fromkeys(shop.tables, "INCOMPLETE")


def test_what_was_killed_goes_on_from_its_state(image: Image, folder: Folder) -> None:
    """After SIGKILL the printed state is good: what it covers is not read again, and no row is missing."""
    with SlowShop("/orders") as shop:
        with interrupted(image, folder, shop, '"customers"', '"COMPLETE"') as read:
            image.engine.call("kill", "--signal", "KILL", read.name)
        first = read.result
        assert (first.code, first.statuses["orders"]) in [(137, "STARTED"), (137, "RUNNING")]
        folder.put(state=first.states)
        again = image.run(*READ, "--state", "/secrets/state.json", options=folder.at("/secrets"))
    assert again.statuses == dict.fromkeys(shop.tables, "COMPLETE")
    assert len(again.keys("customers", "id")) < len(shop.tables["customers"]) / 10
    for name, table in shop.tables.items():
        assert set(first.keys(name, KEYS[name])) | set(again.keys(name, KEYS[name])) == set(table)


@pytest.mark.parametrize("command", ["check", "discover", "read"])
def test_no_secret_is_printed(image: Image, folder: Folder, command: str) -> None:
    """An API that answers with the credentials it got, in headers and body, does not get them into any output."""
    api = Api()

    @api.get("/rows")
    def echo(call: Call) -> Answer:
        return Answer({"error": f"{call.headers['Authorization']} is not allowed"}, 403, {"X-Echo": SECRET})

    with api:
        authentication = {"type": "bearer", "token": SECRET}
        config = {
            "url_base": api.url,
            "authentication": authentication,
            "endpoints": [{"name": "rows", "path": "/rows"}],
        }
        folder.put(config=config, catalog=full_refresh("rows"))
        arguments = READ if command == "read" else (command, *READ[1:3])
        result = image.run(*arguments, "--debug", options=(*folder.at("/secrets"), "--env", "LOG_LEVEL=debug"))
    assert api.requests[0].headers["Authorization"] == f"Bearer {SECRET}"
    assert b"403" in result.out
    assert SECRET.encode() not in result.out + result.err


def test_proxies_are_honoured(image: Image, folder: Folder) -> None:
    """HTTP_PROXY leads requests through the proxy, NO_PROXY past it."""
    origin, proxy = Api(), Api()
    origin.get("/rows")(lambda _: [])
    with origin, proxy:
        proxy.get(f"{origin.url}/rows")(lambda _: [])
        folder.put(config={"url_base": origin.url, "endpoints": [{"name": "rows", "path": "/rows"}]})
        asked = []
        for variables in ([], [f"HTTP_PROXY={proxy.url}"], [f"HTTP_PROXY={proxy.url}", "NO_PROXY=127.0.0.1"]):
            options = [part for variable in variables for part in ("--env", variable)]
            check = image.run("check", *READ[1:3], options=(*folder.at("/secrets"), *options))
            assert check.only("CONNECTION_STATUS")["status"] == "SUCCEEDED"
            asked.append((len(origin.requests), len(proxy.requests)))
    assert asked == [(1, 0), (1, 1), (2, 1)]


def test_a_private_ca_is_honoured(image: Image, folder: Folder) -> None:
    """An API with a certificate of a company's own CA is refused, and trusted with REQUESTS_CA_BUNDLE."""
    make = "req -x509 -nodes -newkey rsa:2048 -keyout /secrets/key.pem -out /secrets/ca.pem -days 2 -subj /CN=test"
    made = image.run(
        *make.split(),
        *("-addext", "subjectAltName=IP:127.0.0.1"),
        options=("--entrypoint", "openssl", *folder.at("/secrets")),
    )
    assert made.code == 0, made.err
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder.path / "ca.pem", folder.path / "key.pem")
    api = Api()
    api.get("/rows")(lambda _: [])
    with api:
        assert api._server
        api._server.socket = context.wrap_socket(api._server.socket, server_side=True)
        url = api.url.replace("http:", "https:")
        folder.put(config={"url_base": url, "endpoints": [{"name": "rows", "path": "/rows"}]})
        statuses = [
            image.run("check", *READ[1:3], options=(*folder.at("/secrets"), *bundle)).only("CONNECTION_STATUS")
            for bundle in ((), ("--env", "REQUESTS_CA_BUNDLE=/secrets/ca.pem"))
        ]
    assert [status["status"] for status in statuses] == ["FAILED", "SUCCEEDED"]
    assert "certificate" in statuses[0]["message"]


def test_a_connector_of_ones_own_builds_on_it(image: Image, tmp_path: Path) -> None:
    """The same script builds a connector made by `main.py new` on this image; it shows its own form."""
    scaffold.create("source-acme", tmp_path)
    folder = tmp_path / "source-acme"
    dockerfile = folder / "Dockerfile"
    lines = dockerfile.read_text().splitlines()[1:]
    dockerfile.write_text("\n".join([f"ARG BASE_IMAGE={image.name}", *lines, ""]))
    own = Image(image.engine, image.engine.build(folder))
    try:
        assert own.name == "airbyte/source-acme:dev"
        form = own.run("spec").only("SPEC")["connectionSpecification"]
        assert list(form["properties"]) == ["api_token", "start_date"]
    finally:
        image.engine.call("image", "rm", "--force", own.name)


def test_airbytes_own_tests_of_images(image: Image, shop: Shop, tmp_path: Path) -> None:
    """The CDK's DockerConnectorTestSuite passes: spec, check, discover and a read of every stream."""
    connector = tmp_path / "source-rest-api"
    (connector / "integration_tests").mkdir(parents=True)
    for name in ("metadata.yaml", "acceptance-test-config.yml"):
        shutil.copy(ROOT / name, connector)
    for name in ("config.json", "invalid_config.json"):
        config = json.loads((ROOT / "integration_tests" / name).read_text())
        (connector / "integration_tests" / name).write_text(json.dumps({**config, "url_base": shop.url}))
    (connector / "test_image.py").write_text(AIRBYTES_TESTS)
    # The suite calls `docker`, and expects the API elsewhere than on loopback.
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = run ]; then shift; set -- run --network host "$@"; fi\n'
        f'exec {shutil.which(image.engine.name)} "$@"\n'
    )
    docker.chmod(0o755)
    plugins = ("-p", "airbyte_cdk.test.standard_tests.pytest_hooks", "-p", "no:cacheprovider", "-p", "no:randomly")
    options = ("--connector-image", image.name, "--read-from-streams=all")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *options, "-m", "image_tests", "-ra", "."],
        env={**image.engine.environment, "PATH": f"{docker.parent}:{os.environ['PATH']}"},
        cwd=connector,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " 6 passed" in done.stdout, done.stdout


MANIFESTS = ROOT / "tests" / "manifests"
IN_IMAGE = "/airbyte/integration_code/source_declarative_manifest"


def in_the_image(api: Api, folder: Folder, manifest: Path) -> tuple[str, ...]:
    """Mount a manifest at the path that it has in images of low-code connectors."""
    folder.put(config=manifest_config(api))
    (folder.path / "manifest.yaml").write_bytes(manifest.read_bytes())
    return ("--volume", f"{folder.path}:{IN_IMAGE}")


def by_argument(api: Api, folder: Folder, manifest: Path) -> tuple[str, ...]:
    """Name a manifest on the command line."""
    in_the_image(api, folder, manifest)
    return ()


def in_the_config(api: Api, folder: Folder, manifest: Path) -> tuple[str, ...]:
    """Send a manifest in the config, as the Connector Builder does."""
    given = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    folder.put(config={**manifest_config(api), "__injected_declarative_manifest": given})
    return ()


@pytest.mark.parametrize(
    ("name", "give"), [("paging", by_argument), ("parents", in_the_image), ("intervals", in_the_config)]
)
def test_a_low_code_manifest_runs(image: Image, folder: Folder, name: str, give: Any) -> None:
    """Each of the three ways gives the records that the manifest gives outside of the image."""
    path = MANIFESTS / f"{name}.yaml"
    with imitation() as api:
        expected = engines.ours(path, api, manifest_config(api))
        offered = ManifestConnector.at(path).session(manifest_config(api)).offered
        options = (*give(api, folder, path), *folder.at("/secrets"), *image.engine.read_only, *HARDENED)
        folder.put(catalog=catalog.of_all(offered))
        more = ("--manifest-path", "/secrets/manifest.yaml") if give is by_argument else ()
        check = image.run("check", *READ[1:3], *more, options=options)
        read = image.run(*READ, *more, options=options)
    assert (check.code, check.only("CONNECTION_STATUS")["status"]) == (0, "SUCCEEDED"), check.out
    assert (read.code, read.err) == (0, b"")
    assert set(read.statuses.values()) == {"COMPLETE"}
    found: dict[str, list[str]] = {}
    for message in read.messages:
        if message["type"] == "RECORD":
            found.setdefault(message["record"]["stream"], []).append(engines.text(message["record"]["data"]))
    assert {stream: sorted(records) for stream, records in found.items()} == expected.records
