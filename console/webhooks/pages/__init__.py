"""Pages of webhooks and of their messages."""
