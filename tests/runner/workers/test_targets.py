"""Who of the workers gets how much of a limit."""

from hypothesis import given
from hypothesis import strategies as st

from headrace.runner.workers.targets import Want, choose, targets

IDLE = Want(0, 0, False)


def test_nobody_is_chosen_anew_where_nobody_waits() -> None:
    assert choose([True, False], [False, False], most=1) is None


def test_who_has_a_share_keeps_it_where_there_are_too_few_for_all() -> None:
    assert choose([False, True, False], [True, True, True], most=2) == [1, 0]


def test_who_waits_takes_the_place_of_one_that_does_not() -> None:
    assert choose([True, True, False], [False, False, True], most=2) == [0, 2]


def test_those_that_wait_get_what_the_others_do_not_use() -> None:
    wants = [Want(300, 80, False), Want(300, 300, True), IDLE._replace(waits=True)]
    assert targets(600, wants, [0, 1, 2], least=40) == [101, 250, 249]


def test_what_is_near_enough_stays() -> None:
    wants = [Want(310, 310, True), Want(290, 290, True)]
    assert targets(600, wants, [0, 1], least=40) == [310, 290]
    assert targets(600, [Want(400, 400, True), Want(200, 200, True)], [0, 1], least=40) == [300] * 2


def test_who_uses_a_little_less_than_it_has_keeps_it() -> None:
    wants = [Want(100, 79, False), Want(500, 500, True)]
    assert targets(600, wants, [0, 1], least=40) == [100, 500]


WANTS = st.lists(
    st.builds(Want, st.integers(0, 500), st.integers(0, 500), st.booleans()), min_size=1, max_size=9
)


@given(limit=st.integers(1, 2000), wants=WANTS, least=st.integers(1, 100), data=st.data())
def test_all_of_the_limit_is_dealt_to_the_chosen(
    limit: int, wants: list[Want], least: int, data: st.DataObject
) -> None:
    places = st.sampled_from(range(len(wants)))
    chosen = data.draw(st.lists(places, min_size=1, unique=True, max_size=limit))
    dealt = targets(limit, wants, chosen, least=least)
    assert sum(dealt) == limit
    assert min(dealt) >= 0
    kept = [each.has for each in wants]
    assert dealt == kept or {n for n, share in enumerate(dealt) if share} <= set(chosen)
