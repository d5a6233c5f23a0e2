"""What pages for editing by several people share.

`forms` and `saving` process the input, `revision` detects that somebody else has saved meanwhile,
`conflict` shows both states side by side, `refusals` puts a service's refusal beside its fields,
`confirmation` asks first, and `paging` shows lists page by page. It depends on no app: each app has
its own states and sentences.
"""
