-- An empty table with the columns of ticket_status_changes.sql, and the id type of this help desk.
create table if not exists ticket_status_changes as
select
    id as ticket_id,
    status as old_status,
    status as new_status,
    cast(null as timestamptz) as first_seen_at,
    cast(null as boolean) as is_new
from desk_tickets
limit 0
