-- Tickets opened per day and status. Days are those of the configured time zone. From the first
-- ticket to today, days without tickets are included with zeros, so that charts show no gaps. Only
-- the 30 most frequent statuses get zeros, and a status is cut to 200 characters: if an API accepts
-- any text as a status, each additional status would add thousands of rows.
with tickets as (
    select cast(timezone($timezone, created_at) as date) as day, left(status, 200) as status
    from desk_tickets
    where created_at is not null
),
today as (
    select cast(timezone($timezone, $as_of) as date) as day
),
days as (
    -- A date more than 20 years ago is probably a mistake: its ticket is counted, but the days
    -- after it are not filled with zeros.
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
