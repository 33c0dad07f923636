# The server program: every floor, http-parser.
$(B)/cairnd: $(B)/obj/server/main.o $(call libs_of,server)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(B)/obj/server/main.o -Wl,--start-group $(call libs_of,server) -Wl,--end-group \
		-lhttp_parser $(LIBS_SYS)
all: $(B)/cairnd
