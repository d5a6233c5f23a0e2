"""Why the directory signed nobody in: a code for log and ledger, and a sentence for the person."""

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

TELL = _("Tell your administrator.")

SENTENCES = {
    # --- What the person can solve
    "cancelled": _(
        "The directory did not let you in: you cancelled, or it gives you no access to this "
        "console. Start again, or ask whoever looks after the directory."
    ),
    "unknown_state": _(
        "This sign-in was not begun in this browser, or more than ten minutes ago. Start again."
    ),
    "unreachable": _("The directory does not answer. Try again in a minute."),
    "directory_failed": _("The directory has a failure of its own. Try again in a minute."),
    "expired": _(
        "What the directory said is not good any more, by this console's clock. Start again; if "
        "it happens again, tell your administrator that the clocks differ."
    ),
    "not_yet": _(
        "What the directory said is not good yet, by this console's clock. Start again; if it "
        "happens again, tell your administrator that the clocks differ."
    ),
    "no_role": _(
        "None of your groups in the directory has a role in this console. An administrator can "
        "map one."
    ),
    "no_groups": _(
        "The directory did not say in which groups you are, so you have no role in this console. "
        "An administrator can have it say so, or put you into a group."
    ),
    "account_closed": _(
        "Your account is closed. If that is a mistake, an administrator can activate it again."
    ),
    "not_fresh": _(
        "The directory did not ask you again who you are, or does not say so. Sign out here, and "
        "sign in again: that counts, too."
    ),
    "other_person": _("At the directory you are signed in as somebody else. Sign out there first."),
    "linked_elsewhere": _(
        "This account of the directory belongs to another account of this console already."
    ),
    "other_session": _("You have signed in otherwise meanwhile. Start again."),
    "no_user_name": _(
        "The directory gives you no user name that this console can use. An administrator can "
        "have it send one (preferred_username)."
    ),
    # --- What an administrator of either side has to solve
    "authorization_refused": _("The directory refused this console's request."),
    "code_refused": _(
        "The directory did not take this console's request for your identity. The console's "
        "client id, secret or address may be wrong there."
    ),
    "configuration": _("The directory's description of itself can't be used."),
    "issuer": _("The directory calls itself otherwise than this console's settings do."),
    "unprotected": _(
        "The directory wants to be asked at an address that is not protected (https://)."
    ),
    "token_answer": _("The directory's answer has no token in it that can be read."),
    "unsigned": _("The directory's token is not signed, so anybody may have written it."),
    "algorithm": _("The directory signs by a method that this console does not take."),
    "keys": _("The directory's keys can't be read."),
    "unknown_key": _("The directory's token is signed with a key that is not one of its keys."),
    "signature": _("The signature of the directory's token is wrong."),
    "wrong_issuer": _("The token is from another directory."),
    "audience": _("The token is for another program than this console."),
    "nonce": _("The token answers another sign-in than yours."),
    "subject": _("The directory does not say who you are (sub)."),
    "userinfo": _("What the directory says about you can't be read."),
    "other_subject": _("The directory gave two different answers to who you are."),
    "claims": _("The directory's answer about you has something in it that can't be read."),
}
# For these, the sentence is all the advice that the person needs.
SELF_HELP = frozenset(list(SENTENCES)[: list(SENTENCES).index("authorization_refused")])
NOT_THERE = {"unreachable", "directory_failed"}


class DirectoryRefusal(Exception):
    """Nobody is signed in, confirmed or linked.

    `reason` is one of SENTENCES, or the code of another of our errors with its `sentence`. `detail`
    is only for the log and the ledger. `subject` is the directory's id of the person, if it is
    certain.
    """

    def __init__(
        self, reason: str, detail: str = "", *, subject: str = "", sentence: str = ""
    ) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = _plain(detail)
        self.subject = subject
        self._sentence = sentence

    @property
    def status(self) -> int:
        return 503 if self.reason in NOT_THERE else 403

    @property
    def sentence(self) -> str:
        if self._sentence:
            return self._sentence
        said = str(SENTENCES[self.reason])
        if self.reason in SELF_HELP:
            return said
        return gettext("{what} {tell}").format(what=said, tell=TELL)


def _plain(detail: str) -> str:
    """Return text from others shortened, and safe to read in a log."""
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in detail)[:200]
