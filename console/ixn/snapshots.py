"""Reads a snapshot page by page. Pure: an adapter knows what a snapshot consists of.

A snapshot is a list of interactions that Interaction Server makes on request and keeps until it is
released (docs/poller.md says what the vendor documents, and what not).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from console.ixn.errors import SnapshotFailed

# InteractionProperties by their names: "Id", "Mediatype", "UserData" and so on.
Properties = Mapping[str, Any]

# A larger snapshot can't be one of chats.
MOST = 1_000_000
# Percentage of the announced interactions that may be missing: chats end during the reading.
GONE_OF_A_HUNDRED = 5


class Snapshot(Protocol):
    """A snapshot. `total` is how many interactions Interaction Server announces, None if it does
    not say. Each call raises SnapshotFailed."""

    @property
    def total(self) -> int | None: ...

    def page(self, start: int, number: int) -> Sequence[Properties]:
        """Return at most `number` interactions from the position `start` on."""
        ...

    def release(self) -> None:
        """Release the snapshot in Interaction Server."""
        ...


class Source(Protocol):
    """An open connection to an Interaction Server. `address` is for people."""

    @property
    def address(self) -> str: ...

    def take(self) -> Snapshot:
        """Have a snapshot made. Raises SnapshotFailed."""
        ...


class Reader:
    """The pages of a snapshot, each interaction once.

    `ids` are the interactions read so far. `is_whole` is True when the end was reached and nothing
    contradicts it. Only then an interaction missing from `ids` was not in the snapshot.

    It is not documented whether `startFrom` counts from 0 or from 1, nor whether a page includes
    chats that have ended since. Reading from 0 and advancing by the number received leaves out no
    position in either case; repeated interactions are skipped.
    """

    def __init__(self, snapshot: Snapshot, *, page_size: int) -> None:
        self._snapshot = snapshot
        self._page_size = page_size
        self.ids: set[str] = set()
        self.is_whole = False

    def __iter__(self) -> Iterator[list[Properties]]:
        start, total = 0, self._snapshot.total
        nothing_new: list[str] = []
        while total is None or len(self.ids) < total:
            page = self._snapshot.page(start, self._page_size)
            if not page:
                self.is_whole = self._has_enough(total)
                return
            new = list(self._not_seen(page))
            names = [] if new else [properties["Id"] for properties in page]
            if new:
                yield new
            elif names == nothing_new or start > MOST:
                return  # the server returns the same page for ever
            nothing_new = names
            start += len(page)
        self.is_whole = True

    def _not_seen(self, page: Sequence[Properties]) -> Iterator[Properties]:
        for properties in page:
            name = properties.get("Id")
            if not isinstance(name, str) or not name:
                raise SnapshotFailed(
                    "Interaction Server's answer has an interaction without an Id, so nobody "
                    "could tell which chats are missing."
                )
            if name not in self.ids:
                self.ids.add(name)
                yield properties
        if len(self.ids) > MOST:
            raise SnapshotFailed(
                f"The snapshot has more than {MOST:,} interactions. Narrow the condition down to "
                "chats that are online."
            )

    def _has_enough(self, total: int | None) -> bool:
        """Return False if many announced interactions never came: the rest was cut off."""
        return total is None or (total - len(self.ids)) * 100 <= total * GONE_OF_A_HUNDRED
