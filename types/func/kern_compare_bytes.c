/* Comparison kernels of byte strings: text, name, char(n), bytea, "char", uuid, interval. */
#include "types/func/kern.h"
#include "types/type/datetime.h"
#include "types/type/text.h"

static inline int compare_views(const struct bytes_view *x, const struct bytes_view *y)
{
    uint32_t p = load_be32(x->prefix), q = load_be32(y->prefix);
    if (p != q)
        return p < q ? -1 : 1; /* the pad of a shorter string is zero, which sorts first */
    return view_compare(x, y);
}
static inline bool same_views(const struct bytes_view *x, const struct bytes_view *y)
{
    uint64_t p, q;
    memcpy(&p, x, 8);
    memcpy(&q, y, 8);
    if (p != q)
        return false;
    return x->len <= 4 || view_equal(x, y);
}

#define B_NAME texteq
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = same_views(&(x), &(y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME textne
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = !same_views(&(x), &(y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME text_lt
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) < 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME text_le
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) <= 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME text_gt
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) > 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME text_ge
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) >= 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME nameeq
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = same_views(&(x), &(y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME namene
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = !same_views(&(x), &(y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME namelt
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) < 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME namele
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) <= 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME namegt
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) > 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME namege
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) >= 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME byteaeq
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = same_views(&(x), &(y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME byteane
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = !same_views(&(x), &(y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME bytealt
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) < 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME byteale
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) <= 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME byteagt
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) > 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME byteage
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) >= 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME chareq
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = same_views(&(x), &(y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME charne
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = !same_views(&(x), &(y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME charlt
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) < 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME charle
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) <= 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME chargt
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) > 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME charge
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) >= 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME uuid_eq
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = same_views(&(x), &(y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME uuid_ne
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = !same_views(&(x), &(y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME uuid_lt
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) < 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME uuid_le
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) <= 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME uuid_gt
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) > 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME uuid_ge
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) >= 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME nameeqtext
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = same_views(&(x), &(y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME namenetext
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = !same_views(&(x), &(y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME namelttext
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) < 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME nameletext
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) <= 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME namegttext
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) > 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME namegetext
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) >= 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME texteqname
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = same_views(&(x), &(y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME textnename
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = !same_views(&(x), &(y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME textltname
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) < 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME textlename
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) <= 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME textgtname
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) > 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME textgename
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = compare_views(&(x), &(y)) >= 0, 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R

/* char(n): trailing blanks do not count. */
#define C_KERNEL(op) bpchar##op
#define C_X struct bytes_view
#define C_Y struct bytes_view
#define C_CMP(x, y) text_compare_bpchar(&(x), &(y))
#include "types/func/kern_compare_tmpl.h"

/* interval: 1 month = 30 days, 1 day = 24 hours. */
#define C_KERNEL(op) interval_##op
#define C_X struct bytes_view
#define C_Y struct bytes_view
#define C_CMP(x, y) interval_compare(&(x), &(y))
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) timetz_##op
#define C_X struct bytes_view
#define C_Y struct bytes_view
#define C_CMP(x, y) timetz_compare(&(x), &(y))
#include "types/func/kern_compare_tmpl.h"

static inline int sign_of(int cmp)
{
    return (cmp > 0) - (cmp < 0);
}
#define B_NAME bttextcmp
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = sign_of(compare_views(&(x), &(y))), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME btnamecmp
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = sign_of(compare_views(&(x), &(y))), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME btnametextcmp
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = sign_of(compare_views(&(x), &(y))), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME bttextnamecmp
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = sign_of(compare_views(&(x), &(y))), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME byteacmp
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = sign_of(compare_views(&(x), &(y))), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME uuid_cmp
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = sign_of(compare_views(&(x), &(y))), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME bpcharcmp
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = sign_of(text_compare_bpchar(&(x), &(y))), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME interval_cmp
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = sign_of(interval_compare(&(x), &(y))), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME timetz_cmp
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = sign_of(timetz_compare(&(x), &(y))), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME btcharcmp
#define B_X struct bytes_view
#define B_Y struct bytes_view
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = (x).inl[0] - (y).inl[0], 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
