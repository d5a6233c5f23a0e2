"""Metrics of notifications, exposed with those of sending. docs/operations.md describes them."""

from collections.abc import Iterator

from django.conf import settings
from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from console.database.clock import near_now
from console.notifications.models import Notification, Route, Status
from console.notifications.selectors import oldest_due


class NotificationMetrics(Collector):
    """Metrics from the database; none if neither mail nor a channel is set up."""

    def collect(self) -> Iterator[Metric]:
        routes = [
            *([Route.MAIL] if settings.MAIL_SERVER else []),
            *([Route.CHANNEL] if settings.CHANNELS else []),
        ]
        if not routes:
            return
        rows = Notification.objects.order_by().values_list("route", "status")
        kept = {(route, status): number for route, status, number in rows.annotate(Count("pk"))}
        since, now = oldest_due(), near_now()
        notifications = GaugeMetricFamily(
            "console_notifications",
            "Mails and messages to channels that are kept, by status.",
            labels=["route", "status"],
        )
        oldest = GaugeMetricFamily(
            "console_notification_oldest_due_seconds",
            "Seconds since the oldest one that has not left should have; 0 where none waits.",
            labels=["route"],
        )
        for route in routes:
            for status in Status.values:
                number = kept.get((route.value, status), 0)
                notifications.add_metric([route.value, status], number)
            late = (now - since.get(route.value, now)).total_seconds()
            oldest.add_metric([route.value], max(0.0, late))
        yield from (notifications, oldest)
