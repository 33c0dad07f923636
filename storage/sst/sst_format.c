#include "storage/sst/sst_format.h"

#include "base/crc32c.h"

static const char head_magic[8] = "CAIRNSST", tail_magic[8] = "CAIRNEND";

size_t sst_block_begin(struct buf *out)
{
    size_t at = out->len;
    memset(buf_extend(out, SST_BLOCK_HEADER_BYTES), 0, SST_BLOCK_HEADER_BYTES);
    return at;
}

static uint32_t checksum(const uint8_t *block, size_t body_len, const struct sst_place *place)
{
    uint8_t where[20];
    store_le64(where, place->uid);
    store_le64(where + 8, place->offset);
    store_le32(where + 16, place->generation);
    return crc32c(crc32c(0, where, sizeof where), block + 4, SST_BLOCK_HEADER_BYTES - 4 + body_len);
}

void sst_block_seal(struct buf *out, size_t at, uint8_t type, const struct sst_place *place)
{
    size_t body_len = out->len - at - SST_BLOCK_HEADER_BYTES;
    uint8_t *head = out->data + at;
    store_le32(head + 4, (uint32_t)body_len);
    head[8] = type;
    store_le32(head, checksum(head, body_len, place));
    while ((out->len - at) % 8)
        buf_put_u8(out, 0);
}

bool sst_block_check(const uint8_t *data, size_t size, uint8_t type, const struct sst_place *place,
                     const uint8_t **body, size_t *body_len)
{
    if (size < SST_BLOCK_HEADER_BYTES || data[8] != type || data[9] != 0)
        return false;
    size_t len = load_le32(data + 4);
    if (len > size - SST_BLOCK_HEADER_BYTES || load_le32(data) != checksum(data, len, place))
        return false;
    *body = data + SST_BLOCK_HEADER_BYTES;
    *body_len = len;
    return true;
}

void sst_header_write(uint64_t uid, uint32_t generation, uint8_t out[SST_HEADER_BYTES])
{
    memset(out, 0, SST_HEADER_BYTES);
    memcpy(out, head_magic, 8);
    store_le32(out + 8, SST_VERSION);
    store_le32(out + 12, generation);
    store_le64(out + 16, uid);
    store_le32(out + 60, crc32c(0, out, 60));
}

bool sst_header_read(const uint8_t in[SST_HEADER_BYTES], uint64_t *uid, uint32_t *generation)
{
    if (memcmp(in, head_magic, 8) != 0 || load_le32(in + 8) != SST_VERSION ||
        load_le32(in + 60) != crc32c(0, in, 60))
        return false;
    *generation = load_le32(in + 12);
    *uid = load_le64(in + 16);
    return true;
}

static void write_extent(uint8_t *out, const struct sst_extent *e)
{
    store_le64(out, e->offset);
    store_le64(out + 8, e->size);
}

static struct sst_extent read_extent(const uint8_t *in)
{
    return (struct sst_extent){load_le64(in), load_le64(in + 8)};
}

void sst_footer_write(const struct sst_footer *footer, uint8_t out[SST_FOOTER_BYTES])
{
    memset(out, 0, SST_FOOTER_BYTES);
    write_extent(out, &footer->filter);
    write_extent(out + 16, &footer->zones);
    write_extent(out + 32, &footer->index);
    write_extent(out + 48, &footer->props);
    store_le64(out + 64, footer->uid);
    store_le32(out + 72, SST_VERSION);
    store_le32(out + 76, footer->generation);
    memcpy(out + 80, tail_magic, 8);
    store_le32(out + 92, crc32c(0, out, 92));
}

bool sst_footer_read(const uint8_t in[SST_FOOTER_BYTES], struct sst_footer *footer)
{
    if (memcmp(in + 80, tail_magic, 8) != 0 || load_le32(in + 72) != SST_VERSION ||
        load_le32(in + 92) != crc32c(0, in, 92))
        return false;
    *footer = (struct sst_footer){.filter = read_extent(in),
                                  .zones = read_extent(in + 16),
                                  .index = read_extent(in + 32),
                                  .props = read_extent(in + 48),
                                  .uid = load_le64(in + 64),
                                  .generation = load_le32(in + 76)};
    return true;
}

void sst_blob_ref_write(const struct sst_blob_ref *ref, uint8_t out[SST_BLOB_REF_BYTES])
{
    store_le64(out, ref->len);
    store_le64(out + 8, ref->offset);
    store_le32(out + 16, ref->blocks);
    store_le32(out + 20, ref->crc);
}

bool sst_blob_ref_read(const void *in, size_t len, struct sst_blob_ref *ref)
{
    const uint8_t *at = in;
    if (len != SST_BLOB_REF_BYTES)
        return false;
    *ref = (struct sst_blob_ref){load_le64(at), load_le64(at + 8), load_le32(at + 16),
                                 load_le32(at + 20)};
    uint64_t blocks = (ref->len + SST_BLOB_CHUNK_BYTES - 1) / SST_BLOB_CHUNK_BYTES;
    return ref->len <= UINT32_MAX && ref->blocks == blocks && blocks > 0;
}
