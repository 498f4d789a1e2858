"""Salesforce's REST API.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_query.htm
https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_queryall.htm
https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_refresh_token_flow.htm
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from tests.api import Answer, Call
from tests.imitations import START, Imitation, Row

BATCH = 200
"""Rows of a response. Salesforce may send fewer than `batchSize` asks for."""
SOQL = re.compile(
    r"SELECT (?P<fields>\w+(?:, \w+)*) FROM (?P<table>\w+)"
    r" WHERE SystemModstamp >= (?P<since>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) ORDER BY SystemModstamp, Id"
)


class Salesforce(Imitation):
    """An org whose tokens are valid for five requests, and whose queries are read by their locators."""

    secret = "5Aep861.a-refresh-token-of-the-tests"
    shows = frozenset({"incremental"})

    def tables(self) -> None:
        self.issued = 0
        self.used = 0
        self.limit_reached = False
        self.rows = {
            "Account": [self._row("001", n, n // 4, Name=f"Acme {n}", Industry=None) for n in range(450)],
            "Opportunity": [
                self._row("006", n, n, AccountId=f"001{n:015}", StageName="Won", Amount=n + 0.5) for n in range(210)
            ],
            "User": [self._row("005", n, n, Name=f"User {n}", IsActive=n % 2 == 0) for n in range(3)],
        }
        self.queries: dict[str, tuple[list[Row], str]] = {}
        super(Imitation, self).route("POST", "/services/oauth2/token")(self._token)
        self.get("/services/data/v60.0/{resource}")(self._query)
        self.get("/services/data/v60.0/{resource}/{locator}")(self._more)

    def placed(self, raw: dict[str, Any], secret: str) -> dict[str, Any]:
        assert raw["url_base"] == "{{ token.instance_url }}/services/data/v60.0"
        login = {**raw["authentication"], "token_url": f"{self.url}/services/oauth2/token", "refresh_token": secret}
        return {**raw, "authentication": login}

    def _row(self, prefix: str, number: int, minutes: float, **fields: Any) -> Row:
        return {"Id": f"{prefix}{number:015}", **fields, "IsDeleted": False, "SystemModstamp": self._stamp(minutes)}

    def _stamp(self, minutes: float) -> str:
        return f"{START + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S.000+0000}"

    def _token(self, call: Call) -> Answer:
        sent = {name: values[0] for name, values in parse_qs(call.body.decode()).items()}
        wanted = {"grant_type": "refresh_token", "client_id": "<id>", "client_secret": "<secret>"}
        if sent != {**wanted, "refresh_token": self.secret}:
            return Answer({"error": "invalid_grant", "error_description": "expired access/refresh token"}, 400)
        self.issued += 1
        self.used = 0
        token = {"access_token": f"00D!{self.issued}", "instance_url": self.url, "token_type": "Bearer"}
        return Answer({**token, "id": f"{self.url}/id/00D/005", "issued_at": "1704067200000", "signature": "x="})

    def _query(self, call: Call) -> Answer:
        if call.path_params["resource"] not in {"query", "queryAll"}:
            return self.not_found()
        match = SOQL.fullmatch(call.arg("q"))
        if not match:
            return self._error(400, "MALFORMED_QUERY", "unexpected token")
        since = datetime.fromisoformat(match["since"].replace("Z", "+00:00"))
        rows = [
            {"attributes": {"type": match["table"]}, **{name: row[name] for name in match["fields"].split(", ")}}
            for row in sorted(self.rows[match["table"]], key=lambda row: (row["SystemModstamp"], row["Id"]))
            if datetime.strptime(row["SystemModstamp"], "%Y-%m-%dT%H:%M:%S.%f%z") >= since
            if call.path_params["resource"] == "queryAll" or not row["IsDeleted"]
        ]
        locator = f"0r8{len(self.queries):015}"
        self.queries[locator] = (rows, call.path_params["resource"])
        return self._page(locator, 0)

    def _more(self, call: Call) -> Answer:
        locator, _, start = call.path_params["locator"].partition("-")
        if call.query or locator not in self.queries:
            return self._error(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(locator, int(start))

    def _page(self, locator: str, start: int) -> Answer:
        rows, resource = self.queries[locator]
        more = start + BATCH < len(rows)
        body = {"totalSize": len(rows), "done": not more, "records": rows[start : start + BATCH]}
        if more:
            body["nextRecordsUrl"] = f"/services/data/v60.0/{resource}/{locator}-{start + BATCH}"
        return Answer(body)

    def truth(self) -> dict[str, list[Row]]:
        def emitted(row: Row) -> Row:
            return {**row, "_ab_cdc_deleted_at": row["SystemModstamp"]} if row["IsDeleted"] else row

        users = [{name: value for name, value in row.items() if name != "IsDeleted"} for row in self.rows["User"]]
        return {
            "accounts": [emitted(row) for row in self.rows["Account"]],
            "opportunities": [emitted(row) for row in self.rows["Opportunity"]],
            "users": users,
        }

    def change(self) -> dict[str, set[str]]:
        later = self._stamp(9000)
        self.rows["Account"][7].update(IsDeleted=True, SystemModstamp=later)
        self.rows["Account"].append(self._row("001", 900, 9000, Name="New", Industry="Energy"))
        self.rows["Opportunity"][9].update(StageName="Lost", SystemModstamp=later)
        return {"accounts": {f"001{7:015}", f"001{900:015}"}, "opportunities": {f"006{9:015}"}}

    def unauthorized(self, call: Call) -> Answer | None:
        if self.limit_reached:
            return self._error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self.used += 1
        if call.headers["Authorization"] == f"Bearer 00D!{self.issued}" and self.used <= 5:
            return None
        return self._error(401, "INVALID_SESSION_ID", "Session expired or invalid")

    def too_many(self) -> Answer:
        return self._error(503, "SERVER_UNAVAILABLE", "Server is too busy")

    def not_found(self) -> Answer:
        return self._error(404, "NOT_FOUND", "The requested resource does not exist")

    def _error(self, status: int, code: str, message: str) -> Answer:
        return Answer([{"message": message, "errorCode": code}], status)

    def usual(self) -> dict[str, str]:
        return {"Sforce-Limit-Info": f"api-usage={self.asked}/15000"}
