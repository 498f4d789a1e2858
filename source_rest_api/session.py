"""A connector with a valid config: `check`, `discover` and `read`, each a generator of blocks of lines."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from source_rest_api.auth.sign_in import token_exchange
from source_rest_api.config import masking, sign_ins
from source_rest_api.config.config_updates import ConfigUpdates
from source_rest_api.errors import ConfigError
from source_rest_api.http.concurrency import Permits
from source_rest_api.http.cookies import Cookies
from source_rest_api.http.credentials import answer_of
from source_rest_api.http.request_log import RequestLog
from source_rest_api.http.requester import Requester
from source_rest_api.protocol import catalog, messages
from source_rest_api.protocol.messages import Messages
from source_rest_api.streams.parents import Parents
from source_rest_api.streams.stream import Stream
from source_rest_api.sync.offer import Offer
from source_rest_api.sync.stream_read import StreamRun
from source_rest_api.sync.sync import Sync
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import ThreadPoolExecutor
    from threading import Event

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.http.credentials import Credentials
    from source_rest_api.http.per_endpoint import PerEndpoint
    from source_rest_api.http.retry import Retry
    from source_rest_api.http.transport import TransportName
    from source_rest_api.sync.trial import Trial

_PROBES = 8  # streams that `check` and `discover` look at at the same time


class Session:
    """A connector with a valid config.

    Args:
        config: The generic config.
        raw_config: The config as the user wrote it, for templates.
        stop: Set from outside to end early; the session sets it if the caller abandons a read.
        secrets: Texts to mask in all output, besides the secrets of `config`.
        pass_on: Receives the whole config when it changes, and returns once it is saved.
        transport: The HTTP client.
        offer: The streams that it offers; by default all endpoints.
    """

    def __init__(
        self,
        config: Config,
        raw_config: Mapping[str, Any],
        stop: Event,
        secrets: Iterable[str] = (),
        pass_on: Callable[[dict[str, Any]], None] | None = None,
        transport: TransportName = "own",
        offer: Offer | None = None,
    ) -> None:
        self.config = config
        names = frozenset(endpoint.name for endpoint in config.streams)
        self._offer = Offer(names, names) if offer is None else offer
        self.mask = masking.masker([*masking.secrets_of(config), *secrets])
        self.complete = True
        """True if the last read reached the end of every stream, or the last check found no error."""
        self.inferred: Mapping[str, Any] = {}
        """The schemas by stream name that the last discover inferred."""
        self.runs: Sequence[StreamRun] = ()
        """The streams of the last read."""
        self.now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
        """Returns the current time, up to which a sync reads."""
        self.pause = 0.5
        """Seconds between two states of a stream."""
        self._raw_config = raw_config
        self._stop = stop
        self._transport: TransportName = transport
        self._keeper = ConfigUpdates(raw_config, self.mask, pass_on)
        self._credentials: PerEndpoint[Credentials] | None = None
        self._cookies = Cookies()
        self._out = Messages(self.mask)

    def check(self) -> Iterator[bytes]:
        """Tests every endpoint with a few requests and yields the CONNECTION_STATUS message."""
        from source_rest_api.sync import check  # noqa: PLC0415 -- keeps the start of a read fast

        log = RequestLog(keep=True)
        with self._requester(self.config.retry.hasty(), log=log) as requester:
            make = self._streams(requester, most_pages=check.MOST_PARENT_PAGES)
            with self._threads() as pool:
                probes = list(pool.map(check.Probe.of, filter(None, map(make, self._named(self._offer.checked)))))
        self.complete, message = check.report(probes, log.sent)
        yield self._out.connection_status(None if self.complete else message, message)

    @contextmanager
    def probing(self) -> Iterator[Callable[[str], Stream | None]]:
        """Gives the streams by name, to prove a config that is not complete; their requests give up early."""
        with self._requester(self.config.retry.hasty()) as requester:
            yield self._streams(requester)

    def discover(self) -> Iterator[bytes]:
        """Yields the CATALOG message; schemas that the config does not declare are inferred from the first pages.

        Streams whose first pages cannot be read are left out, and named in the log.

        Raises:
            SourceError: No stream can be read.
        """
        from source_rest_api.sync import discovery  # noqa: PLC0415 -- keeps the start of a read fast

        with (
            self._requester(self.config.retry.hasty()) as requester,
            self._threads() as pool,
        ):
            made = map(self._streams(requester), self._named(self._offer.streams))
            descriptions = list(pool.map(discovery.Description.of, filter(None, made)))
        self.inferred = discovery.inferred(descriptions)
        yield messages.catalog(discovery.entries(descriptions))

    def trials(self, names: Sequence[str], limit: int) -> Iterator[Trial]:
        """Reads the first records of streams, one stream after another, and yields what came and what it took.

        Args:
            names: The streams; if empty, all.
            limit: Number of records of each stream.

        Raises:
            ConfigError: There is no stream of such a name.
        """
        from source_rest_api.sync import trial  # noqa: PLC0415 -- keeps the start of a read fast

        chosen = catalog.chosen(self.offered, names)
        log = RequestLog(keep=True)
        with self._requester(self.config.retry.hasty(), log=log) as requester:
            for stream in filter(None, map(self._streams(requester), chosen)):
                yield trial.run(stream, log, limit)

    def read(self, configured: Any, states: Mapping[str, Mapping[str, Any]]) -> Iterator[bytes]:
        """Yields the STATUS, RECORD, STATE and ERROR messages of the configured streams, and sets `complete`.

        Raises:
            ConfigError: Before the first message: the catalog or `url_base` is not valid.
        """
        chosen = catalog.load(configured)
        schemas = {each.name: each.json_schema for each in chosen}
        reach = self.config.max_concurrency
        permits = Permits(reach)
        with self._requester(self.config.retry, permits) as requester:
            make = self._streams(requester, schemas)
            self.runs = [
                StreamRun(each, make, self._offer.state(each.name, states.get(each.name)), reach) for each in chosen
            ]
            sync = Sync(self.runs, self._out, permits, self._stop, self.now, self.pause)
            requester.on_limit, requester.job_slots.on_rest = sync.limited, sync.spare
            try:
                yield from sync.run()
            except GeneratorExit:
                self._stop.set()  # the caller abandons the read: end waiting threads too
                raise
            finally:
                self.complete = sync.complete

    @property
    def offered(self) -> list[Endpoint]:
        """The endpoints that are streams for the user."""
        return [endpoint for endpoint in self.config.streams if endpoint.name in self._offer.streams]

    def _threads(self) -> ThreadPoolExecutor:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 -- a read has threads of its own

        return ThreadPoolExecutor(min(self.config.max_concurrency, _PROBES))

    def _named(self, names: frozenset[str]) -> list[str]:
        return [endpoint.name for endpoint in self.config.streams if endpoint.name in names]

    def _requester(self, retry: Retry, permits: Permits | None = None, log: RequestLog | None = None) -> Requester:
        own = {each.name: self._home(each.url_base, each.name) for each in self.config.streams if each.url_base}
        http = self.config.http(self._home(self.config.url_base), own)
        settings = replace(http, retry=retry, transport=self._transport, log=log or RequestLog(), cookies=self._cookies)
        if self._credentials is None:
            self._credentials = sign_ins.start(self.config, self._keeper, token_exchange(settings, self._stop))
        return Requester(settings, self._stop, credentials=self._credentials, permits=permits)

    def _home(self, url_base: str, endpoint: str = "") -> str | Callable[[], str]:
        """Returns a base URL; a function if it is known only from the token response."""
        context = self.config.context(self._raw_config)
        if templates.ANSWER not in templates.names(url_base):
            return templates.render(url_base, context)

        def told() -> str:
            answer = {} if self._credentials is None else answer_of(self._credentials.of(endpoint))
            return templates.render(url_base, {**context, templates.ANSWER: answer})

        return told

    def _streams(
        self,
        requester: Requester,
        schemas: Mapping[str, Mapping[str, Any]] | None = None,
        most_pages: int | None = None,
    ) -> Callable[[str], Stream | None]:
        """Returns a function that makes the stream of a name, or None; the streams share the records of parents.

        Args:
            requester: Sends their requests.
            schemas: The schemas of the streams in a configured catalog.
            most_pages: Upper limit of the pages of a parent.
        """
        endpoints = {endpoint.name: endpoint for endpoint in self.config.streams}

        def make(endpoint: Endpoint, parents: Parents) -> Stream:
            return Stream(self.config, endpoint, requester, self._raw_config, self.now, self.mask, parents)

        parents = Parents(self.config, make, most_pages)

        def named(name: str) -> Stream | None:
            if name in self._offer.missing:
                raise ConfigError(f"Stream {name} cannot be read: {self._offer.missing[name]}.")
            if name not in endpoints:
                return None
            endpoint = endpoints[name].filled(self._raw_config)
            return make(endpoint.spelled_by((schemas or {}).get(name, {})), parents)

        return named
