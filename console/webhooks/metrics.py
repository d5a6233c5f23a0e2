"""Metrics of webhooks, exposed with those of sending. docs/operations.md describes them."""

from collections.abc import Iterator

from django.db.models import Count, Min
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from console.database.clock import near_now
from console.webhooks.models import Message, MessageStatus, Webhook

WEBHOOK = ["webhook"]


class WebhookMetrics(Collector):
    """Metrics from the database; none if there is no webhook."""

    def collect(self) -> Iterator[Metric]:
        webhooks = list(Webhook.objects.values_list("name", "enabled"))
        if not webhooks:
            return
        rows = Message.objects.order_by().values_list("webhook__name", "status")
        kept = {
            (name, status): (number, oldest)
            for name, status, number, oldest in rows.annotate(Count("pk"), Min("occurred_at"))
        }
        now = near_now()
        enabled = GaugeMetricFamily(
            "console_webhook_enabled", "1 while messages are sent to it.", labels=WEBHOOK
        )
        messages = GaugeMetricFamily(
            "console_webhook_messages",
            "Messages that are kept: waiting, taken or given_up.",
            labels=[*WEBHOOK, "status"],
        )
        oldest_waiting = GaugeMetricFamily(
            "console_webhook_oldest_waiting_seconds",
            "Seconds since the oldest of what waiting messages tell happened; 0 where none waits.",
            labels=WEBHOOK,
        )
        for name, is_enabled in webhooks:
            enabled.add_metric([name], float(is_enabled))
            for status in MessageStatus.values:
                number, _oldest = kept.get((name, status), (0, now))
                messages.add_metric([name, status], number)
            _number, oldest = kept.get((name, MessageStatus.WAITING.value), (0, now))
            oldest_waiting.add_metric([name], max(0.0, (now - oldest).total_seconds()))
        yield from (enabled, messages, oldest_waiting)
