"""What a worker and its coordinator say to each other of limits and money: one message each way."""

import msgspec

from ..limits import LaneShare, LaneUse
from ..money import Lease, LeaseUse

# How often a worker reports when nothing is urgent. A share moves by what this long has freed.
REPORT_S = 1.0
# How long a share lasts from the report on that it answers. Clocks are never compared: the worker
# counts from when it sent that report, the coordinator from when it answered, which is later.
SHARE_LASTS_S = 15.0


class SlotUse(msgspec.Struct, frozen=True, array_like=True):
    """Slots that a worker may fill or has filled, those in flight; whether work waits for one."""

    held: int = 0
    in_flight: int = 0
    waits: bool = False


class WorkerUse(msgspec.Struct, frozen=True, array_like=True):
    """A worker's report. `number` counts its reports from 1; `applied` is the number of the last
    terms in force, `lapsed` whether they ran out; `lanes` are in the order of its lanes, the shared
    one first; `slots` is None where each worker finds its own number, `money` without prices."""

    number: int
    applied: int
    lanes: list[LaneUse]
    slots: SlotUse | None = None
    money: LeaseUse | None = None
    lapsed: bool = False


class WorkerTerms(msgspec.Struct, frozen=True, array_like=True):
    """What a worker has to keep to. `number` counts the terms that differ from those before;
    `answers` is the number of the last report that the coordinator knew of."""

    number: int
    answers: int
    lanes: list[LaneShare]
    slots: int | None = None
    money: Lease | None = None
