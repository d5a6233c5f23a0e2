"""Pages of the tree of categories."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from console.actors import Permission
from console.catalogue.content.categories import category_create, category_delete, category_update
from console.catalogue.models import Category
from console.catalogue.pages.forms import CategoryForm
from console.catalogue.pages.refusals import field_of
from console.catalogue.selectors import (
    categories,
    categories_with_counts,
    category_get,
    in_tree_order,
)
from console.errors import ConsoleError
from console.site.access import actor_of, require
from console.site.confirmation import Question, ask_then, asks, posted


@require_GET
@require(Permission.VIEW_CATALOGUE)
def category_list(request: HttpRequest) -> HttpResponse:
    context = {"categories": in_tree_order(categories_with_counts(actor_of(request)))}
    return render(request, "catalogue/category_list.html", context)


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_CATALOGUE)
def category_new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    initial = {"parent": request.GET.get("in", "")}
    form = CategoryForm(posted(request), places=categories(actor), initial=initial)
    if form.is_bound and form.is_valid():
        try:
            category_create(actor, **form.cleaned_data)
        except ConsoleError as refusal:
            form.add_error(field_of(refusal, form.fields), refusal.message)
        else:
            messages.success(request, _("Saved."))
            return redirect("category-list")
    return _form(request, form)


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_CATALOGUE)
def category_edit(request: HttpRequest, category_id: int) -> HttpResponse:
    """Rename or move a category, or give it to a team."""
    actor = actor_of(request)
    category = category_get(actor, category_id)
    known = {"name": category.name, "parent": category.parent_id, "team": category.team_id}
    form = CategoryForm(posted(request), places=categories(actor), initial=known)
    if form.is_bound and form.is_valid():
        try:
            category_update(actor, category, **form.cleaned_data)
        except ConsoleError as refusal:
            form.add_error(field_of(refusal, form.fields), refusal.message)
            category = category_get(actor, category_id)
        else:
            messages.success(request, _("Saved. What is below it came along."))
            return redirect("category-list")
    return _form(request, form, category)


def _form(
    request: HttpRequest, form: CategoryForm, category: Category | None = None
) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "category": category}
    status = 422 if form.errors else 200
    return render(request, "catalogue/category_form.html", context, status=status)


@asks
@require(Permission.EDIT_CATALOGUE)
def category_remove(request: HttpRequest, category_id: int) -> HttpResponse:
    actor = actor_of(request)
    category = category_get(actor, category_id)

    def delete() -> str:
        category_delete(actor, category)
        messages.success(request, _("The category %(path)s is deleted.") % {"path": category.path})
        return reverse("category-list")

    question = Question(
        place=category.path,
        title=_("Delete the category %(path)s?") % {"path": category.path},
        texts=(_("Only an empty category can be deleted: no notices and no categories in it."),),
        button=_("Delete it"),
        action=reverse("category-delete", args=[category.pk]),
        back=reverse("category-edit", args=[category.pk]),
    )
    return ask_then(request, question, delete)
