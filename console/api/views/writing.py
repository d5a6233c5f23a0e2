"""What helps writing: a version as a chat would get it, and the variables that chats carry."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.actors import Permission
from console.api.base import ConsoleView, needs, query_filters
from console.api.serializers import writing as serializers
from console.catalogue import selectors
from console.catalogue.content.snippets import loaded
from console.catalogue.models import NoticeVersion, VersionStatus
from console.catalogue.pages.preview import expected, previews, with_current_snippets
from console.catalogue.review.remarks import version_checks
from console.catalogue.review.samples import EXAMPLE, ExampleChat
from console.catalogue.templating.variables import variables_carried
from console.interactions.models import Interaction
from console.interactions.selectors import interaction_get


class Variables(ConsoleView):
    @extend_schema(
        summary="List the variables that live chats carry",
        responses={200: serializers.VariablesOutput},
    )
    @needs(Permission.VIEW_CATALOGUE)
    def get(self, request: Request) -> Response:
        """Those that most chats have come first; at most a minute old, and over all teams."""
        query_filters(request, (), paging=())
        return Response(serializers.VariablesOutput(variables_carried(self.actor)).data)


class VersionPreview(ConsoleView):
    @extend_schema(
        summary="Preview a version in all its languages",
        parameters=[
            OpenApiParameter(
                "interaction", str, description="A live chat that you see; else an example."
            )
        ],
        responses={200: serializers.PreviewOutput},
    )
    @needs(Permission.VIEW_CATALOGUE)
    def get(self, request: Request, key: str, number: int) -> Response:
        """Each text as that chat would get it or why it would not, and what to look at before it
        is sent. A draft has the snippets that are published now."""
        filters = query_filters(request, ("interaction",), paging=())
        notice = selectors.notice_get(self.actor, key)
        version = with_current_snippets(selectors.version_get(self.actor, notice, number))
        chat = self._chat(filters.get("interaction", ""))
        self.shows([] if chat is EXAMPLE else [chat.id])
        return Response(serializers.PreviewOutput(self._seen(version, chat)).data)

    def _chat(self, interaction_id: str) -> Interaction | ExampleChat:
        if not interaction_id:
            return EXAMPLE
        self.actor.require(Permission.VIEW_INTERACTIONS)
        return interaction_get(self.actor, interaction_id)

    def _seen(self, version: NoticeVersion, chat: Interaction | ExampleChat) -> dict[str, object]:
        all_versions = selectors.versions(self.actor, version.notice).exclude(pk=version.pk)
        checks = version_checks([version, *all_versions]).get(version.pk)
        among = loaded([version.snippets])
        # A submitted version has its forecast already.
        if checks and version.status != VersionStatus.DRAFT:
            forecast = checks.forecast
        else:
            forecast = expected(version, among)
        return {
            "interaction": None if chat is EXAMPLE else chat.id,
            "texts": previews(version, chat, self.actor.name, among),
            "tried_chats": forecast.tried,
            "failing_chats": forecast.failing,
            "failing_mostly_for": forecast.why,
            "stale": checks.stale if checks else [],
            "missing": checks.missing if checks else [],
            "outdated_snippets": checks.outdated if checks else [],
            "untranslated_snippets": checks.foreign if checks else [],
        }
