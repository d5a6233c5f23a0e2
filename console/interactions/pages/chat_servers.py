"""Pages of Chat Servers: their health, and how they are reached."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from console.actors import Permission
from console.errors import ConsoleError
from console.interactions.models import ChatServer
from console.interactions.pages.forms import ChatServerForm
from console.interactions.selectors import (
    chat_server_get,
    chat_servers,
    unregistered_chat_servers,
)
from console.interactions.services import chat_server_create, chat_server_update
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
    form = ChatServerForm(request.POST or None)
    if not form.is_bound:
        form.initial["name"] = request.GET.get("name", "")
    return _save(request, form, lambda values: chat_server_create(actor, **values))


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
def chat_server_edit(request: HttpRequest, name: str) -> HttpResponse:
    actor = actor_of(request)
    server = chat_server_get(actor, name)
    form = ChatServerForm(request.POST or None, server=server)
    return _save(request, form, lambda values: chat_server_update(actor, server, **values), server)


def _save(
    request: HttpRequest,
    form: ChatServerForm,
    save: Callable[[dict[str, Any]], object],
    server: ChatServer | None = None,
) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            save(form.cleaned_data)
        except ConsoleError as refusal:
            _show(form, refusal)
        else:
            messages.success(request, _("Saved."))
            return redirect("chat-server-list")
    context = {"form": form, "server": server}
    status = 422 if form.errors else 200
    return render(request, "interactions/chat_server_form.html", context, status=status)


def _show(form: ChatServerForm, refusal: ConsoleError) -> None:
    """Add a refusal to the form, at the field that it is about."""
    fields = {"name_taken": "name", "invalid_address": "url"}
    named = fields.get(refusal.code, "")
    form.add_error(named if named in form.fields else None, refusal.message)
