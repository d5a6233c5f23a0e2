"""The editor of a notice's next version, with its preview."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from console.actors import Actor, Permission
from console.catalogue.forms import (
    BodyFormSet,
    VersionForm,
    bodies_initial,
    read_bodies,
    version_content,
    version_initial,
)
from console.catalogue.marks import mark_of
from console.catalogue.meetings import Meeting, meeting
from console.catalogue.models import CannedNotice, NoticeVersion, VersionStatus
from console.catalogue.rendering import RenderingRefused, check_template, render_body
from console.catalogue.samples import EXAMPLE, chat_choices, chosen_chat
from console.catalogue.selectors import versions
from console.catalogue.services import version_create, version_submit, version_update
from console.errors import ConsoleError


def edit_page(request: HttpRequest, actor: Actor, notice: CannedNotice) -> HttpResponse:
    """The editor with the draft, or with the newest version to go on from."""
    base = versions(actor, notice).first()
    initial = version_initial(base)
    if base is not None and base.status != VersionStatus.DRAFT:
        initial["change_note"] = ""
    return _page(
        request,
        actor,
        notice,
        VersionForm(initial=initial),
        BodyFormSet(initial=bodies_initial(base)),
        expected=mark_of(base),
    )


def save_version(request: HttpRequest, actor: Actor, notice: CannedNotice) -> HttpResponse:
    """Save the draft, hand it over, or add a row for one more language."""
    if "add" in request.POST:
        return _with_one_more_row(request, actor, notice)
    form, bodies = VersionForm(request.POST), BodyFormSet(request.POST)
    if not (form.is_valid() and bodies.is_valid()):
        return _page(request, actor, notice, form, bodies, status=422)
    try:
        content = version_content(form, read_bodies(bodies))
        version = _save(actor, notice, {**content, "expected": request.POST.get("expected")})
        if "submit" in request.POST:
            version_submit(actor, version)
    except ConsoleError as refusal:
        met = meeting(actor, notice, refusal, read_bodies(bodies))
        return _page(request, actor, notice, form, bodies, error=refusal.message, status=422, **met)
    if "submit" in request.POST:
        messages.success(request, _("Submitted. An approver who is not you decides on it."))
    else:
        messages.success(request, _("Draft saved. Submit it when it is ready for review."))
    return redirect("notice-detail", notice.key)


def _save(actor: Actor, notice: CannedNotice, content: Mapping[str, Any]) -> NoticeVersion:
    draft = versions(actor, notice).filter(status=VersionStatus.DRAFT).first()
    if draft is not None:
        return version_update(actor, draft, **content)
    return version_create(actor, notice, **content)


def _with_one_more_row(request: HttpRequest, actor: Actor, notice: CannedNotice) -> HttpResponse:
    changed = request.POST.copy()
    rows = BodyFormSet(changed).total_form_count()
    changed["form-TOTAL_FORMS"] = str(rows + 1)
    form, bodies = VersionForm(changed), BodyFormSet(changed)
    return _page(request, actor, notice, form, bodies)


def _page(
    request: HttpRequest,
    actor: Actor,
    notice: CannedNotice,
    form: VersionForm,
    bodies: Any,
    *,
    error: str = "",
    status: int = 200,
    expected: str = "",
    theirs: Meeting | None = None,
) -> HttpResponse:
    context = {
        "expected": expected or request.POST.get("expected", ""),
        "theirs": theirs,
        "notice": notice,
        "form": form,
        "bodies": bodies,
        "error": error,
        "chats": chat_choices(actor),
        "example": EXAMPLE,
        **preview_context(request, actor, notice, bodies),
    }
    return render(request, "catalogue/notice_edit.html", context, status=status)


def preview_context(
    request: HttpRequest, actor: Actor, notice: CannedNotice, bodies: Any = None
) -> dict[str, Any]:
    """Each text as the chosen chat would get it, and the variables that this chat has."""
    chat = chosen_chat(actor, request.POST.get("chat", ""))
    if bodies is None:
        bodies = BodyFormSet(request.POST)
    rows = [(form["locale"].value() or "?", form["body"].value() or "") for form in bodies.forms]
    return {
        "notice": notice,
        "chat": chat,
        "may_choose_chat": actor.may(Permission.VIEW_INTERACTIONS),
        "previews": [
            {"locale": locale, **_rendered(notice.kind, body, chat, actor.name)}
            for locale, body in rows
            if body.strip()
        ],
        "variables": [
            *(f"data.{name}" for name in sorted(chat.user_data)),
            "interaction.customer_name",
            "interaction.queue",
            "interaction.agent",
            "sender.name",
        ],
    }


def _rendered(kind: str, template: str, chat: Any, sender_name: str) -> dict[str, str]:
    try:
        check_template(kind, template)
        body = render_body(
            kind, template, interaction=chat, sender_name=sender_name, now=timezone.now()
        )
    except (ConsoleError, RenderingRefused) as refusal:
        return {"refusal": refusal.message}
    return {"body": body}
