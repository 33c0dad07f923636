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
