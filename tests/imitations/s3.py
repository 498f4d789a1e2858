"""Amazon S3's REST API.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import csv
from base64 import b64decode, b64encode
from io import StringIO
from typing import Any
from xml.sax.saxutils import escape

from tests import aws_signature
from tests.api import Answer, Call
from tests.imitations import Imitation, Row, bounded, moment

SPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


class S3(Imitation):
    """A bucket with more keys than fit into one response, and a CSV file at each."""

    secret = aws_signature.SECRET

    def tables(self) -> None:
        self.files: dict[str, tuple[str, list[Row]]] = {
            f"sales/2024/day {n} ü.csv": (moment(n), self._rows(n)) for n in range(130)
        }
        self.get("/")(self._buckets)
        self.get("/datalake")(self._list)
        self.get("/datalake/sales/2024/{name}")(self._file)

    def placed(self, raw: dict[str, Any], secret: str) -> dict[str, Any]:
        key = {**raw["authentication"], "access_key_id": aws_signature.KEY_ID, "secret_access_key": secret}
        return {**raw, "url_base": self.url, "authentication": key}

    def _rows(self, number: int) -> list[Row]:
        return [{"id": str(n), "amount": f"{number}.{n}", "note": f"Line {n}, “x”"} for n in range(number % 4)]

    def _buckets(self, _: Call) -> Answer:
        one = "<Bucket><Name>datalake</Name><CreationDate>2024-01-01T00:00:00.000Z</CreationDate></Bucket>"
        return self._xml("ListAllMyBucketsResult", f"<Owner><ID>1</ID></Owner><Buckets>{one}</Buckets>")

    def _list(self, call: Call) -> Answer:
        if call.arg("list-type") != "2":
            return self._error(400, "InvalidArgument", "Version 1 of the list is not imitated")
        keys = sorted(key for key in self.files if key.startswith(call.arg("prefix")))
        token = call.arg("continuation-token")
        size = min(bounded(call.arg("max-keys"), 1000, 1000), 50)
        start = int(b64decode(token)) if token else 0
        more = start + size < len(keys)
        following = b64encode(str(start + size).encode()).decode()
        body = f"<Name>datalake</Name><Prefix>{call.arg('prefix')}</Prefix><MaxKeys>{size}</MaxKeys>"
        body += f"<KeyCount>{len(keys[start : start + size])}</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>"
        body += f"<NextContinuationToken>{following}</NextContinuationToken>" if more else ""
        contents = (self._entry(key) for key in keys[start : start + size])
        inside = (
            "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in each.items()) for each in contents
        )
        body += "".join(f"<Contents>{each}</Contents>" for each in inside)
        return self._xml("ListBucketResult", body)

    def _entry(self, key: str) -> Row:
        modified = self.files[key][0].replace("Z", ".000Z")
        return {"Key": key, "LastModified": modified, "ETag": f'"{len(key)}"', "Size": 10, "StorageClass": "STANDARD"}

    def _file(self, call: Call) -> Answer:
        rows = self.files[f"sales/2024/{call.path_params['name']}"][1]
        text = StringIO()
        writer = csv.DictWriter(text, ["id", "amount", "note"])
        writer.writeheader()
        writer.writerows(rows)
        return Answer(text.getvalue(), headers={"Content-Type": "text/csv; charset=utf-8"})

    def _xml(self, name: str, body: str) -> Answer:
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{SPACE}">{body}</{name}>'
        return Answer(text, headers={"Content-Type": "application/xml"})

    def truth(self) -> dict[str, list[Row]]:
        return {
            "buckets": [{"Name": "datalake", "CreationDate": "2024-01-01T00:00:00.000Z"}],
            "files": [self._entry(key) for key in self.files],
            "sales": [{**row, "file": key} for key, (_, rows) in self.files.items() for row in rows],
        }

    def change(self) -> dict[str, set[str]]:
        new = {"id": "7", "amount": "1", "note": ""}
        self.files["sales/2024/new.csv"] = (moment(9000), [new])
        return {"files": {"sales/2024/new.csv"}, "sales": {"sales/2024/new.csv|7"}}

    def unauthorized(self, call: Call) -> Answer | None:
        if aws_signature.holds(call):
            return None
        return self._error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match")

    def too_many(self) -> Answer:
        return self._error(503, "SlowDown", "Please reduce your request rate.")

    def not_found(self) -> Answer:
        return self._error(404, "NoSuchKey", "The specified key does not exist.")

    def _error(self, status: int, code: str, message: str) -> Answer:
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
        return Answer(text, status, {"Content-Type": "application/xml"})
