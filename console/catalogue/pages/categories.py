"""Pages of the tree of categories."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from console.actors import Permission
from console.catalogue.content.categories import (
    category_create,
    category_delete,
    category_state,
    category_update,
)
from console.catalogue.pages.forms import CategoryForm
from console.catalogue.selectors import (
    categories,
    categories_with_counts,
    category_get,
    in_tree_order,
)
from console.editing.confirmation import Step, asks, posted, take_step
from console.editing.saving import form_page, save
from console.site.access import actor_of, require


@require_GET
@require(Permission.VIEW_CATALOGUE)
def category_list(request: HttpRequest) -> HttpResponse:
    context = {"categories": in_tree_order(categories_with_counts(actor_of(request)))}
    return render(request, "catalogue/category_list.html", context)


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_CATALOGUE)
def category_new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = CategoryForm(posted(request), places=categories(actor), parent=request.GET.get("in", ""))
    if save(form, lambda values: category_create(actor, **values)):
        messages.success(request, _("Saved."))
        return redirect("category-list")
    return form_page(request, "catalogue/category_form.html", form)


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_CATALOGUE)
def category_edit(request: HttpRequest, category_id: int) -> HttpResponse:
    """Rename or move a category, or give it to a team."""
    actor = actor_of(request)
    category = category_get(actor, category_id)
    form = CategoryForm(posted(request), places=categories(actor), category=category)
    if save(
        form,
        lambda values: category_update(actor, category, **values),
        saved_now=lambda: category_state(category_get(actor, category_id)),
    ):
        messages.success(request, _("Saved. What is below it came along."))
        return redirect("category-list")
    # Load it again: a refused name must not be shown as its name.
    category = category_get(actor, category_id)
    return form_page(request, "catalogue/category_form.html", form, category=category)


@asks
@require(Permission.EDIT_CATALOGUE)
def category_remove(request: HttpRequest, category_id: int) -> HttpResponse:
    actor = actor_of(request)
    category = category_get(actor, category_id)
    step = Step(
        title=_("Delete the category %(name)s?"),
        text=_("Only an empty category can be deleted: no notices and no categories in it."),
        button=_("Delete it"),
        done=_("The category %(name)s is deleted."),
    )
    return take_step(
        request,
        step,
        lambda: category_delete(actor, category),
        name=category.path,
        page=reverse("category-edit", args=[category.pk]),
        leads_to=reverse("category-list"),
    )
