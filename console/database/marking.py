"""An actor in whose place another can be put, for queries that are built once (console.database).

Two actors have the same key if every read builds the same queries for both, but for their numbers
and references. Marks stand for these.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

from console.actors import Actor

# No row has such a number, and no text that is put into a query by chance has it in it.
MARK = 900_000_000_000_000_000


@dataclass(frozen=True, slots=True)
class Marked:
    key: Hashable
    actor: Actor
    values: dict[Any, Any]


def marked(actor: Actor) -> Marked:
    """Return a person with marks, and what they stand for. They were read with their clients."""
    if actor.client_refs is None:
        raise ValueError(f"{actor.ref} was read without the clients")
    own = actor.client_refs
    teams = sorted(actor.team_ids)
    kind, _colon, number = actor.person_ref.partition(":")
    values: dict[Any, Any] = {MARK: int(number), f"{kind}:{MARK}": actor.person_ref}
    values |= {f"client:{MARK + 1 + n}": ref for n, ref in enumerate(own)}
    values |= {MARK - 1 - n: team for n, team in enumerate(teams)}
    stand_in = replace(
        actor,
        ref=f"{kind}:{MARK}",
        name="",
        team_ids=frozenset(MARK - 1 - n for n in range(len(teams))),
        client_refs=tuple(f"client:{MARK + 1 + n}" for n in range(len(own))),
    )
    key = (replace(stand_in, client_refs=None), len(own))
    return Marked(key, stand_in, values)
