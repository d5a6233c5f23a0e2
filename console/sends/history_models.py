"""What the search of the history reads beside the deliveries themselves."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Upper

from console.catalogue.models import NoticeVersion


class Origin(models.Model):
    """Who sent, under which name, and who approved it ("" for nobody)."""

    actor_ref = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=200)
    approver_ref = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["actor_ref", "actor_name", "approver_ref"], name="one_origin"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} ({self.actor_ref})"


class HistoryPart(models.Model):
    """Consecutive deliveries of one finished send: all of them from `first_id` to `last_id`.

    `text` has what a search finds in them, as
    `searchable` returns it: chat ids, names of customers and texts, each once. `marks` say in which
    span of the history they are, and what can be searched for beside the text. Written when all
    deliveries have ended (console.sends.history.filling); erased with any of their texts.
    """

    send = models.ForeignKey("sends.Send", on_delete=models.CASCADE, related_name="history_parts")
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField(unique=True)
    marks = ArrayField(models.TextField())
    text = models.TextField()

    class Meta:
        indexes: ClassVar = [
            GinIndex(
                "marks",
                OpClass(Upper("text"), "gin_trgm_ops"),
                # In kB: a search reads all that is not sorted in yet.
                gin_pending_list_limit=1024,
                name="history_part_search",
            ),
        ]

    def __str__(self) -> str:
        return f"deliveries {self.first_id} to {self.last_id}"


class HistorySpan(models.Model):
    """When the deliveries of some parts were made: all at `first_at` or later, and at `last_at` or
    earlier. They are the parts whose last id is `number` without its last SPAN_BITS bits."""

    number = models.BigIntegerField(primary_key=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"span {self.number} of the history"


class HistoryFact(models.Model):
    """That deliveries of a send, from `first_id` to `last_id`, have a status at a Chat Server. They
    are those of a few parts; `part` is the last of these.

    What is searched for stands in each index before `last_id`, so that a search reads the parts
    that fit in their order, and no others.
    """

    part = models.ForeignKey(HistoryPart, on_delete=models.CASCADE, related_name="facts")
    send = models.ForeignKey(
        "sends.Send",
        on_delete=models.CASCADE,
        db_index=False,
        db_constraint=False,
        related_name="+",
    )
    origin = models.ForeignKey(Origin, on_delete=models.PROTECT, db_index=False)
    version = models.ForeignKey(NoticeVersion, on_delete=models.PROTECT, db_index=False)
    chat_server_name = models.CharField(max_length=128)
    status = models.CharField(max_length=10)
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=[*names, "status", "last_id"], name=f"history_by_{label}")
            for label, *names in (
                ("status",),
                ("server", "chat_server_name"),
                ("version", "version"),
                ("origin", "origin"),
                ("version_server", "version", "chat_server_name"),
                ("origin_server", "origin", "chat_server_name"),
                ("origin_version", "origin", "version"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.status} at {self.chat_server_name} in part {self.part_id}"


class SavedSearch(models.Model):
    """A search of the history under a name: a person's own. `query` has the filters by name, as the
    page's address has them: a period of days keeps its name."""

    owner_ref = models.CharField(max_length=64)
    name = models.CharField(max_length=100)
    query = models.JSONField()

    class Meta:
        verbose_name_plural = "saved searches"
        ordering: ClassVar = ["name", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner_ref", "name"], name="one_search_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class HistoryColumns(models.Model):
    """Which columns of the history a person wants to see, beside those that always stand there."""

    person_ref = models.CharField(max_length=64, primary_key=True)
    names = ArrayField(models.CharField(max_length=20), default=list)

    def __str__(self) -> str:
        return f"columns of {self.person_ref}"


class CustomerChat(models.Model):
    """To which customer a chat belongs to which something was sent. Chats are deleted after a
    while; this is kept as long as their texts."""

    interaction_id = models.CharField(max_length=64, primary_key=True, db_collation="C")
    customer_key = models.CharField(max_length=255)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["customer_key", "interaction_id"], name="chat_by_customer"),
        ]

    def __str__(self) -> str:
        return self.interaction_id
