"""Compares deliveries, their evidence and their counts with the entries of their sends.

PostgreSQL joins them and returns the differences alone, so memory does not depend on how many
deliveries a send has.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

from console.audit.state.findings import Finding, Part, finding
from console.sends.proof.ledger import ENDED

FOUND_MOST = 200

# `told` has what the entries say of each ended delivery, the first that ends it; `ends` is how many
# end it. A text that is there is hashed with its salt as console.audit.chain.text_digest does.
ENDINGS = """
WITH items AS (
    SELECT e.seq, e.target_ref::bigint AS send_id, substr(e.action, 12) AS status, e.data, d.item,
        (d.item ->> 'id')::bigint AS id
    FROM audit_auditentry e
    CROSS JOIN LATERAL jsonb_array_elements(e.data -> 'deliveries') AS d(item)
    WHERE e.target_kind = 'send' AND e.target_ref = ANY(%(refs)s) AND e.action = ANY(%(actions)s)
),
told AS (SELECT DISTINCT ON (id) *, count(*) OVER (PARTITION BY id) AS ends,
        max(seq) OVER (PARTITION BY id) AS newest
    FROM items ORDER BY id, seq),
stands AS (SELECT * FROM sends_delivery WHERE send_id = ANY(%(ids)s))
SELECT coalesce(s.id, t.id), coalesce(s.send_id, t.send_id), c.code, c.name, c.stands, c.told,
    CASE WHEN c.code = 'ended_again' THEN t.newest ELSE t.seq END
FROM stands s FULL JOIN told t ON t.id = s.id
CROSS JOIN LATERAL (VALUES
    ('gone', '', '', '', s.id IS NULL),
    ('end_untold', 'status', s.status, '',
        t.id IS NULL AND s.status NOT IN ('pending', 'sending')),
    ('ended_again', '', '', '', t.ends > 1),
    ('differs', 'send', s.send_id::text, t.send_id::text, s.send_id <> t.send_id),
    ('differs', 'status', s.status, t.status, s.status <> t.status),
    ('differs', 'interaction', s.interaction_id, t.item ->> 'interaction',
        s.interaction_id <> t.item ->> 'interaction'),
    ('differs', 'Chat Server', s.chat_server_name, t.data ->> 'chat_server',
        s.chat_server_name <> t.data ->> 'chat_server'),
    ('differs', 'method', s.method, t.data ->> 'method', s.method <> t.data ->> 'method'),
    ('differs', 'attempts', s.attempts::text, t.item ->> 'attempts',
        s.attempts <> (t.item ->> 'attempts')::int),
    ('differs', 'reference id', s.reference_id::text, t.item ->> 'reference_id',
        t.id IS NOT NULL AND s.id IS NOT NULL
        AND s.reference_id IS DISTINCT FROM (t.item ->> 'reference_id')::int),
    ('differs', 'fault code', s.fault_code, t.item ->> 'fault_code',
        t.id IS NOT NULL AND s.fault_code <> left(coalesce(t.item ->> 'fault_code', ''), 100)),
    ('differs', 'reason', s.reason, t.item ->> 'reason',
        t.id IS NOT NULL AND s.reason <> coalesce(t.item ->> 'reason', '')),
    ('differs', 'text', encode(sha256(convert_to(s.body_salt || ':' || s.body, 'UTF8')), 'hex'),
        t.item ->> 'text_sha256',
        s.erased_at IS NULL AND t.id IS NOT NULL AND s.body <> ''
        AND encode(sha256(convert_to(s.body_salt || ':' || s.body, 'UTF8')), 'hex')
            IS DISTINCT FROM t.item ->> 'text_sha256'),
    ('differs', 'text', '', t.item ->> 'text_sha256',
        s.erased_at IS NULL AND s.body = '' AND t.item ->> 'text_sha256' IS NOT NULL),
    ('erasure_untold', '', '', '', s.erased_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM audit_auditentry e WHERE e.target_kind = 'interaction'
            AND e.target_ref = s.interaction_id AND e.action = 'interaction.erased'
            AND e.data -> 'deliveries' @> to_jsonb(s.id))
        AND NOT EXISTS (
        SELECT FROM audit_auditentry e WHERE e.target_kind = 'send'
            AND e.target_ref = s.send_id::text AND e.action = 'texts.erased'
            AND s.id BETWEEN (e.data ->> 'first')::bigint AND (e.data ->> 'last')::bigint))
) AS c(code, name, stands, told, is_found)
WHERE c.is_found
ORDER BY 1
LIMIT %(most)s
"""
COUNTS = """
WITH items AS (
    SELECT e.target_ref::bigint AS send_id, substr(e.action, 12) AS status,
        jsonb_array_length(e.data -> 'deliveries') AS n
    FROM audit_auditentry e
    WHERE e.target_kind = 'send' AND e.target_ref = ANY(%(refs)s) AND e.action = ANY(%(actions)s)
),
told AS (SELECT send_id, status, sum(n)::bigint AS n FROM items GROUP BY 1, 2)
SELECT coalesce(s.send_id, t.send_id), coalesce(s.status, t.status), coalesce(s.number, 0),
    coalesce(t.n, 0)
FROM (SELECT * FROM sends_sendoutcome WHERE send_id = ANY(%(ids)s)) AS s
FULL JOIN told t ON t.send_id = s.send_id AND t.status = s.status
WHERE coalesce(s.number, 0) <> coalesce(t.n, 0)
ORDER BY 1, 2
"""
EVIDENCE = """
WITH told AS (
    SELECT e.seq, e.actor_ref, e.actor_name, d.item, (d.item ->> 'evidence')::bigint AS id
    FROM audit_auditentry e
    CROSS JOIN LATERAL jsonb_array_elements(e.data -> 'deliveries') AS d(item)
    WHERE e.target_kind = 'send' AND e.target_ref = ANY(%(refs)s)
        AND e.action = 'deliveries.resolved'
),
stands AS (SELECT v.*, d.erased_at FROM sends_evidence v JOIN sends_delivery d
    ON d.id = v.delivery_id WHERE d.send_id = ANY(%(ids)s))
SELECT coalesce(s.id, t.id), c.code, c.name, c.stands, c.told, t.seq
FROM stands s FULL JOIN told t ON t.id = s.id
CROSS JOIN LATERAL (VALUES
    ('gone', '', '', '', s.id IS NULL),
    ('untold', '', '', '', t.id IS NULL),
    ('differs', 'delivery', s.delivery_id::text, t.item ->> 'id',
        s.delivery_id::text <> t.item ->> 'id'),
    ('differs', 'source', s.source, t.item ->> 'source', s.source <> t.item ->> 'source'),
    ('differs', 'verdict', s.verdict, t.item ->> 'verdict', s.verdict <> t.item ->> 'verdict'),
    ('differs', 'whose', s.actor_ref, t.actor_ref, s.actor_ref <> t.actor_ref),
    ('differs', 'whose name', s.actor_name, t.actor_name, s.actor_name <> t.actor_name),
    ('differs', 'looked in', s.looked_in, t.item ->> 'looked_in',
        t.id IS NOT NULL AND s.looked_in <> coalesce(t.item ->> 'looked_in', '')),
    ('differs', 'of the sender', s.is_senders_own::text, t.item ->> 'senders_own',
        t.id IS NOT NULL
        AND s.is_senders_own <> coalesce((t.item ->> 'senders_own')::boolean, false)),
    ('differs', 'line', s.line_at::text, t.item ->> 'line_at',
        t.id IS NOT NULL AND s.line_at IS DISTINCT FROM (t.item ->> 'line_at')::timestamptz),
    ('differs', 'replaces', s.replaces_id::text, t.item ->> 'replaces',
        t.id IS NOT NULL AND s.id IS NOT NULL
        AND s.replaces_id IS DISTINCT FROM (t.item ->> 'replaces')::bigint),
    ('differs', 'remark', s.remark, t.item ->> 'remark_sha256',
        s.erased_at IS NULL AND t.id IS NOT NULL AND
        CASE WHEN s.remark = '' THEN NULL
            ELSE encode(sha256(convert_to(s.remark_salt || ':' || s.remark, 'UTF8')), 'hex') END
            IS DISTINCT FROM t.item ->> 'remark_sha256')
) AS c(code, name, stands, told, is_found)
WHERE c.is_found AND (s.id IS NOT NULL OR c.code = 'gone')
ORDER BY 1
LIMIT %(most)s
"""
RESOLUTIONS = """
WITH told AS (
    SELECT DISTINCT ON (id) e.seq, d.item, (d.item ->> 'id')::bigint AS id
    FROM audit_auditentry e
    CROSS JOIN LATERAL jsonb_array_elements(e.data -> 'deliveries') WITH ORDINALITY AS d(item, nth)
    WHERE e.target_kind = 'send' AND e.target_ref = ANY(%(refs)s)
        AND e.action = 'deliveries.resolved'
    ORDER BY id, e.seq DESC, d.nth DESC
),
stands AS (SELECT r.* FROM sends_resolution r JOIN sends_delivery d ON d.id = r.delivery_id
    WHERE d.send_id = ANY(%(ids)s))
SELECT coalesce(s.delivery_id, t.id), c.code, c.name, c.stands, c.told, t.seq
FROM stands s FULL JOIN told t ON t.id = s.delivery_id
CROSS JOIN LATERAL (VALUES
    ('untold', '', '', '', t.id IS NULL),
    ('differs', 'resolution', coalesce(s.verdict, ''), t.item ->> 'resolution',
        coalesce(s.verdict, '') <> t.item ->> 'resolution'),
    ('differs', 'contested', s.is_contested::text, t.item ->> 'contested',
        t.id IS NOT NULL AND s.is_contested <> coalesce((t.item ->> 'contested')::boolean, false)),
    ('differs', 'send', s.send_id::text, '', NOT s.send_id = ANY(%(ids)s))
) AS c(code, name, stands, told, is_found)
WHERE c.is_found
ORDER BY 1
LIMIT %(most)s
"""
LATE_ANSWERS = """
WITH told AS (
    SELECT e.seq, d.item, (d.item ->> 'id')::bigint AS id, d.item ->> 'status' AS status
    FROM audit_auditentry e
    CROSS JOIN LATERAL jsonb_array_elements(e.data -> 'deliveries') AS d(item)
    WHERE e.target_kind = 'send' AND e.target_ref = ANY(%(refs)s)
        AND e.action = 'deliveries.late_answer'
),
stands AS (SELECT a.* FROM sends_lateanswer a JOIN sends_delivery d ON d.id = a.delivery_id
    WHERE d.send_id = ANY(%(ids)s))
SELECT coalesce(s.delivery_id, t.id), c.code, c.name, c.stands, c.told, t.seq
FROM stands s FULL JOIN told t ON t.id = s.delivery_id AND t.status = s.status
CROSS JOIN LATERAL (VALUES
    ('gone', '', '', '', s.id IS NULL),
    ('untold', '', '', '', t.id IS NULL),
    ('differs', 'reference id', s.reference_id::text, t.item ->> 'reference_id',
        t.id IS NOT NULL AND s.id IS NOT NULL
        AND s.reference_id IS DISTINCT FROM (t.item ->> 'reference_id')::int),
    ('differs', 'fault code', s.fault_code, t.item ->> 'fault_code',
        t.id IS NOT NULL AND s.fault_code <> left(coalesce(t.item ->> 'fault_code', ''), 100))
) AS c(code, name, stands, told, is_found)
WHERE c.is_found
ORDER BY 1
LIMIT %(most)s
"""
ERASED = """
SELECT count(*) FROM sends_delivery WHERE send_id = ANY(%(ids)s) AND erased_at IS NOT NULL
"""
TOTAL = "SELECT count(*) FROM sends_delivery WHERE send_id = ANY(%(ids)s)"
OF = (
    ("evidence {pk}", EVIDENCE),
    ("resolution of delivery {pk}", RESOLUTIONS),
    ("late answer to delivery {pk}", LATE_ANSWERS),
)


def compare_deliveries(ids: Sequence[int], part: Part) -> None:
    """Add to `part` what differs of all deliveries of these sends."""
    values = {
        "ids": list(ids),
        "refs": [str(pk) for pk in ids],
        "actions": sorted(str(action) for action in ENDED),
        "most": FOUND_MOST,
    }
    part.compared += _rows(TOTAL, values)[0][0]
    part.unprove("erased", "deliveries", _rows(ERASED, values)[0][0])
    for pk, send, code, name, stands, told, seq in _rows(ENDINGS, values):
        part.found.append(_finding(code, f"delivery {pk} of send {send}", name, stands, told, seq))
    for send, status, stands, told in _rows(COUNTS, values):
        counted = {"field": f"number of {status}", "stands": stands, "told": told}
        part.found.append(finding("differs_in_sum", f"send {send}", **counted))
    part.found += _evidence(values)


def _evidence(values: dict[str, Any]) -> Iterator[Finding]:
    for called, statement in OF:
        for pk, code, name, stands, told, seq in _rows(statement, values):
            yield _finding(code, called.format(pk=pk), name, stands, told, seq)


def _finding(code: str, thing: str, name: str, stands: Any, told: Any, seq: int | None) -> Finding:
    params = {
        "differs": {"field": name, "stands": stands, "told": told, "seq": seq},
        "end_untold": {"stands": stands},
        "gone": {"seq": seq},
        "ended_again": {"seq": seq},
    }
    return finding(code, thing, **params.get(code, {}))


def _rows(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
