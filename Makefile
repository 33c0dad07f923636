# Cairn's build. `make help` lists what can be asked for.
#
# One static library a floor (build/lib/lib<floor>.a), made of every .c below the floor's folder; a floor
# that generates code says how in <floor>/rules.mk. Programs and tests link the floors they may see.
# VARIANT=asan|tsan|fuzz builds the same tree with that instrumentation under build/<variant>/.

VARIANT ?=
B := build$(if $(VARIANT),/$(VARIANT))
CC ?= cc
ifeq ($(origin CC),default)
CC := gcc
endif
OPT ?= -O2
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
        -Wno-unused-parameter -Wno-missing-field-initializers -Wno-sign-compare
HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
# Expanded late: the variants below change OPT and HARDEN.
CFLAGS_ALL = -std=gnu11 -D_GNU_SOURCE -g $(OPT) $(WARN) $(HARDEN) -ffp-contract=off -fno-strict-aliasing \
              -fno-omit-frame-pointer -I. -I$(B)/gen -MMD -MP $(CFLAGS)
LDFLAGS_ALL := -pie -Wl,-z,relro,-z,now $(LDFLAGS)
ALLOCATOR := -ljemalloc
ifeq ($(VARIANT),asan)
OPT := -O1
HARDEN := -fPIE -fsanitize=address,undefined -fno-sanitize-recover=undefined \
          -fno-sanitize=nonnull-attribute
LDFLAGS_ALL += -fsanitize=address,undefined
ALLOCATOR :=
endif
ifeq ($(VARIANT),tsan)
OPT := -O1
HARDEN := -fPIE -fsanitize=thread
LDFLAGS_ALL += -fsanitize=thread
ALLOCATOR :=
endif
LIBS_SYS := -ltre -luv -lssl -lcrypto -lprotobuf-c -llz4 -lzstd -lgmp -lm -lpthread -ldl $(ALLOCATOR)

.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:

FLOORS := base types parser raft storage planner executor server
# What a floor's library needs below it, in link order.
NEEDS_base :=
NEEDS_types := base
NEEDS_parser := base
NEEDS_raft := base
NEEDS_storage := raft base
NEEDS_planner := parser types storage raft base
NEEDS_executor := planner parser types storage raft base
NEEDS_server := executor planner parser types storage raft base

# Main programs live in server/main.c and client/*_main.c; they are linked, not archived.
MAINS := server/main.c

-include $(wildcard $(addsuffix /rules.mk,$(FLOORS) client tests deploy))

define FLOOR_RULES
SRC_$(1) := $$(filter-out $$(MAINS),$$(shell find $(1) -name '*.c' 2>/dev/null | LC_ALL=C sort))
OBJ_$(1) := $$(SRC_$(1):%.c=$$(B)/obj/%.o) $$(GEN_OBJ_$(1))
$$(B)/lib/lib$(1).a: $$(OBJ_$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	@ar rcs $$@ $$(OBJ_$(1))
$$(OBJ_$(1)): | $$(foreach n,$(1) $$(NEEDS_$(1)),$$(GEN_HDR_$$(n)))
endef
$(foreach f,$(FLOORS),$(eval $(call FLOOR_RULES,$(f))))

libs_of = $(foreach n,$(1) $(NEEDS_$(1)),$(B)/lib/lib$(n).a)

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC    $<")
	$(if $(V),,@)$(CC) $(CFLAGS_ALL) -c -o $@ $<
$(B)/obj/gen/%.o: $(B)/gen/%.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC    $<")
	$(if $(V),,@)$(CC) $(CFLAGS_ALL) -c -o $@ $<

# Unit tests: tests/unit/<floor>/test_x.c sees exactly the floors <floor> sees, plus tests/support/.
UNIT_SRC := $(shell find tests/unit -name 'test_*.c' 2>/dev/null | LC_ALL=C sort)
UNIT_BIN := $(UNIT_SRC:%.c=$(B)/%)
# libsupport.a holds kv_local, a second implementation of storage/kv.h: the planner's and the executor's tests
# see it before the real one. The tests of storage and server have the real one alone.
SUPPORT_FIRST_planner := $(B)/lib/libsupport.a
SUPPORT_FIRST_executor := $(B)/lib/libsupport.a
SUPPORT_LAST_storage := $(B)/lib/libsupportkv.a
SUPPORT_LAST_server := $(B)/lib/libsupportkv.a
define UNIT_RULES
$$(B)/tests/unit/$(1)/%: $$(B)/obj/tests/unit/$(1)/%.o $$(call libs_of,$(1)) $$(SUPPORT_FIRST_$(1)) \
		$$(SUPPORT_LAST_$(1))
	@mkdir -p $$(@D)
	@echo "  LINK  $$@"
	@$$(CC) $$(CFLAGS_ALL) $$(LDFLAGS_ALL) -o $$@ $$< -Wl,--start-group $$(SUPPORT_FIRST_$(1)) \
		$$(call libs_of,$(1)) $$(SUPPORT_LAST_$(1)) -Wl,--end-group \
		-lcmocka $$(LIBS_SYS)
$$(patsubst %.c,$$(B)/obj/%.o,$$(filter tests/unit/$(1)/%,$$(UNIT_SRC))): | \
	$$(foreach n,$(1) $$(NEEDS_$(1)),$$(GEN_HDR_$$(n)))
endef
$(foreach f,$(FLOORS),$(eval $(call UNIT_RULES,$(f))))

.PHONY: all unit test check clean help demo install
all: $(foreach f,$(FLOORS),$(if $(wildcard $(f)/*),$(B)/lib/lib$(f).a))
unit: $(UNIT_BIN)
unit-%: ; @$(MAKE) --no-print-directory $(filter $(B)/tests/unit/$*/%,$(UNIT_BIN))

# Programs that tests run beside the unit tests.
TEST_PROGRAMS := $(B)/tests/model/txn_explorer $(B)/tests/sim/raft_sim $(B)/tests/sim/store_sim $(B)/tests/sim/kv_sim \
                 $(B)/tests/bench/tpch_gen $(B)/tests/tidy/tidy $(B)/tests/sql/slt
test: all $(UNIT_BIN) $(TEST_PROGRAMS)
	@tests/run.sh $(B)
check: all $(UNIT_BIN)
	@tests/run.sh $(B) unit/
demo:
	@deploy/demo.sh
asan: ; @$(MAKE) --no-print-directory VARIANT=asan check
tsan: ; @$(MAKE) --no-print-directory VARIANT=tsan check
clean:
	rm -rf build
help:
	@echo 'make              build build/cairnd, build/cairnsql, build/cairnctl'
	@echo 'make deps         install what building and testing need (Debian 12; asks sudo when not root)'
	@echo 'make demo         install, build, start three nodes on loopback with a sample, open a SQL shell'
	@echo 'make test         everything CI runs; ends with "N passed, N failed"'
	@echo 'make check        the unit tests only'
	@echo 'make asan, tsan   the unit tests with sanitizers'
	@echo 'make sim-many N=  N seeds of each simulation'
	@echo 'make model        the commit protocol explorer'
	@echo 'make tidy         the conventions: who includes whom, sizes, names'
	@echo 'make image        the container image; make image-test runs three containers and kills one'
N ?= 1000
sim-many: $(TEST_PROGRAMS)
	$(B)/tests/sim/raft_sim --seeds 1..$(N)
	$(B)/tests/sim/store_sim --seeds 1..$(N)
	$(B)/tests/sim/kv_sim --seeds 1..$(N)
.PHONY: asan tsan sim-many

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
