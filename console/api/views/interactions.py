"""The feed, and the interactions that came by it."""

from dataclasses import asdict

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.actors import Permission
from console.api.base import ConsoleView, needs, query_filters
from console.api.http.parsers import FeedParser, LinesParser
from console.api.serializers import common
from console.api.serializers.sends import InteractionDetailOutput
from console.api.things import ThingView, action
from console.interactions import selectors
from console.interactions.audience.audience import Audience
from console.interactions.audience.simple_filter import WORDS, InteractionFilter
from console.interactions.services import interaction_mark_test, interaction_unmark_test
from console.sends.evidence.transcripts import feed_take, transcript_lines_note

FILTERS = [
    OpenApiParameter("queue", str),
    OpenApiParameter("agent", str),
    OpenApiParameter("chat_server", str),
    OpenApiParameter("locale", str),
    OpenApiParameter("team", str, description="A team's name."),
    OpenApiParameter("online", {"type": "string", "enum": list(WORDS)}),
    OpenApiParameter("q", str, description="Part of an id, a customer, a queue or an agent."),
    OpenApiParameter(
        "waiting_longer_than",
        {"type": "integer", "minimum": 0, "maximum": 10**9},
        description="Seconds.",
    ),
]
AUDIENCE = OpenApiParameter(
    "audience", str, description="Further conditions, in the text form of the audience language."
)


class Feed(ConsoleView):
    parser_classes = (FeedParser,)

    @extend_schema(
        summary="Feed interactions",
        request=common.FeedInput,
        responses={202: common.FeedOutput},
    )
    @needs(Permission.FEED)
    def post(self, request: Request) -> Response:
        """Idempotent, in any order: an older event never overwrites a newer one, and a bad event
        never blocks the good ones. Lines of `transcript` events are evidence as those of
        `transcript-lines/` are. The last ones of live chats are kept if the site wants that."""
        events = self.read(common.FeedInput)["events"]
        result = feed_take(self.actor, events)
        return Response(common.FeedOutput(result).data, status=202)


class TranscriptLines(ConsoleView):
    parser_classes = (LinesParser,)

    @extend_schema(
        summary="Feed lines of transcripts",
        request=common.LinesInput,
        responses={202: common.LinesOutput},
    )
    @needs(Permission.FEED)
    def post(self, request: Request) -> Response:
        """Idempotent. A line with exactly the text of an unknown delivery, not older than its
        attempt, is evidence that it arrived. Nothing of a line is stored but its time, and the
        answer does not say what matched."""
        lines = self.read(common.LinesInput)["lines"]
        return Response(asdict(transcript_lines_note(self.actor, lines)), status=202)


class Interactions(ConsoleView):
    @extend_schema(
        summary="List live interactions",
        parameters=[*FILTERS, AUDIENCE],
        responses={
            200: common.InteractionOutput(many=True),
        },
    )
    @needs(Permission.VIEW_INTERACTIONS)
    def get(self, request: Request) -> Response:
        """Live ones, longest waiting first."""
        names = [parameter.name for parameter in (*FILTERS, AUDIENCE)]
        given = query_filters(request, names, long=[AUDIENCE.name])
        text = given.pop(AUDIENCE.name, None)
        chosen = InteractionFilter.from_mapping(given).to_audience()
        if text is not None:
            chosen = chosen.and_also(Audience.from_text(text))
        rows = selectors.interactions_visible(self.actor, chosen)
        return self.page(request, rows, common.InteractionOutput)


class OneInteraction(ConsoleView):
    @extend_schema(
        summary="Read an interaction",
        responses={200: InteractionDetailOutput},
    )
    @needs(Permission.VIEW_INTERACTIONS)
    def get(self, request: Request, interaction_id: str) -> Response:
        """Also one that has ended, as long as it is kept, and a test chat. With what was sent to
        it."""
        interaction = selectors.interaction_get(self.actor, interaction_id)
        context = {"actor": self.actor}
        self.shows([interaction.pk])
        return Response(InteractionDetailOutput(interaction, context=context).data)


class TestChats(ConsoleView):
    @extend_schema(
        summary="List live test chats",
        responses={200: common.InteractionOutput(many=True)},
    )
    @needs(Permission.EDIT_CATALOGUE, Permission.ADMINISTER)
    def get(self, request: Request) -> Response:
        """Those that no other list has. Oldest first."""
        query_filters(request, ())
        return self.page(request, selectors.chats_for_tests(self.actor), common.InteractionOutput)


class TestChat(ThingView):
    def load(self, interaction_id: str) -> str:
        return interaction_id

    @action("Name a test chat", Permission.ADMINISTER, responses={204: None})
    def put(self, interaction_id: str) -> None:
        """A live chat. From now on it is in no other list, and gets only tests."""
        interaction_mark_test(self.actor, interaction_id=interaction_id)

    @action("Make a test chat an ordinary one", Permission.ADMINISTER, responses={204: None})
    def delete(self, interaction_id: str) -> None:
        interaction_unmark_test(self.actor, interaction_id=interaction_id)
