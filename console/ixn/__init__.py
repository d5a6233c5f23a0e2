"""Interaction Server, asked which chats there are (docs/poller.md). No Django in here."""
