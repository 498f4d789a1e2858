"""Error rules: the config's own interpretation of responses, before the default error policy."""

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Literal, Protocol, TypeAlias

from msgspec import Raw
from msgspec.structs import replace
from pydantic import AfterValidator, BeforeValidator, PositiveFloat, WithJsonSchema, model_validator
from pydantic.json_schema import SkipJsonSchema
from typing_extensions import Self

from source_rest_api.errors import ConfigError, InternalError, SourceError, TransientError
from source_rest_api.formats import raw_json
from source_rest_api.http import error_policy, rate_limits
from source_rest_api.http.error_policy import Verdict
from source_rest_api.http.response import Response, describe
from source_rest_api.http.rule_input import RuleInput
from source_rest_api.model import Model, Path, Text, own
from source_rest_api.spellings import TEXTS, InFile, only_in_python
from source_rest_api.templates import templates

_STATUS = re.compile(r"[1-5](\d\d|xx)", re.IGNORECASE)
_KINDS: dict[str, type[SourceError]] = {"config": ConfigError, "transient": TransientError, "system": InternalError}
_NAMES = {
    "when": ("response", "headers", "status"),
    "wait_expression": ("response", "headers", "status"),
    "message": ("response", "status"),
}
"""The names that the templates of a rule may read, by its fields."""


def _scalars(value: object) -> object:
    """Return one scalar or several as a list of texts, each written as in JSON."""
    return [_scalar(item) for item in (value if isinstance(value, list | tuple) else [value])]


def _scalar(value: object) -> object:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value) if isinstance(value, int | float) else value


Scalars = Annotated[
    tuple[str, ...],
    BeforeValidator(_scalars),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}, mode="validation"),
    InFile(TEXTS),
]


class WaitProtocol(Protocol):
    """The contract of a time to wait of a connector's own."""

    @property
    def type(self) -> str:
        """Its name."""

    def seconds(self, response: Response) -> float | None:
        """Returns the seconds to wait after a response; None to let the other settings decide."""


OwnWait: TypeAlias = Annotated[
    SkipJsonSchema[Any], AfterValidator(only_in_python), own(WaitProtocol, advice="give it `type` and `seconds`")
]
"""A time to wait of a connector's own. Configs in files have none."""


class ErrorRule(Model):
    """Interprets a response. A rule matches if all of its conditions hold; the first matching rule decides."""

    status: Scalars = ()
    """Statuses to match, such as `404` or `5xx`. By default any status, success included."""
    body_contains: str | None = None
    """A text that the body must contain."""
    path: Path | None = None
    """A path in the JSON body, such as `error.code`; `*` is every item of an array. Without `values`, it matches a
    value that is not null, false, 0 or empty."""
    values: Scalars = ()
    """Values to match at `path`, such as `ratelimited`, or `false` where `path` is `ok`. One of them must be there."""
    header: str | None = None
    """A header that the response must have."""
    header_values: Scalars = ()
    """Values to match in `header`. One of them must be there."""
    when: Annotated[Text, BeforeValidator(templates.braced)] | None = None
    """An expression that must be true, such as `response.error.code == 7`. It reads `response` (the JSON body),
    `headers` and `status`. A missing value is null."""
    action: Literal["fail", "retry", "rate_limited", "refresh_token", "ignore", "stop", "restart", "accept"] = "fail"
    """`fail`: fails the stream. `retry`: retries the request, within the limits of `retry`. `rate_limited`: all
    requests to the endpoint wait until the limit ends. `refresh_token`: retries once with new credentials. `ignore`: a
    last page without records, as for a child that no longer exists. `stop`: the last page; its records are read if the
    status is a success. `restart`: reads the slice from its first page again, up to three times, as for an expired
    scroll. `accept`: not an error, whatever its status or its `error` says."""
    message: Text | None = None
    """The error message. A template may read `status` and `response`, the JSON body: `{{ response.error.text }}`."""
    failure_type: Literal["config", "transient", "system"] | None = None
    """Type of the error: `config` (the user must change something), `transient` (a later attempt may succeed) or
    `system` (an internal error). By default it follows from the status."""
    wait_header: str | None = None
    """For `retry` and `rate_limited`: the header with the time to wait, if it is not a standard one. It holds seconds,
    a time since 1970 in seconds or milliseconds, or a date."""
    wait_path: Path | None = None
    """Path of the time to wait in the JSON body, in the same formats as `wait_header`."""
    wait_expression: Annotated[Text, BeforeValidator(templates.braced)] | None = None
    """An expression for the time to wait, such as `response.minutes * 60`, in the same formats as `wait_header`. It
    reads what `when` reads."""
    wait_seconds: PositiveFloat | None = None
    """Seconds to wait if the response does not say how long."""

    wait_by: OwnWait = None
    """The time to wait in Python, for a connector of your own. It goes before the other `wait_…` fields."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not (self.status or self.body_contains or self.path or self.header or self.when):
            raise ValueError("the rule has no condition: set `status`, `body_contains`, `path`, `header` or `when`")
        for status in self.status:
            if not _STATUS.fullmatch(status):
                raise ValueError(f"`status` must be a number such as 404, or a class such as 5xx, not {status!r}")
        if (self.values and self.path is None) or (self.header_values and self.header is None):
            raise ValueError("`values` requires `path`, and `header_values` requires `header`")
        waits = self.wait_header or self.wait_path or self.wait_expression or self.wait_seconds
        if waits and self.action not in {"retry", "rate_limited"}:
            raise ValueError(
                "`wait_header`, `wait_path`, `wait_expression` and `wait_seconds` require `action: retry` or "
                "`action: rate_limited`"
            )
        for field, (*others, last) in _NAMES.items():
            unknown = templates.names(getattr(self, field) or "") - {*others, last}
            if unknown:
                known = f"`{'`, `'.join(others)}` or `{last}`"
                raise ValueError(f"`{field}` reads `{min(unknown)}`, which is unknown here; use {known}")
        return self

    def fits(self, answer: RuleInput) -> bool:
        """Return True if all conditions hold."""
        return (
            self._has_status(answer.response.status)
            and self._has_header(answer.response)
            and (self.body_contains is None or self.body_contains.encode() in answer.response.body)
            and (self.path is None or any(map(self._has, answer.values(self.path))))
            and (self.when is None or answer.holds(self.when))
        )

    def wait(self, answer: RuleInput) -> float | None:
        """Return the seconds to wait by the rule's `wait_*` fields; None if they give no time."""
        own = None if self.wait_by is None else self.wait_by.seconds(answer.response)
        if own is not None:
            return float(own)
        headers = answer.response.headers
        texts = [headers.get(self.wait_header, "")] if self.wait_header else []
        if self.wait_path is not None:
            texts += [raw_json.text(value) or "" for value in answer.values(self.wait_path)]
        if self.wait_expression is not None:
            texts.append(answer.result(self.wait_expression))
        waits = (rate_limits.until(text, headers) for text in texts)
        return next((seconds for seconds in waits if seconds is not None), self.wait_seconds)

    def error(self, answer: RuleInput, otherwise: SourceError) -> SourceError:
        """Return the error to raise, with the rule's type and message; `otherwise` if the rule sets neither."""
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
        except ConfigError:  # report the API's response, not the broken template
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
    """Interprets the responses of one endpoint.

    Args:
        rules: The error rules, in order of priority.
        usual: Judges a response that no rule matches; returns None for a success.
    """

    def __init__(
        self, rules: Sequence[ErrorRule] = (), usual: Callable[[Response], Verdict | None] = error_policy.judge
    ) -> None:
        self._rules = rules
        self._usual = usual

    def rule(self, answer: RuleInput) -> ErrorRule | None:
        """Return the first rule that matches; None if none does."""
        return next((rule for rule in self._rules if rule.fits(answer)), None)

    def refuses_credentials(self, response: Response) -> bool:
        """Return True if the API rejected the credentials, so that new ones may help."""
        if response.status == HTTPStatus.UNAUTHORIZED:
            return True
        rule = self.rule(RuleInput(response)) if self._rules else None
        return rule is not None and rule.action == "refresh_token"

    def judge(self, response: Response, *, conditional: bool = False, asynchronous: bool = False) -> Verdict | Response:
        """Return the response to read, or the verdict on a failure.

        Args:
            response: The response.
            conditional: True if 304 means that nothing changed since an earlier sync.
            asynchronous: True if a 202 is a complete response, because the request concerns a job.
        """
        answer = RuleInput(response)
        rule = self.rule(answer) if self._rules else None
        if rule is None and conditional and response.status == HTTPStatus.NOT_MODIFIED:
            return replace(response, last_reason="nothing changed (HTTP 304)")
        usual = self._usual(response)
        if rule is None:
            return usual or (None if asynchronous else error_policy.judge_part(response)) or response
        if rule.action == "accept":
            return replace(response, is_accepted=True)
        if rule.action == "ignore" or (rule.action == "stop" and usual is not None):
            reason = f"HTTP {response.status}, `action: {rule.action}`"
            return replace(response, last_reason=reason, is_ignored=rule.action == "ignore")
        if rule.action == "stop":
            return replace(response, last_reason="an error rule with `action: stop`", is_accepted=True)
        return _verdict(rule, answer, usual)


def _verdict(rule: ErrorRule, answer: RuleInput, usual: Verdict | None) -> Verdict:
    message = f"The API returned {describe(answer.response)}, which a rule in `errors` treats as an error."
    if rule.action == "fail":
        return Verdict(rule.error(answer, ConfigError(message) if usual is None else usual.error))
    if rule.action == "refresh_token":
        advice = " New credentials did not help, or there are none: check `authentication`."
        return Verdict(rule.error(answer, ConfigError(message + advice) if usual is None else usual.error))
    known = usual is not None and isinstance(usual.error, TransientError)
    if rule.action == "restart":
        breaks = f"The API returned {describe(answer.response)}, and the list ended early again after each restart."
        error = rule.error(answer, TransientError(breaks))
        error.begins_anew = True
        return Verdict(error)
    error = rule.error(answer, usual.error if usual is not None and known else TransientError(message))
    limited = rule.action == "rate_limited"
    wait = rule.wait(answer)
    if wait is None:
        headers = answer.response.headers
        wait = rate_limits.wait(headers) if limited else rate_limits.retry_after(headers)
    # The author of a retry rule vouches that the request may be sent again, even a POST.
    return Verdict(error, retry=True, wait=wait, limited=limited, refused=True)
