"""How much of a folder of manifests has an equivalent here, and what stands in the way of the rest.

python -m tests.manifests.shares FOLDER
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from source_rest_api.errors import ConfigError
from source_rest_api.manifest import document, sample, spec
from source_rest_api.manifest.own_code.components import Components
from source_rest_api.manifest.translation import translated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from source_rest_api.manifest.document import Component

_PLACE = re.compile(r"its parent `[^`]*` has no equivalent here: ")


class AllClasses(Components):
    """Takes the classes of a connector's own code as there, although a folder of manifests has no code."""

    def require(self, component: Component) -> str:
        """Returns the name of the class."""
        return str(component.get("class_name"))

    def has(self, component: Component) -> bool:  # noqa: ARG002
        """False: nothing can run."""
        return False


@dataclass
class Shares:
    """The counts over some manifests."""

    components: Components | None = None
    """The classes that are taken as there; by default none."""

    connectors: int = 0
    whole: int = 0
    """Connectors of which every stream has an equivalent."""
    streams: int = 0
    offered: int = 0
    """Streams that have one."""
    blockers: Counter[str] = field(default_factory=Counter)
    """Reasons, by the number of streams that they stand in the way of."""
    where: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The connectors that have a reason."""

    def count(self, path: Path) -> None:
        """Adds a manifest."""
        text = path.read_text(encoding="utf-8")
        manifest = document.load(text)
        config = sample.of(manifest, spec.form(manifest), text)
        self.connectors += 1
        try:
            made = translated(manifest, config, components=self.components, ask=lambda _: [])
        except ConfigError as error:
            self._block(path.stem, str(error).replace("\n", " "), len(manifest.get("streams") or [1]))
            return
        self.streams += len(made.offered)
        self.offered += len(made.offered)
        self.whole += not made.blocked
        for reason in made.blocked.values():
            self._block(path.stem, reason)

    def _block(self, connector: str, reason: str, streams: int = 1) -> None:
        short = _PLACE.sub("parent: ", reason)[:140]
        self.streams += streams
        self.blockers[short] += streams
        self.where[short].add(connector)

    @property
    def of_streams(self) -> float:
        """The share of streams that have an equivalent."""
        return self.offered / max(self.streams, 1)

    @property
    def of_connectors(self) -> float:
        """The share of connectors all of whose streams have one."""
        return self.whole / max(self.connectors, 1)

    def lines(self, most: int = 40) -> Iterable[str]:
        """The shares, and the table of what stands in the way."""
        yield f"streams: {self.offered} of {self.streams}, {self.of_streams:.1%}"
        yield f"connectors: {self.whole} of {self.connectors}, {self.of_connectors:.1%}"
        for reason, count in self.blockers.most_common(most):
            yield f"{count:4} streams of {len(self.where[reason]):3}: {reason} ({min(self.where[reason])})"


def of(folder: Path, components: Components | None = None) -> Shares:
    """The shares over all manifests of a folder.

    Args:
        folder: The folder.
        components: The classes that are taken as there.
    """
    shares = Shares(components)
    for path in sorted(folder.glob("*.yaml")):
        shares.count(path)
    return shares


if __name__ == "__main__":
    for title, known in (("without components.py", None), ("with components.py", AllClasses())):
        print("\n".join([title, *of(Path(sys.argv[1]), known).lines()]))  # noqa: T201 -- a command
