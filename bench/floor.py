"""The least that Python and requests can do: fetch the pages, whose number it knows, and write their bytes."""

from __future__ import annotations

import sys

import requests


def main(url: str, pages: int, windows: list[str]) -> None:
    """One request after the other, on one connection."""
    with requests.Session() as session:
        for window in windows or [""]:
            for number in range(1, pages + 1):
                params = {"page": str(number), **({"since": window} if window else {})}
                answer = session.get(url, params=params, timeout=60)
                answer.raise_for_status()
                sys.stdout.buffer.write(answer.content)
                sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
