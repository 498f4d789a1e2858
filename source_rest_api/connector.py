"""The connector: the protocol's four verbs, each a generator of blocks of lines."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from itertools import islice
from threading import Event
from typing import TYPE_CHECKING, Any, ClassVar

from source_rest_api.auth.sign_in import sign_in
from source_rest_api.config import loading, masking
from source_rest_api.config.config import Config
from source_rest_api.config.config_updates import ConfigUpdates
from source_rest_api.errors import InternalError
from source_rest_api.http.concurrency import Permits
from source_rest_api.http.requester import Requester
from source_rest_api.protocol import catalog, messages
from source_rest_api.protocol.messages import Messages
from source_rest_api.streams.parents import Parents
from source_rest_api.streams.stream import Stream
from source_rest_api.sync.stream_read import StreamRun
from source_rest_api.sync.sync import Sync
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.http.credentials import Credentials
    from source_rest_api.http.retry import Retry
    from source_rest_api.model import Model

_LOG = logging.getLogger("airbyte.source_rest_api.connector")
_SAMPLED_PAGES = 3
_HASTY = {"max_attempts": 2, "max_seconds": 30, "rate_limit_seconds": 60}
"""Patience of check and discover, for which somebody waits at a screen."""


class Connector:
    """A source for one kind of config. A connector of one's own has its own config model and `api`."""

    config_model: ClassVar[type[Model]] = Config
    """What the form asks for."""
    documentation_url: ClassVar[str] = "https://docs.airbyte.com/integrations/sources/rest-api"

    def spec(self) -> Iterator[bytes]:
        """The SPEC message."""
        yield messages.spec(self.specification())

    def specification(self) -> dict[str, Any]:
        """The ConnectorSpecification."""
        from source_rest_api.protocol import spec  # noqa: PLC0415 -- start-up counts, and a read shows no form

        return spec.specification(self.config_model, self.documentation_url)

    def api(self, config: Any) -> Config:
        """The API that a config stands for; by default the config is all there is to say."""
        whole: Config = config
        return whole

    def session(
        self,
        raw_config: Mapping[str, Any],
        stop: Event | None = None,
        pass_on: Callable[[dict[str, Any]], None] | None = None,
    ) -> Session:
        """Validate a config, to use it.

        Args:
            raw_config: The config as the user wrote it.
            stop: Set from outside to end early, and when a read is given up by who took it.
            pass_on: Takes the whole config when it changes (a new refresh token), and returns when it is safe.

        Raises:
            ConfigError: With all that is wrong with it.
        """
        own = loading.validated(raw_config, self.config_model)
        api = loading.checked(loading.built(self.api, own))
        return Session(api, raw_config, stop or Event(), masking.secrets_of(own), pass_on)


class Session:
    """A connector with a config.

    Args:
        config: The API.
        raw_config: The config as the user wrote it, for templates.
        stop: Set from outside to end early, and when a read is given up by who took it.
        secrets: What must not be printed, beside the secrets of `config`.
        pass_on: Takes the whole config when it changes, and returns when it is safe.
    """

    def __init__(
        self,
        config: Config,
        raw_config: Mapping[str, Any],
        stop: Event,
        secrets: Iterable[str] = (),
        pass_on: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.config = config
        self.mask = masking.masker([*masking.secrets_of(config), *secrets])
        self.complete = True
        """Whether the last read came to its end in every stream."""
        self.now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
        """The time of day; reads go up to it."""
        self.pause = 0.5
        """Seconds between the states of a stream."""
        self._raw_config = raw_config
        self._stop = stop
        self._keeper = ConfigUpdates(raw_config, self.mask, pass_on)
        self._credentials: Credentials | None = None
        self._out = Messages(self.mask)

    def check(self) -> Iterator[bytes]:
        """The CONNECTION_STATUS message, after trying the first page of every endpoint."""
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 -- a read has threads of its own

        from source_rest_api.sync.check import Probe  # noqa: PLC0415 -- start-up counts, and a read tries nothing

        with self._requester(_hasty(self.config.retry)) as requester:
            streams = list(map(self._streams(requester), [endpoint.name for endpoint in self.config.streams]))
            with ThreadPoolExecutor(self.config.max_concurrency) as pool:
                probes = list(pool.map(Probe.of, filter(None, streams)))
        problems = [probe.problem for probe in probes if probe.problem is not None]
        for problem in problems:
            if isinstance(problem, InternalError):
                raise problem
        seen = "; ".join(probe.seen for probe in probes if probe.problem is None)
        yield self._out.connection_status("\n".join(map(str, problems)) or None, seen)

    def discover(self) -> Iterator[bytes]:
        """The CATALOG message; schemas that the config does not declare are inferred from the first pages.

        Raises:
            SourceError: The first pages of a stream cannot be read.
        """
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 -- a read has threads of its own

        with (
            self._requester(_hasty(self.config.retry)) as requester,
            ThreadPoolExecutor(self.config.max_concurrency) as pool,
        ):
            made = map(self._streams(requester), [endpoint.name for endpoint in self.config.streams])
            streams = list(pool.map(_described, filter(None, made)))
        yield messages.catalog(streams)

    def read(self, configured: Any, states: Mapping[str, Mapping[str, Any]]) -> Iterator[bytes]:
        """STATUS, RECORD, STATE and ERROR messages of the configured streams; `complete` tells how it went.

        Raises:
            ConfigError: Before the first message: the catalog is none, or `url_base` is no URL.
        """
        chosen = catalog.load(configured)
        schemas = {each.name: each.json_schema for each in chosen}
        workers = self.config.max_concurrency
        permits = Permits(workers)
        with self._requester(self.config.retry, permits) as requester:
            make = self._streams(requester, schemas)
            reads = [StreamRun(each, make, states.get(each.name), workers) for each in chosen]
            sync = Sync(reads, self._out, permits, workers, self._stop, self.now, self.pause)
            requester.on_limit = sync.limited
            try:
                yield from sync.run()
            except GeneratorExit:
                self._stop.set()  # nobody reads on: threads that wait to try again end too
                raise
            finally:
                self.complete = sync.complete

    def _requester(self, retry: Retry, permits: Permits | None = None) -> Requester:
        config = self.config.model_copy(update={"retry": retry})
        url_base = templates.render(config.url_base, config.context(self._raw_config))
        self._credentials = self._credentials or sign_in(config, self._keeper, self._stop)
        return Requester(config, url_base, self._stop, credentials=self._credentials, permits=permits)

    def _streams(
        self, requester: Requester, schemas: Mapping[str, Mapping[str, Any]] | None = None
    ) -> Callable[[str], Stream | None]:
        """Makes the streams of one command by their names, or None; they share the reading of their parents.

        Args:
            requester: Sends their requests.
            schemas: The schemas of the streams in a configured catalog.
        """
        endpoints = {endpoint.name: endpoint for endpoint in self.config.streams}

        def make(endpoint: Endpoint, parents: Parents) -> Stream:
            return Stream(self.config, endpoint, requester, self._raw_config, self.now, self.mask, parents)

        parents = Parents(self.config, make)

        def named(name: str) -> Stream | None:
            if name not in endpoints:
                return None
            endpoint = endpoints[name].filled(self._raw_config)
            return make(endpoint.spelled_by((schemas or {}).get(name, {})), parents)

        return named


def _described(stream: Stream) -> dict[str, Any]:
    from source_rest_api.protocol import schema  # noqa: PLC0415 -- start-up counts, and a read infers nothing

    declared = stream.endpoint.json_schema
    if declared is None:
        batches = islice((batch for batch in stream.sample() if batch.records), _SAMPLED_PAGES)
        sample = [record for batch in batches for record in batch.records]
        if not sample:
            _LOG.warning("Stream %s has no records to infer a schema from; declare one as `schema`.", stream.name)
        declared = schema.infer(sample)
    if stream.endpoint.deletions is not None:
        declared = schema.with_deletions(declared)
    return catalog.stream(stream.endpoint, declared)


def _hasty(retry: Retry) -> Retry:
    return retry.model_copy(update={name: min(most, getattr(retry, name)) for name, most in _HASTY.items()})
