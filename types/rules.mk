# Generated for types/: the by-name orders of functions and operators.
GEN_HDR_types := $(B)/gen/types/func/func_index.h

$(B)/gen/types/func/func_index.h: tools/types_index.c types/func/func.def types/func/oper.def
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 -I. -o $(B)/gen/types_index tools/types_index.c
	@$(B)/gen/types_index > $@.new && mv $@.new $@

# Kernels are loops over vectors: the vectorizer pays.
$(B)/obj/types/func/kern_%.o: CFLAGS_ALL += -O3

# The fuzzers of types/, mutated without libFuzzer: make VARIANT=asan build/asan/tests/fuzz/fuzz_expr, then run it.
FUZZ_TYPES := numeric datetime expr
$(foreach f,$(FUZZ_TYPES),$(B)/obj/tests/fuzz/fuzz_$(f).o): CFLAGS_ALL += -DFUZZ_STANDALONE
$(foreach f,$(FUZZ_TYPES),$(B)/obj/tests/fuzz/fuzz_$(f).o): | $(GEN_HDR_base) $(GEN_HDR_types)
$(foreach f,$(FUZZ_TYPES),$(B)/tests/fuzz/fuzz_$(f)): $(B)/tests/fuzz/%: $(B)/obj/tests/fuzz/%.o $(B)/lib/libtypes.a \
		$(B)/lib/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< -Wl,--start-group $(B)/lib/libtypes.a $(B)/lib/libbase.a \
		-Wl,--end-group $(LIBS_SYS)
