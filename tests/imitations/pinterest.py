"""Pinterest's API, version 5.

https://developers.pinterest.com/docs/reference/pagination/
https://developers.pinterest.com/docs/api/v5/analytics-create_report/
https://developers.pinterest.com/docs/api/v5/analytics-get_report/
https://developers.pinterest.com/docs/reference/ratelimits/
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from tests.api import Answer, Call
from tests.imitations import Imitation, Row


class Pinterest(Imitation):
    """Two ad accounts with their campaigns, and reports that are prepared first."""

    secret = "pina_AbCdEf0123456789AbCdEf0123456789"
    base = "/v5"

    def tables(self) -> None:
        self.accounts: list[Row] = [{"id": f"54975{n}", "name": f"Account {n}"} for n in range(2)]
        self.campaigns: list[Row] = [
            {"id": f"62673{n}", "ad_account_id": f"54975{n % 2}", "name": f"Campaign {n}"} for n in range(300)
        ]
        self.rows: dict[str, list[Row]] = {
            account["id"]: [
                self._row(number, date(2024, 1, 1) + timedelta(days=day))
                for number in range(place, 6, 2)
                for day in range(400)
            ]
            for place, account in enumerate(self.accounts)
        }
        self.jobs: dict[str, Row] = {}
        self.get("/v5/ad_accounts")(lambda call: self._page(call, self.accounts))
        self.get("/v5/ad_accounts/{id}/campaigns")(
            lambda call: self._page(
                call, [each for each in self.campaigns if each["ad_account_id"] == call.path_params["id"]]
            )
        )
        self.post("/v5/ad_accounts/{id}/reports")(self._create)
        self.get("/v5/ad_accounts/{id}/reports")(self._poll)
        self.get("/v5/files/{name}")(self._file)

    def _row(self, campaign: int, day: date) -> Row:
        return {
            "DATE": f"{day}",
            "CAMPAIGN_ID": f"62673{campaign}",
            "IMPRESSION_1": 7 * campaign,
            "SPEND_IN_DOLLAR": 0.5,
        }

    def _page(self, call: Call, rows: list[Row]) -> Answer:
        size = int(call.arg("page_size", "25"))
        if size > 250:
            return self._error(400, 1, f"{size} is more than 250.")
        start = int(call.arg("bookmark", "0"))
        more = start + size < len(rows)
        return Answer({"items": rows[start : start + size], "bookmark": str(start + size) if more else None})

    def _create(self, call: Call) -> Answer:
        asked = call.json()
        if date.fromisoformat(asked["end_date"]) - date.fromisoformat(asked["start_date"]) > timedelta(days=186):
            return self._error(400, 1, "The date range must not exceed 186 days.")
        token = f"report-{len(self.jobs)}"
        self.jobs[token] = {**asked, "account": call.path_params["id"], "polls": 0}
        return Answer({"report_status": "IN_PROGRESS", "token": token, "message": None})

    def _poll(self, call: Call) -> Any:
        job = self.jobs.get(call.arg("token"))
        if job is None or job["account"] != call.path_params["id"]:
            return {"report_status": "DOES_NOT_EXIST", "url": None, "size": None}
        job["polls"] += 1
        if job["polls"] == 1 and call.arg("token").endswith("0"):
            return {"report_status": "IN_PROGRESS", "url": None, "size": None}
        url = f"{self.url}/v5/files/{call.arg('token')}?X-Amz-Signature=0f1e2d3c4b5a&X-Amz-Date={job['polls']}"
        return {"report_status": "FINISHED", "url": url, "size": 1000.0}

    def _file(self, call: Call) -> dict[str, list[Row]]:
        job = self.jobs[call.path_params["name"]]
        found: dict[str, list[Row]] = {}
        for row in self.rows[job["account"]]:
            if job["start_date"] <= row["DATE"] <= job["end_date"]:
                found.setdefault(row["CAMPAIGN_ID"], []).append(row)
        return found

    def _error(self, status: int, code: int, message: str) -> Answer:
        return Answer({"code": code, "message": message}, status)

    def truth(self) -> dict[str, list[Row]]:
        return {
            "ad_accounts": self.accounts,
            "campaigns": self.campaigns,
            "campaign_reports": [row for rows in self.rows.values() for row in rows],
        }

    def change(self) -> dict[str, set[str]]:
        account = self.accounts[0]["id"]
        day = date(2025, 2, 5)
        self.rows[account] += [self._row(0, day), self._row(2, day)]
        return {"campaign_reports": {f"626730|{day}", f"626732|{day}"}}

    def unauthorized(self, call: Call) -> Answer | None:
        right = call.headers["Authorization"] == f"Bearer {self.secret}"
        return None if right else self._error(401, 2, "Authentication failed.")

    def too_many(self) -> Answer:
        headers = {"x-ratelimit-limit": "100, 100;w=1", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}
        answer = self._error(429, 8, "You have exceeded your rate limit. Try again later.")
        return Answer(answer.body, 429, headers)

    def not_found(self) -> Answer:
        return self._error(404, 40, "Sorry! We couldn't find what you were looking for.")
