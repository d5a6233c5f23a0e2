"""All pages: the board's own, and those of the apps below."""

from django.urls import include, path

from console.web.board import builder_views
from console.web.board import views as board
from console.web.chat import views as chat
from console.web.pages import home, trail
from console.web.search.views import search

urlpatterns = [
    path("", home.home, name="home"),
    path("home/", home.home_page, name="home-page"),
    path("help/", home.help_page, name="help"),
    path("here/", home.here, name="here"),
    path("search/", search, name="search"),
    path("clock/", home.clock, name="clock"),
    path("board/", board.board, name="board"),
    path("board/rows/", board.board_rows, name="board-rows"),
    path("board/audience/", builder_views.board_audience, name="board-audience"),
    path("board/suggestions/", builder_views.board_suggestions, name="board-suggestions"),
    path("board/notices/", board.board_notices, name="board-notices"),
    path("board/compose/", board.board_compose, name="board-compose"),
    path("board/newcomers/", board.board_newcomers, name="board-newcomers"),
    path("board/preview/", board.board_preview, name="board-preview"),
    path("board/sent/", board.board_sent, name="board-sent"),
    path("chats/<str:interaction_id>/", chat.chat_detail, name="chat-detail"),
    path("chats/<str:interaction_id>/now/", chat.chat_now, name="chat-now"),
    path("embedded/signed-in/", chat.chat_signed_in, name="chat-signed-in"),
    path("audit/", trail.audit_trail, name="audit"),
    path("audit/list/", trail.audit_list_export, name="audit-list-export"),
    path("audit/proof/", trail.audit_proof, name="audit-proof"),
    path("audit/proof/verify/", trail.audit_verify, name="audit-verify"),
    path("audit/proof/state/", trail.audit_state, name="audit-state"),
    path("audit/proof/state/stop/", trail.audit_state_stop, name="audit-state-stop"),
    path("audit/proof/export/", trail.audit_export, name="audit-export"),
    path("sends/new/", board.board_send, name="send-create"),
    path("", include("console.accounts.urls")),
    path("", include("console.exports.urls")),
    path("", include("console.catalogue.urls")),
    path("", include("console.interactions.urls")),
    path("", include("console.sends.urls")),
    path("", include("console.notifications.urls")),
    path("", include("console.incidents.urls")),
    path("", include("console.webhooks.urls")),
]
