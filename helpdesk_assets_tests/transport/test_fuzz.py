"""A short run of `make fuzz`: what reads strangers' words raises its own errors and no others."""

from collections.abc import Callable

import pytest

from helpdesk_assets_tests.transport.fuzz import PARSERS, run


@pytest.mark.parametrize("parser", PARSERS, ids=[parser.__name__ for parser in PARSERS])
def test_made_up_words_are_read_or_refused(parser: Callable[..., None]) -> None:
    run(parser, 100)
