/** PostgreSQL with a table that clients change all the time: an OS at work, not one that idles. */
export const START_WORK = `set -e
cd /
sql() { setpriv --reuid postgres --regid postgres --clear-groups psql -X -q -A -t postgres "$@"; }
i=0; until sql -c 'select 1' >/dev/null 2>&1; do i=$((i + 1)); [ $i -lt 120 ]; sleep 1; done
sql -c "create table if not exists work (id int primary key, text text)"
sql -c "insert into work select n, md5(n::text || random()::text) from generate_series(1, 100000) n on conflict do nothing"
cat >/run/work.sh <<'END'
cd /
while :; do
	echo "update work set text = md5(random()::text) where id in (select (random() * 100000)::int from generate_series(1, 20));"
	sleep 0.5
done | setpriv --reuid postgres --regid postgres --clear-groups psql -X -q postgres
END
setsid sh /run/work.sh </dev/null >/dev/null 2>&1 &
`;

/** What a day changes, as far as a bank is concerned: rows of a database, a document of some megabytes, a log. */
export const DAY = `cd /
sql() { setpriv --reuid postgres --regid postgres --clear-groups psql -X -q -A -t postgres "$@"; }
sql -c "update work set text = md5(random()::text) where id % 50 = (random() * 49)::int"
dd if=/dev/urandom of=/root/document bs=64k count=48 2>/dev/null
seq 1 20000 | sed "s/^/$(date) a line of a log that says nothing new: /" >>/var/log/work.log
sync`;

/** Random bytes in new places: half of them on the disk, half in memory alone. */
export function renderChange(sizeBytes: number): string {
  const blocks = Math.ceil(sizeBytes / 2 / 65_536);
  const write = (file: string, more: string): string =>
    `dd if=/dev/urandom of=${file} bs=64k count=${blocks} ${more} 2>/dev/null`;
  return `${write('/var/lib/change', 'conv=fsync')}; ${write('/run/change', '')}`;
}
