-- How many tickets were open at the end of each day. Each state in which a ticket is not solved
-- adds one on the day that it begins, and takes one away on the day that it ends; the sum of these
-- up to a day is what is open at its end. Priority and group are those of now.
with today as (
    select cast(timezone($timezone, $as_of) as date) as day
),
commonest as (
    -- If an API accepts any text as a status, each would add rows for each day.
    select status
    from ticket_status_history
    where not is_solved and status is not null
    group by status
    order by count(*) desc, status
    limit 30
),
states as (
    select
        case
            when history.status is null then null
            when commonest.status is null then 'others'
            else left(history.status, 200)
        end as status,
        metrics.priority,
        metrics.group_name,
        cast(timezone($timezone, started_at) as date) as begin_day,
        cast(timezone($timezone, ended_at) as date) as end_day
    from ticket_status_history as history
    join ticket_metrics as metrics using (ticket_id)
    left join commonest on commonest.status = history.status
    where not history.is_solved
),
first as (
    -- A date more than 20 years ago is probably a mistake: its ticket counts from then on.
    select greatest(min(begin_day), any_value(today.day) - interval 20 years) as day
    from states, today
),
steps as (
    select
        status,
        priority,
        group_name,
        greatest(day, (select day from first)) as day,
        sum(step) as step
    from (
        select status, priority, group_name, cast(begin_day as timestamp) as day, 1 as step
        from states
        union all
        select status, priority, group_name, cast(end_day as timestamp) as day, -1 as step
        from states
        where end_day is not null
    )
    where day <= (select day from today)
    group by all
),
levels as (
    select
        status,
        priority,
        group_name,
        day,
        sum(step) over in_order as tickets,
        coalesce(lead(day) over in_order, (select day from today) + interval 1 day) as next_day
    from steps
    window in_order as (partition by status, priority, group_name order by day)
),
days as (
    select
        cast(unnest(generate_series(day, next_day - interval 1 day, interval 1 day)) as date) as day,
        status,
        priority,
        group_name,
        cast(tickets as bigint) as tickets
    from levels
    where tickets > 0
)
select * from days
union all
-- A day without open tickets has one row, so that charts show no gap.
select cast(every.day as date), null, null, null, 0
from (
    select unnest(generate_series(
        (select day from first), (select cast(day as timestamp) from today), interval 1 day
    )) as day
) as every
where cast(every.day as date) not in (select day from days)
order by day, status, priority, group_name
