"""Ways to change what must not be changed, as somebody with all rights in the database would."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from console.audit.chain import entry_hash
from console.audit.models import AuditEntry, as_hashed

LEDGER = (
    *("audit_auditentry", "audit_auditcheckpoint", "audit_auditseal"),
    *("audit_auditsignature", "audit_auditcertificate"),
)
TREE = ("audit_auditlog", "audit_audittile", "audit_audittreehead")


@contextmanager
def triggers_off() -> Iterator[None]:
    """What only the owner of the tables can do."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        (role,) = cursor.fetchone()
        cursor.execute("RESET ROLE")
        # An automatic vacuum of these tables gives way, but not at once on a busy machine.
        cursor.execute("SET LOCAL lock_timeout = '25s'")
        for table in (*LEDGER, *TREE):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        for table in (*LEDGER, *TREE):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute(f'SET ROLE "{role}"')


def run(sql: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def another_byte(column: str, at: int) -> str:
    """Return the SQL of a column's bytes with byte `at` changed, whatever it was."""
    return f"set_byte({column}, {at}, get_byte({column}, {at}) # 1)"


def change_a_field() -> None:
    run("UPDATE audit_auditentry SET actor_name = 'Somebody else' WHERE seq = 5")


def change_one_byte_of_text() -> None:
    run("UPDATE audit_auditentry SET target_name = 'T' || substr(target_name, 2) WHERE seq = 5")


def change_what_it_says() -> None:
    run("""UPDATE audit_auditentry SET data = '{"n": 1000}' WHERE seq = 5""")


def delete_one() -> None:
    run("DELETE FROM audit_auditentry WHERE seq = 5")


def delete_the_newest() -> None:
    run("DELETE FROM audit_auditentry WHERE seq > 8")


def swap_two() -> None:
    run(
        "UPDATE audit_auditentry SET seq = CASE seq WHEN 5 THEN -6 WHEN 6 THEN -5 END "
        "WHERE seq IN (5, 6)"
    )
    run("UPDATE audit_auditentry SET seq = -seq WHERE seq < 0")


def insert_one() -> None:
    """With a right hash, and the numbers of those after it moved on."""
    run("UPDATE audit_auditentry SET seq = -seq - 1 WHERE seq >= 5")
    run("UPDATE audit_auditentry SET seq = -seq WHERE seq < 0")
    entry = AuditEntry.objects.get(seq=4)
    entry.seq, entry.prev_hash, entry.action = 5, entry.hash, "put.in"
    entry.hash = entry_hash(as_hashed(entry))
    entry.save(force_insert=True)


def rewrite_from_the_middle() -> None:
    """A whole new chain from entry 5 on, which is right in itself."""
    previous = AuditEntry.objects.get(seq=4).hash
    for entry in AuditEntry.objects.filter(seq__gte=5).order_by("seq"):
        entry.actor_name, entry.prev_hash = "Somebody else", previous
        entry.hash = previous = entry_hash(as_hashed(entry))
        entry.save()


# How it is done, and the words with which it is found.
WAYS = {
    "change a field": (change_a_field, "Entry 5 was changed"),
    "change one byte of text": (change_one_byte_of_text, "Entry 5 was changed"),
    "change what it says": (change_what_it_says, "Entry 5 was changed"),
    "delete one": (delete_one, "Entry 5 is missing"),
    "delete the newest": (delete_the_newest, "the newest entries, 9 to 10 at least, are gone"),
    "swap two": (swap_two, "Entry 5 was changed"),
    "insert one": (insert_one, "Entry 6 was changed"),
    "rewrite from the middle": (rewrite_from_the_middle, "written anew somewhere after entry 3"),
}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
