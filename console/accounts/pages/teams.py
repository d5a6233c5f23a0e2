"""Pages of teams: which queues they have, and who is in them."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from console.accounts.pages.administration_forms import TeamFilterForm, TeamForm
from console.accounts.selectors import team_get, teams
from console.accounts.services import team_create, team_delete, team_update
from console.accounts.states import team_state
from console.actors import Permission
from console.editing.confirmation import Step, asks, posted, take_step
from console.editing.paging import filtered_list
from console.editing.saving import form_page, save
from console.site.access import actor_of, require

TEAMS_A_PAGE = 50


@require_GET
@require(Permission.ADMINISTER)
def team_list(request: HttpRequest) -> HttpResponse:
    form = TeamFilterForm(request.GET)
    return filtered_list(request, "accounts/team_list.html", form, teams, TEAMS_A_PAGE)


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
def team_new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = TeamForm(posted(request))
    team = save(form, lambda values: team_create(actor, **values))
    if team is not None:
        messages.success(request, _("The team %(name)s is there.") % {"name": team})
        return redirect("team-list")
    return form_page(request, "accounts/team_form.html", form)


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
def team_detail(request: HttpRequest, team_id: int) -> HttpResponse:
    actor = actor_of(request)
    team = team_get(actor, team_id)
    form = TeamForm(posted(request), team=team)
    if save(
        form,
        lambda values: team_update(actor, team, **values),
        saved_now=lambda: team_state(team_get(actor, team_id)),
    ):
        messages.success(request, _("Saved. Who sees which live chats follows from it at once."))
        return redirect("team-list")
    return form_page(request, "accounts/team_form.html", form, team=team)


@asks
@require(Permission.ADMINISTER)
def team_remove(request: HttpRequest, team_id: int) -> HttpResponse:
    actor = actor_of(request)
    team = team_get(actor, team_id)
    step = Step(
        title=_("Delete the team %(name)s?"),
        text=_("Only a team that has nothing any more can be deleted. It can't be taken back."),
        button=_("Delete it"),
        done=_("The team %(name)s is deleted."),
    )
    return take_step(
        request,
        step,
        lambda: team_delete(actor, team),
        name=team.name,
        page=reverse("team-detail", args=[team.pk]),
        leads_to=reverse("team-list"),
    )
