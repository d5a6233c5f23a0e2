"""Pages of the catalogue. `notices/new/` comes before the keys: no notice may be called new."""

from django.urls import path

from console.catalogue import views

urlpatterns = [
    path("notices/", views.notice_list, name="notice-list"),
    path("notices/new/", views.notice_new, name="notice-create"),
    path("notices/<slug:key>/", views.notice_detail, name="notice-detail"),
    path("notices/<slug:key>/edit/", views.notice_edit, name="notice-edit"),
    path("notices/<slug:key>/preview/", views.notice_preview, name="notice-preview"),
    path("notices/<slug:key>/retire/", views.notice_end, name="notice-retire"),
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
    path("presets/", views.preset_list, name="preset-list"),
    path("presets/new/", views.preset_new, name="preset-create"),
    path("presets/<int:preset_id>/", views.preset_edit, name="preset-edit"),
]
