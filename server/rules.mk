# The server program.
$(B)/obj/server/main.o: | $(foreach n,server $(NEEDS_server),$(GEN_HDR_$(n)))
$(B)/cairnd: $(B)/obj/server/main.o $(foreach n,server $(NEEDS_server),$(B)/lib/lib$(n).a)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< -Wl,--start-group \
		$(foreach n,server $(NEEDS_server),$(B)/lib/lib$(n).a) -Wl,--end-group $(LIBS_SYS)

all: $(B)/cairnd
.PHONY: cairnd
cairnd: $(B)/cairnd
