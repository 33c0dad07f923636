-- Primary keys, then the foreign-key and date indexes the specification allows. Made after the load.
alter table region add primary key (r_regionkey);
alter table nation add primary key (n_nationkey);
alter table supplier add primary key (s_suppkey);
alter table part add primary key (p_partkey);
alter table partsupp add primary key (ps_partkey, ps_suppkey);
alter table customer add primary key (c_custkey);
alter table orders add primary key (o_orderkey);
alter table lineitem add primary key (l_orderkey, l_linenumber);
create index nation_regionkey on nation (n_regionkey);
create index supplier_nationkey on supplier (s_nationkey);
create index partsupp_suppkey on partsupp (ps_suppkey);
create index customer_nationkey on customer (c_nationkey);
create index orders_custkey on orders (o_custkey);
create index orders_orderdate on orders (o_orderdate);
create index lineitem_part_supp on lineitem (l_partkey, l_suppkey);
create index lineitem_suppkey on lineitem (l_suppkey);
create index lineitem_shipdate on lineitem (l_shipdate);
