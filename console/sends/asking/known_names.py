"""What words of the search box are in the database, as far as the actor may know of it: notices,
people and programs who sent, Chat Servers, chats, sends and deliveries."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator

from django.db.models import Q, Value
from django.db.models.functions import Concat, Lower

from console.accounts.models import User
from console.actors import Actor, Permission
from console.catalogue.models import CannedNotice
from console.catalogue.selectors import notices
from console.interactions.models import ChatServer, FormerName
from console.sends.asking.vocabulary import NUMBER, Reading, one
from console.sends.selectors import deliveries_visible, origins_visible, sends_of

Found = Iterator[tuple[str, Reading]]
ID_LENGTH = 64


def known(actor: Actor, phrases: Collection[str]) -> dict[str, list[Reading]]:
    """Return what each of these phrases names: by exact names, capitals make no difference. A few
    queries by index, however many phrases there are."""
    found: dict[str, list[Reading]] = defaultdict(list)
    small = {phrase.lower() for phrase in phrases}
    searches: tuple[Callable[[Actor, Collection[str]], Found], ...] = (
        _notices,
        _people,
        _chat_servers,
        _numbers,
    )
    for search in searches:
        for phrase, reading in search(actor, small):
            found[phrase].append(reading)
    for phrase, reading in _chats(actor, phrases):
        found[phrase].append(reading)
    return found


def _notices(actor: Actor, phrases: Collection[str]) -> Found:
    """A key is certain. A title may as well be a text."""
    if actor.may(Permission.VIEW_HISTORY):
        seen = CannedNotice.objects.order_by()
    elif actor.may(Permission.VIEW_CATALOGUE):
        seen = CannedNotice.objects.filter(pk__in=notices(actor).order_by().values("pk"))
    else:
        return
    named = seen.annotate(small=Lower("title")).filter(Q(key__in=phrases) | Q(small__in=phrases))
    for key, title in named.values_list("key", "small"):
        if key in phrases:
            yield key, one("notice", key)
        if title in phrases and title != key:
            yield title, one("notice", key, is_certain=False)


def _people(actor: Actor, phrases: Collection[str]) -> Found:
    """A login is certain. A name may be a customer's."""
    senders = origins_visible(actor)
    named = senders.annotate(small=Lower("actor_name")).filter(small__in=phrases)
    for name, ref in named.values_list("small", "actor_ref").distinct():
        yield name, one("actor", ref, is_certain=False)
    called = Lower(Concat("first_name", Value(" "), "last_name"))
    people = User.objects.annotate(login=Lower("username"), called=called).filter(
        Q(login__in=phrases) | Q(called__in=phrases)
    )
    for login, name, pk in people.values_list("login", "called", "pk"):
        ref = f"user:{pk}"
        is_known = ref == actor.ref or actor.may(Permission.VIEW_HISTORY)
        if is_known or senders.filter(actor_ref=ref).exists():
            for phrase in {login, name} & set(phrases):
                yield phrase, one("actor", ref, is_certain=phrase == login)


def _chat_servers(actor: Actor, phrases: Collection[str]) -> Found:
    if not actor.may(Permission.VIEW_CHAT_SERVERS):
        return
    for model in (ChatServer, FormerName):
        small = model.objects.annotate(small=Lower("name")).filter(small__in=phrases)
        for phrase, name in small.order_by().values_list("small", "name"):
            yield phrase, one("chat_server", name)


def _chats(actor: Actor, phrases: Collection[str]) -> Found:
    """The ids of chats to which something was sent. They are compared as they are written, and in
    capitals."""
    asked = {each: phrase for phrase in phrases for each in (phrase.upper(), phrase)}
    ids = [each for each in asked if len(each) <= ID_LENGTH and " " not in each]
    sent = deliveries_visible(actor).filter(interaction_id__in=ids).order_by()
    for chat in sent.values_list("interaction_id", flat=True).distinct():
        yield asked[chat].lower(), one("interaction", chat)


def _numbers(actor: Actor, phrases: Collection[str]) -> Found:
    """A number may be a send's, a delivery's, or a text."""
    numbers = [int(phrase) for phrase in phrases if NUMBER.fullmatch(phrase)]
    if not numbers:
        return
    for pk in sends_of(actor, numbers).values_list("pk", flat=True):
        yield str(pk), one("send", str(pk), is_certain=False)
    for pk in deliveries_visible(actor).filter(pk__in=numbers).values_list("pk", flat=True):
        yield str(pk), one("delivery", str(pk), is_certain=False)
