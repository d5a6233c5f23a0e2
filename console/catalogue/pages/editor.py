"""The editor of a notice's next version, with its preview."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from console.actors import Actor, Permission
from console.audit.readings import texts_shown
from console.catalogue.content.audience import preset_of
from console.catalogue.content.languages import Stale, stale_locales
from console.catalogue.content.notices import names_are_reviewed
from console.catalogue.content.questions import declared
from console.catalogue.content.snippets import loaded
from console.catalogue.content.version_content import VersionContent, revision
from console.catalogue.content.versions import version_create, version_submit, version_update
from console.catalogue.kinds import traits
from console.catalogue.models import (
    CannedNotice,
    NoticeVersion,
    VersionStatus,
)
from console.catalogue.pages.edit_conflict import edit_conflict
from console.catalogue.pages.forms import (
    AskedFormSet,
    BodyFormSet,
    VersionForm,
    asked_initial,
    bodies_initial,
    read_asked,
    read_bodies,
    version_content,
    version_initial,
)
from console.catalogue.pages.preview import draft_of, expected, foreign, missing, previews
from console.catalogue.review.samples import EXAMPLE, chat_choices, chosen_chat
from console.catalogue.selectors import snippet_keys, versions
from console.catalogue.templating.variables import variables_carried
from console.editing.conflict import EditConflict
from console.errors import ConsoleError

ASKED = "asked"


def edit_page(request: HttpRequest, actor: Actor, notice: CannedNotice) -> HttpResponse:
    """Show the editor with the draft, or with the newest version to continue from."""
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
        AskedFormSet(initial=asked_initial(base), prefix=ASKED),
        expected=revision(base),
    )


def save_version(request: HttpRequest, actor: Actor, notice: CannedNotice) -> HttpResponse:
    """Save the draft, submit it, or add a row for another language or question."""
    if "add" in request.POST or "add_field" in request.POST:
        return _with_one_more_row(request, actor, notice)
    if "put_back" in request.POST:  # the copy in the browser, with all its rows
        return _put_back(request, actor, notice)
    form, bodies = VersionForm(request.POST), BodyFormSet(request.POST)
    asked = _asked(request.POST)
    if not (form.is_valid() and bodies.is_valid() and (asked.is_valid() or not asked.is_bound)):
        return _page(request, actor, notice, form, bodies, asked, status=422)
    version: NoticeVersion | None = None
    try:
        content = _content(form, bodies, asked)
        version = _save(actor, notice, content, expected=request.POST.get("expected"))
        if "submit" in request.POST:
            version_submit(actor, version)
    except ConsoleError as refusal:
        conflict = edit_conflict(actor, notice, refusal, read_bodies(bodies))
        if version is not None:  # saved, but not submitted: the author continues from there
            conflict = {"expected": revision(version)} | conflict
        return _page(
            request,
            actor,
            notice,
            form,
            bodies,
            asked,
            error=refusal.message,
            status=422,
            **conflict,
        )
    if "test" in request.POST:
        return redirect("version-test", notice.key, version.number)
    if "submit" in request.POST:
        messages.success(request, _("Submitted. An approver who is not you decides on it."))
    else:
        messages.success(request, _("Draft saved. Submit it when it is ready for review."))
    return redirect("notice-detail", notice.key)


def _save(
    actor: Actor, notice: CannedNotice, content: Mapping[str, Any], *, expected: str | None
) -> NoticeVersion:
    draft = versions(actor, notice).filter(status=VersionStatus.DRAFT).first()
    if draft is not None:
        return version_update(actor, draft, content, expected=expected)
    return version_create(actor, notice, VersionContent(**content), expected=expected)


def own_draft(actor: Actor, notice: CannedNotice) -> NoticeVersion | None:
    """Return the draft that the actor may continue."""
    return versions(actor, notice).filter(status=VersionStatus.DRAFT, author_ref=actor.ref).first()


def read_content(data: QueryDict) -> dict[str, Any] | None:
    """Return the typed content of a version; None if a field is invalid."""
    form, bodies, asked = VersionForm(data), BodyFormSet(data), _asked(data)
    if not (form.is_valid() and bodies.is_valid() and (asked.is_valid() or not asked.is_bound)):
        return None
    return _content(form, bodies, asked)


def _content(form: VersionForm, bodies: Any, asked: Any) -> dict[str, Any]:
    content = version_content(form, read_bodies(bodies))
    if asked.is_bound:
        content["fields"] = read_asked(asked)
    return content


def _put_back(request: HttpRequest, actor: Actor, notice: CannedNotice) -> HttpResponse:
    form, bodies, asked = VersionForm(request.POST), BodyFormSet(request.POST), _asked(request.POST)
    return _page(request, actor, notice, form, bodies, asked)


def _with_one_more_row(request: HttpRequest, actor: Actor, notice: CannedNotice) -> HttpResponse:
    """Show the editor with one more row. The focus is in it, so nobody has to look for it."""
    changed = request.POST.copy()
    if "add_field" in changed:
        rows = _asked(changed).total_form_count()
        changed[f"{ASKED}-TOTAL_FORMS"] = str(rows + 1)
        changed[f"{ASKED}-{rows}-required"] = "on"
    else:
        rows = BodyFormSet(changed).total_form_count()
        changed["form-TOTAL_FORMS"] = str(rows + 1)
    form, bodies, asked = VersionForm(changed), BodyFormSet(changed), _asked(changed)
    first = asked.forms[-1]["name"] if "add_field" in changed else bodies.forms[-1]["locale"]
    first.field.widget.attrs["autofocus"] = True
    return _page(request, actor, notice, form, bodies, asked)


def _asked(data: QueryDict) -> Any:
    """Return the formset of the questions. It is unbound, and changes none, if the page has
    none."""
    if f"{ASKED}-TOTAL_FORMS" in data:
        return AskedFormSet(data, prefix=ASKED)
    return AskedFormSet(prefix=ASKED)


def _page(
    request: HttpRequest,
    actor: Actor,
    notice: CannedNotice,
    form: VersionForm,
    bodies: Any,
    asked: Any,
    *,
    error: str = "",
    status: int = 200,
    expected: str = "",
    conflict: EditConflict | None = None,
) -> HttpResponse:
    if traits(notice.kind).is_url:
        for row in bodies:
            # The bound field too: it copied the label when it was validated.
            row.fields["body"].label = row["body"].label = _("URL")
    context = {
        "expected": expected or request.POST.get("expected", ""),
        "conflict": conflict,
        "saves_itself": own_draft(actor, notice) is not None,
        "notice": notice,
        "form": form,
        "bodies": bodies,
        "asked": asked,
        "may_rename": names_are_reviewed(notice),
        "error": error,
        "chats": chat_choices(actor),
        "example": EXAMPLE,
        **preview_context(request, actor, notice, form, bodies, asked),
    }
    return render(request, "catalogue/notice_edit.html", context, status=status)


def preview_context(
    request: HttpRequest,
    actor: Actor,
    notice: CannedNotice,
    form: VersionForm,
    bodies: Any,
    asked: Any,
) -> dict[str, Any]:
    """Return each text as the chosen chat would get it, and what live chats carry."""
    chat = chosen_chat(actor, request.POST.get("chat", ""))
    version = draft_of(
        notice,
        default_locale=str(form["default_locale"].value() or ""),
        bodies=_typed_bodies(bodies),
        fields=_typed_fields(asked),
    )
    among = loaded([version.snippets])
    texts_shown(actor, "preview", [] if chat is EXAMPLE else [chat.id])
    return {
        "notice": notice,
        "chat": chat,
        "may_choose_chat": actor.may(Permission.VIEW_INTERACTIONS),
        "previews": previews(version, chat, actor.name, among),
        "nickname": _nickname(form),
        "forecast": expected(version, among),
        "missing": missing(version),
        "foreign": foreign(version, among),
        "stale": [one.locale for one in _stale(actor, version)],
        "carried": variables_carried(actor),
        "asked_names": [field["name"] for field in version.fields],
        "snippet_keys": [] if traits(notice.kind).is_url else snippet_keys(actor, notice),
    }


def posted_preview(request: HttpRequest, actor: Actor, notice: CannedNotice) -> dict[str, Any]:
    """Return the preview of the editor's present input."""
    data = request.POST
    form, bodies = VersionForm(data), BodyFormSet(data)
    return preview_context(request, actor, notice, form, bodies, _asked(data))


def _typed_bodies(bodies: Any) -> dict[str, str]:
    rows = [(row["locale"].value() or "?", row["body"].value() or "") for row in bodies.forms]
    return {locale.strip(): body for locale, body in rows if body.strip()}


def _typed_fields(asked: Any) -> list[dict[str, Any]]:
    """Return the questions; none if they are invalid, which is reported when saving."""
    try:
        if asked.is_bound:
            return declared(read_asked(asked)) if asked.is_valid() else []
        return declared(
            [{**row.initial, "choices": row.initial["choices"].splitlines()} for row in asked.forms]
        )
    except ConsoleError:
        return []


def _nickname(form: VersionForm) -> str:
    """Return the name that the chat would show: the version's own, or the preset's."""
    own = str(form["nickname"].value() or "").strip()
    preset = None if own else preset_of(str(form["preset"].value() or ""))
    return preset.nickname if preset else own


def _stale(actor: Actor, version: NoticeVersion) -> list[Stale]:
    """Return the translations that would be out of date if the version were submitted."""
    if not version.bodies:
        return []
    known = list(versions(actor, version.notice))
    version.number = max((one.number for one in known), default=0) + 1
    return stale_locales(version, known)
