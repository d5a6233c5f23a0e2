"""All writes of Chat Servers and interactions."""

from console.interactions.feed.writing import FeedResult, customer_name, feed_apply
from console.interactions.poller.writing import poll_begin, poll_fail, poll_finish, poll_page
from console.interactions.services.chat_servers import (
    chat_server_create,
    chat_server_reached,
    chat_server_state,
    chat_server_unreachable,
    chat_server_update,
    check_address,
    default_burst,
    health_changes_take,
)
from console.interactions.services.marking import (
    interaction_mark_test,
    interaction_unmark_test,
)
from console.interactions.services.retention import (
    interaction_blank,
    interactions_forget,
    interactions_regroup,
)
from console.interactions.services.saved_views import (
    saved_view_create,
    saved_view_delete,
    saved_view_state,
    saved_view_update,
)
from console.interactions.services.wire import (
    Grant,
    Lease,
    LeaseLost,
    chat_server_buckets,
    chat_server_lease_hold,
    chat_server_lease_release,
    chat_server_leases_release,
    chat_server_leases_renew,
    chat_server_leases_take,
    chat_server_of,
    chat_server_return_tokens,
    chat_server_take_tokens,
)

__all__ = [
    "FeedResult",
    "Grant",
    "Lease",
    "LeaseLost",
    "chat_server_buckets",
    "chat_server_create",
    "chat_server_lease_hold",
    "chat_server_lease_release",
    "chat_server_leases_release",
    "chat_server_leases_renew",
    "chat_server_leases_take",
    "chat_server_of",
    "chat_server_reached",
    "chat_server_return_tokens",
    "chat_server_state",
    "chat_server_take_tokens",
    "chat_server_unreachable",
    "chat_server_update",
    "check_address",
    "customer_name",
    "default_burst",
    "feed_apply",
    "health_changes_take",
    "interaction_blank",
    "interaction_mark_test",
    "interaction_unmark_test",
    "interactions_forget",
    "interactions_regroup",
    "poll_begin",
    "poll_fail",
    "poll_finish",
    "poll_page",
    "saved_view_create",
    "saved_view_delete",
    "saved_view_state",
    "saved_view_update",
]
