-- As its rows are, and with the type that ids have here.
create table if not exists ticket_status_changes as
select
    id as ticket_id,
    status as old_status,
    status as new_status,
    cast(null as timestamptz) as first_seen_at,
    cast(null as boolean) as is_new
from help_desk_tickets
limit 0
