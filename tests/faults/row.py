"""One row of the table: a fault, and what must be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.case import Case


@dataclass(frozen=True)
class Row:
    """A fault and its test. To add one: a function below `@table.row(...)` that plays it and says what must be seen."""

    id: str
    fault: str
    """The fault: an action of the server, the user or the machine."""
    expect: str
    """The required behaviour of the connector."""
    play: Callable[[Case], None]
    waits_for: str = ""
    """What is missing in the connector; as long as it is, the row must fail."""
    cannot: str = ""
    """Why it cannot be run at all."""
    cdk_cannot: str = ""
    """Why it cannot be run with the CDK."""
    scale: str = ""
    """How the fault is made smaller than it is in the wild."""


class Table:
    """The rows of one kind, in their order."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def row(self, id_: str, fault: str, expect: str, **more: str) -> Callable[[Callable[[Case], None]], None]:
        """Add a row, which the decorated function plays."""

        def add(play: Callable[[Case], None]) -> None:
            self.rows.append(Row(id_, fault, expect, play, **more))

        return add
