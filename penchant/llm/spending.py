"""What a server's answers cost: prices, a limit that is never passed, and the sums so far."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from penchant.core.errors import BudgetError

_MILLION = 1_000_000


@dataclass(frozen=True)
class Usage:
    """What was sent and paid for so far.

    Attributes:
        requests: Sent to the server, those that failed and were sent again among them.
        read, written: Tokens, as far as the server told.
        cost: In the currency of the prices. What a server does not tell, as when it is too slow, counts as the most it can have cost.
    """

    requests: int = 0
    read: int = 0
    written: int = 0
    cost: float = 0.0


@dataclass(frozen=True)
class Prices:
    """Of a million tokens each, in any currency.

    Attributes:
        read: Of conversations.
        written: Of answers.
    """

    read: float = 0.0
    written: float = 0.0

    def cost(self, read: int, written: int) -> float:
        """Of so many tokens."""
        return (read * self.read + written * self.written) / _MILLION


class Ledger:
    """Keeps the sums, for any number of threads.

    A request is let through only if the limit would hold even though this request and all those under way cost the most they can. So
    the limit is never passed. Who does not fit beside those under way waits for them, as most cost less in the end.

    Args:
        prices: Of tokens.
        limit: Of all costs together; None: there is none.
    """

    def __init__(self, prices: Prices, limit: float | None = None) -> None:
        self.prices, self.limit = prices, limit
        self._usage = Usage()
        self._held = 0.0  # the most that the requests under way can cost
        self._under_way = 0
        self._changed = threading.Condition()

    @property
    def usage(self) -> Usage:
        """The sums so far."""
        with self._changed:
            return self._usage

    def admit(self, read: int, written: int) -> None:
        """Let a request of at most so many tokens through; ``settle`` must follow. Waits for requests under way if it has to.

        Raises:
            BudgetError: It does not fit in what is left.
        """
        most = self.prices.cost(read, written)
        with self._changed:
            while self.limit is not None and self._usage.cost + self._held + most > self.limit:
                if not self._under_way:
                    left = self.limit - self._usage.cost
                    raise BudgetError(
                        f"spend_limit={self.limit:g}",
                        f"of it {left:.6g} is left, and the next question may cost {most:.6g}",
                        "raise the limit; what was answered is kept",
                    )
                self._changed.wait()
            self._held += most
            self._under_way += 1

    def settle(self, read: int, written: int, used: tuple[int, int] | None) -> float:
        """End what ``admit(read, written)`` began.

        Args:
            read: As it was admitted.
            written: Likewise.
            used: Tokens that were read and written; None: nobody knows, so the most that it can have cost is counted.

        Returns:
            What it cost.
        """
        most = self.prices.cost(read, written)
        now_read, now_written = used or (0, 0)
        cost = most if used is None else self.prices.cost(now_read, now_written)
        with self._changed:
            self._under_way -= 1
            self._held = self._held - most if self._under_way else 0.0  # nothing is left over of rounding
            old = self._usage
            self._usage = Usage(old.requests + 1, old.read + now_read, old.written + now_written, old.cost + cost)
            self._changed.notify_all()
        return cost
