"""Saves a draft while it is being written. It never submits the draft."""

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from console.actors import Permission
from console.catalogue.content.version_content import revision
from console.catalogue.content.versions import version_update
from console.catalogue.pages.editor import own_draft, read_content
from console.catalogue.selectors import notice_get
from console.errors import ConsoleError
from console.site.access import actor_of, require


@require_POST
@require(Permission.EDIT_CATALOGUE)
def notice_autosave(request: HttpRequest, key: str) -> JsonResponse:
    """Save valid input into the author's own draft. Respond with the new revision, or with the
    reason for not saving; then the input stays in the editor."""
    actor = actor_of(request)
    notice = notice_get(actor, key)
    draft = own_draft(actor, notice)
    if draft is None:
        return _refused(_("This draft is no longer open."), 409)
    content = read_content(request.POST)
    if content is None:
        return _refused(_("Something in it is not valid yet."), 422)
    try:
        saved = version_update(actor, draft, content, expected=request.POST.get("expected"))
    except ConsoleError as refusal:
        return _refused(refusal.message, refusal.status)
    return JsonResponse({"expected": revision(saved)})


def _refused(message: str, status: int) -> JsonResponse:
    return JsonResponse({"message": message}, status=status)
