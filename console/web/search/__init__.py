"""Search everything: one box for notices, chats, sends, people, pages and actions.

Each kind is searched by its own selector, with the permission of its own page. So a search reveals
nothing that the person could not open.
"""
