# Generated for types/: the by-name orders of functions and operators.
GEN_HDR_types := $(B)/gen/types/func/func_index.h

$(B)/gen/types/func/func_index.h: tools/types_index.c types/func/func.def types/func/oper.def
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 -I. -o $(B)/gen/types_index tools/types_index.c
	@$(B)/gen/types_index > $@.new && mv $@.new $@

# Kernels are loops over vectors: the vectorizer pays.
$(B)/obj/types/func/kern_%.o: CFLAGS_ALL += -O3
