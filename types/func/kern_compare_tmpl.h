/* kern_compare_tmpl.h: the six comparison kernels of a pair of types.
 *   C_KERNEL(op)  the kernel's name for eq, ne, lt, le, gt, ge: behind kernel_
 *   C_X, C_Y      argument types
 *   C_CMP(x, y)   (optional) <0, 0, >0; without it C's own operators are used */
#define B_X C_X
#define B_Y C_Y
#define B_R uint8_t
#ifdef C_CMP
#define C_TEST(x, op, y) (C_CMP(x, y) op 0)
#else
#define C_TEST(x, op, y) ((x)op(y))
#endif

#define B_NAME C_KERNEL(eq)
#define B_OP(x, y, r) (*(r) = C_TEST(x, ==, y), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#define B_NAME C_KERNEL(ne)
#define B_OP(x, y, r) (*(r) = C_TEST(x, !=, y), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#ifndef C_EQUALITY_ONLY
#define B_NAME C_KERNEL(lt)
#define B_OP(x, y, r) (*(r) = C_TEST(x, <, y), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#define B_NAME C_KERNEL(le)
#define B_OP(x, y, r) (*(r) = C_TEST(x, <=, y), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#define B_NAME C_KERNEL(gt)
#define B_OP(x, y, r) (*(r) = C_TEST(x, >, y), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#define B_NAME C_KERNEL(ge)
#define B_OP(x, y, r) (*(r) = C_TEST(x, >=, y), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#endif
#undef C_TEST
#undef C_KERNEL
#undef C_X
#undef C_Y
#undef C_CMP
#undef C_EQUALITY_ONLY
#undef B_X
#undef B_Y
#undef B_R
