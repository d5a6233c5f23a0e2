"""The page of test chats: which there are, and naming one."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from console.actors import Permission
from console.editing.confirmation import posted
from console.errors import ConsoleError
from console.interactions.pages.forms import NameChatForm
from console.interactions.selectors import chats_for_tests
from console.interactions.services import interaction_mark_test, interaction_unmark_test
from console.site.access import actor_of, require


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
def chat_list(request: HttpRequest) -> HttpResponse:
    """Show the live test chats. A POST names another one."""
    actor = actor_of(request)
    form = NameChatForm(posted(request))
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            name = form.cleaned_data["interaction"]
            try:
                interaction_mark_test(actor, interaction_id=name)
            except ConsoleError as refusal:
                form.add_error("interaction", refusal.message)
            else:
                messages.success(request, _("%(chat)s is a test chat now.") % {"chat": name})
                return redirect("test-chat-list")
    context = {"form": form, "chats": chats_for_tests(actor)}
    return render(request, "interactions/test_chats.html", context, status=status)


@require_POST
@require(Permission.ADMINISTER)
def chat_release(request: HttpRequest, interaction_id: str) -> HttpResponse:
    """Make a test chat an ordinary one."""
    try:
        interaction_unmark_test(actor_of(request), interaction_id=interaction_id)
    except ConsoleError as refusal:
        messages.error(request, refusal.message)
    else:
        words = _("%(chat)s is an ordinary chat now: it gets what is sent to live chats.")
        messages.success(request, words % {"chat": interaction_id})
    return redirect("test-chat-list")
