"""URLs of the catalogue's pages.

Fixed paths such as `notices/new/` come before the keys; no notice can have such a key
(RESERVED_KEYS).
"""

from django.urls import path

from console.catalogue.pages import autosave, categories, notice_list, notices, presets, transfer
from console.catalogue.review import comparison

urlpatterns = [
    path("notices/", notice_list.notice_list, name="notice-list"),
    path("notices/new/", notices.notice_new, name="notice-create"),
    path("notices/export/", transfer.export_page, name="catalogue-export"),
    path("notices/import/", transfer.import_page, name="catalogue-import"),
    path("notices/import/<int:job_id>/", transfer.import_detail, name="import-detail"),
    path(
        "notices/import/<int:job_id>/progress/",
        transfer.import_progress,
        name="import-progress",
    ),
    path("notices/import/<int:job_id>/confirm/", transfer.import_confirm, name="import-confirm"),
    path("notices/import/<int:job_id>/refused/", transfer.import_refused, name="import-refused"),
    path("notices/<slug:key>/", notices.notice_detail, name="notice-detail"),
    path("notices/<slug:key>/edit/", notices.notice_edit, name="notice-edit"),
    path("notices/<slug:key>/autosave/", autosave.notice_autosave, name="notice-autosave"),
    path("notices/<slug:key>/preview/", notices.notice_preview, name="notice-preview"),
    path("notices/<slug:key>/retire/", notices.notice_end, name="notice-retire"),
    path("notices/<slug:key>/restore/", notices.notice_back, name="notice-restore"),
    path("notices/<slug:key>/settings/", notices.notice_settings, name="notice-settings"),
    path("notices/<slug:key>/favourite/", notices.notice_favourite, name="notice-favourite"),
    path("notices/<slug:key>/compare/", comparison.notice_compare, name="notice-compare"),
    path(
        "notices/<slug:key>/versions/<int:number>/submit/",
        notices.submit_version,
        name="version-submit",
    ),
    path(
        "notices/<slug:key>/versions/<int:number>/approve/",
        notices.approve_version,
        name="version-approve",
    ),
    path(
        "notices/<slug:key>/versions/<int:number>/reject/",
        notices.reject_version,
        name="version-reject",
    ),
    path("categories/", categories.category_list, name="category-list"),
    path("categories/new/", categories.category_new, name="category-create"),
    path("categories/<int:category_id>/", categories.category_edit, name="category-edit"),
    path(
        "categories/<int:category_id>/delete/",
        categories.category_remove,
        name="category-delete",
    ),
    path("presets/", presets.preset_list, name="preset-list"),
    path("presets/new/", presets.preset_new, name="preset-create"),
    path("presets/<int:preset_id>/", presets.preset_edit, name="preset-edit"),
    path("presets/<int:preset_id>/approve/", presets.approve_preset, name="preset-approve"),
    path("presets/<int:preset_id>/reject/", presets.reject_preset, name="preset-reject"),
]
