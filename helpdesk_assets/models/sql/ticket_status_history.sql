-- Each state of each ticket, with its beginning and end.
--
-- From the API's own history for tickets that have one (source 'api'), else from the status changes
-- that syncs saw (source 'syncs'). The first state begins when the ticket was created. States that
-- lasted no time, or repeat the one before, are omitted. Nothing is later than now.
with told as (
    -- What the API says, in order.
    select
        changes.ticket_id,
        old_status,
        new_status,
        least(changed_at, $as_of) as changed_at,
        row_number() over (partition by changes.ticket_id order by changed_at, place) as position
    from desk_status_changes as changes
    semi join desk_tickets as tickets on tickets.id = changes.ticket_id
),
last_told as (
    -- In a struct, because max_by ignores nulls.
    select
        ticket_id,
        max_by({'status': new_status}, position).status as status,
        max(changed_at) as changed_at
    from told
    group by ticket_id
),
seen as (
    -- What syncs saw, in order.
    select
        changes.ticket_id,
        new_status as status,
        first_seen_at,
        row_number() over (partition by changes.ticket_id order by first_seen_at) as position
    from ticket_status_changes as changes
    semi join desk_tickets as tickets on tickets.id = changes.ticket_id
),
last_seen as (
    select ticket_id, max(first_seen_at) as first_seen_at from seen group by ticket_id
),
states as (
    select
        ticket_id,
        new_status as status,
        changed_at as started_at,
        changed_at as known_at,
        position,
        'api' as source
    from told
    union all
    -- The state before the first change. A first change without an old status, within a second of
    -- the creation, is the creation itself.
    select
        ticket_id,
        case
            when old_status is null and changed_at < created_at + interval 1 second then new_status
            else old_status
        end,
        least(created_at, changed_at),
        changed_at,
        0,
        'api'
    from told
    join desk_tickets as tickets on tickets.id = told.ticket_id
    where position = 1 and created_at is not null
    union all
    -- A status that the API's history does not have yet.
    select
        tickets.id,
        tickets.status,
        greatest(last_told.changed_at, coalesce(first_seen_at, $as_of)),
        greatest(last_told.changed_at, coalesce(first_seen_at, $as_of)),
        1000000000,
        'syncs'
    from desk_tickets as tickets
    join last_told on last_told.ticket_id = tickets.id
    left join last_seen on last_seen.ticket_id = tickets.id
    where lower(trim(tickets.status)) is distinct from lower(trim(last_told.status))
    union all
    select
        seen.ticket_id,
        seen.status,
        case when position = 1 then least(created_at, first_seen_at) else first_seen_at end,
        first_seen_at,
        position,
        'syncs'
    from seen
    join desk_tickets as tickets on tickets.id = seen.ticket_id
    anti join last_told on last_told.ticket_id = seen.ticket_id
),
lasting as (
    select *
    from states
    qualify
        lead(started_at) over (partition by ticket_id order by started_at, position)
        is distinct from started_at
),
changing as (
    select *
    from lasting
    window in_order as (partition by ticket_id order by started_at)
    qualify
        row_number() over in_order = 1 or status is distinct from lag(status) over in_order
),
flagged as (
    select
        changing.*,
        lag(started_at) over in_order as previous_at,
        -- Whether a ticket is solved may be in another column than its status: the current state
        -- has that value, an earlier one the value of the tickets that have its status now.
        case
            when lead(started_at) over in_order is null then tickets.is_solved
            else coalesce(statuses.is_solved, false)
        end as is_solved,
        created_at,
        coalesce(solved_at, closed_at) as solved_at
    from changing
    join desk_tickets as tickets on tickets.id = changing.ticket_id
    left join desk_statuses as statuses on statuses.status = lower(trim(changing.status))
    window in_order as (partition by ticket_id order by started_at)
),
dated as (
    -- Syncs see late that a ticket was solved. If it says when, its solved states begin then.
    select
        *,
        source = 'syncs'
        and is_solved
        and previous_at is not distinct from max(started_at) filter (not is_solved)
            over (partition by ticket_id)
        and solved_at <= known_at
        and solved_at > coalesce(previous_at, created_at) as is_dated
    from flagged
),
complete as (
    select
        ticket_id,
        status,
        is_solved,
        case when is_dated then solved_at else started_at end as started_at,
        source
    from dated
    union all
    -- What came before the first state that was seen is not known.
    select ticket_id, null, false, created_at, source
    from dated
    where is_dated and previous_at is null
)
select
    ticket_id,
    status,
    is_solved,
    started_at,
    lead(started_at) over in_order as ended_at,
    -- Where the API tells of each change, a ticket without one has never changed. Was it solved
    -- nevertheless, its history is not complete.
    case
        when $has_status_changes and not is_solved and count(*) over (partition by ticket_id) = 1
        then 'api'
        else source
    end as source
from complete
window in_order as (partition by ticket_id order by started_at)
