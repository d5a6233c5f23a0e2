"""Pages of exports."""

from django.urls import path

from console.exports.pages import exports

urlpatterns = [
    path("exports/", exports.export_list, name="export-list"),
    path("exports/<int:export_id>/", exports.export_detail, name="export-detail"),
    path("exports/<int:export_id>/progress/", exports.export_progress, name="export-progress"),
    path("exports/<int:export_id>/cancel/", exports.export_cancel, name="export-cancel"),
    path("exports/<int:export_id>/file/", exports.export_file, name="export-file"),
]
