# The SQL shell: libpq, libedit, and base/ only.
CAIRNSQL_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(sort $(wildcard client/cairnsql*.c)))
# libpq's include path is Debian's; pg_config itself belongs to a package the build does not need.
$(CAIRNSQL_OBJ): CFLAGS_ALL += -I/usr/include/postgresql
$(CAIRNSQL_OBJ): | $(GEN_HDR_base)
$(B)/cairnsql: $(CAIRNSQL_OBJ) $(B)/lib/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ -lpq -ledit $(LIBS_SYS)
all: $(B)/cairnsql

# Its parts that need no server, tested alone.
$(B)/tests/unit/client/%: $(B)/obj/tests/unit/client/%.o $(filter-out %_main.o,$(CAIRNSQL_OBJ)) $(B)/lib/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< $(patsubst tests/unit/client/test_%.c,$(B)/obj/client/%.o,\
		$(@:$(B)/%=%.c)) $(B)/obj/client/cairnsql_var.o $(B)/lib/libbase.a -lcmocka -lpq $(LIBS_SYS)
$(B)/obj/tests/unit/client/%.o: CFLAGS_ALL += -I/usr/include/postgresql

# The administrator's tool: base/ only.
$(B)/obj/client/cairnctl_main.o: | $(GEN_HDR_base)
$(B)/cairnctl: $(B)/obj/client/cairnctl_main.o $(B)/lib/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_SYS)
all: $(B)/cairnctl
