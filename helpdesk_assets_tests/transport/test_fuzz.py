"""A short run of `make fuzz`: parsers of untrusted data raise only their own errors."""

from collections.abc import Callable

import pytest

from helpdesk_assets_tests.transport.fuzz import PARSERS, run


@pytest.mark.parametrize("parser", PARSERS, ids=[parser.__name__ for parser in PARSERS])
def test_random_input_is_parsed_or_rejected(parser: Callable[..., None]) -> None:
    run(parser, 100)
