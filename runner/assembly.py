"""What a session sends with, built from its settings: the client, admission, attempts, the money.

Built once a session has recovered. The session keeps the parts, and hands each what it needs.
"""

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import httpx

from headrace.jobs import CostBounds, PriceTable, TokenEstimator

from .admission import Admission
from .attempts import Attempts
from .client import Client
from .clock import RunClock
from .images import Downloads, ImageStore
from .limits import Concurrency, Lane, Lanes, lanes_for
from .money import (
    Account,
    AccountLimits,
    AccountWatch,
    Budget,
    LeasedBudget,
    RefusalJudge,
    ServiceBudget,
    max_cost_ceiling,
)
from .offload import Offload
from .record import Recorder, RecoveredState, RunDirectory, Totals
from .retries import RetryPolicy
from .settings import RunSettings, SendSettings
from .stop import Stop

if TYPE_CHECKING:
    from .form_check import FormCheck


class Assembly(NamedTuple):
    """The parts of a session; where it has several services, of one of them, which is `service`.

    `prices`, `limits`, what the account allows, and `watch` are None where no cost is known, and
    the last two where money is lent by a coordinator. `totals` and `stop` are those of the session,
    or of the service.
    """

    account: Account
    admission: Admission
    attempts: Attempts
    images: ImageStore
    limits: AccountLimits | None
    prices: PriceTable | None
    recorder: Recorder
    service: str | None
    stop: Stop
    totals: Totals
    watch: AccountWatch | None


def assemble(
    settings: SendSettings,
    run: RunDirectory,
    recorder: Recorder,
    state: RecoveredState,
    *,
    transport: httpx.AsyncBaseTransport,
    foreign: httpx.AsyncBaseTransport,
    concurrency: Concurrency,
    lane: type[Lane],
    attempts_of: Callable[..., Attempts],
    timed: bool,
    leased: bool,
    clock: RunClock,
    offload: Offload,
    read: Offload,
    rng: random.Random,
    stop: Stop,
    shared: Budget | None = None,
) -> Assembly:
    """Build the parts of a session.

    Args:
        settings: of the run.
        run: its directory, whose manifest has the prices.
        recorder: of this session.
        state: where the run stands, as its service sees it.
        transport: to the service.
        foreign: to wherever images are linked to, without the key.
        concurrency: the slots.
        lane: what requests leave by.
        attempts_of: makes what makes the attempts, of its parts.
        timed: whether all reads carry receive times, and gaps between tokens are kept.
        leased: whether money is lent by a coordinator, which alone watches the account.
        clock: the run's.
        offload: for work that blocks.
        read: for work that a cancellation may leave behind.
        rng: of all chance.
        stop: told of what ends the run.
        shared: what all services together may spend, where this is one of several.

    Returns:
        The parts; transports and recorder stay the caller's.
    """
    client = Client(
        transport,
        base_url=settings.base_url,
        anthropic_base_url=settings.anthropic_base_url,
        key=settings.key,
        hidden=settings.hidden,
        headers=settings.headers,
        auth=settings.auth,
        usage_places=settings.endpoints,
        clock=clock,
        timed=timed,
        offload=read,
    )
    service = settings.service
    account = Account(client, clock, service=service, key_variable=settings.key_variable)
    prices, totals = run.manifest.prices_of(service), recorder.totals_of(service)
    budget: Budget | None = None
    if prices is not None and shared is not None:
        budget = ServiceBudget(totals, currency=prices.currency, shared=shared)
    elif prices is not None:
        kind = LeasedBudget if leased else Budget
        budget = budget_of(settings, totals, prices.currency, kind=kind)
    admission = Admission(
        lanes=lanes_of(settings, state, lane=lane, clock=clock, rng=rng),
        concurrency=concurrency,
        budget=budget,
        estimator=TokenEstimator(),
        clock=clock,
    )
    downloads = Downloads(client, foreign) if settings.download else None
    images = ImageStore(run.path, offload=offload, downloads=downloads)
    attempts = attempts_of(
        client=client,
        admission=admission,
        policy=RetryPolicy(
            attempts=settings.attempts, deadline_s=settings.deadline_s, now=clock.now, rng=rng
        ),
        refusals=RefusalJudge(account, recorder, totals),
        recorder=recorder,
        prices=prices,
        images=images,
        clock=clock,
        stop=stop,
        form_check=form_check_of(settings, run, offload=read),
    )
    limits = watch = None
    if budget is not None and not leased:
        limits = AccountLimits(
            account=account,
            recorder=recorder,
            totals=totals,
            budget=budget,
            clock=clock,
            stop=stop,
            settings=settings,
        )
        watch = AccountWatch(
            account=account,
            limits=limits,
            recorder=recorder,
            totals=totals,
            budget=budget,
            clock=clock,
            stop=stop,
            settings=settings,
        )
    return Assembly(
        account=account,
        admission=admission,
        attempts=attempts,
        images=images,
        limits=limits,
        prices=prices,
        recorder=recorder,
        service=service,
        stop=stop,
        totals=totals,
        watch=watch,
    )


def form_check_of(
    settings: SendSettings, run: RunDirectory, *, offload: Offload
) -> "FormCheck | None":
    """What answers are held against; None where they may have any form."""
    recipe = run.manifest.recipe
    if recipe is None or recipe.schema is None:
        return None
    from headrace.jobs import Form, way_of  # loaded where a run has a schema

    from .form_check import FormCheck

    prices = run.manifest.prices_of(settings.service)
    way = way_of(recipe, "the recipe")
    assert way is not None
    return FormCheck(
        Form(recipe.schema, way),
        reasks=settings.reask if isinstance(settings, RunSettings) else 0,
        deadline_s=settings.deadline_s,
        bounds=None if prices is None else CostBounds(prices),
        offload=offload,
    )


def lanes_of(
    settings: SendSettings,
    state: RecoveredState,
    *,
    lane: type[Lane],
    clock: RunClock,
    rng: random.Random,
) -> Lanes:
    """The lanes, which remember what the last minute of an earlier session sent."""
    lanes = lanes_for(
        settings.limits,
        deadline_s=settings.deadline_s,
        outage_limit_s=settings.outage_s,
        rng=rng,
        now_s=clock.now(),
        kind=lane,
        service=settings.service,
    )
    for attempt in state.recent:
        limiter = lanes.of(attempt.model).limiter
        limiter.remember(clock.seconds(attempt.sent_at), attempt.tokens)
    return lanes


def budget_of(
    settings: SendSettings, totals: Totals, currency: str, *, kind: type[Budget] = Budget
) -> Budget:
    """What the run may spend, under the user's own ceiling where there is one."""
    limit = settings.max_cost
    ceiling = None if limit is None else max_cost_ceiling(limit, currency)
    return kind(totals, currency=currency, ceiling=ceiling)
