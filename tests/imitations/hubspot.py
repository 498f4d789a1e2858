"""HubSpot's CRM API.

https://developers.hubspot.com/docs/api-reference/search/guide (limits: 200 a page, 10,000 in all)
https://developers.hubspot.com/docs/guides/api/crm/using-object-apis
https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from tests.api import Answer, Call
from tests.imitations import START, Imitation, Row

CAP = 10_000
"""Results that one search gives."""


class HubSpot(Imitation):
    """An account with more contacts than one search gives."""

    secret = "pat-na1-a-token-of-the-tests"

    def tables(self) -> None:
        self.contacts = [self._object(n, self._stamp(n // 3)) for n in range(CAP + 450)]
        self.companies = [self._object(50_000 + n, self._stamp(n)) for n in range(105)]
        self.owners: list[Row] = [{"id": str(n), "email": f"o{n}@acme.test", "archived": False} for n in range(5)]
        self.pipelines: list[Row] = [
            {"id": name, "label": name, "stages": [{"id": f"{name}-{n}", "label": f"Stage {n}"} for n in range(3)]}
            for name in ("default", "renewals")
        ]
        self.get("/crm/v3/owners")(lambda call: self._page(call, self.owners, 500))
        self.get("/crm/v3/objects/companies")(lambda call: self._page(call, self.companies, 100))
        self.post("/crm/v3/objects/contacts/search")(self._search)
        self.get("/crm/v3/pipelines/deals")(lambda _: {"results": self.pipelines})
        self.get("/crm/v4/objects/companies/{id}/associations/contacts")(self._associations)

    def _stamp(self, minutes: float) -> str:
        return f"{START + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S.000Z}"

    def _object(self, number: int, modified: str) -> Row:
        properties = {"email": f"{number}@acme.test", "hs_object_id": str(number), "lastmodifieddate": modified}
        return {"id": str(number), "properties": properties, "updatedAt": modified, "archived": False}

    def _page(self, call: Call, rows: list[Row], most: int) -> Answer:
        limit = int(call.arg("limit", "10"))
        if limit > most:
            return self._invalid(f"Invalid input JSON on line 1: limit {limit} is greater than {most}")
        start = int(call.arg("after", "0"))
        body: Row = {"results": rows[start : start + limit]}
        if start + limit < len(rows):
            after = str(start + limit)
            body["paging"] = {"next": {"after": after, "link": f"{self.url}{call.path}?limit={limit}&after={after}"}}
        return Answer(body)

    def _associations(self, call: Call) -> Answer:
        company = int(call.path_params["id"])
        first = (company - 50_000) * 2
        types = [{"category": "HUBSPOT_DEFINED", "typeId": 280, "label": None}]
        rows = [{"toObjectId": first + n, "associationTypes": types} for n in range(company % 3)]
        return self._page(call, rows, 500)

    def _search(self, call: Call) -> Answer:
        asked = call.json()
        limit, start = asked.get("limit", 10), int(asked.get("after") or 0)
        if limit > 200:
            return self._invalid("The limit must be no more than 200")
        if start + limit > CAP:
            return self._invalid("Paging past 10,000 results is not allowed")
        rows = self.contacts
        for filter_ in [f for group in asked.get("filterGroups", []) for f in group["filters"]]:
            assert (filter_["propertyName"], filter_["operator"]) == ("lastmodifieddate", "GTE")
            since = datetime.fromtimestamp(int(filter_["value"]) / 1000, timezone.utc)
            rows = [row for row in rows if row["properties"]["lastmodifieddate"] >= f"{since:%Y-%m-%dT%H:%M:%S.000Z}"]
        for sort in asked.get("sorts", []):
            rows = sorted(
                rows,
                key=lambda row, name=sort["propertyName"]: str(row["properties"][name]),  # type: ignore[misc]
                reverse=sort["direction"] == "DESCENDING",
            )
        body: Row = {"total": len(rows), "results": rows[start : start + limit]}
        if start + limit < len(rows):
            body["paging"] = {"next": {"after": str(start + limit)}}
        return Answer(body)

    def _invalid(self, message: str) -> Answer:
        return Answer({"status": "error", "message": message, "category": "VALIDATION_ERROR"}, 400)

    def truth(self) -> dict[str, list[Row]]:
        return {
            "owners": self.owners,
            "companies": self.companies,
            "contacts": self.contacts,
            "deal_stages": [
                {**stage, "pipeline_id": pipeline["id"]} for pipeline in self.pipelines for stage in pipeline["stages"]
            ],
            "company_contacts": [
                {
                    "toObjectId": (int(company["id"]) - 50_000) * 2 + n,
                    "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 280, "label": None}],
                    "company_id": company["id"],
                }
                for company in self.companies
                for n in range(int(company["id"]) % 3)
            ],
        }

    def change(self) -> dict[str, set[str]]:
        later = self._stamp(100_000)
        self.contacts[5]["properties"]["lastmodifieddate"] = self.contacts[5]["updatedAt"] = later
        self.contacts.append(self._object(40_000, later))
        return {"contacts": {"5", "40000"}}

    def unauthorized(self, call: Call) -> Answer | None:
        if call.headers["Authorization"] == f"Bearer {self.secret}":
            return None
        message = "Authentication credentials not found. This API supports OAuth 2.0 authentication."
        return Answer({"status": "error", "message": message, "category": "INVALID_AUTHENTICATION"}, 401)

    def too_many(self) -> Answer:
        body = {
            "status": "error",
            "message": "You have reached your secondly limit.",
            "errorType": "RATE_LIMIT",
            "policyName": "SECONDLY",
        }
        return Answer(body, 429)

    def not_found(self) -> Answer:
        return Answer({"status": "error", "message": "resource not found", "category": "OBJECT_NOT_FOUND"}, 404)

    def usual(self) -> dict[str, str]:
        return {"X-HubSpot-RateLimit-Interval-Milliseconds": "10000", "X-HubSpot-RateLimit-Max": "190"}
