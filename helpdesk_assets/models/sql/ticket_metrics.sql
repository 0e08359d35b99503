-- One row a ticket: replies, resolution and waiting times, in minutes of the calendar and of
-- business hours. Business minutes between two times are those that have passed before the later
-- one, less those that have passed before the earlier one. A comment is a reply if it is at least a
-- second younger than the ticket: help desks keep a ticket's text as its first comment.
with states as (
    select
        ticket_id,
        status,
        is_solved,
        started_at,
        coalesce(ended_at, $as_of) as until,
        lag(is_solved) over in_order as was_solved,
        -- When it was solved is not known of a ticket that syncs have only seen solved.
        row_number() over in_order = 1 and source = 'syncs' as is_undated
    from ticket_status_history
    window in_order as (partition by ticket_id order by started_at)
),
timed as (
    select
        ticket_id,
        status,
        started_at,
        is_solved,
        was_solved,
        is_solved and not coalesce(was_solved, is_undated) as is_solving,
        not is_solved and coalesce(list_contains($pending_statuses, lower(trim(status))), false)
            as is_pending,
        (epoch_us(until) - epoch_us(started_at)) / 6e7 as minutes,
        (
            ends.passed + epoch_us(least(until, ends.closed_at)) - epoch_us(ends.opened_at)
            - begins.passed - epoch_us(least(started_at, begins.closed_at))
            + epoch_us(begins.opened_at)
        ) / 6e7 as business_minutes
    from states
    asof left join desk_business_hours as begins on started_at >= begins.opened_at
    asof left join desk_business_hours as ends on until >= ends.opened_at
),
by_state as (
    select
        ticket_id,
        min(started_at) filter (is_solving) as first_solved_at,
        max(started_at) filter (is_solving) as last_solved_at,
        count(*) filter (was_solved and not is_solved) as reopens,
        bool_or(status is null) as is_partly_unknown,
        bool_or(status is null or business_minutes is null) as is_partly_undated,
        coalesce(sum(minutes) filter (not is_solved and not is_pending), 0) as requester_minutes,
        coalesce(sum(business_minutes) filter (not is_solved and not is_pending), 0)
            as requester_business_minutes,
        coalesce(sum(minutes) filter (is_pending), 0) as agent_minutes,
        coalesce(sum(business_minutes) filter (is_pending), 0) as agent_business_minutes
    from timed
    group by ticket_id
),
replies as (
    select
        comments.ticket_id,
        min(comments.created_at) filter (author_role = 'agent') as first_reply_at,
        count(*) filter (author_role = 'agent') as agent_replies,
        count(*) filter (author_role = 'customer') as customer_replies
    from desk_comments as comments
    join desk_tickets as tickets on tickets.id = comments.ticket_id
    where is_public
        and (
            tickets.created_at is null
            or comments.created_at >= tickets.created_at + interval 1 second
        )
    group by comments.ticket_id
),
tickets as (
    select
        tickets.id as ticket_id,
        status,
        is_solved,
        priority,
        coalesce(groups.name, group_id) as group_name,
        coalesce(people.name, assignee_id) as assignee_name,
        created_at,
        case
            when $knows_agents then first_reply_at
            when first_replied_at >= coalesce(created_at, first_replied_at) then first_replied_at
        end as first_reply_at,
        coalesce(first_solved_at, case when is_solved then solved_at end) as first_solved_at,
        case when is_solved then coalesce(last_solved_at, solved_at) end as solved_at,
        case when not is_partly_unknown then requester_minutes end as requester_wait_minutes,
        case when not is_partly_undated then requester_business_minutes end
            as requester_wait_business_minutes,
        case when not is_partly_unknown then agent_minutes end as agent_wait_minutes,
        case when not is_partly_undated then agent_business_minutes end
            as agent_wait_business_minutes,
        reopens,
        case when $knows_agents then coalesce(agent_replies, 0) end as agent_replies,
        case when $knows_agents then coalesce(customer_replies, 0) end as customer_replies,
        satisfaction
    from (
        select * replace (coalesce(solved_at, closed_at) as solved_at) from desk_tickets
    ) as tickets
    left join by_state on by_state.ticket_id = tickets.id
    left join replies on replies.ticket_id = tickets.id
    left join desk_groups as groups on groups.id = tickets.group_id
    left join desk_people as people on people.id = tickets.assignee_id
),
passed as (
    -- The business time that had passed before each of the four times, in microseconds.
    select
        tickets.*,
        a.passed + epoch_us(least(tickets.created_at, a.closed_at)) - epoch_us(a.opened_at)
            as created_passed,
        b.passed + epoch_us(least(first_reply_at, b.closed_at)) - epoch_us(b.opened_at)
            as replied_passed,
        c.passed + epoch_us(least(first_solved_at, c.closed_at)) - epoch_us(c.opened_at)
            as first_solved_passed,
        d.passed + epoch_us(least(solved_at, d.closed_at)) - epoch_us(d.opened_at)
            as solved_passed
    from tickets
    asof left join desk_business_hours as a on tickets.created_at >= a.opened_at
    asof left join desk_business_hours as b on first_reply_at >= b.opened_at
    asof left join desk_business_hours as c on first_solved_at >= c.opened_at
    asof left join desk_business_hours as d on solved_at >= d.opened_at
)
select
    ticket_id,
    status,
    is_solved,
    priority,
    group_name,
    assignee_name,
    created_at,
    first_reply_at,
    first_solved_at,
    solved_at,
    (epoch_us(first_reply_at) - epoch_us(created_at)) / 6e7 as first_reply_minutes,
    (replied_passed - created_passed) / 6e7 as first_reply_business_minutes,
    case when first_solved_at >= created_at
        then (epoch_us(first_solved_at) - epoch_us(created_at)) / 6e7
    end as first_resolution_minutes,
    case when first_solved_at >= created_at
        then (first_solved_passed - created_passed) / 6e7
    end as first_resolution_business_minutes,
    case when solved_at >= created_at
        then (epoch_us(solved_at) - epoch_us(created_at)) / 6e7
    end as resolution_minutes,
    case when solved_at >= created_at
        then (solved_passed - created_passed) / 6e7
    end as resolution_business_minutes,
    requester_wait_minutes,
    requester_wait_business_minutes,
    agent_wait_minutes,
    agent_wait_business_minutes,
    reopens,
    agent_replies,
    customer_replies,
    is_solved and agent_replies <= 1 as is_one_touch,
    satisfaction
from passed
