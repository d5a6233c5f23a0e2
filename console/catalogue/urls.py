"""Pages of the catalogue. `notices/new/` and its like come before the keys: no notice is called so
(RESERVED_KEYS)."""

from django.urls import path

from console.catalogue import (
    autosaving,
    category_views,
    comparing,
    listing,
    preset_views,
    transfer_views,
    views,
)

urlpatterns = [
    path("notices/", listing.notice_list, name="notice-list"),
    path("notices/new/", views.notice_new, name="notice-create"),
    path("notices/export/", transfer_views.export_page, name="catalogue-export"),
    path("notices/import/", transfer_views.import_page, name="catalogue-import"),
    path("notices/import/<int:job_id>/", transfer_views.import_detail, name="import-detail"),
    path(
        "notices/import/<int:job_id>/progress/",
        transfer_views.import_progress,
        name="import-progress",
    ),
    path(
        "notices/import/<int:job_id>/confirm/", transfer_views.import_confirm, name="import-confirm"
    ),
    path(
        "notices/import/<int:job_id>/refused/", transfer_views.import_refused, name="import-refused"
    ),
    path("notices/<slug:key>/", views.notice_detail, name="notice-detail"),
    path("notices/<slug:key>/edit/", views.notice_edit, name="notice-edit"),
    path("notices/<slug:key>/autosave/", autosaving.notice_autosave, name="notice-autosave"),
    path("notices/<slug:key>/preview/", views.notice_preview, name="notice-preview"),
    path("notices/<slug:key>/retire/", views.notice_end, name="notice-retire"),
    path("notices/<slug:key>/restore/", views.notice_back, name="notice-restore"),
    path("notices/<slug:key>/settings/", views.notice_settings, name="notice-settings"),
    path("notices/<slug:key>/favourite/", views.notice_favourite, name="notice-favourite"),
    path("notices/<slug:key>/compare/", comparing.notice_compare, name="notice-compare"),
    path(
        "notices/<slug:key>/versions/<int:number>/submit/",
        views.submit_version,
        name="version-submit",
    ),
    path(
        "notices/<slug:key>/versions/<int:number>/approve/",
        views.approve_version,
        name="version-approve",
    ),
    path(
        "notices/<slug:key>/versions/<int:number>/reject/",
        views.reject_version,
        name="version-reject",
    ),
    path("categories/", category_views.category_list, name="category-list"),
    path("categories/new/", category_views.category_new, name="category-create"),
    path("categories/<int:category_id>/", category_views.category_edit, name="category-edit"),
    path(
        "categories/<int:category_id>/delete/",
        category_views.category_remove,
        name="category-delete",
    ),
    path("presets/", preset_views.preset_list, name="preset-list"),
    path("presets/new/", preset_views.preset_new, name="preset-create"),
    path("presets/<int:preset_id>/", preset_views.preset_edit, name="preset-edit"),
    path("presets/<int:preset_id>/approve/", preset_views.approve_preset, name="preset-approve"),
    path("presets/<int:preset_id>/reject/", preset_views.reject_preset, name="preset-reject"),
]
