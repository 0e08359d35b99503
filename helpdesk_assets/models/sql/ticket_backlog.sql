-- Unsolved tickets by age. Empty buckets are included, with a count of 0.
with buckets (position, age_bucket, from_days, to_days) as (
    values
        (1, 'under a day', -1e9, 1),
        (2, '1 to 7 days', 1, 7),
        (3, '7 to 30 days', 7, 30),
        (4, '30 to 90 days', 30, 90),
        (5, 'over 90 days', 90, 1e9),
        (6, 'unknown', null, null)
),
unsolved as (
    select id, created_at, (epoch($as_of) - epoch(created_at)) / 86400 as days_open
    from desk_tickets
    where not is_solved
)
select
    cast(position as bigint) as position,
    age_bucket,
    count(id) as tickets,
    min(created_at) as oldest_created_at,
    $as_of as counted_at
from buckets
left join unsolved
    on (days_open >= from_days and days_open < to_days)
    or (days_open is null and from_days is null)
group by position, age_bucket
order by position
