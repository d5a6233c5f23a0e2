"""Pages of Chat Servers: their health, and how they are reached."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from console.actors import Permission
from console.editing.confirmation import posted
from console.editing.saving import form_page, save
from console.interactions.pages.forms import ChatServerForm
from console.interactions.selectors import (
    chat_server_get,
    chat_servers,
    unregistered_chat_servers,
)
from console.interactions.services import chat_server_create, chat_server_state, chat_server_update
from console.site.access import actor_of, require


@require_GET
@require(Permission.VIEW_CHAT_SERVERS, Permission.ADMINISTER)
def chat_server_list(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    context = {
        "servers": chat_servers(actor),
        "unregistered": unregistered_chat_servers(actor),
    }
    return render(request, "interactions/chat_server_list.html", context)


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
def chat_server_new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = ChatServerForm(posted(request))
    form.initial["name"] = request.GET.get("name", "")
    if save(form, lambda values: chat_server_create(actor, **values)):
        return _saved(request)
    return form_page(request, "interactions/chat_server_form.html", form)


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
def chat_server_edit(request: HttpRequest, name: str) -> HttpResponse:
    actor = actor_of(request)
    server = chat_server_get(actor, name)
    form = ChatServerForm(posted(request), server=server)
    if save(
        form,
        lambda values: chat_server_update(actor, server, **values),
        saved_now=lambda: chat_server_state(chat_server_get(actor, name)),
    ):
        return _saved(request)
    return form_page(request, "interactions/chat_server_form.html", form, server=server)


def _saved(request: HttpRequest) -> HttpResponse:
    messages.success(request, _("Saved."))
    return redirect("chat-server-list")
