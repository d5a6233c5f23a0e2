"""Why nothing of exports is compared with the ledger (console.audit.state.kinds)."""

from console.audit.state.kinds import pass_over

pass_over(
    {
        "exports.ExportJob": "temporary: the ledger has what was exported",
        "exports.ExportPart": "temporary: pieces of a file that waits to be fetched",
    }
)
