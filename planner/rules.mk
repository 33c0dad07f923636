# Generated from planner/catalog/descriptor.proto: the durable form of catalog objects.
GEN_HDR_planner := $(B)/gen/planner/catalog/descriptor.pb-c.h
GEN_OBJ_planner := $(B)/obj/gen/planner/catalog/descriptor.pb-c.o

$(B)/gen/planner/catalog/descriptor.pb-c.c: planner/catalog/descriptor.proto
	@mkdir -p $(@D)
	@protoc-c --c_out=$(B)/gen/planner/catalog --proto_path=planner/catalog descriptor.proto
$(B)/gen/planner/catalog/descriptor.pb-c.h: $(B)/gen/planner/catalog/descriptor.pb-c.c ;
