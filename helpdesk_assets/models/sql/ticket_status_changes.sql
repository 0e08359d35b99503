-- Tickets whose status has changed since the last run, and tickets not seen before.
with last_seen as (
    select ticket_id, new_status as status
    from ticket_status_changes
    qualify row_number() over (partition by ticket_id order by first_seen_at desc) = 1
)
select
    tickets.id as ticket_id,
    last_seen.status as old_status,
    tickets.status as new_status,
    $as_of as first_seen_at,
    last_seen.ticket_id is null as is_new
from desk_tickets as tickets
left join last_seen on last_seen.ticket_id = tickets.id
where last_seen.ticket_id is null or last_seen.status is distinct from tickets.status
order by tickets.id
