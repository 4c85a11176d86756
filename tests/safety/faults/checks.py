"""Checks outside of test modules, where pytest does not see to it that `assert` holds under -O as well."""


def require(held: object) -> None:
    """Fail unless it held."""
    if not held:
        raise AssertionError
