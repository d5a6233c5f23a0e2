"""Search everything: one box for notices, chats, sends, people, pages and actions.

Each kind is found by its own selector, with the permission that its own page takes. So nobody
learns by searching what they could not open.
"""
