# The grammar: keyword classes appended from keywords.def, then Lemon. A conflict fails the build (lemon exits non-zero).
GEN_PARSER := $(B)/gen/parser
GEN_OBJ_parser := $(B)/obj/gen/parser/grammar.o
GEN_HDR_parser := $(GEN_PARSER)/grammar.h $(GEN_PARSER)/keyword_table.h
LEMON ?= lemon
LEMON_TEMPLATE ?= /usr/share/lemon/lempar.c

$(GEN_PARSER)/grammar.y: parser/grammar.y parser/keywords.def parser/keyword_rules.awk
	@mkdir -p $(@D)
	@cat parser/grammar.y > $@
	@awk -f parser/keyword_rules.awk parser/keywords.def >> $@

$(GEN_PARSER)/grammar.c: $(GEN_PARSER)/grammar.y $(LEMON_TEMPLATE)
	@echo "  LEMON $<"
	@cd $(@D) && $(LEMON) -q -l -T$(LEMON_TEMPLATE) grammar.y
$(GEN_PARSER)/grammar.h: $(GEN_PARSER)/grammar.c ;

# Lemon's own skeleton has helpers nobody calls and no prototypes; -O1 compiles its big switch in a third of the time.
# NDEBUG here only: its tracing code would be tested at every token.
$(B)/obj/gen/parser/grammar.o: CFLAGS_ALL += -O1 -DNDEBUG -Wno-shadow -Wno-unused-function -Wno-missing-prototypes \
	-Wno-unused-variable -Wno-unused-but-set-variable

$(B)/tools/keyword_gen: tools/keyword_gen.c parser/keywords.def
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 -O1 -I. -o $@ $<
$(GEN_PARSER)/keyword_table.h: $(B)/tools/keyword_gen
	@mkdir -p $(@D)
	@$< > $@.new && mv $@.new $@
