# Takes a picture of the lineage in the Dagster UI: take_picture.sh PORT FILE.
# Expects the settings of a help desk, as `make picture` sets them.
set -eu
port=$1 file=$2

dagster job execute -m helpdesk_assets -j help_desk_sync
dagster dev --port "$port" &
profile=$(mktemp -d)
trap 'kill -TERM $!; wait; rm -rf "$profile"' EXIT
until python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$port')" 2>/dev/null; do
    sleep 1
done
# No sandbox of its own, for it may run as root in a container; the page is this machine's.
# It stays when its picture is taken, as long as the page keeps its connection open.
rm -f "$file"
timeout 40 chromium --headless --no-sandbox --disable-gpu --disable-quic --disable-sync --no-first-run \
    --disable-background-networking --disable-component-update --hide-scrollbars \
    --user-data-dir="$profile" --window-size=1280,520 --virtual-time-budget=20000 \
    --screenshot="$file" "http://127.0.0.1:$port/asset-groups/" || test -s "$file"
