"""The ledger: what happened, in an order that nobody can change unnoticed."""

import base64
import json
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.fields.json import KeyTransform

from console.audit.actions import Action
from console.audit.chain import canonical_time

ACTION_LABELS = dict(Action.choices)
# Of data that are no entry's, in characters.
UNREADABLE_SHOWN = 200


class EntryData(models.JSONField):
    """A mapping, whatever somebody has put there past the console: pages can show such an entry,
    and no verification takes it for what was hashed."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        if value is None or isinstance(expression, KeyTransform):
            return super().from_db_value(value, expression, connection)
        try:
            data = json.loads(value)
        except RecursionError:
            data = None
        return data if isinstance(data, dict) else {"unreadable": value[:UNREADABLE_SHOWN]}

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs


class AuditEntry(models.Model):
    """One entry of the chain: `hash` covers the whole entry, including the previous entry's hash.

    Actor and target are stored as text beside their ids, so that an entry outlives them.
    """

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    actor_ref = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=200)
    action = models.CharField(max_length=64)
    target_kind = models.CharField(max_length=32)
    target_ref = models.CharField(max_length=128)
    target_name = models.CharField(max_length=255)
    data = EntryData(default=dict)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["-seq"]
        verbose_name_plural = "audit entries"
        indexes: ClassVar = [
            models.Index(fields=["target_kind", "target_ref", "seq"], name="audit_target"),
            models.Index(fields=["action", "target_kind", "seq"], name="audit_action"),
            # Nearly all entries are the worker's, and nobody looks these up by actor.
            models.Index(
                fields=["actor_ref", "seq"],
                name="audit_actor",
                condition=~models.Q(actor_ref="system:worker"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action}"

    @property
    def action_label(self) -> str:
        """The action's label, or its name if another version of the console wrote it."""
        return str(ACTION_LABELS.get(self.action, self.action))


def as_hashed(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry's fields in the form that `chain` takes."""
    return {
        "seq": entry.seq,
        "at": canonical_time(entry.at),
        "actor_ref": entry.actor_ref,
        "actor_name": entry.actor_name,
        "action": entry.action,
        "target_kind": entry.target_kind,
        "target_ref": entry.target_ref,
        "target_name": entry.target_name,
        "data": entry.data,
        "prev_hash": entry.prev_hash,
    }


class AuditCheckpoint(models.Model):
    """A signed statement that entry `seq` had this hash.

    Whoever rewrites the chain up to there can't sign another one. `outside_at` is when it was
    stored outside of the database.
    """

    seq = models.BigIntegerField(primary_key=True)
    hash = models.CharField(max_length=64)
    at = models.CharField(max_length=27)  # exactly as signed
    key_id = models.CharField(max_length=16)
    signature = models.CharField(max_length=88)
    # From which entry on a process must have signed; None: checkpoints of older consoles.
    signed_from = models.BigIntegerField(null=True, blank=True)
    # The first and last numbers of entries that are nobody's of the console, as an operator said.
    foreign = models.JSONField(null=True, blank=True)
    outside_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-seq"]

    def __str__(self) -> str:
        return f"checkpoint of entry {self.seq}"

    @property
    def said(self) -> dict[str, Any]:
        """The signed content, with its signature."""
        return {
            "seq": self.seq,
            "hash": self.hash,
            "at": self.at,
            "key_id": self.key_id,
            "signature": self.signature,
            **({} if self.signed_from is None else {"signed_from": self.signed_from}),
            **({"foreign": self.foreign} if self.foreign else {}),
        }


class AuditCertificate(models.Model):
    """The site's audit key says that a key is a process's of the console, from `begin` to `end`."""

    id = models.CharField(primary_key=True, max_length=16)  # of the process's key
    key = models.CharField(max_length=44)
    name = models.CharField(max_length=100)
    begin = models.CharField(max_length=27, db_column="from")  # exactly as signed
    end = models.CharField(max_length=27, db_column="to")
    key_id = models.CharField(max_length=16)
    signature = models.CharField(max_length=88)

    class Meta:
        ordering: ClassVar = ["begin", "id"]

    def __str__(self) -> str:
        return f"certificate of the key {self.id}"

    @property
    def said(self) -> dict[str, Any]:
        """The signed content, with its signature."""
        return {
            "key": self.key,
            "name": self.name,
            "from": self.begin,
            "to": self.end,
            "key_id": self.key_id,
            "signature": self.signature,
        }


class AuditSignature(models.Model):
    """A process's signature of the entries `first` to `last`, which it wrote in one transaction.

    It is batch `number` of its `stream`. `prev` is the link of the batch before; `after_hash` is
    the hash of entry `after`, which was the newest a moment before.
    """

    last = models.BigIntegerField(primary_key=True)
    first = models.BigIntegerField()
    signer = models.CharField(max_length=16)
    stream = models.CharField(max_length=16)
    number = models.BigIntegerField()
    after = models.BigIntegerField()
    after_hash = models.CharField(max_length=64)
    prev = models.CharField(max_length=64)
    signature = models.BinaryField()

    class Meta:
        ordering: ClassVar = ["last"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["stream", "number"], name="audit_stream")
        ]

    def __str__(self) -> str:
        return f"signature of entries {self.first} to {self.last}"

    @property
    def said(self) -> dict[str, Any]:
        """What a verifier reads: the signature and what it is over, but for the entries."""
        names = ("first", "last", "stream", "number", "after", "after_hash", "prev")
        signature = base64.b64encode(self.signature).decode()
        said = {name: getattr(self, name) for name in names}
        return {**said, "key_id": self.signer, "signature": signature}


class AuditRefusal(models.Model):
    """No checkpoint is made, since at the entry `seq` the ledger does not hold."""

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["seq"]

    def __str__(self) -> str:
        return f"refusal at entry {self.seq}"


class Reading(models.Model):
    """That somebody was shown customers' texts, until a worker has entered it in the ledger."""

    at = models.DateTimeField()
    actor_ref = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=200)
    place = models.CharField(max_length=100)
    chats = ArrayField(models.CharField(max_length=128))

    def __str__(self) -> str:
        return f"{self.actor_name} at {self.place}"


class AuditSeal(models.Model):
    """A signed statement that entries `first` to `last` were moved to `file`.

    `hash` is that of `last`; `before` is the hash that `first` follows.
    """

    last = models.BigIntegerField(primary_key=True)
    first = models.BigIntegerField()
    before = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    file = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    at = models.CharField(max_length=27)  # exactly as signed
    key_id = models.CharField(max_length=16)
    signature = models.CharField(max_length=88)

    class Meta:
        ordering: ClassVar = ["last"]

    def __str__(self) -> str:
        return f"seal of entries {self.first} to {self.last}"

    @property
    def said(self) -> dict[str, Any]:
        """The signed content, with its signature."""
        names = ("first", "before", "last", "hash", "file", "sha256", "at", "key_id", "signature")
        return {name: getattr(self, name) for name in names}


class AuditLog(models.Model):
    """A name of the tree, and the secret of its salts. The newest counts.

    A name is made once. After entries were lost another one begins, with the same secret: under
    the old name there would be two trees of one size.
    """

    id = models.BigAutoField(primary_key=True)
    origin = models.CharField(max_length=200, unique=True)
    secret = models.BinaryField()
    begun_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return self.origin


class AuditTile(models.Model):
    """Hashes of the tree, 256 at most, which only grow.

    At level -1 these are the leaves themselves, from which the tiles of level 0 are made. From
    level 1 on they are as published.
    """

    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    hashes = models.BinaryField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["level", "index"], name="audit_tile")
        ]

    def __str__(self) -> str:
        return f"tile {self.index} of level {self.level}"


class AuditTreeHead(models.Model):
    """A signed checkpoint of the tree: `note` is it as published, with any cosignatures."""

    size = models.BigIntegerField(primary_key=True)
    origin = models.CharField(max_length=200)
    root = models.BinaryField()
    at = models.DateTimeField()
    note = models.TextField()

    class Meta:
        ordering: ClassVar = ["-size"]

    def __str__(self) -> str:
        return f"tree of {self.size} entries"


class AuditReceipt(models.Model):
    """A signed statement that a place outside has all up to entry `seq`, of which `hash` is the
    checkpoint's or the tree's root.

    Without the audit key nobody can write one. So nobody keeps checkpoints from leaving by writing
    here that they have left.
    """

    place = models.CharField(max_length=2048, primary_key=True)
    seq = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    at = models.CharField(max_length=27)  # exactly as signed
    key_id = models.CharField(max_length=16)
    signature = models.CharField(max_length=88)

    def __str__(self) -> str:
        return f"{self.place} has all up to entry {self.seq}"

    @property
    def said(self) -> dict[str, Any]:
        """The signed content, with its signature."""
        names = ("place", "seq", "hash", "at", "key_id", "signature")
        return {name: getattr(self, name) for name in names}


class StateCheck(models.Model):
    """The nightly comparison of state with history: one row. `progress` is how far the present run
    is, `result` what the last whole one found (console.audit.state.running)."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    begun_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    stopped_by_name = models.CharField(max_length=200, blank=True)
    progress = models.JSONField(default=dict)
    whole_at = models.DateTimeField(null=True, blank=True)
    differences = models.PositiveBigIntegerField(default=0)
    result = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_state_check"),
        ]

    def __str__(self) -> str:
        return f"{self.differences} differences"


class AuditCosignature(models.Model):
    """A witness's statement that the first `size` entries continue all that it saw before.

    `witness` is its verifier key, `line` its signature line, and `time` the seconds since 1970 at
    which it signed, by its own clock.
    """

    id = models.BigAutoField(primary_key=True)
    origin = models.CharField(max_length=200)
    size = models.BigIntegerField()
    witness = models.CharField(max_length=400)
    line = models.TextField()
    time = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["-size", "witness", "-id"], name="audit_cosigned_size"),
            models.Index(fields=["witness", "-id"], name="audit_cosigned_by"),
        ]

    def __str__(self) -> str:
        return f"cosignature of {self.size} entries by {self.witness.partition('+')[0]}"


class AuditWitness(models.Model):
    """What a witness said last: the `size` from which it needs a proof, when it was asked, and in
    `trouble` why it did not cosign ("" if it did)."""

    witness = models.CharField(max_length=400, primary_key=True)
    origin = models.CharField(max_length=200)
    size = models.BigIntegerField(default=0)
    asked_at = models.DateTimeField()
    trouble = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.witness.partition("+")[0]


class AuditTimestamp(models.Model):
    """A time stamp of RFC 3161 for a head of the tree: `response` is the authority's answer as it
    came, over the text of the head's note."""

    id = models.BigAutoField(primary_key=True)
    origin = models.CharField(max_length=200)
    size = models.BigIntegerField()
    authority = models.CharField(max_length=2048)
    response = models.BinaryField()
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"time stamp of {self.size} entries"


class AuditStream(models.Model):
    """How far the ledger has been streamed to a receiver (console.audit.siem).

    `told_to` is the entry up to which all that is chosen was taken. `sent` are the numbers of the
    newest messages that may still be in flight, after the one to which a broken stream goes back.
    One worker streams until `held_until`.
    """

    place = models.CharField(max_length=2048, primary_key=True)
    told_to = models.BigIntegerField()
    sent = ArrayField(models.BigIntegerField())
    held_until = models.DateTimeField(null=True, blank=True)
    next_at = models.DateTimeField(null=True, blank=True)
    taken_at = models.DateTimeField(null=True, blank=True)
    streamed = models.BigIntegerField(default=0)
    skipped = models.BigIntegerField(default=0)
    failures = models.BigIntegerField(default=0)
    failures_in_a_row = models.IntegerField(default=0)
    trouble = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"streamed to {self.told_to}"
