-- What the specification demands of the data (clauses 4.2.2 and 4.2.3). Every row must say 0.
select 'o_totalprice differs from its lines' as fault, count(*) as rows
from orders,
     (select l_orderkey, sum(l_extendedprice * (1 + l_tax) * (1 - l_discount)) as total
      from lineitem group by l_orderkey) as lines
where o_orderkey = l_orderkey and o_totalprice <> round(total, 2)
union all
select 'o_orderstatus differs from its lines', count(*)
from orders,
     (select l_orderkey, min(l_linestatus) as low, max(l_linestatus) as high
      from lineitem group by l_orderkey) as lines
where o_orderkey = l_orderkey
  and o_orderstatus <> case when low = high then low else 'P' end
union all
select 'order without lines, or line without order',
       (select count(*) from orders) - (select count(distinct l_orderkey) from lineitem)
union all
select 'line whose supplier does not sell its part', count(*)
from lineitem left join partsupp on l_partkey = ps_partkey and l_suppkey = ps_suppkey
where ps_partkey is null
union all
select 'date out of range', count(*)
from lineitem, orders
where l_orderkey = o_orderkey
  and (o_orderdate < date '1992-01-01' or o_orderdate > date '1998-08-02'
       or l_shipdate <= o_orderdate or l_shipdate > o_orderdate + 121
       or l_commitdate < o_orderdate + 30 or l_commitdate > o_orderdate + 90
       or l_receiptdate <= l_shipdate or l_receiptdate > l_shipdate + 30)
union all
select 'customer that must not order', count(*) from orders where o_custkey % 3 = 0
union all
select 'key out of place', count(*) from orders where o_orderkey % 32 not between 1 and 8
union all
select 'return flag or line status', count(*) from lineitem
where (l_linestatus = 'O') <> (l_shipdate > date '1995-06-17')
   or (l_returnflag = 'N') <> (l_receiptdate > date '1995-06-17')
union all
select 'extended price', count(*) from lineitem, part
where l_partkey = p_partkey and l_extendedprice <> l_quantity * p_retailprice;
