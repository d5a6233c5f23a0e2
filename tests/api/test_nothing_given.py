"""Given and empty is never everything: each field of each body, each filter and each header, times
what an unfilled variable leaves there."""

import importlib
import json
import pkgutil
from collections.abc import Iterator
from itertools import product
from typing import Any
from urllib.parse import quote

import pytest
from django.db import transaction
from rest_framework import serializers

import console.api
from console.accounts.models import Team
from console.accounts.roles import Role
from console.actors import Actor
from console.api.serializers.common import StrictInput
from console.catalogue.models import CannedNotice, Category, NoticeVersion, VisibilityPreset
from console.errors import InvalidInput
from console.incidents.models import Incident, PlaybookVersion, Stage
from console.incidents.services.incidents import incident_start
from console.interactions.audience.simple_filter import InteractionFilter
from console.interactions.models import SavedView
from console.interactions.services import chat_server_create
from console.sends.models import Send, SendingStop
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from console.webhooks.models import Webhook
from tests.support.calling import Caller, by_token, error
from tests.support.factories import (
    REVIEWER,
    ROOT,
    make_client,
    make_interaction,
    make_notice,
    make_playbook,
    make_send,
    make_user,
)
from tests.support.shared_world import shared_world

pytestmark = pytest.mark.django_db

BLANK = ("", " ", "\t\n", "\u200b", "\u2060\u00ad", "\u3164", "\u2800")
TEXT = (None, *BLANK)
LIST: tuple[Any, ...] = (None, "", [], [""], [" "], ["\u200b"], [None])
DICT: tuple[Any, ...] = (None, "", [], {})
OTHER: tuple[Any, ...] = (None, "", " ", "\u200b", [])

# What is said by nothing, as docs/api.md has it. All else is refused.
MEANT: dict[tuple[str, str], tuple[Any, ...]] = {
    ("NoticeInput", "tags"): ([],),
    ("NoticeChanges", "tags"): ([],),
    ("NoticeChanges", "category"): (None,),
    ("NoticeChanges", "team"): (None,),
    ("NoticeChanges", "shortcut"): (None,),
    ("CategoryInput", "parent"): (None,),
    ("CategoryInput", "team"): (None,),
    ("CategoryChanges", "parent"): (None,),
    ("CategoryChanges", "team"): (None,),
    ("PresetInput", "nickname"): BLANK,
    ("PresetInput", "roles"): (None,),
    ("VersionInput", "message_type"): BLANK,
    ("VersionInput", "nickname"): BLANK,
    ("VersionInput", "change_note"): BLANK,
    ("VersionInput", "new_title"): BLANK,
    ("VersionInput", "new_shortcut"): BLANK,
    ("VersionInput", "fields"): ([],),
    ("VersionInput", "valid_from"): (None,),
    ("VersionInput", "valid_until"): (None,),
    ("PreviewInput", "why"): BLANK,
    ("PreviewInput", "fields"): ({},),
    ("TestInput", "fields"): ({},),
    ("SendInput", "why"): BLANK,
    ("SendInput", "fields"): ({},),
    ("PlaybookInput", "team"): (None,),
    ("PlaybookInput", "change_note"): BLANK,
    ("PlaybookChanges", "change_note"): BLANK,
    ("PlaybookStage", "update_minutes"): (None,),
    ("PlaybookStage", "canary_size"): (None,),
    ("PlaybookStage", "canary_minutes"): (None,),
    ("StartPreviewInput", "fields"): ({},),
    ("StartInput", "fields"): ({},),
    ("FeedInput", "events"): ([], [""], [" "], ["\u200b"], [None]),
    ("LinesInput", "lines"): ([], [""], [" "], ["\u200b"], [None]),
}
STAGE = {"name": "Known", "notice": "delay", "is_standing": True}
VERSION = {"default_locale": "en", "bodies": {"en": "Hello"}}
# Of each body: how it is sent, and what else it has. {names} are of what `world` made.
SENT: dict[str, tuple[str, str, dict[str, Any]]] = {
    "TestInput": ("POST", "notices/own/versions/1/tests/", {"interactions": ["t1"]}),
    "PreviewInput": ("POST", "sends/preview/", {"notice": "delay", "interactions": ["a1"]}),
    "SendInput": ("POST", "sends/", {"notice": "delay", "interactions": ["a1"], "dry_run": True}),
    "RescheduleInput": (
        "POST",
        "sends/{send}/reschedule/",
        {"scheduled_at": "2020-01-01T00:00:00Z"},
    ),
    "RetryUnknownInput": ("POST", "sends/{send}/retry-unknown/", {}),
    "EvidenceInput": (
        "POST",
        "deliveries/{delivery}/evidence/",
        {"verdict": "delivered", "looked_in": "agent", "remark": "She saw it."},
    ),
    "RejectInput": ("POST", "notices/delay/versions/1/reject/", {}),
    "StopInput": ("PUT", "sending-stop/", {}),
    "FeedInput": ("POST", "interactions/events/", {}),
    "LinesInput": ("POST", "interactions/transcript-lines/", {}),
    "NoticeInput": ("POST", "notices/", {"key": "new-one", "kind": "message", "title": "New"}),
    "NoticeChanges": ("PATCH", "notices/delay/", {}),
    "VersionInput": ("POST", "notices/delay/versions/", VERSION),
    "PresetInput": ("POST", "presets/", {"name": "New", "visibility": "INT"}),
    "PresetApproval": ("POST", "presets/{preset}/approve/", {"change": 1}),
    "PresetRejection": ("POST", "presets/{preset}/reject/", {"reason": "No", "change": 1}),
    "SavedAudienceInput": ("POST", "audiences/", {"name": "x", "audience": {"queue": "sales"}}),
    "SavedAudienceChanges": ("PATCH", "audiences/{view}/", {}),
    "CategoryInput": ("POST", "categories/", {"name": "New"}),
    "CategoryChanges": ("PATCH", "categories/{category}/", {}),
    "ChatServerInput": ("POST", "chat-servers/", {"name": "x", "url": "esp+json://h:1"}),
    "HoldInput": ("POST", "chat-servers/chat-east/hold/", {}),
    "RenameInput": ("POST", "chat-servers/chat-east/rename/", {}),
    "ChatServerChanges": ("PATCH", "chat-servers/chat-east/", {}),
    "WebhookInput": (
        "POST",
        "webhooks/",
        {"name": "x", "url": "https://192.0.2.1/", "events": ["send.finished"]},
    ),
    "WebhookChanges": ("PATCH", "webhooks/{webhook}/", {}),
    "RotateInput": ("POST", "webhooks/{webhook}/rotate-secret/", {}),
    "PlaybookInput": (
        "POST",
        "playbooks/",
        {"key": "x", "title": "X", "audience": {"queue": "q"}, "stages": [STAGE]},
    ),
    "PlaybookChanges": ("PATCH", "playbooks/outage/", {}),
    "PlaybookStage": (
        "POST",
        "playbooks/",
        {"key": "x", "title": "X", "audience": {"queue": "q"}, "stages": [STAGE]},
    ),
    "StartPreviewInput": ("POST", "incidents/preview/", {"playbook": "outage"}),
    "StartInput": ("POST", "incidents/", {"playbook": "outage", "why": "It is down."}),
    "StageStartInput": ("POST", "incidents/{incident}/stages/2/start/", {}),
    "CloseInput": ("POST", "incidents/{incident}/close/", {}),
    "HistoryExportInput": ("POST", "deliveries/exports/", {"format": "csv"}),
    "TrailExportInput": ("POST", "audit/entries/exports/", {"format": "csv"}),
    "ImportInput": ("POST", "notices/import/", {"records": [{"key": "delay"}], "dry_run": True}),
}


def bodies() -> dict[str, type[StrictInput]]:
    """All that the API takes for a body, by name."""
    for module in pkgutil.walk_packages(console.api.__path__, "console.api."):
        importlib.import_module(module.name)

    def below(kind: type[StrictInput]) -> Iterator[type[StrictInput]]:
        for each in kind.__subclasses__():
            yield each
            yield from below(each)

    return {kind.__name__: kind for kind in below(StrictInput)}


def nothing_for(field: Any) -> tuple[Any, ...]:
    if isinstance(field, serializers.ListField):
        return LIST
    if isinstance(field, serializers.DictField):
        return DICT
    if isinstance(field, (serializers.CharField, serializers.ChoiceField)):
        return TEXT
    return OTHER


FIELDS = [(name, field) for name, kind in sorted(bodies().items()) for field in kind().fields]


def make_all() -> dict[str, Any]:
    supervisor = make_user("sue", Role.SUPERVISOR)
    chat_server_create(ROOT, name="chat-east", url="esp+json://127.0.0.1:9")
    _client, token = make_client("Almighty")
    almighty = by_token(token)
    make_notice("delay")
    make_interaction("a1")
    # Whoever wrote a draft tests it.
    make_interaction("t1", test=True)
    almighty.post("notices/", {"key": "own", "kind": "message", "title": "Own"})
    almighty.post("notices/own/versions/", {"default_locale": "en", "bodies": {"en": "Hello."}})
    send = make_send(supervisor, "delay", ["a1"])
    webhook = Webhook.objects.create(name="w", url="https://192.0.2.1/", secret="", events=[])
    make_playbook("outage", {"queue": "q"}, STAGE)
    running = make_playbook("running", {"queue": "q"}, STAGE, {**STAGE, "name": "Next"})
    incident = incident_start(supervisor.to_actor(), running, why="It is down.")
    return {
        "token": token,
        "send": send.pk,
        "delivery": send.deliveries.get().pk,
        "preset": VisibilityPreset.objects.all()[0].pk,
        "category": Category.objects.create(name="Old", path="Old").pk,
        "view": SavedView.objects.create(
            name="Old",
            team=Team.objects.create(name="Desk"),
            audience={"queue": "sales"},
            position=1,
        ).pk,
        "webhook": webhook.pk,
        "incident": incident.pk,
    }


world = shared_world("world", make_all)


@pytest.fixture
def almighty(world: dict[str, Any]) -> Caller:
    return by_token(world["token"])


def test_each_body_is_in_the_table() -> None:
    assert set(SENT) == set(bodies())
    assert set(MEANT) <= set(FIELDS), "a row of a field that is no more"


@pytest.mark.parametrize("body", sorted(SENT))
def test_an_empty_field_is_refused_by_its_name(
    world: dict[str, Any], almighty: Caller, body: str
) -> None:
    method, path, others = SENT[body]
    before = state()
    for field, described in bodies()[body]().fields.items():
        rest = {name: value for name, value in others.items() if name != "interactions"}
        for nothing in nothing_for(described):
            if nothing in MEANT.get((body, field), ()):
                continue
            request = {**(rest if field in ("filter", "audience") else others), field: nothing}
            if body == "PlaybookStage":
                request = {**others, "stages": [{**STAGE, field: nothing}]}
            response = almighty.raw(method, path.format(**world), request)
            assert response.status_code == 400, (field, nothing, response.content[:300])
            answer = json.loads(response.content)
            assert named(answer, field), (nothing, answer)
    assert state() == before


def named(answer: dict[str, Any], field: str) -> bool:
    """By its name, or for the whole body by what is wrong with it."""
    words = {"interactions": "chat", "bodies": "text", "records": "file", "reason": "why"}
    said = json.dumps(answer).lower()
    return field in said or words.get(field, field) in said


def state() -> list[Any]:
    return [
        *CannedNotice.objects.values_list().order_by("pk"),
        *NoticeVersion.objects.values_list("pk", "status"),
        *VisibilityPreset.objects.values_list("pk", "name"),
        *Webhook.objects.values_list("pk", "name", "url"),
        *Category.objects.values_list("pk", "path"),
        *Send.objects.values_list("pk", "status"),
        *PlaybookVersion.objects.values_list("pk", "status", "audience", "stages"),
        *Incident.objects.values_list("pk", "status"),
        *Stage.objects.values_list("pk", flat=True),
        *SendingStop.objects.values_list("reason"),
    ]


def test_what_nothing_means_is_taken(world: dict[str, Any], almighty: Caller) -> None:
    for (body, field), meant in MEANT.items():
        method, path, others = SENT[body]
        with transaction.atomic():
            request = {**others, field: meant[0]}
            if body == "PlaybookStage":
                request = {**others, "stages": [{**STAGE, field: meant[0]}]}
            response = almighty.raw(method, path.format(**world), request)
            assert response.status_code < 300, (body, field, response.content)
            transaction.set_rollback(True)


# --- Filters -------------------------------------------------------------------------------------

FILTERS = list(InteractionFilter.__dataclass_fields__)


def test_an_unfilled_filter_sends_to_nobody(world: dict[str, Any], almighty: Caller) -> None:
    wrong: tuple[Any, ...] = (*TEXT, [], {})
    for name, nothing in product(FILTERS, wrong):
        for others in ({}, {"queue": "billing"} if name != "queue" else {"agent": "ann"}):
            request = {"notice": "delay", "filter": {**others, name: nothing}}
            answer = error(almighty.raw("POST", "sends/", request), 400, "invalid_filter")
            assert answer["details"] == {"field": name}
    assert Send.objects.count() == 1


def test_all_has_to_be_said(world: dict[str, Any], almighty: Caller) -> None:
    for filter in ({}, {"all": True, "queue": "billing"}, {"all": False}, {"all": "no"}):
        response = almighty.raw("POST", "sends/", {"notice": "delay", "filter": filter})
        assert response.status_code == 400, filter
    said = almighty.post("sends/", {"notice": "delay", "filter": {"all": True}})
    assert said["target"] == {"filter": {"all": True}}
    assert said["counts"]["total"] == 1


QUERIES = {
    "interactions/": [*(name for name in FILTERS if name != "all"), "audience"],
    "notices/": ["q", "status", "kind", "category", "tag", "show", "days"],
    "sends/": ["status", "page"],
    "sends/{send}/deliveries/": ["status"],
    "deliveries/": [
        *("actor", "notice", "interaction", "version", "chat_server", "status", "from"),
        *("resolution", "send", "delivery"),
        *("until", "q", "cursor"),
    ],
    "notices/delay/versions/1/preview/": ["interaction"],
    "webhooks/{webhook}/messages/": ["status"],
    "notices/export/": ["format"],
    "incidents/": ["status"],
    "incidents/{incident}/chats/": ["stage", "outcome"],
}


def test_an_empty_filter_of_a_list_is_refused(world: dict[str, Any], almighty: Caller) -> None:
    for path, names in QUERIES.items():
        for name, nothing in product(names, BLANK):
            query = f"{path.format(**world)}?{name}={quote(nothing)}"
            answer = almighty.raw("GET", query)
            assert answer.status_code == 400, query
            assert name in answer.json()["message"]


def test_every_filter_of_every_list_is_in_the_table(almighty: Caller) -> None:
    document = almighty.get("schema/?format=json")
    for path, methods in document["paths"].items():
        names = {
            each["name"]
            for each in methods.get("get", {}).get("parameters", [])
            if each["in"] == "query"
        } - {"page", "page_size", "cursor"}
        short = path.removeprefix("/api/v1/")
        if names and not short.startswith("audit"):
            rows = [rows for known, rows in QUERIES.items() if same_path(known, short)]
            assert rows, (path, names)
            assert names <= set(rows[0]), path


def same_path(known: str, path: str) -> bool:
    parts, others = known.split("/"), path.split("/")
    return len(parts) == len(others) and all(
        one == other or other.startswith("{") for one, other in zip(parts, others, strict=True)
    )


def test_an_empty_idempotency_key_is_refused(world: dict[str, Any], almighty: Caller) -> None:
    for key, request in product(("", " ", "\t"), ({}, {"once": True})):
        body = {"notice": "delay", "interactions": ["a1"], **request}
        response = almighty.raw("POST", "sends/", body, Idempotency_Key=key)
        assert response.status_code == 400
    assert Send.objects.count() == 1


# --- The service itself --------------------------------------------------------------------------


def test_no_caller_of_the_service_sends_by_an_empty_choice(world: dict[str, Any]) -> None:
    actor = Actor("user:x", "X", REVIEWER.permissions, sees_all_teams=True)
    for given in (
        {"notice_key": ""},
        {"notice_key": "\u200b"},
        {"visibility": ""},
        {"nickname": ""},
        {"nickname": "\u200b"},
        {"time_zone": ""},
        {"idempotency_key": ""},
        {"interactions": [""]},
        {"interactions": ["\u3164"]},
        {"interactions": None, "filter": InteractionFilter()},
    ):
        arguments: dict[str, Any] = {"notice_key": "delay", "interactions": ["a1"], **given}
        with pytest.raises(InvalidInput):
            send_create(actor, SendOrder(**arguments))
    assert Send.objects.count() == 1


def test_a_version_for_the_staff_does_not_become_everybodys_by_an_empty_choice(
    world: dict[str, Any], almighty: Caller
) -> None:
    for given in ({"visibility": ""}, {"visibility": None}, {"preset": ""}, {"preset": None}):
        response = almighty.raw("POST", "notices/delay/versions/", {**VERSION, **given})
        assert response.status_code == 400, given
