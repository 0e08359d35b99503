"""The names of entries in the metadata of a load that the checks read."""

# The metadata entry that tells the checks which load to look for in the table; several loads are
# separated by commas.
LOAD_ID = "load_id"

# How many distinct rows were read that could be loaded.
ROWS_WALKED = "rows_walked"
# How many of them were in the table when the load ended, and how many rows of other loads.
ROWS_STORED = "rows_stored"
ROWS_OF_OTHERS = "rows_of_other_loads"
# Which lists of the profile have no assets until the code location is reloaded.
RELOAD_NEEDED = "reload_needed"
# Why completeness could not be verified.
UNVERIFIED = "unverified_because"
# How many pages were requested again because they did not overlap the page before.
OVERLAP_RETRIES = "page_overlap_retries"
# Entries that earlier versions wrote under other names, by those names.
RENAMED = {"steps_back": OVERLAP_RETRIES}
