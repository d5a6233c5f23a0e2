"""Pages of teams: which queues they have, and who is in them."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from console.accounts.models import Team
from console.accounts.pages.administration_forms import TeamFilterForm, TeamForm
from console.accounts.pages.form_errors import saved
from console.accounts.selectors import team_get, teams
from console.accounts.services import team_create, team_delete, team_update
from console.accounts.states import team_state
from console.actors import Actor, Permission
from console.site.access import actor_of, require
from console.site.confirmation import Question, ask_then, asks, posted

TEAMS_A_PAGE = 50


@require_GET
@require(Permission.ADMINISTER)
def team_list(request: HttpRequest) -> HttpResponse:
    form = TeamFilterForm(request.GET)
    found = form.only(teams(actor_of(request), **form.chosen))
    context = {
        "page": Paginator(found, TEAMS_A_PAGE).get_page(request.GET.get("page")),
        "form": form,
    }
    return render(request, "accounts/team_list.html", context, status=form.http_status)


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
def team_new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = TeamForm(posted(request))
    if form.is_bound and form.is_valid():
        values = {**form.cleaned_data}
        values.pop("expected")
        team = saved(form, lambda: team_create(actor, **values))
        if team is not None:
            messages.success(request, _("The team %(name)s is there.") % {"name": team})
            return redirect("team-list")
    return _form(request, form)


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
def team_detail(request: HttpRequest, team_id: int) -> HttpResponse:
    actor = actor_of(request)
    team = team_get(actor, team_id)
    form = TeamForm(posted(request), team=team)
    if form.is_bound and form.is_valid() and _update(actor, team, form):
        messages.success(request, _("Saved. Who sees which live chats follows from it at once."))
        return redirect("team-list")
    return _form(request, form, team)


def _update(actor: Actor, team: Team, form: TeamForm) -> Team | None:
    return saved(
        form,
        lambda: team_update(actor, team, **form.cleaned_data),
        lambda: team_state(team_get(actor, team.pk)),
    )


def _form(request: HttpRequest, form: TeamForm, team: Team | None = None) -> HttpResponse:
    context = {"form": form, "team": team}
    status = 422 if form.errors else 200
    return render(request, "accounts/team_form.html", context, status=status)


@asks
@require(Permission.ADMINISTER)
def team_remove(request: HttpRequest, team_id: int) -> HttpResponse:
    actor = actor_of(request)
    team = team_get(actor, team_id)

    def delete() -> str:
        team_delete(actor, team)
        messages.success(request, _("The team %(name)s is deleted.") % {"name": team.name})
        return reverse("team-list")

    question = Question(
        place=team.name,
        title=_("Delete the team %(name)s?") % {"name": team.name},
        texts=(_("Only a team that has nothing any more can be deleted. It can't be taken back."),),
        button=_("Delete it"),
        action=reverse("team-delete", args=[team.pk]),
        back=reverse("team-detail", args=[team.pk]),
    )
    return ask_then(request, question, delete)
