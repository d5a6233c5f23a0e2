"""URLs of the pages of playbooks and incidents.

Fixed paths come before the keys; no playbook can have such a key (RESERVED_KEYS).
"""

from django.urls import path

from console.incidents.pages import incidents, playbooks, starting

urlpatterns = [
    path("playbooks/", playbooks.playbook_list, name="playbook-list"),
    path("playbooks/new/", playbooks.playbook_new, name="playbook-create"),
    path("playbooks/matching/", playbooks.playbook_matching, name="playbook-matching"),
    path("playbooks/<slug:key>/", playbooks.playbook_detail, name="playbook-detail"),
    path("playbooks/<slug:key>/edit/", playbooks.playbook_edit, name="playbook-edit"),
    path("playbooks/<slug:key>/retire/", playbooks.retire_playbook, name="playbook-retire"),
    path("playbooks/<slug:key>/start/", starting.playbook_start, name="playbook-start"),
    path(
        "playbooks/<slug:key>/start/preview/",
        starting.playbook_start_preview,
        name="playbook-start-preview",
    ),
    *(
        path(f"playbooks/<slug:key>/versions/<int:number>/{name}/", view, name=f"playbook-{name}")
        for name, view in [
            ("submit", playbooks.submit_playbook),
            ("approve", playbooks.approve_playbook),
            ("reject", playbooks.reject_playbook),
        ]
    ),
    path("incidents/", incidents.incident_list, name="incident-list"),
    path("incidents/new/", starting.incident_new, name="incident-create"),
    path("incidents/strip/", incidents.incident_strip, name="incident-strip"),
    path("incidents/<int:incident_id>/", incidents.incident_detail, name="incident-detail"),
    path(
        "incidents/<int:incident_id>/stages/<int:position>/",
        incidents.incident_stage,
        name="incident-stage",
    ),
    *(
        path(f"incidents/<int:incident_id>/{name}/", view, name=f"incident-{name}")
        for name, view in [
            ("pause", incidents.incident_pause),
            ("resume", incidents.incident_resume),
            ("confirm", incidents.confirm_incident),
            ("close", incidents.close_incident),
            ("file", incidents.incident_file),
        ]
    ),
]
