"""Classes of well-known connectors that need no file: each becomes the component that does the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from source_rest_api.errors import ConfigError
from source_rest_api.manifest.recipes.known_records import RECORDS
from source_rest_api.manifest.recipes.known_requests import REQUESTS
from source_rest_api.manifest.translation import translated
from tests.test_manifest_translation import stream

SINCE = {"type": "RequestOption", "inject_into": "request_parameter", "field_name": "since"}
TIMED = {
    "cursor_field": "at",
    "datetime_format": "%Y-%m-%d",
    "start_datetime": "2024-01-01",
    "start_time_option": SINCE,
}
PAGED = {
    "type": "DefaultPaginator",
    "page_token_option": {"type": "RequestOption", "inject_into": "request_parameter", "field_name": "page"},
}
PARENT = {
    "type": "ParentStreamConfig",
    "stream": stream("parent"),
    "parent_key": "id",
    "partition_field": "part",
    "request_option": {"type": "RequestOption", "inject_into": "request_parameter", "field_name": "part"},
}
SCHEMA = {
    "type": "InlineSchemaLoader",
    "schema": {
        "properties": {
            "day": {"type": "string", "format": "date-time"},
            "metrics": {"properties": {"clicks": {"type": "string"}}},
        }
    },
}
AT = {"authenticator": "retriever.requester.authenticator", "extractor": "retriever.record_selector.extractor"}
CLIENT = {"token_refresh_endpoint": "https://a.example/t", "client_id": "i", "client_secret": "s", "refresh_token": "r"}


def reshaped(by: str, *path: str) -> dict[str, Any]:
    """The part of a stream that a function stands for."""
    return {"decoder": {"by": by, "path": list(path)}}


CASES: list[tuple[str, str, dict[str, Any], str, dict[str, Any], dict[str, Any]]] = [
    # class, place, fields, what the manifest mentions, config, what the endpoint has
    ("ActiveUsersRecordExtractor", "extractor", {}, "amplitude.com", {}, reshaped("active_users", "data")),
    ("AdAccountRecordExtractor", "extractor", {}, "", {}, {"records_path": ["items"]}),
    ("AdAccountRecordExtractor", "extractor", {}, "", {"account_id": "1"}, {"records_path": ["$"]}),
    ("AverageSessionLengthRecordExtractor", "extractor", {}, "amplitude.com", {}, reshaped("average_lengths", "data")),
    ("BulkDatetimeToRFC3339", "transformation", {}, "", {}, {"cast": {"Modified Time": "%m/%d/%Y %H:%M:%S.%f"}}),
    (
        "ChannelMembersExtractor",
        "extractor",
        {"field_path": ["members"]},
        "",
        {},
        {"records_path": ["members"], "wrap_scalars_as": "member_id"},
    ),
    (
        "CombinedExtractor",
        "extractor",
        {
            "extractors": [
                {
                    "keys_extractor": {"field_path": ["headers", "*", "name"]},
                    "values_extractor": {"field_path": ["rows", "*", "values", "*", "value"]},
                }
            ]
        },
        "",
        {},
        {"records_path": ["rows"], "cells": [{"names": ["headers", "*", "name"], "values": ["values", "*", "value"]}]},
    ),
    ("CustomExtractor", "extractor", {}, "api.outreach.io", {}, reshaped("json_api", "data")),
    ("CustomExtractor", "extractor", {}, "api.qualaroo.com", {}, reshaped("answers")),
    ("CustomExtractor", "extractor", {}, "source_rss", {}, reshaped("feed_item", "rss", "channel", "item")),
    (
        "CustomFieldTransformation",
        "transformation",
        {},
        "date_upd",
        {},
        {"add_fields": {"day": "{{ none if (record['day'] in ['0000-00-00', '0000-00-00 00:00:00']) }}"}},
    ),
    ("DateTimeTransformer", "transformation", {}, "bigcommerce", {}, {"cast": {"day": "date-time"}}),
    ("DuplicatedRecordsFilter", "filter", {}, "", {}, {"filter": None}),
    ("EngageTransformation", "transformation", {}, "mixpanel.com", {}, {"transformation": {"by": "profile"}}),
    (
        "EventsRecordExtractor",
        "extractor",
        {"field_path": ["events"]},
        "events/list",
        {},
        {"records_path": ["events"], "wrap_scalars_as": "event_name"},
    ),
    ("EventsRecordExtractor", "extractor", {}, "iterable.com", {}, {"decoder": {"by": "event", "body": "jsonl"}}),
    ("ExportDatesExtractor", "extractor", {}, "recurly.com", {}, reshaped("export_dates")),
    ("FunnelsDpathExtractor", "extractor", {"field_path": ["d"]}, "mixpanel.com", {}, reshaped("all_by_date", "d")),
    (
        "IVRMenusRecordExtractor",
        "extractor",
        {},
        "",
        {},
        {"records_path": ["ivrs"], "explode": {"path": ["menus"], "keep": {"ivr_id": "id"}}},
    ),
    ("IVRRoutesRecordExtractor", "extractor", {}, "", {}, reshaped("ivr_routes", "ivrs")),
    ("LinkedInAdsRecordExtractor", "extractor", {}, "", {}, reshaped("advertising", "elements")),
    ("NotionDataFeedFilter", "filter", {}, "", {}, {"filter": None}),
    ("NotionPropertiesTransformation", "transformation", {}, "", {}, {"transformation": {"by": "named_values"}}),
    ("NotionUserTransformation", "transformation", {}, "", {}, {"transformation": {"by": "owner_info"}}),
    (
        "ObjectDpathExtractor",
        "extractor",
        {"field_path": ["rows"], "inject_key_as_field": "key"},
        "",
        {},
        {"records_path": ["rows"], "records_key_field": "key"},
    ),
    ("RevenueDpathExtractor", "extractor", {"field_path": ["d"]}, "mixpanel.com", {}, reshaped("by_date", "d")),
    ("SubscriptionUsageRecordExtractor", "extractor", {}, "billwithorb.com", {}, reshaped("usage", "data")),
    ("TransformDatetimesToRFC3339", "transformation", {}, "", {}, {"cast": {"day": "date-time"}}),
    (
        "TransformEmptyMetrics",
        "transformation",
        {},
        "",
        {},
        {"add_fields": {"metrics.clicks": "{{ none if (record['metrics']['clicks'] == '-') }}"}},
    ),
    ("USCensusRecordExtractor", "extractor", {}, "", {}, {"records_path": ["$"], "columns_path": ["0"]}),
    ("WrappingDpathExtractor", "extractor", {"field_path": [""]}, "", {}, reshaped("wrapped")),
    (
        "AnnotationsHttpRequester",
        "requester",
        {},
        "mixpanel.com",
        {"credentials": {"project_id": 7}},
        {"params": {}, "headers": {"Accept": "application/json"}},
    ),
    ("AsanaHttpRequester", "requester", {}, "", {}, {"params": {"opt_fields": "day,metrics.clicks"}}),
    ("ChannelsRetriever", "retriever", {}, "slack.com", {}, {"path": "a"}),
    (
        "CohortMembersSubstreamPartitionRouter",
        "router",
        {"parent_stream_configs": [PARENT]},
        "mixpanel.com",
        {},
        {"params": {"part": "{{ '{\"id\":' ~ parent.id ~ '}' }}"}},
    ),
    ("CommerceToolsOauth2Authenticator", "authenticator", CLIENT, "", {}, {"credentials_in": "basic"}),
    ("CustomAuthenticator", "authenticator", {"username": "u"}, "qualaroo.com", {}, {"type": "basic", "username": "u"}),
    ("CustomOauth2Authenticator", "authenticator", CLIENT, "", {}, {"credentials_in": "basic"}),
    (
        "CustomPageIncrement",
        "strategy",
        {"page_size": 5},
        "guardianapis.com",
        {},
        {"pagination": {"stop_when": "{{ response['response']['currentPage'] >= response['response']['pages'] }}"}},
    ),
    (
        "CustomYouniumAuthenticator",
        "authenticator",
        {"username": "u", "password": "p", "scope": "s"},
        "",
        {"playground": True},
        {
            "type": "login",
            "login_url": "https://younium-identity-server-sandbox.azurewebsites.net/connect/token",
            "fields": {"username": "u", "password": "p", "scope": "s"},
            "body_format": "form",
            "token_path": ["access_token"],
        },
    ),
    (
        "DatetimeIncrementalSyncComponent",
        "cursor",
        {**TIMED, "step_option": {"inject_into": "request_parameter", "field_name": "length"}},
        "",
        {},
        {
            "params": {
                "length": "{{ (str_to_datetime(stream_interval.end_time) - "
                "str_to_datetime(stream_interval.start_time)).days + 1 }}"
            }
        },
    ),
    (
        "EngagePaginationStrategy",
        "strategy",
        {"page_size": 5},
        "mixpanel.com",
        {},
        {
            "params": {
                "session_id": "{{ next_page_token.split(' ')[0] if next_page_token }}",
                "page": "{{ next_page_token.split(' ')[1] if next_page_token }}",
            }
        },
    ),
    (
        "EngagementsHttpRequester",
        "requester",
        {},
        "hubapi.com",
        {},
        {"path": "engagements/v1/engagements/paged"},
    ),
    (
        "EngagesHttpRequester",
        "requester",
        {},
        "mixpanel.com",
        {},
        {"params": {"where": 'properties["$last_seen"] >= "{{ stream_interval.start_time }}"'}},
    ),
    (
        "EventsCartesianProductStreamSlicer",
        "cursor",
        {
            "stream_slicers": [
                {"type": "SubstreamPartitionRouter", "parent_stream_configs": [PARENT]},
                {"type": "DatetimeBasedCursor", **TIMED},
            ]
        },
        "posthog",
        {},
        {
            "params": {
                "part": "{{ parent.id if not next_page_token }}",
                "since": "{{ stream_interval.start_time if not next_page_token }}",
            }
        },
    ),
    (
        "FormIdPartitionRouter",
        "router",
        {"parent_stream_configs": [PARENT]},
        "",
        {"parts": ["x"]},
        {"partitions": [{"name": "part", "values": ["x"]}]},
    ),
    ("FreshdeskTicketsIncrementalRequester", "requester", {}, "", {}, {"path": "a"}),
    ("FreshdeskTicketsIncrementalSync", "cursor", TIMED, "", {}, {"incremental": {"sorted": True}}),
    ("FreshdeskTicketsPaginationStrategy", "strategy", {"page_size": 9}, "", {}, {"pagination": {"result_cap": 2700}}),
    ("FunnelsHttpRequester", "requester", {}, "mixpanel.com", {}, {"params": {"unit": "day"}}),
    (
        "FunnelsSubstreamPartitionRouter",
        "router",
        {"parent_stream_configs": [PARENT]},
        "mixpanel.com",
        {},
        {"add_fields": {"name": "{{ parent.name }}"}},
    ),
    (
        "IntercomScrollPagination",
        "strategy",
        {"cursor_value": "{{ response.scroll }}"},
        "",
        {},
        {"pagination": {"cursor_path": ["scroll"], "stop_when": "{{ not response['data'] }}"}},
    ),
    ("IntercomScrollRetriever", "retriever", {}, "", {}, {"path": "a"}),
    (
        "LightSubstreamPartitionRouter",
        "router",
        {"parent_stream_configs": [PARENT]},
        "",
        {},
        {"params": {"part": "{{ parent.id }}"}},
    ),
    (
        "MixpanelHttpRequester",
        "requester",
        {},
        "mixpanel.com",
        {"credentials": {"project_id": 7}},
        {"params": {"project_id": "7"}},
    ),
    (
        "MultipleAdvertiserIdsPerPartition",
        "router",
        {"parent_stream_configs": [PARENT]},
        "",
        {},
        {"partitions": [{"name": "part", "values": ["{{ parent.id }}"], "batch": 100}]},
    ),
    (
        "MultipleAdvertiserIdsPerPartition",
        "router",
        {"parent_stream_configs": [PARENT]},
        "",
        {"parts": "7"},
        {"partitions": [{"name": "part", "values": [7], "batch": 100}]},
    ),
    ("PayPalOauth2Authenticator", "authenticator", CLIENT, "", {}, {"credentials_in": "basic"}),
    ("PinterestOauthAuthenticator", "authenticator", CLIENT, "", {}, {"credentials_in": "basic"}),
    (
        "RechargeDateTimeBasedCursor",
        "cursor",
        TIMED,
        "",
        {},
        {"params": {"since": "{{ stream_interval.start_time if not next_page_token }}"}},
    ),
    ("SafeEncodeHttpRequester", "requester", {"request_parameters": {"q": "a(b)"}}, "", {}, {"path": "a?q=a(b)"}),
    (
        "ServerToServerOauthAuthenticator",
        "authenticator",
        {
            "account_id": "7",
            "client_id": "i",
            "client_secret": "s",
            "authorization_endpoint": "https://a.example/token",
        },
        "",
        {},
        {
            "type": "login",
            "login_url": "https://a.example/token?grant_type=account_credentials&account_id=7",
            "basic": True,
            "username": "i",
            "fields": {},
        },
    ),
    (
        "SingleAdvertiserIdPerPartition",
        "router",
        {"parent_stream_configs": [PARENT]},
        "",
        {"parts": ["x", "y"]},
        {"params": {"part": "{{ part }}"}, "partitions": [{"name": "part", "values": ["x", "y"]}]},
    ),
    (
        "SurveyIdPartitionRouter",
        "router",
        {"parent_stream_configs": [PARENT]},
        "",
        {},
        {"params": {"part": "{{ parent.id }}"}},
    ),
]


def given(name: str, place: str, fields: dict[str, Any], mention: str) -> dict[str, Any]:
    """A stream with a class at a place."""
    own = {"class_name": f"source_declarative_manifest.components.{name}", **fields}
    made = stream(schema_loader=SCHEMA, description=mention)
    retriever = made["retriever"]
    if place == "extractor":
        retriever["record_selector"]["extractor"] = {"type": "CustomRecordExtractor", **own}
    elif place == "filter":
        retriever["record_selector"]["record_filter"] = {"type": "CustomRecordFilter", **own}
    elif place == "transformation":
        made["transformations"] = [{"type": "CustomTransformation", **own}]
    elif place == "authenticator":
        retriever["requester"]["authenticator"] = {"type": "CustomAuthenticator", **own}
    elif place == "requester":
        retriever["requester"] |= {"type": "CustomRequester", **own}
    elif place == "retriever":
        retriever |= {"type": "CustomRetriever", **own}
    elif place == "router":
        retriever["partition_router"] = {"type": "CustomPartitionRouter", **own}
        retriever["requester"]["request_parameters"] = {"parts": "{{ stream_partition.part }}"}
        if name.startswith("Funnels"):
            field = {"path": ["name"], "value": "{{ stream_slice.get('funnel_name') }}"}
            made["transformations"] = [{"type": "AddFields", "fields": [field]}]
    elif place == "strategy":
        strategy = {"type": "CustomPaginationStrategy", **own}
        retriever["paginator"] = {**PAGED, "pagination_strategy": strategy}
        if name.startswith("Freshdesk"):
            made["incremental_sync"] = {"type": "Custom", "class_name": "x.FreshdeskTicketsIncrementalSync", **TIMED}
    else:
        made["incremental_sync"] = {"type": "CustomIncrementalSync", **own}
    return made


def holds(found: Any, expected: Any) -> bool:
    """True if what was found has all that is expected, at any depth of objects."""
    if not isinstance(expected, dict):
        return bool(found == expected)
    for name, of in expected.items():
        inner = found.get(name) if isinstance(found, dict) else getattr(found, name)
        if not holds([*inner] if isinstance(inner, tuple) else inner, of):
            return False
    return True


@pytest.mark.parametrize(
    ("name", "place", "fields", "mention", "config", "expected"), CASES, ids=[f"{each[0]}-{each[3]}" for each in CASES]
)
def test_a_class_becomes_what_does_the_same(
    name: str, place: str, fields: dict[str, Any], mention: str, config: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Without its file."""
    made = translated({"streams": [given(name, place, fields, mention)]}, config)
    assert made.blocked == {}
    [endpoint] = [each for each in made.config["endpoints"] if each["name"] == "a"]
    found = made.config["authentication"] if place == "authenticator" else endpoint
    assert holds(found, expected), json.dumps(found, indent=1, default=repr)


def test_each_recipe_is_tested() -> None:
    """For each manifest that it is known by."""
    known = {(name, mention) for table in (RECORDS, REQUESTS) for name, of in table.items() for mention in of}
    tested = {(each[0], each[3]) for each in CASES}
    assert {(name, "") if (name, "") in known else (name, mention) for name, mention in known} - tested == {
        ("DatetimeIncrementalSyncComponent", "step_option"),  # these are known by a field of their own
        ("ObjectDpathExtractor", "inject_key_as_field"),
    }


def test_a_class_of_the_same_name_in_another_manifest_is_not_guessed_at() -> None:
    """Its file is needed."""
    made = translated({"streams": [given("CustomExtractor", "extractor", {}, "another.example")]}, {})
    assert "put `components.py` beside the manifest" in made.blocked["a"]


def test_what_a_recipe_cannot_do_is_an_error() -> None:
    """With what to change."""
    made = translated({"streams": [given("ChannelsRetriever", "retriever", {}, "slack.com")]}, {"join_channels": False})
    assert made.blocked == {}
    with pytest.raises(ConfigError, match="let the bot join the channels"):
        translated({"streams": [given("ChannelsRetriever", "retriever", {}, "slack.com")]}, {"join_channels": True})


def test_recipes_with_functions_are_not_imported() -> None:
    """A config in files cannot hold them: the stream is named."""
    made = translated({"streams": [given("IVRRoutesRecordExtractor", "extractor", {}, "")]}, None)
    assert "the recipe `ivr_routes` has no equivalent in an imported connector" in made.blocked["a"]
