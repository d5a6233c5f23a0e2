"""What the drill does with the ledger, before the database is lost and afterwards."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tools.drill.site import Failed, Site, go_reader

if TYPE_CHECKING:
    from console.sends.models import Delivery, Send

# Older than what PostgreSQL lets go into an archive, by more than a month.
PAST, PAST_DAYS = 200, 70
KEPT_DAYS = 28
LOG = re.compile("^Log: (.+)$", re.MULTILINE)
KEY = re.compile("^Key: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Given:
    """What somebody got before the loss: a proof with the text, one after its erasure, and the
    archive of the old entries."""

    with_text: Path
    erased: Path
    archive: Path


def before_the_loss(site: Site, delivered: "Send") -> Given:
    """The ledger of an older version goes into the tree and into an archive; texts are erased, in
    time and on request; two deliveries are proved."""
    site.command("audit_checkpoint")
    site.command("audit_tree")
    said = site.command("audit_verify", "--state")
    expect("the first entries are of before", said, "are of before processes signed")
    archives = site.folder / "archives"
    site.command("audit_archive", "--before", f"{last_month():%Y-%m}", archives)
    expect("old texts are erased", site.command("erase_texts", "--expired"), f"{PAST} texts")
    first, second = delivered.deliveries.order_by("pk")[:2]
    with_text = proved(site, "before.json", first)
    end_chat(second.interaction_id)
    site.command("erase_texts", "--interaction", second.interaction_id, "--why", "drill")
    erased = proved(site, "erased.json", second)
    site.command("audit_checkpoint")
    site.command("audit_tree")
    expect("erasing changes no proof", site.command("audit_verify", "--state"), "The state agrees")
    (archive,) = archives.glob("ledger-to-*.zip")
    return Given(with_text, erased, archive)


def after_the_loss(site: Site, before: Given, lost: str, after: "Send") -> None:
    """The ledger goes on from the backup; the tree does so under another name. What was given away
    before still holds, and so does what is given away now."""
    site.command("audit_checkpoint")
    tree = site.command("audit_tree")
    if one(LOG, tree) == one(LOG, lost):
        raise Failed(f"the tree goes on under its old name, {one(LOG, lost)}")
    said = site.command("audit_verify", "--state")
    expect("the tree has what the ledger has", said, "it is in the tree")
    expect("the state is that of the ledger", said, "The state agrees")
    read_published(site, tree, lost)
    now = proved(site, "after.json", after.deliveries.get())
    hold(site, before, now)
    join(site, before.archive)


def read_published(site: Site, tree: str, lost: str) -> None:
    """By what knows nothing of this project: the tree that goes on, and the one before the loss."""
    read = go_reader(site.folder)
    if read is None:
        print("The published trees were not read by Go: there is none with golang.org/x/mod.")
        return
    (aside,) = site.tree.glob("before-*")
    for place, said in ((site.tree, tree), (aside, lost)):
        print(f"Go reads {one(LOG, said)}: {read(place, one(KEY, said)).strip()}")


def proved(site: Site, name: str, delivery: "Delivery") -> Path:
    """Make the proof of a delivery, and store it where the loss of the database does not reach."""
    from console.actors import system_actor
    from console.sends.proof.issue import delivery_prove

    path = site.folder / name
    delivery.refresh_from_db()  # other processes erase texts
    path.write_bytes(delivery_prove(system_actor("drill"), delivery))
    return path


def hold(site: Site, before: Given, now: Path) -> None:
    """In a folder with nothing else of the console, each proof holds, and no other does."""
    from console.audit.checkpoints import own_public_key

    there = site.elsewhere("deliveries", before.with_text, before.erased, now)
    for path in (before.with_text, now):
        said = there.verify(path.name, "--key", own_public_key())
        expect(f"{path.name} proves the text", said, "The text was exactly: Hello Zoë")
    said = there.verify(before.erased.name, "--key", own_public_key())
    expect(f"{before.erased.name} proves all but the text", said, "Not proved: the text")
    changed = there.folder / "changed.json"
    whole = (there.folder / now.name).read_text("utf-8")
    changed.write_text(whole.replace("Zoë", "Zoe"), "utf-8")
    try:
        there.verify(changed.name, "--key", own_public_key())
    except Failed:
        return
    raise Failed("a proof with another text holds")


def join(site: Site, archive: Path) -> None:
    """The archive and what came after it are one ledger, beside the checkpoints outside."""
    from console.audit.checkpoints import own_public_key

    rest = site.folder / "rest.zip"
    site.command("audit_export", rest)
    outside = site.outside / "checkpoints.jsonl"
    there = site.elsewhere("ledger", archive, rest, outside)
    words = [archive.name, rest.name, "--key", own_public_key(), "--tree"]
    said = there.verify(*words, "--checkpoints", outside.name)
    expect("the ledger is whole", said, ", 1 to ")


def last_month() -> datetime:
    """Return the newest month that may leave for an archive."""
    return (datetime.now(UTC) - timedelta(days=KEPT_DAYS)).replace(day=1)


def end_chat(interaction_id: str) -> None:
    from django.utils import timezone

    from console.interactions.models import Interaction

    Interaction.objects.filter(pk=interaction_id).update(ended_at=timezone.now())


def one(pattern: re.Pattern[str], said: str) -> str:
    found = pattern.search(said)
    if found is None:
        raise Failed(f"{pattern.pattern!r} is not in what was said:\n{said}")
    return found[1]


def expect(what: str, said: str, words: str) -> None:
    if words not in said:
        raise Failed(f"{what}: {words!r} is not in what was said:\n{said}")
