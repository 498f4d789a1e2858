"""What answers of one API mean, where it is not what they mean everywhere else."""

from __future__ import annotations

import re
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Raw
from msgspec.structs import replace
from pydantic import BeforeValidator, PositiveFloat, WithJsonSchema, model_validator

from source_rest_api.errors import ConfigError, InternalError, SourceError, TransientError
from source_rest_api.formats import raw_json
from source_rest_api.http import error_policy, rate_limits
from source_rest_api.http.error_policy import Verdict
from source_rest_api.http.response import describe
from source_rest_api.model import Model, Path, Text
from source_rest_api.records.decoders import Json
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Self

    from source_rest_api.http.response import Response

_STATUS = re.compile(r"[1-5](\d\d|xx)", re.IGNORECASE)
_KINDS: dict[str, type[SourceError]] = {"config": ConfigError, "transient": TransientError, "system": InternalError}
_MESSAGE_NAMES = frozenset({"response", "status"})


def _scalars(value: object) -> object:
    """One scalar or several, as JSON writes them."""
    return [_scalar(item) for item in (value if isinstance(value, list | tuple) else [value])]


def _scalar(value: object) -> object:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value) if isinstance(value, int | float) else value


Scalars = Annotated[
    tuple[str, ...],
    BeforeValidator(_scalars),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}, mode="validation"),
]


class RuleInput:
    """An answer as rules look at it."""

    def __init__(self, response: Response) -> None:
        self.response = response

    @cached_property
    def root(self) -> Raw | None:
        """The body's JSON value; None if it is none, or is read while it arrives."""
        try:
            return Json().decode(self.response) if self.response.body else None
        except SourceError:
            return None

    def values(self, path: Path) -> Iterator[Raw]:
        """What stands at a path of the body, in which `*` is every item or field."""
        for _, value in raw_json.matches(self.root or Raw(b"null"), path):
            if value is not None:
                yield value


class ErrorRule(Model):
    """What an answer means. A rule fits where all of its conditions hold; the first one that fits decides."""

    status: Scalars = ()
    """Statuses that it is for, such as `404`, `[403, 404]` or `5xx`; by default any, that of a success too."""
    body_contains: str | None = None
    """A text in the body."""
    path: Path | None = None
    """Where in the JSON body something stands that is not null, false, 0 or empty, such as `error.code`; `*` is every
    item of an array."""
    values: Scalars = ()
    """What has to stand at `path`: one of these, such as `ratelimited`, or `false` for `path: ok`."""
    header: str | None = None
    """A header that is there."""
    header_values: Scalars = ()
    """What `header` has to hold: one of these."""
    action: Literal["fail", "retry", "rate_limited", "refresh_token", "ignore", "stop", "accept"] = "fail"
    """`fail`: the stream fails. `retry`: it is asked again, as often as `retry` allows. `rate_limited`: all requests of
    the endpoint wait until the limit ends. `refresh_token`: it is asked once more, with new credentials. `ignore`: it
    is a last page without records, as for a child that is gone. `stop`: it is the last page, whose records count if its
    status is that of a success. `accept`: it is no error, whatever its status or its `error` says."""
    message: Text | None = None
    """What the error says. A template may read `status` and `response`, the JSON body: `{{ response.error.text }}`."""
    failure_type: Literal["config", "transient", "system"] | None = None
    """Whose turn it is: the user's (`config`), or nobody's but time's (`transient`). By default as the status says."""
    wait_header: str | None = None
    """For `retry` and `rate_limited`: the header that says how long to wait, if it is none of the usual ones. Seconds,
    a time since 1970 in seconds or milliseconds, or a date."""
    wait_path: Path | None = None
    """The same, in the JSON body."""
    wait_seconds: PositiveFloat | None = None
    """How long to wait, where the API does not say it."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not (self.status or self.body_contains or self.path or self.header):
            raise ValueError("has no condition: set `status`, `body_contains`, `path` or `header`")
        for status in self.status:
            if not _STATUS.fullmatch(status):
                raise ValueError(f"`status` must be a number such as 404, or a class such as 5xx, not {status!r}")
        if (self.values and self.path is None) or (self.header_values and self.header is None):
            raise ValueError("`values` belong to a `path`, and `header_values` to a `header`")
        waits = self.wait_header or self.wait_path or self.wait_seconds
        if waits and self.action not in {"retry", "rate_limited"}:
            raise ValueError("waits belong to `action: retry` and `action: rate_limited`")
        unknown = templates.names(self.message or "") - _MESSAGE_NAMES
        if unknown:
            raise ValueError(f"`message` reads `{min(unknown)}`; here it can read `response` and `status`")
        return self

    def fits(self, answer: RuleInput) -> bool:
        """Whether all conditions hold."""
        return (
            self._has_status(answer.response.status)
            and self._has_header(answer.response)
            and (self.body_contains is None or self.body_contains.encode() in answer.response.body)
            and (self.path is None or any(map(self._has, answer.values(self.path))))
        )

    def wait(self, answer: RuleInput) -> float | None:
        """Seconds to wait by the rule's own fields; None if they say nothing."""
        headers = answer.response.headers
        texts = [headers.get(self.wait_header, "")] if self.wait_header else []
        if self.wait_path is not None:
            texts += [raw_json.text(value) or "" for value in answer.values(self.wait_path)]
        waits = (rate_limits.until(text, headers) for text in texts)
        return next((seconds for seconds in waits if seconds is not None), self.wait_seconds)

    def error(self, answer: RuleInput, otherwise: SourceError) -> SourceError:
        """What is raised: of the rule's type and with its message, or `otherwise`."""
        message = self._message(answer)
        if message is None and self.failure_type is None:
            return otherwise
        kind = type(otherwise) if self.failure_type is None else _KINDS[self.failure_type]
        return kind(message or otherwise.message, describe(answer.response) if message else otherwise.detail)

    def _message(self, answer: RuleInput) -> str | None:
        if self.message is None:
            return None
        response = None if answer.root is None else raw_json.decode(answer.root)
        try:
            return templates.render(self.message, {"response": response, "status": answer.response.status})
        except ConfigError:  # the API's answer is what has to be told
            return None

    def _has_status(self, status: int) -> bool:
        return not self.status or not {str(status), f"{status // 100}xx"}.isdisjoint(map(str.lower, self.status))

    def _has_header(self, response: Response) -> bool:
        value = None if self.header is None else response.headers.get(self.header)
        return self.header is None or (value is not None and (not self.header_values or value in self.header_values))

    def _has(self, value: Raw) -> bool:
        if not self.values:
            return not raw_json.is_nothing(value)
        text = raw_json.text(value)
        return (bytes(value).decode() if text is None else text) in self.values


class ErrorPolicy:
    """What answers to the requests of one endpoint mean.

    Args:
        rules: In their order; what none of them fits means what it means everywhere.
    """

    def __init__(self, rules: Sequence[ErrorRule]) -> None:
        self._rules = rules

    def rule(self, answer: RuleInput) -> ErrorRule | None:
        """The first rule that fits."""
        return next((rule for rule in self._rules if rule.fits(answer)), None)

    def refuses_credentials(self, response: Response) -> bool:
        """Whether newer credentials may help."""
        if response.status == HTTPStatus.UNAUTHORIZED:
            return True
        rule = self.rule(RuleInput(response)) if self._rules else None
        return rule is not None and rule.action == "refresh_token"

    def judge(self, response: Response) -> Verdict | Response:
        """The response as it is to be read, or what is wrong with it."""
        answer = RuleInput(response)
        rule = self.rule(answer) if self._rules else None
        usual = error_policy.judge(response)
        if rule is None:
            return usual or response
        if rule.action == "accept":
            return replace(response, is_accepted=True)
        if rule.action == "ignore" or (rule.action == "stop" and usual is not None):
            reason = f"HTTP {response.status}, `action: {rule.action}`"
            return replace(response, last_reason=reason, is_ignored=rule.action == "ignore")
        if rule.action == "stop":
            return replace(response, last_reason="an error rule with `action: stop`", is_accepted=True)
        return _verdict(rule, answer, usual)


def _verdict(rule: ErrorRule, answer: RuleInput, usual: Verdict | None) -> Verdict:
    message = f"A rule in `errors` calls this answer an error: {describe(answer.response)}."
    if rule.action == "fail":
        return Verdict(rule.error(answer, ConfigError(message) if usual is None else usual.error))
    if rule.action == "refresh_token":
        advice = " There are no newer credentials: check `authentication`."
        return Verdict(rule.error(answer, ConfigError(message + advice) if usual is None else usual.error))
    known = usual is not None and isinstance(usual.error, TransientError)
    error = rule.error(answer, usual.error if usual is not None and known else TransientError(message))
    limited = rule.action == "rate_limited"
    wait = rule.wait(answer)
    if wait is None:
        headers = answer.response.headers
        wait = rate_limits.wait(headers) if limited else rate_limits.retry_after(headers)
    # Whoever wrote the rule knows that it may be sent again, even a POST.
    return Verdict(error, retry=True, wait=wait, limited=limited, refused=True)
