"""OpenID Connect, the client's side: a directory's answer is verified or refused.

django-allauth has a client too. But it does not verify a token that came straight from the token
endpoint, compares no `sub`, sends no nonce, lets a link's query choose scopes and linking, and
raises arbitrary exceptions on odd answers. So the exchange is ours; PyJWT verifies signatures, and
httpx sends requests. There is no database here: the services decide what somebody may do.
"""

from console.accounts.signing_in.oidc.exchange import Begun, begin, finish, sign_out_address
from console.accounts.signing_in.oidc.identity import Identity
from console.accounts.signing_in.oidc.refusals import DirectoryRefusal

__all__ = ["Begun", "DirectoryRefusal", "Identity", "begin", "finish", "sign_out_address"]
