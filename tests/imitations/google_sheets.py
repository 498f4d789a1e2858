"""Google's Sheets API, version 4, and its token endpoint for service accounts.

https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets.values/get
https://developers.google.com/workspace/sheets/api/limits
https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.api import Answer, Call
from tests.imitations import Imitation, Row

SCOPE = "https://www.googleapis.com/auth/spreadsheets.readonly"
AUDIENCE = "https://oauth2.googleapis.com/token"


def _pem(key: RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


KEY = generate_private_key(65537, 2048)


class GoogleSheets(Imitation):
    """A spreadsheet whose responses end where the values of a row and the rows of a sheet end."""

    secret = _pem(KEY)
    wrong = _pem(generate_private_key(65537, 2048))
    shows = frozenset({"child"})

    def tables(self) -> None:
        self.sheets: dict[str, list[list[Any]]] = {
            "customers": [["id", "name", "city", "note"], *[self._customer(n) for n in range(500)]],
            "Q1's orders": [["id", "total"], *[[n, n / 4] for n in range(40)]],
            "empty": [],
        }
        super(Imitation, self).route("POST", "/token")(self._token)
        self.get("/v4/spreadsheets/your-spreadsheet-id")(self._spreadsheet)
        self.get("/v4/spreadsheets/your-spreadsheet-id/values/{range}")(self._values)

    def placed(self, raw: dict[str, Any], secret: str) -> dict[str, Any]:
        login = {**raw["authentication"], "key": secret, "token_url": f"{self.url}/token"}
        return {**raw, "url_base": f"{self.url}/v4/spreadsheets", "authentication": login}

    def _customer(self, number: int) -> list[Any]:
        cells: list[Any] = [number, f"Customer {number}", "" if number % 5 == 0 else "Köln", ""]
        while cells[-1] == "":
            cells.pop()
        return cells

    def _token(self, call: Call) -> Answer:
        sent = {name: values[0] for name, values in parse_qs(call.body.decode()).items()}
        assert sent["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        try:
            claims = jwt.decode(sent["assertion"], KEY.public_key(), algorithms=["RS256"], audience=AUDIENCE)
        except jwt.InvalidSignatureError:
            return Answer({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, 400)
        assert claims["scope"] == SCOPE
        assert claims["iss"] == "etl@project.iam.gserviceaccount.com"
        return Answer({"access_token": "ya29.token-of-the-tests", "expires_in": 3599, "token_type": "Bearer"})

    def _spreadsheet(self, call: Call) -> Answer:
        if set(call.query) != {"fields"}:
            return self._error(400, "INVALID_ARGUMENT", "Invalid JSON payload received. Unknown name")
        return Answer({"sheets": [{"properties": each} for each in self._properties()]})

    def _properties(self) -> list[Row]:
        return [{"sheetId": n, "title": title, "index": n} for n, title in enumerate(self.sheets)]

    def _values(self, call: Call) -> Answer:
        assert call.arg("valueRenderOption") == "UNFORMATTED_VALUE"
        written = call.path_params["range"]
        title = written[1:-1].replace("''", "'") if written.startswith("'") else written
        if title not in self.sheets:
            return self._error(400, "INVALID_ARGUMENT", f"Unable to parse range: {written}")
        found = {"range": f"'{title}'!A1:Z1000", "majorDimension": "ROWS"}
        return Answer({**found, "values": self.sheets[title]} if self.sheets[title] else found)

    def truth(self) -> dict[str, list[Row]]:
        rows = {title: self._records(cells) for title, cells in self.sheets.items()}
        return {
            "sheets": self._properties(),
            "customers": rows["customers"],
            "rows": [{**row, "sheet": title} for title, records in rows.items() for row in records],
        }

    def _records(self, cells: list[list[Any]]) -> list[Row]:
        names = cells[0] if cells else []
        return [dict(zip(names, [*row, *[None] * len(names)], strict=False)) for row in cells[1:]]

    def change(self) -> dict[str, set[str]]:
        """Nothing: the API cannot be asked for what has changed."""
        return {}

    def unauthorized(self, call: Call) -> Answer | None:
        if call.headers["Authorization"] == "Bearer ya29.token-of-the-tests":
            return None
        return self._error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")

    def too_many(self) -> Answer:
        quota = "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute per user'"
        return self._error(429, "RESOURCE_EXHAUSTED", quota)

    def not_found(self) -> Answer:
        return self._error(404, "NOT_FOUND", "Requested entity was not found.")

    def _error(self, status: int, kind: str, message: str) -> Answer:
        return Answer({"error": {"code": status, "message": message, "status": kind}}, status)
