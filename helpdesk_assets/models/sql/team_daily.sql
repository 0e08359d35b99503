-- What came in, was solved and was replied to per day, by the tickets' group and assignee of now. A
-- rating counts on the day that its ticket was solved or, if that is not known, created.
with tickets as (
    select
        *,
        try_cast(satisfaction as double) as score,
        lower(trim(satisfaction)) as rating,
        coalesce(solved_at, created_at) as rated_at
    from ticket_metrics
),
events as (
    select created_at as happened_at, group_name, assignee_name, 1 as taken, 0 as solved, 0 as replies,
        0 as satisfied, 0 as dissatisfied
    from tickets
    union all
    select solved_at, group_name, assignee_name, 0, 1, 0, 0, 0
    from tickets
    union all
    select rated_at, group_name, assignee_name, 0, 0, 0,
        cast(
            coalesce(list_contains($satisfied, rating) or score > 100 or score between 4 and 5, false)
            as integer
        ),
        cast(
            coalesce(list_contains($dissatisfied, rating) or score < 0 or score between 1 and 2, false)
            as integer
        )
    from tickets
    where rating is not null
    union all
    select comments.created_at, group_name, assignee_name, 0, 0, 1, 0, 0
    from desk_comments as comments
    join tickets using (ticket_id)
    where is_public
        and author_role = 'agent'
        and $knows_agents
        and (
            tickets.created_at is null
            or comments.created_at >= tickets.created_at + interval 1 second
        )
)
select
    cast(timezone($timezone, happened_at) as date) as day,
    group_name,
    assignee_name,
    cast(sum(taken) as bigint) as taken,
    cast(sum(solved) as bigint) as solved,
    case when $knows_agents then cast(sum(replies) as bigint) end as replies,
    case when $knows_satisfaction then cast(sum(satisfied) as bigint) end as satisfied,
    case when $knows_satisfaction then cast(sum(dissatisfied) as bigint) end as dissatisfied
from events
where happened_at is not null
group by day, group_name, assignee_name
having sum(taken) + sum(solved) + sum(replies) + sum(satisfied) + sum(dissatisfied) > 0
order by day, group_name, assignee_name
