#!/usr/bin/env bash
# One would guess: `sqlite3 FILE .recover`, which SQLite's manual recommends for damaged databases, prints at least what a
# healthy one holds.
#
# What happens: with the shell that Debian 12 ships it prints a handful of PRAGMAs, no table and no row, then "SQL logic
# error"; fed into a new database, as the manual shows, that leaves an empty one. `.dump` prints everything. So it says
# nothing of the file that recovering failed.
#
# Seen with sqlite3 3.40.1-2+deb12u2 of Debian 12 (needs Debian's `apt-get download`).
# Source: the shell is linked against Debian's libsqlite3, which is built without the table `sqlite_dbpage` that
# `.recover` reads (SQLITE_ENABLE_DBPAGE_VTAB is not among its compile options).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
version=3.40.1-2+deb12u2
apt-get download "sqlite3=$version" "libsqlite3-0=$version" >/dev/null 2>&1
for package in ./*.deb; do dpkg --extract "$package" unpacked; done
libraries=$(dirname "$(find "$PWD/unpacked" -name 'libsqlite3.so.0' | head -n 1)")
sqlite() { LD_LIBRARY_PATH="$libraries" "$PWD/unpacked/usr/bin/sqlite3" "$@"; }

echo "sqlite3 $(sqlite --version | cut -d ' ' -f 1), sqlite_dbpage compiled in: $(
	sqlite :memory: 'PRAGMA compile_options' | grep --count DBPAGE || true
)"
sqlite healthy.db "CREATE TABLE trials (number INTEGER PRIMARY KEY, value REAL);
	INSERT INTO trials VALUES (0, 0.91), (1, 0.93);"
echo "integrity_check: $(sqlite healthy.db 'PRAGMA integrity_check')"
sqlite healthy.db .recover >recovered.sql 2>told.txt && code=0 || code=$?
echo ".recover: exit $code, $(grep --count INSERT recovered.sql || true) rows, $(cat told.txt)"
sqlite healthy.db .dump >dumped.sql
echo ".dump: $(grep --count INSERT dumped.sql) rows"
[ "$code" = 1 ]
grep --quiet 'SQL logic error' told.txt
! grep --quiet -e INSERT -e 'CREATE TABLE' recovered.sql
[ "$(grep --count INSERT dumped.sql)" = 2 ]
