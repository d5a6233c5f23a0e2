"""OpenID Connect, the client's side: what a directory answers, verified or refused.

django-allauth has a client too. It takes a token unseen where it came straight from the token
endpoint, compares no `sub`, sends no nonce, and raises whatever an odd answer happens to break. So
the exchange is ours; PyJWT verifies signatures, httpx asks. No database here: what somebody is
let do is up to the services.
"""

from console.accounts.signing_in.oidc.exchange import Begun, begin, finish, sign_out_address
from console.accounts.signing_in.oidc.identity import Identity
from console.accounts.signing_in.oidc.refusals import DirectoryRefusal

__all__ = ["Begun", "DirectoryRefusal", "Identity", "begin", "finish", "sign_out_address"]
