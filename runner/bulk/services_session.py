"""A bulk run over several services: each has its account, limits, money and stop of its own."""

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from functools import partial
from typing import Unpack

import httpx
import msgspec
import trio

from headrace.jobs import (
    BalanceReading,
    CostBounds,
    HeadraceError,
    Job,
    JobServices,
    PriceTable,
    ServicesForecaster,
    Session,
)

from ..assembly import Assembly
from ..errors import ServicesStoppedError, UnreachableError, first_exit_code
from ..limits import Concurrency, Lane, Lanes, share_history
from ..money import (
    Budget,
    Ceiling,
    ReadAccount,
    look_again_at_each,
    max_cost_ceiling,
    shared_accounts,
)
from ..record import RecoveredState
from ..services import ServiceSettings
from ..session import Recovered, RunOutcome
from ..stop import ServiceStop, Stop
from ..transport import transport_to
from .copies import Copies
from .engine import Engine
from .lookahead import Foretold, LookAhead, SecondReading
from .session import BulkSession


class ServicesSession(BulkSession):
    """Sends each job to the service that it goes to, and stops a service that is in trouble while
    the others carry on."""

    def _transport(self) -> httpx.AsyncBaseTransport:
        return httpx.AsyncBaseTransport()  # each service has its own, where its key goes

    def _concurrency(self) -> Concurrency:
        assert self._settings.services is not None
        return Concurrency(self._settings.concurrency, among=len(self._settings.services.each))

    def _transport_to(self, service: ServiceSettings) -> httpx.AsyncBaseTransport:
        own = self._environment.services.get(service.name)
        return own or transport_to(*service.urls, http2=self._settings.http2)

    async def _recover_and_work(
        self, transport: httpx.AsyncBaseTransport, foreign: httpx.AsyncBaseTransport
    ) -> RunOutcome:
        assert self._settings.services is not None
        async with AsyncExitStack() as opened:
            recovered = await self._recovered()
            try:
                shared = self._shared_budget(recovered)
                services = [
                    self._assemble(
                        recovered,
                        msgspec.structs.replace(self._settings, **each.as_settings),
                        transport=await opened.enter_async_context(self._transport_to(each)),
                        foreign=foreign,
                        stop=ServiceStop(self._stop, each.name),
                        shared=shared,
                    )
                    for each in self._settings.services.each
                ]
                share_history([each.admission.concurrency for each in services])
                budgets = [each.admission.budget for each in services]
                look_again_at_each(shared, [each for each in budgets if each is not None])
                unneeded = await self._work_and_tell(services, recovered, shared)
            except BaseException:
                recovered.recorder.abandon()
                raise
            self._note_stopped(services, recovered.session, unneeded)
            return await self._close_books(services, recovered.session)

    def _shared_budget(self, recovered: Recovered) -> Budget:
        limit, currency = self._settings.max_cost, self._run.manifest.currency or ""
        ceiling = None if limit is None else max_cost_ceiling(limit, currency)
        return Budget(recovered.recorder.totals, currency=currency, ceiling=ceiling)

    async def _work_and_tell(
        self, services: Sequence[Assembly], recovered: Recovered, shared: Budget
    ) -> Collection[str | None]:
        """As `_work_all`, and say at once where a service stops: the others may take hours more."""
        async with trio.open_nursery() as nursery:
            for each in services:
                telling = partial(self._tell_when_stopped, each, services)
                nursery.start_soon(self._stop.on_error, telling)
            unneeded = await self._work_all(services, recovered, shared)
            nursery.cancel_scope.cancel()
        return unneeded

    async def _tell_when_stopped(self, service: Assembly, services: Sequence[Assembly]) -> None:
        stop, name = service.stop, service.service
        assert isinstance(stop, ServiceStop)
        assert name is not None
        await stop.requested.wait()
        if stop.alone is None or all(each.stop.reason is not None for each in services):
            return  # the run ends now, and says why
        if self._environment.announce is not None:
            self._environment.announce(
                f"Warning: the service {name} stopped: {stop.alone.message}. The others carry on."
            )
        noting = partial(self._run.note_stopped, name, stop.alone.message)
        await self._environment.offload(noting)

    async def _work_all(
        self, services: Sequence[Assembly], recovered: Recovered, shared: Budget
    ) -> Collection[str | None]:
        """Read each account, send, and read each account again; says which services nobody needed
        that had stopped before anything was sent."""
        state = recovered.state
        before: dict[str | None, BalanceReading] = {}
        unneeded: list[str | None] = []

        async def read_first(service: Assembly) -> None:
            reading = await self._open_account(service, state)
            if reading is not None:
                before[service.service] = reading

        async def read_last(service: Assembly) -> None:
            if service.service in before:
                await self._close_account(service, before[service.service])

        await _for_each(services, read_first)
        if before and self._stop.reason is None:
            try:
                await self._leave_shared_accounts(services, before, recovered.session)
                waited_for = await self._send_by(services, state, shared)
                # (Where all have stopped, nobody may have read the file to its end.)
                if any(each.stop.reason is None for each in services):
                    unneeded += {each.service for each in services} - waited_for - before.keys()
            except HeadraceError as error:
                self._stop.request(error)
        await _for_each(services, read_last)
        return unneeded

    async def _leave_shared_accounts(
        self,
        services: Sequence[Assembly],
        before: Mapping[str | None, BalanceReading],
        session: Session,
    ) -> None:
        """Nobody watches an account that several services have: by what it took for others, each
        of them would be billed for what it knows nothing of. Raises StorageError."""
        assert self._settings.services is not None
        groups = shared_accounts(
            [
                ReadAccount(each.name, each.urls.openai, each.key, before[each.name])
                for each in self._settings.services.each
                if each.name in before
            ]
        )
        if not groups:
            return
        session.shared_accounts = groups
        await self._environment.offload(self._run.save)
        for names in groups:
            if self._environment.announce is not None:
                self._environment.announce(
                    f"Warning: the services {' and '.join(names)} seem to have one account, so it "
                    "is neither watched nor checked. Give each an account of its own, or write "
                    'them as one service, with [services.limits."MODEL"] for limits of models.'
                )
        for each in services:
            if each.watch is not None and any(each.service in names for names in groups):
                each.watch.end()

    async def _send_by(
        self, services: Sequence[Assembly], state: RecoveredState, shared: Budget
    ) -> set[str | None]:
        """Send, and say which services were needed when they had stopped."""
        copies = Copies(state) if self._bulk.dedupe else None
        routes = self._routes()
        lanes = _LanesOfServices(routes, services, state)
        engine = Engine(
            services=services,
            lanes=lanes,
            recorder=services[0].recorder,
            bounds=_BoundsOfServices(routes, services),
            copies=copies,
            stop=self._stop,
        )
        budget = None if self._run.manifest.currency is None else shared
        ahead = self._ahead_of(services, routes, shared)
        await self._send_jobs(services, engine, ahead, copies, state, budget=budget)
        return lanes.waited_for

    def _routes(self) -> JobServices:
        assert self._settings.services is not None
        return self._settings.services.job_services(None, by_digest=self._bulk.dedupe)

    def _ahead_of(
        self, services: Sequence[Assembly], routes: JobServices, shared: Budget
    ) -> LookAhead | None:
        """What looks ahead at the money of each service, and at that of all."""
        each = {
            service.service: self._foretold(
                service.limits, service.totals, service.stop, service.service
            )
            for service in services
            if service.limits is not None and service.service is not None
        }
        if not each:
            return None
        totals = services[0].recorder.totals
        in_all = self._foretold(_OwnCeiling(shared), totals, self._stop)
        prices = {name: self._run.manifest.prices_of(name) for name in routes.names}
        return _ServicesLookAhead(each, in_all, routes, prices, **self._second_reading())

    def _note_stopped(
        self,
        services: Sequence[Assembly],
        session: Session,
        unneeded: Collection[str | None],
    ) -> None:
        """Note which services stopped, and why; one that nobody needed stops nothing."""
        self._count = len(services)
        self._alone: dict[str, HeadraceError] = {}
        for service in services:
            name, error = service.service, _why_alone(service.stop)
            if name is None or error is None:
                continue
            if name not in unneeded:
                self._alone[name] = error
            elif self._environment.announce is not None:
                self._environment.announce(
                    f"No job is left for the service {name}: the run does without it."
                )
        session.stopped_services = {name: each.message for name, each in self._alone.items()}

    def _reason(self) -> HeadraceError | None:
        """What stopped the run, or else some of its services."""
        if self._stop.reason is not None or not self._alone:
            return self._stop.reason
        return ServicesStoppedError(self._alone)

    def _words_of(self, reason: HeadraceError) -> str:
        """What stopped the run, and which of the services had stopped before."""
        words = super()._words_of(reason)
        if isinstance(reason, ServicesStoppedError) or not self._alone:
            return words
        return f"{words}; {ServicesStoppedError(self._alone).message}"

    def _exit_code(self, reason: HeadraceError) -> int:
        run = [] if isinstance(reason, ServicesStoppedError) else [reason]
        alone = list(self._alone.values())
        if len(alone) < self._count or not all(isinstance(e, UnreachableError) for e in alone):
            # Its code says that nothing was sent, and others were sent to.
            alone = [error for error in alone if not isinstance(error, UnreachableError)]
        return first_exit_code([*run, *alone])


class _LanesOfServices:
    """The lanes of all services; a job takes one of its own service, unless that has stopped:
    `waited_for` are those that had when a job without a result was read."""

    def __init__(
        self, routes: JobServices, services: Sequence[Assembly], state: RecoveredState
    ) -> None:
        self._routes = routes
        self._state = state
        self.waited_for: set[str | None] = set()
        self._of: dict[str | None, tuple[Lanes, Stop]] = {
            each.service: (each.admission.lanes, each.stop) for each in services
        }

    def of_job(self, job: Job) -> Lane | None:
        """The lane that a job takes; None where its service has stopped."""
        name = self._routes.of(job)
        lanes, stop = self._of[name]
        if stop.reason is None:
            return lanes.of(job.model)
        if not self._state.has_result(job.index):
            self.waited_for.add(name)
        return None

    def __iter__(self) -> Iterator[Lane]:
        for lanes, _ in self._of.values():
            yield from lanes


class _BoundsOfServices:
    """The most that an attempt can cost, by the prices of the service that its job goes to."""

    def __init__(self, routes: JobServices, services: Sequence[Assembly]) -> None:
        self._routes = routes
        self._of = {
            each.service: None if each.prices is None else CostBounds(each.prices)
            for each in services
        }

    def of(self, job: Job) -> Decimal | None:
        """In the run's currency; None where nothing bounds it."""
        bounds = self._of[self._routes.of(job)]
        return None if bounds is None else bounds.of(job)


class _OwnCeiling:
    """The ceiling of the user's own, over all services."""

    def __init__(self, shared: Budget) -> None:
        self.ceilings: list[Ceiling] = shared.own_ceilings
        self.tightest: Ceiling | None = None


class _ServicesLookAhead(LookAhead):
    """Looks ahead at each service and at all of them, with one look at the file."""

    def __init__(
        self,
        each: Mapping[str, Foretold],
        in_all: Foretold,
        routes: JobServices,
        prices: Mapping[str, PriceTable | None],
        **reading: Unpack[SecondReading],
    ) -> None:
        super().__init__(in_all, prices=None, **reading)
        self._each = each
        self._routes = routes
        self._prices_of = prices

    @property
    def _all(self) -> Sequence[Foretold]:
        return [self._foretold, *self._each.values()]

    async def _forecast(self, path: str, state: RecoveredState, *, waits: bool) -> None:
        forecaster = ServicesForecaster(self._routes, self._prices_of)
        await self._add_up(path, state, forecaster)
        self._foretold.expect(forecaster.forecast(), waits=waits)
        found = forecaster.by_service()
        for name, foretold in self._each.items():
            foretold.expect(found[name], waits=waits)


def _why_alone(stop: Stop) -> HeadraceError | None:
    return stop.alone if isinstance(stop, ServiceStop) else None


async def _for_each(
    services: Sequence[Assembly], work: Callable[[Assembly], Awaitable[None]]
) -> None:
    """Do something for all services together; what goes wrong stops the one, or the run."""
    async with trio.open_nursery() as nursery:
        for service in services:
            nursery.start_soon(service.stop.on_error, partial(work, service))
