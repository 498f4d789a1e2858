"""Recipes for authenticators, requesters, retrievers, routers, cursors and paginators of well-known connectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError
from source_rest_api.records import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from source_rest_api.manifest.document import Component

    Recipe = Callable[[Component, Mapping[str, Any], Mapping[str, Any]], Component | None]


def as_standard(kind: str) -> Recipe:
    """The standard component with the fields of the class."""
    return lambda component, _config, _schema: {**component, "type": kind}


def _basic_oauth(component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """OAuth whose client shows its ID and secret in `Authorization: Basic`."""
    return {**component, "type": "OAuthAuthenticator", "credentials_in": "basic"}


def _from_config_or_parent(component: Component, config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """The IDs that the config names; without any, those of the parent's records."""
    parameters = component.get("$parameters") or {}
    [parent, *_] = component.get("parent_stream_configs") or [{}]
    paths = component.get("path_in_config") or parameters.get("path_in_config") or [[f"{parent['partition_field']}s"]]
    for path in paths:
        found = tree.find(config, path)
        if found:
            return {
                "type": "ListPartitionRouter",
                "values": [str(each) for each in (found if isinstance(found, list) else [found])],
                "cursor_field": parent["partition_field"],
                "request_option": parent.get("request_option"),
                "$parameters": parameters,
            }
    return {**component, "type": "SubstreamPartitionRouter"}


def _all_fields(component: Component, _config: Mapping[str, Any], schema: Mapping[str, Any]) -> Component:
    """A requester that asks for all fields of the schema, in `opt_fields`."""
    if not schema:
        raise ConfigError("`AsanaHttpRequester` needs the schema of its stream in the manifest")
    names = ",".join(_paths(schema.get("properties") or {}))
    given = component.get("request_parameters") or {}
    return {**component, "type": "HttpRequester", "request_parameters": {**given, "opt_fields": names}}


def _paths(properties: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, of in properties.items():
        items = of.get("items")
        inner = of.get("properties") or (items.get("properties") if isinstance(items, dict) else None)
        if inner:
            yield from _paths(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _without_joining(component: Component, config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """The retriever of channels; here it does not join them."""
    if config.get("join_channels"):
        raise ConfigError("`join_channels` has no equivalent here: let the bot join the channels, and switch it off")
    return {**component, "type": "SimpleRetriever"}


def _only_first(component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """A cursor whose start goes into the request of the first page only."""
    return {**component, "type": "DatetimeBasedCursor", "only_first_page": True}


def _to_the_last_page(component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """Pages by number, up to the number of pages that each response says."""
    return {
        "type": "CursorPagination",
        "page_size": component.get("page_size"),
        "cursor_value": "{{ response.response.currentPage + 1 }}",
        "stop_condition": "{{ response.response.currentPage >= response.response.pages }}",
    }


def _in_path(component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """A requester whose parameters are sent without escapes: they stand in the path."""
    given = component.get("request_parameters") or {}
    plain = {name: value for name, value in given.items() if not isinstance(value, dict)}
    query = "&".join(f"{name}={value}" for name, value in plain.items())
    others = {name: value for name, value in given.items() if name not in plain}
    path = f"{component.get('path') or ''}{'?' if query else ''}{query}"
    return {**component, "type": "HttpRequester", "path": path, "request_parameters": others}


def _bearer_from(login: Component) -> Component:
    """An authenticator that sends the `access_token` of a login as a bearer token."""
    return {
        "type": "SessionTokenAuthenticator",
        "login_requester": login,
        "session_token_path": ["access_token"],
        "request_authentication": {"type": "Bearer"},
    }


def _login_with_form(component: Component, config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """A login by a form, at the identity server for the kind of account."""
    names = ("username", "password", "legal_entity", "grant_type", "client_id", "scope")
    server = "younium-identity-server-sandbox" if config.get("playground") else "younium-identity-server"
    login = {
        "type": "HttpRequester",
        "url_base": f"https://{server}.azurewebsites.net/connect/token",
        "http_method": "POST",
        "request_body_data": {name: component[name] for name in names if name in component},
    }
    return _bearer_from(login)


def _server_to_server(component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """OAuth of an account: the client in `Authorization: Basic`, and the account in the query."""
    login = {
        "type": "HttpRequester",
        "url_base": component.get("authorization_endpoint"),
        "http_method": "POST",
        "request_parameters": {"grant_type": "account_credentials", "account_id": component.get("account_id")},
        "authenticator": {
            "type": "BasicHttpAuthenticator",
            "username": component.get("client_id"),
            "password": component.get("client_secret"),
        },
    }
    return _bearer_from(login)


def _days_in_parameter(component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """A cursor that also sends how many days its interval has, the last included."""
    start, end = (f"str_to_datetime(stream_interval['{name}_time'])" for name in ("start", "end"))
    days = {"option": component.get("step_option") or {}, "value": f"{{{{ ({end} - {start}).days + 1 }}}}"}
    return {**component, "type": "DatetimeBasedCursor", "also_sends": [days]}


def _together_or_from_config(component: Component, config: Mapping[str, Any], schema: Mapping[str, Any]) -> Component:
    """The IDs that the config names or, by the hundred, those of the parent's records: a JSON list in a parameter."""
    router = _from_config_or_parent(component, config, schema) or {}
    plain = {name: value for name, value in router.items() if name != "request_option"}
    return {"type": "GroupingPartitionRouter", "group_size": 100, "underlying_partition_router": plain, "as_json": True}


def _until_no_data(component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """A scroll that ends with a page without records."""
    return {**component, "type": "CursorPagination", "stop_condition": "{{ not response.data }}"}


def _pages_up_to(most: int) -> Recipe:
    """Pages by number, of which the API gives only so many to one query: then the query goes on at the newest value."""
    return lambda component, _config, _schema: {
        **component,
        "type": "PageIncrement",
        "result_cap": most * int(component.get("page_size") or 1),
    }


def _in_order(component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """A cursor whose records the API sorts by it."""
    return {**component, "type": "DatetimeBasedCursor", "sorted": True}


def _by_project(*, named: bool = True, **more: str) -> Recipe:
    """A requester that names the project of the config, and sends what each kind of request adds."""

    def made(component: Component, config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
        project = (config.get("credentials") or {}).get("project_id") if named else None
        params = {**({"project_id": project} if project else {}), **more}
        headers = {"Accept": "application/json"}
        return {**component, "type": "HttpRequester", "request_parameters": params, "request_headers": headers}

    return made


def _by_session(component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """Pages by number, of a session that the first response names."""
    part = "{{{{ next_page_token.split(' ')[{}] if next_page_token }}}}"
    return {
        "type": "CursorPagination",
        "page_size": component.get("page_size"),
        "cursor_value": "{{ response['session_id'] ~ ' ' ~ (response['page'] + 1) }}",
        "stop_condition": f"{{{{ response['results'] | length < ({_inner(component.get('page_size'))}) }}}}",
        "in_parameters": {"session_id": part.format(0), "page": part.format(1)},
    }


def _inner(text: Any) -> str:
    """The expression of a template."""
    return str(text).strip().removeprefix("{{").removesuffix("}}").strip()


def _cohort_in_body(component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """A router whose value goes into the body as a JSON text."""
    configs = [
        {**each, "request_option": {**(each.get("request_option") or {}), "around": ['{"id":', "}"]}}
        for each in component.get("parent_stream_configs") or []
    ]
    return {**component, "type": "SubstreamPartitionRouter", "parent_stream_configs": configs}


def _with_name(component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """A router whose slices have the parent's name too."""
    configs = [{**each, "also": {"funnel_name": "name"}} for each in component.get("parent_stream_configs") or []]
    return {**component, "type": "SubstreamPartitionRouter", "parent_stream_configs": configs}


def _for_each_project(component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """Intervals of each parent's record: a router, and a cursor whose bounds the URL of a next page has."""
    [router, cursor] = component["stream_slicers"]
    return {**cursor, "$router": router}


def _at_path(path: str) -> Recipe:
    """A requester whose path the class says."""
    return lambda component, _config, _schema: {**component, "type": "HttpRequester", "path": path}


REQUESTS: dict[str, dict[str, Recipe]] = {
    "AnnotationsHttpRequester": {"mixpanel.com": _by_project(named=False)},
    "AsanaHttpRequester": {"": _all_fields},
    "ChannelsRetriever": {"slack.com": _without_joining},
    "CohortMembersSubstreamPartitionRouter": {"mixpanel.com": _cohort_in_body},
    "CommerceToolsOauth2Authenticator": {"": _basic_oauth},
    "CustomAuthenticator": {"qualaroo.com": as_standard("BasicHttpAuthenticator")},
    "CustomOauth2Authenticator": {"": _basic_oauth},
    "CustomPageIncrement": {"guardianapis.com": _to_the_last_page},
    "CustomYouniumAuthenticator": {"": _login_with_form},
    "DatetimeIncrementalSyncComponent": {"step_option": _days_in_parameter},
    "EngagePaginationStrategy": {"mixpanel.com": _by_session},
    "EngagementsHttpRequester": {"hubapi.com": _at_path("engagements/v1/engagements/paged")},
    "EngagesHttpRequester": {
        "mixpanel.com": _by_project(where='properties["$last_seen"] >= "{{ stream_interval[\'start_time\'] }}"')
    },
    "EventsCartesianProductStreamSlicer": {"posthog": _for_each_project},
    "FormIdPartitionRouter": {"": _from_config_or_parent},
    "FreshdeskTicketsIncrementalSync": {"": _in_order},
    "FreshdeskTicketsPaginationStrategy": {"": _pages_up_to(300)},
    "FreshdeskTicketsIncrementalRequester": {"": as_standard("HttpRequester")},
    "FunnelsHttpRequester": {"mixpanel.com": _by_project(unit="day")},
    "FunnelsSubstreamPartitionRouter": {"mixpanel.com": _with_name},
    "IntercomScrollPagination": {"": _until_no_data},
    "IntercomScrollRetriever": {"": as_standard("SimpleRetriever")},
    "LightSubstreamPartitionRouter": {"": as_standard("SubstreamPartitionRouter")},
    "MixpanelHttpRequester": {"mixpanel.com": _by_project()},
    "MultipleAdvertiserIdsPerPartition": {"": _together_or_from_config},
    "PayPalOauth2Authenticator": {"": _basic_oauth},
    "PinterestOauthAuthenticator": {"": _basic_oauth},
    "RechargeDateTimeBasedCursor": {"": _only_first},
    "SafeEncodeHttpRequester": {"": _in_path},
    "ServerToServerOauthAuthenticator": {"": _server_to_server},
    "SingleAdvertiserIdPerPartition": {"": _from_config_or_parent},
    "SurveyIdPartitionRouter": {"": _from_config_or_parent},
}
"""The recipes by the last part of `class_name`, and by what the manifest has to mention, as others use the name too."""
