"""Lists by parent."""

import pytest

from helpdesk_assets_tests.load.test_by_parent import (
    served,
    small_portions,
    stopped,
    test_interrupted_load_is_continued,
)

pytestmark = pytest.mark.scale
