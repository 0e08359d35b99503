"""Which ratings count as satisfied, and which as dissatisfied."""

# Ratings of the vendors with built-in profiles. Numbers are judged by their size: of 1 to 5, from 4
# on is satisfied and up to 2 is not; beyond that scale, more than 100 is, and below 0 is not, as in
# Freshdesk.
SATISFIED = ("good", "great", "satisfied", "very satisfied", "happy", "positive", "excellent")
DISSATISFIED = (
    "bad",
    "not good",
    "dissatisfied",
    "very dissatisfied",
    "unhappy",
    "negative",
    "poor",
)
