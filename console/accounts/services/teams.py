"""Writes teams."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet

from console.accounts.models import Team, User
from console.accounts.services.sessions import streams_end
from console.accounts.states import team_state
from console.accounts.told import TEAM, USER
from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.services import Record
from console.audit.state.kinds import told
from console.editing.revision import changes, require_unchanged
from console.errors import Conflict, InvalidInput, NotFound
from console.text.inputs import read_name, require_none_blank
from console.text.sentences import Sentence, term

QUEUE_LIMIT = 255

# Called when queues change hands, for apps that store rows of queues by team.
_followers: list[Callable[[Collection[str]], object]] = []


def follow_queues(follower: Callable[[Collection[str]], object]) -> None:
    """Register `follower` to be called with the queues that change hands, in the same transaction.

    It lets apps of a higher layer react, which this app does not know; they register when they are
    ready.
    """
    _followers.append(follower)


def team_create(
    actor: Actor,
    *,
    name: str,
    queues: Sequence[str] = (),
    members: Collection[User] = (),
) -> Team:
    """Create a team whose `members` see the chats of `queues`.

    Raises InvalidInput for an empty or too long name, and Conflict for a name in use or for a queue
    that another team has.
    """
    actor.require(Permission.ADMINISTER)
    name = read_name(name, term("the team"))
    wanted = _read_queues(queues)
    try:
        with transaction.atomic():
            _lock_all()
            _require_free(wanted, None)
            team = Team.objects.create(name=name, queues=wanted)
            records = _set_members(team, members, team.name)
            _tell(wanted)
            audit.record_many(actor, records)
            data = {"queues": wanted, **told((TEAM, team.pk))}
            audit.record(actor, Action.TEAM_CREATED, target=_target(team), data=data)
    except IntegrityError as error:
        raise _name_taken(name) from error
    return team


def team_update(
    actor: Actor,
    team: Team,
    *,
    name: str,
    queues: Sequence[str],
    members: Collection[User] | None = None,
    expected: str | None = None,
) -> Team:
    """Change a team's name, its queues and who is in it. Live chats go to the team that has their
    queue now.

    Each person who comes or goes has an entry in the trail of their own. With `expected`, the
    revision of the state that was shown, Conflict where it is another by now.
    """
    actor.require(Permission.ADMINISTER)
    name = read_name(name, term("the team"))
    wanted = _read_queues(queues)
    try:
        with transaction.atomic():
            _lock_all()
            team = _read(team)
            before = team_state(team)
            require_unchanged(before, expected, term("the team {team}", team=team))
            _require_free(wanted, team)
            moved = set(team.queues) ^ set(wanted)
            team.name, team.queues = name, wanted
            team.save(update_fields=["name", "queues"])
            records = _set_members(team, members, before["name"])
            _tell(moved)
            audit.record_many(actor, records)
            changed = changes(before, team_state(team))
            if changed:
                data = {**changed, **told((TEAM, team.pk))}
                audit.record(actor, Action.TEAM_CHANGED, target=_target(team), data=data)
    except IntegrityError as error:
        raise _name_taken(name) from error
    return team


def team_delete(actor: Actor, team: Team) -> None:
    """Delete a team without members and belongings.

    Raises Conflict, which states what the team still has and what to do with it.
    """
    actor.require(Permission.ADMINISTER)
    with transaction.atomic():
        _lock_all()
        team = _read(team, Team.objects.select_for_update())
        left = team_belongings(team)
        if left:
            raise Conflict(
                "team_not_empty",
                "Not deleted: the team {team} still has {left}. Take its queues and people away "
                "on its page, and give its notices to another team or to all. Chats leave it some "
                "days after their end.",
                {"left": left},
                team=team,
                left=_listed(left),
            )
        target, pk = _target(team), team.pk
        team.delete()
        audit.record(actor, Action.TEAM_DELETED, target=target, data=told((TEAM, pk)))


def team_belongings(team: Team) -> dict[str, int]:
    """Return the number of a team's belongings by kind, from every app."""
    counts = {"queues": len(team.queues), "people": team.members.count()}
    for relation in Team._meta.related_objects:
        if relation.one_to_many:
            model: Any = relation.related_model
            found = model._base_manager.filter(**{relation.field.name: team})
            counts[str(model._meta.verbose_name_plural)] = found.count()
    return {name: count for name, count in counts.items() if count}


# What a team may have, as it is called in the middle of a sentence.
_CALLED = {
    str(called): called
    for called in (
        term("queues"),
        term("people"),
        term("interactions"),
        term("categories"),
        term("canned notices"),
    )
}


def _listed(counts: dict[str, int]) -> Sentence:
    *parts, last = [
        term("{name} ({count:,})", name=_CALLED.get(name, name), count=count)
        for name, count in counts.items()
    ]
    return term("{parts} and {last}", parts=parts, last=last) if parts else last


def _target(team: Team) -> tuple[str, object, str]:
    return "team", team.pk, team.name


def _read_queues(queues: Iterable[str]) -> list[str]:
    wanted = list(dict.fromkeys(queue.strip() for queue in queues))
    require_none_blank(wanted, field="queues")
    for queue in wanted:
        if len(queue) > QUEUE_LIMIT or not queue.isprintable():
            raise InvalidInput(
                "invalid_queue",
                "{queue!r} can't be a queue: write its name as interactions carry it, {limit} "
                "characters at most.",
                {"field": "queues"},
                queue=queue[:40],
                limit=QUEUE_LIMIT,
            )
    return wanted


def _read(team: Team, teams: QuerySet[Team] | None = None) -> Team:
    """Return the team as it is now. Raises NotFound if it was deleted meanwhile."""
    found = (Team.objects.all() if teams is None else teams).filter(pk=team.pk).first()
    if found is None:
        raise NotFound("team_not_found", "The team {team} has been deleted meanwhile.", team=team)
    return found


def _lock_all() -> None:
    """Lock all teams until the end of the transaction.

    So no queue gets two teams, and no other transaction is still storing rows by the old queues.
    """
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE accounts_team IN EXCLUSIVE MODE")


def _require_free(queues: Sequence[str], team: Team | None) -> None:
    others = Team.objects.filter(queues__overlap=list(queues))
    if team is not None:
        others = others.exclude(pk=team.pk)
    owner = others.first()
    if owner is not None:
        both = [queue for queue in queues if queue in owner.queues]
        raise Conflict(
            "queue_taken",
            "The team {owner} has {both} already, and a queue belongs to one team. Take it away "
            "there first.",
            {"field": "queues"},
            owner=owner,
            both=both,
        )


def _set_members(team: Team, members: Collection[User] | None, name_before: str) -> list[Record]:
    """Set the members, and return the ledger entries of those who were added or removed."""
    if members is None:
        return []
    before, after = set(team.members.all()), set(members)
    streams_end(before ^ after)
    names = {}
    for user in sorted(before ^ after, key=lambda user: user.username):
        others = list(user.teams.exclude(pk=team.pk).values_list("name", flat=True))
        was = sorted([*others, name_before]) if user in before else sorted(others)
        now = sorted([*others, team.name]) if user in after else sorted(others)
        names[user] = {"from": was, "to": now}
    team.members.set(members)
    return [
        Record(
            Action.USER_CHANGED,
            ("user", user.pk, user.username),
            {"teams": moved, **told((USER, user.pk))},
        )
        for user, moved in names.items()
    ]


def _tell(queues: Collection[str]) -> None:
    if queues:
        for follower in _followers:
            follower(queues)


def _name_taken(name: str) -> Conflict:
    return Conflict(
        "name_taken",
        "There is a team named {name} already. Choose another name.",
        {"field": "name"},
        name=name,
    )
