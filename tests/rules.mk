# Libraries that tests share. libsupport.a: kv.h in memory (tests/support/kv_local.h); link it before libstorage.a.
SRC_support := $(shell find tests/support -name '*.c' 2>/dev/null | LC_ALL=C sort)
OBJ_support := $(SRC_support:%.c=$(B)/obj/%.o)
$(OBJ_support): | $(GEN_HDR_base) $(GEN_HDR_raft) $(GEN_HDR_storage)
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
