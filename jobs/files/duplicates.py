"""The custom_ids seen in a file, in a few bytes each."""

from array import array
from hashlib import blake2b
from struct import Struct

# Many small tables instead of a large one: when one grows, the pause is short, and little memory is
# held twice.
SHARDS = 256
FIRST_SLOTS = 8
MAX_LOAD = 0.8
GROWTH = 1.5
# A digest of 72 bits: 8 choose the shard, 64 are stored. Among a million ids, the probability of a
# collision is 1e-10.
DIGEST_BYTES = 9
_KEPT_AND_SHARD = Struct("<QB").unpack
LAST_LINE = 2**32 - 1


class SeenIds:
    """A set of custom_ids, stored as digests with the line that each came from.

    Open addressing in compact arrays: 12 bytes per slot, and at least 0.8 / 1.5 of the slots used
    once a table has grown, so at most 24 bytes per id beside the 256 initial tables.

    Args:
        key: up to 64 bytes, which make the digests unpredictable to the author of the file. What is
            a duplicate does not depend on it.
    """

    def __init__(self, *, key: bytes = b"") -> None:
        self._empty = blake2b(digest_size=DIGEST_BYTES, key=key)
        self._digests = [array("Q", bytes(8 * FIRST_SLOTS)) for _ in range(SHARDS)]
        self._lines = [array("I", bytes(4 * FIRST_SLOTS)) for _ in range(SHARDS)]
        self._room = [int(FIRST_SLOTS * MAX_LOAD)] * SHARDS
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def held_bytes(self) -> int:
        """Memory of the arrays."""
        tables = [*self._digests, *self._lines]
        return sum(table.itemsize * len(table) for table in tables)

    def add(self, custom_id: str, line: int = 0) -> bool:
        """Add an id and its line, unless it is in the set; return whether it was added."""
        digest, shard = self._digest(custom_id)
        digests = self._digests[shard]
        slots = len(digests)
        slot = digest % slots
        # (As in `line_of`, but without a division for each slot: every line of a file comes here.)
        while found := digests[slot]:
            if found == digest:
                return False
            slot += 1
            if slot == slots:
                slot = 0
        digests[slot] = digest
        self._lines[shard][slot] = line if line < LAST_LINE else LAST_LINE
        self._count += 1
        self._room[shard] -= 1
        if not self._room[shard]:
            self._grow(shard)
        return True

    def line_of(self, custom_id: str) -> int | None:
        """The line that an id was added with; None for an id that is not in the set."""
        digest, shard = self._digest(custom_id)
        digests = self._digests[shard]
        slots = len(digests)
        slot = digest % slots
        while found := digests[slot]:
            if found == digest:
                return self._lines[shard][slot]
            slot = (slot + 1) % slots
        return None

    def _digest(self, custom_id: str) -> tuple[int, int]:
        """The stored digest of an id, and its shard."""
        hasher = self._empty.copy()
        hasher.update(custom_id.encode("utf-8", "surrogatepass"))
        digest, shard = _KEPT_AND_SHARD(hasher.digest())
        return digest or 1, shard  # 0 marks a free slot

    def _grow(self, shard: int) -> None:
        old, old_lines = self._digests[shard], self._lines[shard]
        slots = int(len(old) * GROWTH)
        digests, lines = array("Q", bytes(8 * slots)), array("I", bytes(4 * slots))
        for digest, line in zip(old, old_lines, strict=True):
            if digest:
                slot = digest % slots
                while digests[slot]:
                    slot = (slot + 1) % slots
                digests[slot], lines[slot] = digest, line
        self._digests[shard], self._lines[shard] = digests, lines
        self._room[shard] = int(slots * MAX_LOAD) - int(len(old) * MAX_LOAD)
