"""Makes what there is to make of the tree, and says in the log why if it can't."""

import structlog

from console.audit.tlog.growing import tree_grow, tree_is_grown
from console.audit.tlog.publishing import tree_publish
from console.audit.tlog.standing import TreeRefused

# Of one run of the periodic task; the next one goes on.
PIECES_A_RUN = 50
TILES_A_RUN = 1000

logger = structlog.get_logger("console.audit")


def tree_make(*, pieces: int | None = None, tiles: int | None = None) -> bool:
    """Let the tree grow, sign it and publish it, by at most so many pieces and tiles. Return
    whether there is nothing left that could be done now.

    Whatever stands in its way is logged; the metrics and Operations tell of it, too. Raises
    Unsigned.
    """
    try:
        tree_grow(pieces=pieces)
        return tree_publish(most=tiles) and tree_is_grown()
    except TreeRefused as error:
        logger.error("tree refused", code=error.code, error=str(error))
    except OSError as error:
        logger.error("tree not published", error=str(error))
    return True
