/* Fuzzes manifest edits behind their checksum: what is accepted can be dumped and applied again
 * to the same state. */
#include <assert.h>
#include <stdlib.h>

#include "storage/lsm/manifest_int.h"
#include "tests/fuzz/fuzz_main.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct manifest_state s, t;
    manifest_state_init(&s);
    if (manifest_state_apply(&s, data, size)) {
        struct buf one = {0}, two = {0};
        manifest_state_dump(&s, &one);
        manifest_state_init(&t);
        assert(manifest_state_apply(&t, one.data, one.len));
        manifest_state_dump(&t, &two);
        assert(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
        manifest_state_done(&t);
        buf_done(&one);
        buf_done(&two);
    }
    manifest_state_done(&s);
    return 0;
}

void fuzz_draw(struct prng *prng, struct buf *out)
{
    struct manifest_edit *e = manifest_edit_create();
    for (uint64_t n = prng_below(prng, 12); n-- > 0;) {
        struct tablet_id id = {1 + prng_below(prng, 3), (uint16_t)prng_below(prng, 2)};
        struct manifest_file f = {.number = 1 + prng_below(prng, 5),
                                  .uid = 9,
                                  .size_bytes = 100,
                                  .row_count = 3,
                                  .min_key = (const uint8_t *)"abc",
                                  .max_key = (const uint8_t *)"xyz",
                                  .min_key_len = 3,
                                  .max_key_len = 3};
        switch (prng_below(prng, 7)) {
        case 0:
        case 1:
            manifest_edit_tablet_put(e, id, 4, "schema", 6);
            break;
        case 2:
            manifest_edit_tablet_put(e, id, 4, "schema", 6);
            manifest_edit_file_add(e, id, &f);
            break;
        case 3:
            manifest_edit_file_remove(e, id, f.number);
            break;
        case 4:
            manifest_edit_flushed(e, id, prng_below(prng, 1000));
            break;
        case 5:
            manifest_edit_group_put(e, (uint32_t)prng_below(prng, 3), 5, "state", 5);
            break;
        default:
            manifest_edit_tablet_drop(e, id);
        }
    }
    buf_put(out, e->body.data, e->body.len);
    manifest_edit_destroy(e);
}
