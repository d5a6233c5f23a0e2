"""Holding, releasing, renaming and removing a Chat Server."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.actors import Permission
from console.editing.confirmation import Step, asks, posted, take_step
from console.interactions.selectors import chat_server_get
from console.sends.control.holding import chat_server_hold, chat_server_release
from console.sends.control.naming import chat_server_remove, chat_server_rename
from console.sends.pages.forms import ReasonForm
from console.site.access import actor_of, require
from console.text.form_fields import LineField


class NameForm(forms.Form):
    """The new name of a Chat Server."""

    name = LineField(
        label=gettext_lazy("New application name"),
        max_length=128,
        error_messages={"required": gettext_lazy("Give the application name of the Chat Server.")},
        help_text=gettext_lazy("Exactly as interactions carry it in ChatServerAppName."),
    )


@asks
@require(Permission.ADMINISTER)
def hold(request: HttpRequest, name: str) -> HttpResponse:
    actor = actor_of(request)
    server = chat_server_get(actor, name)
    form = ReasonForm(posted(request), label=_("Why"))
    step = Step(
        title=_("Hold %(name)s?"),
        text=_(
            "Nothing more leaves for it until you release it. What is on its way gets its true "
            "outcome. What waits keeps its whole time to live, however long you hold it."
        ),
        button=_("Hold it"),
        done=_("%(name)s is held."),
        is_dangerous=False,
    )
    return take_step(
        request,
        step,
        lambda: chat_server_hold(actor, server, form.cleaned_data["reason"]),
        name=server.name,
        page=reverse("chat-server-list"),
        form=form,
    )


@asks
@require(Permission.ADMINISTER)
def release(request: HttpRequest, name: str) -> HttpResponse:
    actor = actor_of(request)
    server = chat_server_get(actor, name)
    step = Step(
        title=_("Release %(name)s?"),
        text=_("What is due for it leaves at once, at its pace."),
        button=_("Release it"),
        done=_("%(name)s is released."),
        is_dangerous=False,
    )
    return take_step(
        request,
        step,
        lambda: chat_server_release(actor, server),
        name=server.name,
        page=reverse("chat-server-list"),
    )


@asks
@require(Permission.ADMINISTER)
def rename(request: HttpRequest, name: str) -> HttpResponse:
    actor = actor_of(request)
    server = chat_server_get(actor, name)
    form = NameForm(posted(request), initial={"name": server.name})
    step = Step(
        title=_("Rename %(name)s?"),
        text=_(
            "Its live chats and the deliveries that wait for it follow. The history keeps the "
            "former name, and both names find it."
        ),
        warning=_(
            "Requests carry the new name from then on. Hold the Chat Server, rename its "
            "application, rename it here, and release it."
        ),
        button=_("Rename it"),
        done=_("%(name)s is renamed."),
        is_dangerous=False,
    )
    return take_step(
        request,
        step,
        lambda: chat_server_rename(actor, server, form.cleaned_data["name"]),
        name=server.name,
        page=reverse("chat-server-edit", args=[server.name]),
        leads_to=reverse("chat-server-list"),
        form=form,
    )


@asks
@require(Permission.ADMINISTER)
def remove(request: HttpRequest, name: str) -> HttpResponse:
    actor = actor_of(request)
    server = chat_server_get(actor, name)
    step = Step(
        title=_("Remove %(name)s?"),
        text=_(
            "Only a Chat Server without live chats and open deliveries can be removed. Its "
            "settings go for good. The history and the audit trail keep its name."
        ),
        button=_("Remove it"),
        done=_("%(name)s is removed."),
    )
    return take_step(
        request,
        step,
        lambda: chat_server_remove(actor, server),
        name=server.name,
        page=reverse("chat-server-edit", args=[server.name]),
        leads_to=reverse("chat-server-list"),
    )
