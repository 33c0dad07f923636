#!/bin/sh
# regen.sh - asks a PostgreSQL 15 for the answers of the case files in this folder and rewrites them in place.
#
# usage: PSQL="psql -h HOST -U USER DB" tests/golden/types/regen.sh FILE...
#
# A case file holds two lines a case, fields separated by tabs:
#   i <type> <text>                    the text form of a value, read and written
#   f <function> <type>=<value> ...    a function call
#   o <operator> [<type>=<value>] <type>=<value>
#   c <type> <type>=<value>            a cast to the first type
#   a <aggregate> <type> <value> ...   an aggregate over values
# and the answer: "= text", "N" for null, or "! SQLSTATE message". \N is a null value, \t \n \\ escape, \s is a last blank, \e nothing. Lines beginning with # stay.
set -eu
PSQL=${PSQL:-psql}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cat > "$tmp/setup.sql" <<'SQL'
create or replace function pg_temp.type_of(t text) returns text language sql as $$
  select 'pg_catalog.' || quote_ident(split_part(t, '(', 1)) || coalesce(substring(t from '\(.*$'), '') $$;
create or replace function pg_temp.plain(v text) returns text language sql as $$
  select case when v = '\e' then '' else replace(replace(replace(regexp_replace(v, '(^|[^\\])\\s$', '\1 '),
    '\n', E'\n'), '\t', E'\t'), '\\', '\') end $$;
create or replace function pg_temp.value_of(f text) returns text language sql as $$
  select case when substr(f, strpos(f, '=') + 1) = '\N' then 'null'
    else quote_literal(pg_temp.plain(substr(f, strpos(f, '=') + 1))) end
    || '::' || pg_temp.type_of(left(f, strpos(f, '=') - 1)) $$;
create or replace function pg_temp.shown(v text) returns text language sql as $$
  select case when v = '' then '\e' else regexp_replace(replace(replace(replace(v, '\', '\\'), E'\n', '\n'), E'\t', '\t'),
    ' $', '\\s') end $$;
create or replace function pg_temp.ask(line text) returns text language plpgsql as $$
declare f text[] := string_to_array(line, E'\t'); q text; r text; m text; s text;
begin
  begin
    if f[1] = 'i' then q := pg_temp.value_of(f[2] || '=' || coalesce(f[3], ''));
    elsif f[1] = 'f' then
      q := 'pg_catalog.' || quote_ident(f[2]) || '(' || coalesce((select string_agg(pg_temp.value_of(a), ', ' order by n)
           from unnest(f[3:]) with ordinality x(a, n)), '') || ')';
    elsif f[1] = 'o' then
      q := case when f[4] is null then '' else pg_temp.value_of(f[3]) end || ' operator(pg_catalog.' || f[2] || ') '
           || pg_temp.value_of(coalesce(f[4], f[3]));
    elsif f[1] = 'c' then q := '(' || pg_temp.value_of(f[3]) || ')::' || pg_temp.type_of(f[2]);
    elsif f[1] = 'a' then
      q := '(select pg_catalog.' || quote_ident(f[2]) || '(v order by n) from (values '
           || (select string_agg('(' || pg_temp.value_of(f[3] || '=' || a) || ',' || n || ')', ', ' order by n)
               from unnest(f[4:]) with ordinality x(a, n)) || ') t(v, n))';
    end if;
    execute 'select format(''%s'', x), x is null from (select ' || q || ' as x) t' into r, s;
    if s = 'true' then return 'N'; end if;
    return E'=\t' || pg_temp.shown(r);
  exception when others then
    get stacked diagnostics s = returned_sqlstate, m = message_text;
    return E'!\t' || s || E'\t' || pg_temp.shown(m);
  end;
end $$;
set timezone = 'UTC'; set datestyle = 'ISO, MDY'; set intervalstyle = 'postgres'; set extra_float_digits = 1;
create temp table cases(n int generated always as identity, line text);
SQL
for file in "$@"; do
    grep -v -E '^(=	|N$|!	)' "$file" > "$tmp/in" || true
    {
        cat "$tmp/setup.sql"
        cat <<'SQL'
copy cases(line) from stdin with (delimiter E'\x01', null E'\x02', format csv, quote E'\x03');
SQL
        cat "$tmp/in"
        printf '%s\n' '\.'
        cat <<SQL
\\copy (select case when line ~ '^#' or line = '' then line else line || E'\\n' || pg_temp.ask(line) end from cases order by n) to '$tmp/out.csv' with (delimiter E'\\x01', format csv, quote E'\\x03', null '')
SQL
    } > "$tmp/run.sql"
    $PSQL -X -q -v ON_ERROR_STOP=1 -f "$tmp/run.sql"
    tr -d '\003' < "$tmp/out.csv" > "$file.new"
    mv "$file.new" "$file"
done
