-- Each target of each ticket: when it is due, when it was met, and whether it is breached. A target
-- is that of the ticket's priority now, or else that of every priority ('*'). A solution without a
-- reply ends the wait for one.
with targets as (
    select ticket_id, target, minutes
    from ticket_metrics
    join desk_sla_targets on desk_sla_targets.priority in (lower(trim(ticket_metrics.priority)), '*')
    qualify
        row_number() over (partition by ticket_id, target order by desk_sla_targets.priority = '*')
        = 1
),
conversation as (
    select
        comments.ticket_id,
        author_role,
        comments.created_at,
        lag(author_role) over in_order as previous_role,
        min(case when author_role = 'agent' then comments.created_at end) over (
            in_order rows between 1 following and unbounded following
        ) as next_reply_at
    from desk_comments as comments
    join ticket_metrics as tickets using (ticket_id)
    where is_public
        and author_role in ('agent', 'customer')
        and $knows_agents
        and exists (select 1 from desk_sla_targets where target = 'next_reply')
        and (
            tickets.created_at is null
            or comments.created_at >= tickets.created_at + interval 1 second
        )
    window in_order as (
        partition by comments.ticket_id order by comments.created_at, author_role
    )
),
solvings as (
    select ticket_id, started_at
    from (
        select
            ticket_id,
            started_at,
            is_solved and not coalesce(lag(is_solved) over in_order, source = 'syncs') as is_solving
        from ticket_status_history
        window in_order as (partition by ticket_id order by started_at)
    )
    where is_solving
),
waits as (
    select ticket_id, 'first_reply' as target, created_at as started_at,
        least(first_reply_at, first_solved_at) as met_at
    from ticket_metrics
    where $knows_replies
    union all
    select ticket_id, 'resolution', created_at, solved_at
    from ticket_metrics
    union all
    select conversation.ticket_id, 'next_reply', conversation.created_at,
        least(next_reply_at, solvings.started_at)
    from conversation
    asof left join solvings
        on solvings.ticket_id = conversation.ticket_id
        and conversation.created_at <= solvings.started_at
    where author_role = 'customer' and previous_role = 'agent'
),
measured as (
    select
        waits.ticket_id,
        waits.target,
        tickets.priority,
        tickets.group_name,
        waits.started_at,
        met_at,
        coalesce(met_at, $as_of) as until,
        minutes * 60000000 as allowed
    from waits
    join targets on targets.ticket_id = waits.ticket_id and targets.target = waits.target
    join ticket_metrics as tickets on tickets.ticket_id = waits.ticket_id
    -- It is not known when a ticket that was only seen solved was solved. A comment on a solved
    -- ticket that has stayed solved waits for nothing.
    where waits.started_at is not null and (met_at is not null or not tickets.is_solved)
),
passed as (
    select
        measured.*,
        begins.passed + epoch_us(least(started_at, begins.closed_at)) - epoch_us(begins.opened_at)
        + allowed as due_passed,
        ends.passed + epoch_us(least(until, ends.closed_at)) - epoch_us(ends.opened_at)
            as until_passed
    from measured
    asof left join desk_business_hours as begins on started_at >= begins.opened_at
    asof left join desk_business_hours as ends on until >= ends.opened_at
),
dated as (
    select
        passed.*,
        case
            when $sla_in_business_hours
            then make_timestamptz(epoch_us(dues.opened_at) + due_passed - dues.passed)
            else make_timestamptz(epoch_us(started_at) + allowed)
        end as due_at
    from passed
    asof left join (
        select * from desk_business_hours where closed_at > opened_at
    ) as dues on due_passed > dues.passed
)
select
    ticket_id,
    target,
    priority,
    group_name,
    started_at,
    due_at,
    met_at,
    until > due_at as is_breached,
    case
        when not until > due_at then 0
        when $sla_in_business_hours then greatest(0, until_passed - due_passed) / 6e7
        else (epoch_us(until) - epoch_us(due_at)) / 6e7
    end as minutes_over,
    case
        when met_at is not null then null
        when $sla_in_business_hours then greatest(0, due_passed - until_passed) / 6e7
        else greatest(0, epoch_us(due_at) - epoch_us(until)) / 6e7
    end as minutes_left,
    met_at is null as is_open
from dated
