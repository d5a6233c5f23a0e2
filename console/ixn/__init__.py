"""A client of Interaction Server that lists live chats (docs/poller.md). No Django in here."""
