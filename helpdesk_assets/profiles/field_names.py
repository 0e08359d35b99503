"""The ``field_names`` section of a profile: where custom fields are, and how people call them."""

from helpdesk_assets.profiles.client import Part
from helpdesk_assets.profiles.types import FieldPath


class FieldNames(Part):
    """How to find the names of custom fields, which the API identifies by ids.

    Attributes:
        resource: the list of the definitions of fields: another resource of the profile.
        id: the column with the field's id in the table of definitions.
        name: the column with its name there.
        values: the path of the values in a row: a list of objects with ``id`` and ``value``, or an
            object with the ids as names.
    """

    resource: str
    id: str = "id"
    name: str
    values: FieldPath
