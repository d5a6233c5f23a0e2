"""Writes counts of outcomes for monitors. It reads the ledger in steps.

Each outcome is in exactly one entry, and the chain's lock makes entries visible in the order of
their numbers. So counting on from the last counted entry misses nothing and doubles nothing.
Sending does not wait for it.
"""

from django.db import connection, transaction

from console.sends.proof import ledger

ENTRIES_A_PIECE = 2_000
# Pieces in one call. A piece or two every five seconds keeps up with the workers; an existing
# history is counted in the course of some minutes.
PIECES_MOST = 10
ENDINGS = {
    "actions": [action.value for action in ledger.ENDED],
    "outcomes": list(ledger.ENDED.values()),
}

MARK = "INSERT INTO sends_outcomemark (id, counted_to) VALUES (1, 0) ON CONFLICT DO NOTHING"
LOCK = "SELECT counted_to FROM sends_outcomemark FOR UPDATE SKIP LOCKED"
COUNT = """
WITH piece AS MATERIALIZED (
    SELECT seq, action, data, target_ref FROM audit_auditentry
    WHERE seq > %(counted_to)s ORDER BY seq LIMIT %(most)s),
counted AS (
    SELECT coalesce(s.name, renamed.name, '') AS name, ending.outcome,
        sum(jsonb_array_length(piece.data -> 'deliveries')) AS number
    FROM piece
    -- A test counts nowhere.
    JOIN unnest(%(actions)s::text[], %(outcomes)s::text[]) AS ending(action, outcome)
        ON ending.action = piece.action
            AND piece.target_ref <> ALL (ARRAY(SELECT id::text FROM sends_send WHERE is_test))
    LEFT JOIN interactions_chatserver s ON s.name = piece.data ->> 'chat_server'
    LEFT JOIN interactions_formername f ON f.name = piece.data ->> 'chat_server'
    LEFT JOIN interactions_chatserver renamed ON renamed.id = f.chat_server_id
    GROUP BY 1, 2),
added AS (
    INSERT INTO sends_outcometotal AS known (chat_server_name, outcome, total)
    SELECT name, outcome, number FROM counted
    ON CONFLICT (chat_server_name, outcome) DO UPDATE SET total = known.total + EXCLUDED.total)
UPDATE sends_outcomemark SET counted_to = (SELECT max(seq) FROM piece)
WHERE EXISTS (SELECT FROM piece)
RETURNING (SELECT count(*) FROM piece)
"""


def outcomes_count() -> None:
    """Count on from where the last call stopped. Does nothing if another worker is counting."""
    with connection.cursor() as cursor:
        cursor.execute(MARK)
    for _piece in range(PIECES_MOST):
        if _count_piece(ENTRIES_A_PIECE) < ENTRIES_A_PIECE:
            return


def _count_piece(most: int) -> int:
    """Count up to `most` entries. Return how many were read."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK)
        mark = cursor.fetchone()
        if mark is None:
            return 0
        cursor.execute(COUNT, {"counted_to": mark[0], "most": most, **ENDINGS})
        looked_at = cursor.fetchone()
        return looked_at[0] if looked_at else 0
