import types

from headrace import jobs

FOR_ITSELF = {"TYPE_CHECKING", "Any", "import_module"}


def test_all_is_the_public_surface() -> None:
    public = {
        name
        for name, value in vars(jobs).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert set(jobs.__all__) == (public - FOR_ITSELF) | set(jobs._LATE)


def test_all_is_in_order_and_without_repetition() -> None:
    constants = [name for name in jobs.__all__ if name.isupper()]
    classes = [name for name in jobs.__all__ if name[0].isupper() and not name.isupper()]
    functions = [name for name in jobs.__all__ if name[0].islower()]
    assert jobs.__all__ == [*sorted(constants), *sorted(classes), *sorted(functions)]
    assert len(set(jobs.__all__)) == len(jobs.__all__)


def test_every_public_name_says_what_it_is() -> None:
    documented = {
        name for name in jobs.__all__ if isinstance(getattr(jobs, name), type | types.FunctionType)
    }
    assert documented
    assert [name for name in documented if not getattr(jobs, name).__doc__] == []
