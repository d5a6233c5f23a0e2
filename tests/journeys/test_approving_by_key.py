"""Each kind of approval, confirmed with a security key in a real Chromium, and verified offline."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from console.audit.verify import Keys, sentences, verify_export
from tests.journeys.conftest import Person, take_picture
from tests.journeys.test_doors import enter, set_up_a_key
from tests.journeys.test_signing_in import OWN_PASSWORD, newcomer, use_key, with_security_key
from tests.support.demos import Demo, Program, manage

pytestmark = pytest.mark.browser

WAITING = """
from datetime import timedelta
from django.conf import settings
from django.utils import timezone
from console.accounts.models import User
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create, version_submit
from console.catalogue.review.presets import preset_create
from console.demo.people import AUTHOR
from console.incidents.playbook_content import PlaybookContent
from console.incidents.services.playbooks import playbook_create
from console.incidents.services.playbooks import version_submit as playbook_submit
from console.interactions.models import Interaction
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
settings.APPROVAL_ABOVE = 1
author = User.objects.get(username=AUTHOR.username).to_actor()
notice = notice_create(author, key="by-key", kind="message", title="Signed by a key")
content = VersionContent(default_locale="en", bodies={"en": "Close the windows."})
version_submit(author, version_create(author, notice, content))
preset_create(author, name="By key", visibility="INT", nickname="Desk by key")
stages = [{"name": "First", "notice": "delivery-delayed"}]
content = PlaybookContent.read({"audience": {"everyone": True}, "stages": stages})
playbook_submit(author, playbook_create(author, key="by-key", title="By a key", content=content))
sue = User.objects.get(username="sue")
live = Interaction.objects.filter(ended_at=None, queue__in=["sales", "returns"])
chats = [each.pk for each in live[:10]]  # some lack what the text names, and are skipped
tomorrow = timezone.now() + timedelta(days=1)
order = SendOrder(notice_key="delivery-delayed", interactions=chats, why="A storm",
                  scheduled_at=tomorrow, ignore_recent=True)
send = send_create(sue.to_actor(), order)
assert send.status == "awaiting_approval", send.status
print(f"send {send.pk}")
"""


@pytest.fixture(scope="module")
def waiting(demo: Demo) -> int:
    """Something of each kind, which waits for an approver. Answers the send's number."""
    demo.address  # noqa: B018 - waits until it is ready
    done = manage("shell", "--no-imports", "-c", WAITING, data=demo.data)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


@pytest.fixture(scope="module")
def console(demo: Demo) -> Iterator[str]:
    """The address of a web server on the demo's data that requires keys."""
    program = Program(
        *("serve", "--port", "0"),
        data=demo.data,
        CONSOLE_APPROVAL_RULES="all=required",
        CONSOLE_SECOND_FACTOR="privileged",
    )
    try:
        port = program.says(r"Serving on http://127\.0\.0\.1:(\d+)/")[1]
        yield f"http://localhost:{port}"
    finally:
        program.close()


def confirm(page: Page, what: str) -> None:
    expect(page.get_by_role("heading", name="Confirm with your security key")).to_be_visible()
    expect(page.locator("#main")).to_contain_text(what)
    take_picture(page, "approve-by-key")
    use_key(page, "Use your security key")


def test_each_kind_is_approved_with_a_key(
    demo: Demo, console: str, waiting: int, person: Callable[..., Person], tmp_path: Path
) -> None:
    page = person("", base_url=console).page
    with_security_key(page)
    enter(page, newcomer(demo, "kira"), OWN_PASSWORD)
    set_up_a_key(page, "The blue one")

    page.goto("/notices/by-key/")
    page.get_by_role("button", name="Approve and publish").click()
    confirm(page, "Signed by a key")
    expect(page.get_by_text("Published. Supervisors can send it from now on.")).to_be_visible()

    page.goto("/presets/")
    page.get_by_role("button", name="Approve", exact=True).click()
    confirm(page, "By key")
    expect(page.get_by_text("Approved. It holds from now on.")).to_be_visible()

    page.goto("/playbooks/by-key/")
    page.get_by_role("button", name="Approve and publish").click()
    confirm(page, "By a key")
    expect(page.get_by_text("Published. Supervisors can start it from now on.")).to_be_visible()

    page.goto("/sends/approvals/")
    page.locator(f'a[href$="/{waiting}/approve/"]').click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Approve for")).click()
    confirm(page, f"send {waiting}")
    expect(page.get_by_text(f"Send {waiting} is approved")).to_be_visible()

    page.goto("/people/new/")
    page.get_by_label("User name").fill("roland")
    page.get_by_label("Auditor").check()
    page.get_by_role("button", name="Create the account").click()
    confirm(page, "roland")
    expect(page.get_by_text("can sign in with that password now")).to_be_visible()

    page.goto(f"/sends/{waiting}/")
    expect(page.get_by_text("signed with the approver's security key")).to_be_visible()
    take_picture(page, "approved-by-key")
    verified_offline(demo, tmp_path)


def verified_offline(demo: Demo, folder: Path) -> None:
    """By an export of the ledger, which has no other way to know Kira's key."""
    export = folder / "export.zip"
    done = manage("audit_export", str(export), data=demo.data)
    assert done.returncode == 0, done.stderr
    public = manage("audit_key", "--public", data=demo.data).stdout.strip()
    report = verify_export(export, Keys([public]))
    said = "\n".join(sentences(report))
    assert said.endswith("HOLDS")
    assert "Approvals signed by the approver's own security key: 5." in said


def test_a_browser_without_the_key_approves_nothing(
    demo: Demo, console: str, waiting: int, person: Callable[..., Person]
) -> None:
    page = person("", base_url=console).page
    key = with_security_key(page)
    enter(page, newcomer(demo, "nils"), OWN_PASSWORD)
    set_up_a_key(page, "Left at home")
    page.goto("/people/new/")
    page.get_by_label("User name").fill("nobody.yet")
    page.get_by_label("Auditor").check()
    key.device.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": key.name})
    with_security_key(page)  # another one, which this person has never registered
    page.get_by_role("button", name="Create the account").click()
    use_key(page, "Use your security key")
    expect(page.get_by_text("The key was not used")).to_be_visible()
    page.goto("/people/?q=nobody.yet")
    expect(page.get_by_role("link", name="nobody.yet")).to_have_count(0)
