# Libraries that tests share. libsupport.a: kv.h in memory (tests/support/kv_local.h); link it before libstorage.a.
# libsupportkv.a: what works over either implementation.
SRC_supportkv := tests/support/kv_rows.c
OBJ_supportkv := $(SRC_supportkv:%.c=$(B)/obj/%.o)
SRC_support := $(filter-out $(SRC_supportkv),$(shell find tests/support -name '*.c' 2>/dev/null | LC_ALL=C sort))
OBJ_support := $(SRC_support:%.c=$(B)/obj/%.o)
$(B)/lib/libsupportkv.a: $(OBJ_supportkv)
	@mkdir -p $(@D)
	@rm -f $@
	@ar rcs $@ $(OBJ_supportkv)
$(OBJ_support) $(OBJ_supportkv): | $(GEN_HDR_base) $(GEN_HDR_raft) $(GEN_HDR_storage)
$(B)/lib/libsupport.a: $(OBJ_support)
	@mkdir -p $(@D)
	@rm -f $@
	@ar rcs $@ $(OBJ_support)

# Tests of the test support itself: it comes first, as for the floors above storage.
$(B)/tests/unit/support/%: $(B)/obj/tests/unit/support/%.o $(B)/lib/libsupport.a $(B)/lib/libstorage.a $(B)/lib/libraft.a \
		$(B)/lib/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< -Wl,--start-group $(B)/lib/libsupport.a $(B)/lib/libstorage.a \
		$(B)/lib/libraft.a $(B)/lib/libbase.a -Wl,--end-group -lcmocka $(LIBS_SYS)

# The commit protocol's explorer and the benchmark programs: C programs of their own, linked with no floor.
MODEL_SRC := $(sort $(wildcard tests/model/*.c))
$(B)/tests/model/txn_explorer: $(MODEL_SRC:%.c=$(B)/obj/%.o)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^
$(B)/tests/bench/tpch_gen: $(B)/obj/tests/bench/tpch_gen.o $(B)/obj/tests/bench/tpch_text.o
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^
# libpq's include path is Debian's; pg_config itself belongs to a package the build does not need.
$(B)/obj/tests/bench/bench_%.o: CFLAGS_ALL += -I/usr/include/postgresql
$(B)/tests/bench/bench_%: $(B)/obj/tests/bench/bench_%.o
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< -lpq

.PHONY: model bench-tools bench-test
model: $(B)/tests/model/txn_explorer
	@$< check
bench-tools: $(B)/tests/bench/tpch_gen $(B)/tests/bench/bench_failover $(B)/tests/bench/bench_idle
bench-test: $(B)/tests/bench/tpch_gen
	@tests/bench/tpch_test.sh $<

# The simulated consensus group: build/tests/sim/raft_sim --seeds 1..1000.
OBJ_raft_sim := $(patsubst %.c,$(B)/obj/%.o,tests/sim/raft_sim.c tests/sim/raft_sim_disk.c \
	tests/sim/raft_sim_net.c tests/sim/raft_sim_check.c)
$(OBJ_raft_sim) $(B)/obj/tests/sim/raft_sim_main.o: | $(GEN_HDR_base) $(GEN_HDR_raft)
$(B)/tests/sim/raft_sim: $(B)/obj/tests/sim/raft_sim_main.o $(OBJ_raft_sim) $(B)/lib/libraft.a $(B)/lib/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_SYS)

# The conventions' checker, and the check of the checker.
$(B)/tests/tidy/tidy: $(patsubst %.c,$(B)/obj/%.o,$(sort $(wildcard tests/tidy/*.c)))
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^
.PHONY: tidy tidy-test
tidy: $(B)/tests/tidy/tidy
	@$< .
tidy-test: $(B)/tests/tidy/tidy
	@tests/tidy/tidy_test.sh $<
$(B)/tests/unit/raft/test_raft_sim: $(B)/obj/tests/unit/raft/test_raft_sim.o $(OBJ_raft_sim) $(B)/lib/libraft.a \
		$(B)/lib/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ -lcmocka $(LIBS_SYS)

# SQL text through the parser, mutated without libFuzzer: build/tests/fuzz/fuzz_sql --runs 100000 tests/golden/parser/*.txt
$(B)/obj/tests/fuzz/fuzz_sql.o: CFLAGS_ALL += -DFUZZ_STANDALONE
$(B)/obj/tests/fuzz/fuzz_sql.o: | $(GEN_HDR_base) $(GEN_HDR_parser)
$(B)/tests/fuzz/fuzz_sql: $(B)/obj/tests/fuzz/fuzz_sql.o $(B)/lib/libparser.a $(B)/lib/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_SYS)

# The transaction floor under faults, over modelled groups and tablets: build/tests/sim/kv_sim --seeds 1..500, --bugs.
OBJ_kv_sim := $(patsubst %.c,$(B)/obj/%.o,$(sort $(wildcard tests/sim/kv_sim*.c storage/txn/*.c)) tests/sim/kv_work.c tests/support/kv_rows.c storage/tablet/place.c \
	storage/tablet/state_map.c)
$(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/sim/kv_*.c)): | $(GEN_HDR_base) $(GEN_HDR_raft) $(GEN_HDR_storage)
$(B)/tests/sim/kv_sim: $(OBJ_kv_sim) $(B)/lib/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(OBJ_kv_sim) $(B)/lib/libbase.a $(LIBS_SYS)

# The simulated env (tests/sim/env_sim*.c): libsim.a, and the tests of it.
SRC_sim := $(shell find tests/sim -name 'env_sim*.c' 2>/dev/null | LC_ALL=C sort)
OBJ_sim := $(SRC_sim:%.c=$(B)/obj/%.o)
$(OBJ_sim): | $(GEN_HDR_base)
$(B)/lib/libsim.a: $(OBJ_sim)
	@mkdir -p $(@D)
	@rm -f $@
	@ar rcs $@ $(OBJ_sim)
$(B)/tests/unit/sim/%: $(B)/obj/tests/unit/sim/%.o $(B)/lib/libsim.a $(B)/lib/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< -Wl,--start-group $(B)/lib/libsim.a $(B)/lib/libbase.a -Wl,--end-group \
		-lcmocka $(LIBS_SYS)

# Stores with real log, lsm, raft and rpc in the simulator: build/tests/sim/store_sim --seeds 1..100, --hunt 100.
OBJ_store_sim := $(patsubst %.c,$(B)/obj/%.o,$(sort $(wildcard tests/sim/store_*.c)))
$(OBJ_store_sim): | $(GEN_HDR_base) $(GEN_HDR_raft) $(GEN_HDR_storage)
$(B)/tests/sim/store_sim: $(OBJ_store_sim) $(B)/lib/libsim.a $(B)/lib/libstorage.a $(B)/lib/libraft.a $(B)/lib/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(OBJ_store_sim) -Wl,--start-group $(B)/lib/libsim.a $(B)/lib/libstorage.a \
		$(B)/lib/libraft.a $(B)/lib/libbase.a -Wl,--end-group $(LIBS_SYS)
$(B)/tests/bench/kv_bench: $(B)/obj/tests/bench/kv_bench.o $(B)/lib/libsupportkv.a $(B)/lib/libstorage.a $(B)/lib/libraft.a \
		$(B)/lib/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< $(B)/lib/libsupportkv.a $(B)/lib/libstorage.a $(B)/lib/libraft.a \
		$(B)/lib/libbase.a $(LIBS_SYS)

# SQL files against running servers: build/tests/sql/slt --url ... tests/sql/walls/*.slt
$(B)/obj/tests/sql/slt.o: CFLAGS_ALL += -I/usr/include/postgresql
$(B)/tests/sql/slt: $(B)/obj/tests/sql/slt.o
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< -lpq

# The local engine: how fast it is, and one node's log, manifest and tablets crashed at any moment on a simulated disk
# (build/tests/sim/engine_sim --seeds 1..200).
$(B)/obj/tests/bench/bench_lsm.o $(B)/obj/tests/sim/engine_sim.o: | $(GEN_HDR_base) $(GEN_HDR_raft) $(GEN_HDR_storage)
$(B)/tests/bench/bench_lsm: $(B)/obj/tests/bench/bench_lsm.o $(B)/lib/libstorage.a $(B)/lib/libraft.a $(B)/lib/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_SYS)
$(B)/tests/sim/engine_sim: $(B)/obj/tests/sim/engine_sim.o $(B)/lib/libsim.a $(B)/lib/libstorage.a $(B)/lib/libraft.a \
		$(B)/lib/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_SYS)
# The transaction floor over everything real below it, in the simulator: build/tests/sim/kv_stack_sim --seeds 1..50.
$(B)/tests/sim/kv_stack_sim: $(B)/obj/tests/sim/kv_stack_sim.o $(B)/obj/tests/sim/kv_work.o $(B)/lib/libsim.a \
		$(B)/lib/libsupportkv.a $(B)/lib/libstorage.a $(B)/lib/libraft.a $(B)/lib/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(B)/obj/tests/sim/kv_stack_sim.o $(B)/obj/tests/sim/kv_work.o \
		-Wl,--start-group $(B)/lib/libsim.a $(B)/lib/libsupportkv.a $(B)/lib/libstorage.a $(B)/lib/libraft.a \
		$(B)/lib/libbase.a -Wl,--end-group $(LIBS_SYS)

# Decoders of the engine, mutated without libFuzzer: make VARIANT=asan build/asan/tests/fuzz/fuzz_sst, then run it.
FUZZ_ENGINE := key row sst wal manifest
$(foreach f,$(FUZZ_ENGINE),$(B)/obj/tests/fuzz/fuzz_$(f).o): CFLAGS_ALL += -DFUZZ_STANDALONE
$(foreach f,$(FUZZ_ENGINE),$(B)/obj/tests/fuzz/fuzz_$(f).o): | $(GEN_HDR_base) $(GEN_HDR_raft) $(GEN_HDR_storage)
$(foreach f,$(FUZZ_ENGINE),$(B)/tests/fuzz/fuzz_$(f)): $(B)/tests/fuzz/%: $(B)/obj/tests/fuzz/%.o $(B)/lib/libstorage.a \
		$(B)/lib/libraft.a $(B)/lib/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_SYS)

# What another node may send: make VARIANT=asan build/asan/tests/fuzz/fuzz_rpc, then run it.
$(B)/obj/tests/fuzz/fuzz_rpc.o: CFLAGS_ALL += -DFUZZ_STANDALONE
$(B)/obj/tests/fuzz/fuzz_rpc.o: | $(GEN_HDR_base)
$(B)/tests/fuzz/fuzz_rpc: $(B)/obj/tests/fuzz/fuzz_rpc.o $(B)/lib/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_SYS)
