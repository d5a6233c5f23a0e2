"""Why nothing of the ledger's own tables is compared with it (console.audit.state.kinds)."""

from console.audit.state.kinds import pass_over

pass_over(
    {
        "audit.AuditCertificate": "verified by its signature",
        "audit.AuditCheckpoint": "verified by its signature",
        "audit.AuditLog": "the name of the tree, which its signed heads have",
        "audit.AuditCosignature": "verified by its signature",
        "audit.AuditTimestamp": "verified by its authority's signature",
        "audit.AuditWitness": "what a witness said last, which it says again",
        "audit.Reading": "what was shown a moment ago; a worker enters it",
        "audit.AuditEntry": "what all is compared with; verified by the chain",
        "audit.AuditReceipt": "verified by its signature",
        "audit.AuditRefusal": "where verifying stopped, which it does again",
        "audit.AuditSeal": "verified by its signature",
        "audit.AuditSignature": "verified with the entries that it signs",
        "audit.AuditTile": "verified by the signed heads of the tree",
        "audit.AuditTreeHead": "verified by its signature",
        "audit.AuditStream": "how far a stream has come, which its receiver knows",
        "audit.StateCheck": "the last comparison itself",
    }
)
