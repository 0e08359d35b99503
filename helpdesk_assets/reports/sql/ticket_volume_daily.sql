-- Tickets opened a day, by status. A day is one of the time zone; a day without tickets is there
-- with zeros, from the first ticket's day to today, so that no gap in a chart hides it. The zeros are
-- of the commonest statuses, and a status is its first 200 letters: anybody may be able to make up
-- others, and each would be thousands of rows.
with tickets as (
    select cast(timezone($timezone, created_at) as date) as day, left(status, 200) as status
    from help_desk_tickets
    where deleted_at is null and created_at is not null
),
today as (
    select cast(timezone($timezone, $as_of) as date) as day
),
days as (
    -- A date long past is more likely a mistake than a ticket: it is counted, and what lies
    -- between is not filled up.
    select cast(unnest(generate_series(
        greatest(min(tickets.day), any_value(today.day) - interval 20 years),
        any_value(today.day),
        interval 1 day
    )) as date) as day
    from tickets, today
),
commonest as (
    select status
    from tickets
    group by status
    order by count(*) desc, status nulls last
    limit 30
),
counted as (
    select day, status, 0 as opened from days cross join commonest
    union all
    select day, status, 1 as opened from tickets
)
select day, status, cast(sum(opened) as bigint) as tickets
from counted
group by day, status
order by day, status nulls last
