# suite.sh: the tests that are no cmocka programs; read by run.sh. run NAME COMMAND...
sim_bin=$B/tests/sim
[ -x "$B/tests/model/txn_explorer" ] && run model/txn_explorer "$B/tests/model/txn_explorer" check
[ -x "$sim_bin/raft_sim" ] && run sim/raft "$sim_bin/raft_sim" --seeds 1..2000
[ -x "$sim_bin/store_sim" ] && run sim/store "$sim_bin/store_sim" --seeds 1..20
[ -x "$sim_bin/kv_sim" ] && run sim/kv "$sim_bin/kv_sim" --seeds 1..200
[ -x "$B/tests/bench/tpch_gen" ] && run bench/tpch_gen tests/bench/tpch_test.sh "$B/tests/bench/tpch_gen"
[ -x "$B/tests/tidy/tidy" ] && run tidy/checker tests/tidy/tidy_test.sh "$B/tests/tidy/tidy"
for t in $(find tests/cluster -name 'test_*.sh' 2>/dev/null | LC_ALL=C sort); do
    run "${t#tests/}" "$t" "$B"
done
