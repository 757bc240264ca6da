"""Random numbers by key: a draw depends on what it is for, never on when it is drawn.

Each number is a hash of (seed, purpose, firm, counterparty, month, item, round), so
adding a firm or a contract leaves all other draws as they were and two variants of one
seed share their noise (common random numbers). Two uses of one key get one number:
give each use its own purpose.
"""

from hashlib import blake2b
from math import log as ln
from statistics import NormalDist

Key = tuple[str, str, str, int, str, int]
"""Purpose, firm, counterparty, month, item, round."""

_SEPARATOR = "\x1f"
_SEPARATORS_IN_KEY = 5
_UNIT = 2.0**-52
_inverse_normal = NormalDist().inv_cdf  # Wichura 1988 (AS 241), about 1e-16


class Draws:
    """The source of all randomness of one run.

    seed: any whole number; 0 is a seed like any other
    log: if given, records the uniform number behind each draw by its key, so that two
        runs can be compared draw by draw
    """

    __slots__ = ("_keyed", "log", "seed")

    def __init__(self, seed: int, log: dict[Key, float] | None = None) -> None:
        self.seed = seed
        self.log = log
        seed_key = blake2b(str(seed).encode(), digest_size=32).digest()
        self._keyed = blake2b(digest_size=8, key=seed_key)

    def uniform(
        self,
        purpose: str,
        firm: str = "",
        counterparty: str = "",
        month: int = 0,
        item: str = "",
        round: int = 0,
    ) -> float:
        """Uniform on (0, 1), both ends excluded."""
        text = f"{purpose}\x1f{firm}\x1f{counterparty}\x1f{month}\x1f{item}\x1f{round}"
        if text.count(_SEPARATOR) != _SEPARATORS_IN_KEY:
            # A name holds a separator; repr escapes it, so no two keys share a text.
            text = repr((purpose, firm, counterparty, month, item, round))
        hasher = self._keyed.copy()
        hasher.update(text.encode())
        # 52 bits and a half: exact in a float, never 0 and never 1.
        value = ((int.from_bytes(hasher.digest(), "little") >> 12) + 0.5) * _UNIT
        if self.log is not None:
            self.log[purpose, firm, counterparty, month, item, round] = value
        return value

    def normal(
        self,
        purpose: str,
        firm: str = "",
        counterparty: str = "",
        month: int = 0,
        item: str = "",
        round: int = 0,
    ) -> float:
        """Standard normal: mean 0, standard deviation 1."""
        return _inverse_normal(self.uniform(purpose, firm, counterparty, month, item, round))

    def gumbel(
        self,
        purpose: str,
        firm: str = "",
        counterparty: str = "",
        month: int = 0,
        item: str = "",
        round: int = 0,
    ) -> float:
        """Standard Gumbel: the noise whose highest sum with utilities is a logit choice."""
        return -ln(-ln(self.uniform(purpose, firm, counterparty, month, item, round)))
