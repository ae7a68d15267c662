# SPDX-License-Identifier: Apache-2.0
set -e
bin=/usr/lib/postgresql/15/bin
[ -e /orders/PG_VERSION ] || $bin/initdb -D /orders -A trust --no-sync >/dev/null
echo 'host all all all trust' >>/orders/pg_hba.conf
exec $bin/postgres -D /orders -k /tmp -c listen_addresses='*'
