"""Which service a job goes to: by its model, and of several each by its weight."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs.services import RoutedService, Routing

A_AND_B = [RoutedService("a", ["x", "m"], 2), RoutedService("b", ["m"], 1)]


def test_a_model_that_one_service_has_goes_there() -> None:
    routing = Routing([*A_AND_B, RoutedService("c", ["*"])])
    assert [routing.service_of(model, 0) for model in ("x", "other")] == ["a", "c"]
    assert routing.service_of("*", 0) == "c"  # a model may be called that


def test_a_model_that_none_has_goes_nowhere_and_the_near_one_is_named() -> None:
    routing = Routing([RoutedService("a", ["deepseek-chat"])])
    assert routing.service_of("deepseek-chatt", 0) is None
    assert routing.why_none("deepseek-chatt") == (
        "no service has the model 'deepseek-chatt'; add it to the models of one in headrace.toml; "
        "did you mean 'deepseek-chat'?"
    )


def test_a_line_without_a_model_is_told_what_its_model_is_called() -> None:
    routing = Routing([RoutedService("a", ["m"])])
    assert routing.why_none("default") == (
        "no service has the model 'default', as that of a line without a model is called; add it "
        "to the models of one in headrace.toml"
    )


def test_a_model_of_a_service_that_was_left_out_is_not_whatever_no_other_has() -> None:
    routing = Routing([RoutedService("rest", ["*"])], {"x": "a"})
    assert routing.service_of("x", 3) is None
    assert routing.why_none("x") == "the model 'x' is on a, left out by --service"
    assert routing.service_of("y", 3) == "rest"


weights = st.lists(
    st.one_of(st.integers(1, 100), st.floats(0.01, 100, allow_nan=False)), min_size=2, max_size=6
)


@given(weights=weights, step=st.integers(1, 12), begin=st.integers(0, 10**9))
def test_each_service_has_its_share_of_every_beginning_to_within_a_few_jobs(
    weights: list[float], step: int, begin: int
) -> None:
    """Also where the model is on every so many-th line alone, from any line on."""
    named = [RoutedService(f"s{n}", ["m"], weight) for n, weight in enumerate(weights)]
    routing = Routing(named)
    whole = sum(map(Fraction, weights))
    shares = {service.name: float(Fraction(service.weight or 0) / whole) for service in named}
    counts = dict.fromkeys(shares, 0)
    farthest = 0.0
    for done in range(1, 1001):
        name = routing.service_of("m", begin + done * step)
        assert name is not None
        counts[name] += 1
        farthest = max(farthest, *(abs(counts[each] - done * shares[each]) for each in shares))
    assert farthest < (4 if step == 1 else 16)


MODELS = ["m", "n", "M", "m ", "ｍ", "é", "e\u0301", "*", "default", "m/1", " "]
services = st.lists(
    st.builds(
        lambda models, weight: (models, weight),
        st.lists(st.sampled_from(MODELS), min_size=1, max_size=5, unique=True),
        st.floats(0.01, 100),
    ),
    min_size=1,
    max_size=6,
).map(
    lambda tables: [
        RoutedService(
            f"s{n}", [model for model in models if model != "*" or n == 0] or ["m"], weight
        )
        for n, (models, weight) in enumerate(tables)
    ]
)
models = st.one_of(st.sampled_from(MODELS), st.text("mn*é ", max_size=3))
numbers = st.integers(0, 10**12)


@given(services=services, model=models, number=numbers)
def test_each_job_goes_to_one_service_that_names_its_model_or_takes_what_no_other_does(
    services: list[RoutedService], model: str, number: int
) -> None:
    having = [each.name for each in services if model in each.models]
    rest = [each.name for each in services if "*" in each.models]
    went = Routing(services).service_of(model, number)
    assert (went in (having or rest)) if having or rest else (went is None)


@given(services=services, model=models, number=numbers, data=st.data())
def test_neither_the_order_of_the_tables_nor_services_of_other_models_decide_where_a_job_goes(
    services: list[RoutedService], model: str, number: int, data: st.DataObject
) -> None:
    went = Routing(services).service_of(model, number)
    assert Routing(data.draw(st.permutations(services))).service_of(model, number) == went
    others = [RoutedService(f"a{n}", [f"{model}-{n}"], 1) for n in range(3)]
    assert Routing([*others, *services]).service_of(model, number) == went
    scaled = [each._replace(weight=(each.weight or 0) * 4) for each in services]
    assert Routing(scaled).service_of(model, number) == went


@given(weights=weights, weight=st.floats(0.01, 100), begin=numbers)
def test_a_service_that_is_added_takes_its_share_of_any_stretch(
    weights: list[float], weight: float, begin: int
) -> None:
    named = [RoutedService(f"s{n}", ["m"], each) for n, each in enumerate(weights)]
    with_one_more = Routing([*named, RoutedService("more", ["m"], weight)])
    whole = sum(map(Fraction, [*weights, weight]))
    went = [with_one_more.service_of("m", begin + n) for n in range(500)]
    assert abs(went.count("more") - 500 * weight / float(whole)) < 8


@given(weights=weights, numbers=st.lists(st.integers(0, 2**64), min_size=1))
def test_where_a_job_goes_depends_on_its_number_alone(
    weights: list[float], numbers: list[int]
) -> None:
    named = [RoutedService(f"s{n}", ["m"], weight) for n, weight in enumerate(weights)]
    first = [Routing(named).service_of("m", number) for number in numbers]
    again = Routing(named)
    assert [again.service_of("m", number) for number in reversed(numbers)] == first[::-1]
