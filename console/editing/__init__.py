"""Editing by several people: what every page shares that changes something.

`forms` and `saving` take what was typed, `revision` tells whether somebody else was faster,
`conflict` shows both states side by side, `refusals` puts what a service refused beside its fields,
`confirmation` asks first, and `paging` lists page by page. It knows no app: what is edited, and the
sentences, are each app's own.
"""
