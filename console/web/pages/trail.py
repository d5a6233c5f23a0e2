"""The audit trail as a page.

It is here because the ledger, which all else is built on, knows nothing of people.
"""

from time import monotonic
from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from console.actors import Actor, Permission
from console.audit.checkpoints import own_public_key
from console.audit.downloads import ledger_download
from console.audit.selectors import (
    audit_checkpoints,
    audit_entries,
    audit_kept_to,
    audit_newest_stamp,
    audit_seals,
    audit_search,
    audit_tree,
    audit_witnessing,
    nightly_state_check,
)
from console.audit.sentences import in_words
from console.audit.state.running import Progress, state_check_stop
from console.audit.verification import ENTRIES_A_PART, Verification
from console.audit.verify import Unreadable, sentences
from console.audit.witnessing.quorum import has_quorum
from console.database.deadlines import searched
from console.database.standby import FROM_PRIMARY
from console.editing.paging import KeysetPage, keyset_page
from console.editing.searching import Ended, ended_by
from console.errors import Conflict, InvalidInput, TooManyRequests, Unavailable, Unprocessable
from console.exports.files.formats import ExportFormat
from console.exports.orders import Order
from console.exports.pages.exports import answer_order
from console.site.access import actor_of, require
from console.text.form_fields import FilterForm, LineField
from console.text.wording import worded

ENTRIES_A_PAGE = 100
CHECKPOINTS_SHOWN = 20
# How long an interrupted verification can be continued.
STATE_SECONDS = 3600
STATE_SALT = "console.web.trail.verify"
COMPARISON_SALT = "console.web.trail.state"
# A request has time for several parts, of which one of large sends takes a second.
PARTS_A_REQUEST, SECONDS_A_REQUEST = 5, 1.0


class TrailForm(FilterForm):
    """The filters of the trail."""

    action = LineField(label=_("Did what"), max_length=128, required=False)
    target_kind = LineField(label=_("Kind of target"), max_length=128, required=False)
    target_ref = LineField(label=_("Id or key of the target"), max_length=128, required=False)


@require_GET
@require(Permission.VIEW_AUDIT)
def audit_trail(request: HttpRequest) -> HttpResponse:
    form = TrailForm(request.GET)
    actor, ended, source = actor_of(request), Ended(), FROM_PRIMARY
    nothing = audit_entries(actor).none()
    page = keyset_page(nothing, request.GET, ENTRIES_A_PAGE)

    def read() -> KeysetPage:
        found = audit_search(actor, **form.chosen) if form.is_valid() else nothing
        return keyset_page(found, request.GET, ENTRIES_A_PAGE)

    try:
        page, source = searched(actor.person_ref, read)
    except (Unprocessable, TooManyRequests, Unavailable) as refusal:
        ended = ended_by(refusal)
    context = {
        "page": page,
        "source": source,
        "error": form.error or ended.error,
        "heading": ended.heading,
        "form": form,
        "chosen_action": form.chosen.get("action", ""),
        "filtered": form.is_filled,
        "export_formats": ExportFormat.choices,
    }
    status = ended.status if ended.error else form.http_status
    return ended.said_by(render(request, "audit/trail.html", context, status=status))


@require_POST
@require(Permission.VIEW_AUDIT)
def audit_list_export(request: HttpRequest) -> HttpResponseBase:
    """Export all entries that the page's filter matches, as CSV unless another format is named."""
    form = TrailForm(request.POST)
    if not form.is_valid():
        raise InvalidInput(
            "invalid_filter", "This filter can't be used. Search again, then export."
        )
    chosen = {name: value for name, value in form.cleaned_data.items() if value}
    form_of_file = request.POST.get("format", ExportFormat.CSV)
    return answer_order(request, Order.read("trail", form_of_file, chosen))


@require_GET
@require(Permission.VIEW_AUDIT)
def audit_proof(request: HttpRequest) -> HttpResponse:
    """Show what can be proved of the trail, and how."""
    return render(request, "audit/proof.html", _proof_context(request))


@require_POST
@require(Permission.VIEW_AUDIT)
def audit_verify(request: HttpRequest) -> HttpResponse:
    """Verify one part of the trail. The response carries its signed progress, from which the next
    request continues, so the server stores nothing meanwhile."""
    context = _proof_context(request)
    try:
        verification = _verification_of(request.POST.get("state", ""))
        is_done = verification.go_on(ENTRIES_A_PART)
    except Unreadable as error:
        context["trouble"] = in_words(error.args[0])
    else:
        report = verification.report
        context |= {
            "report": report,
            "is_done": is_done,
            "sentences": [in_words(said) for said in sentences(report)][:-1] if is_done else [],
            "state": "" if is_done else _state_of(verification),
        }
    is_fragment = bool(getattr(request, "htmx", False))
    return render(
        request, "audit/_verification.html" if is_fragment else "audit/proof.html", context
    )


@require_POST
@require(Permission.VIEW_AUDIT)
def audit_state(request: HttpRequest) -> HttpResponse:
    """Compare some parts of the state with the ledger. The response carries its signed progress,
    from which the next request continues."""
    progress = _comparison_of(request.POST.get("state", ""))
    begun = monotonic()
    for _part in range(PARTS_A_REQUEST):
        if progress.go_on() or monotonic() - begun > SECONDS_A_REQUEST:
            break
    context = _proof_context(request) | {
        "comparison": progress,
        "found": [worded(said) for said in progress.sentences[:-1]] if progress.is_done else [],
        "comparison_state": "" if progress.is_done else _comparison_state(progress),
    }
    is_fragment = bool(getattr(request, "htmx", False))
    return render(request, "audit/_state.html" if is_fragment else "audit/proof.html", context)


@require_POST
@require(Permission.VIEW_AUDIT)
def audit_state_stop(request: HttpRequest) -> HttpResponse:
    """Stop the nightly comparison that runs."""
    try:
        state_check_stop(actor_of(request))
    except Conflict as refusal:
        messages.error(request, worded(refusal.args[0]))
    else:
        messages.success(request, _("The comparison ends after its present part."))
    return redirect("audit-proof")


def _comparison_state(progress: Progress) -> str:
    return signing.dumps(progress.plain(), salt=COMPARISON_SALT, compress=True)


def _comparison_of(state: str) -> Progress:
    """Return the progress so far; none if `state` is empty, forged or expired."""
    try:
        return Progress.read(signing.loads(state, salt=COMPARISON_SALT, max_age=STATE_SECONDS))
    except (signing.BadSignature, ValueError, TypeError, KeyError):  # also of another version
        return Progress()


@require_POST
@require(Permission.VIEW_AUDIT)
def audit_export(request: HttpRequest) -> StreamingHttpResponse:
    return ledger_download(request, actor_of(request))


def _proof_context(request: HttpRequest) -> dict[str, Any]:
    actor = actor_of(request)
    checkpoints = list(audit_checkpoints(actor)[:CHECKPOINTS_SHOWN])
    newest, tree = audit_entries(actor).first(), audit_tree(actor)
    nightly = nightly_state_check(actor)
    last = Progress.read(nightly.result) if nightly and nightly.result else None
    return {
        "nightly": nightly,
        "nightly_found": [worded(said) for said in last.sentences[:-1]] if last else [],
        "nightly_holds": last.holds if last else True,
        "checkpoints": checkpoints,
        "newest_seq": newest.seq if newest else 0,
        "unsigned": (newest.seq if newest else 0) - (checkpoints[0].seq if checkpoints else 0),
        "public_key": own_public_key(),
        "seals": list(audit_seals(actor)),
        "kept_to": audit_kept_to(actor),
        "tree": tree,
        "tree_refused": worded(tree.refused) if tree and tree.refused else "",
        **_witness_context(actor),
    }


def _witness_context(actor: Actor) -> dict[str, Any]:
    found = audit_witnessing(actor)
    return {
        "witnessing": found,
        "quorum_asked": found is not None and has_quorum(found.policy),
        "standings": found.standings if found else [],
        "stamp": audit_newest_stamp(actor),
    }


def _state_of(verification: Verification) -> str:
    return signing.dumps(verification.progress(), salt=STATE_SALT)


def _verification_of(state: str) -> Verification:
    """Return the progress so far; none if `state` is empty, forged or expired."""
    try:
        return Verification.resumed(signing.loads(state, salt=STATE_SALT, max_age=STATE_SECONDS))
    except (signing.BadSignature, ValueError, TypeError):  # also of an earlier version
        return Verification()
