/* Fuzzes the consensus message decoder (raft/raft_msg.h). Whatever is accepted must be exactly
 * what the encoder writes for it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raft/raft_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct raft_message msg;
    size_t consumed = 0;
    uint8_t *again;

    if (raft_message_decode(bytes, size_bytes, &msg, &consumed, NULL) != 0)
        return 0;
    assert(consumed <= size_bytes);
    assert(raft_message_encoded_size(&msg) == consumed);
    again = malloc(consumed);
    assert(again != NULL);
    assert(raft_message_encode(&msg, again) == consumed);
    assert(memcmp(again, bytes, consumed) == 0);
    free(again);
    raft_message_clear(&msg);
    return 0;
}
