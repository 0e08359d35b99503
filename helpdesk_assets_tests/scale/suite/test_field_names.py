"""Views with the names of custom fields."""

import pytest

from helpdesk_assets_tests.load.test_field_names import (
    fields,
    load,
    test_column_names_stay_when_fields_are_renamed_added_or_deleted,
)

pytestmark = pytest.mark.scale
