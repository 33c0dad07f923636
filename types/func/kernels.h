/* kernels.h: declarations of every kernel func.def names.
 *
 * A kernel is kernel_<prosrc>; the files kern_*.c hold them by family (func.h has their contract).
 * SQL-language functions of PostgreSQL have no prosrc worth a name: theirs are kernel_sql_<oid>.
 * Functions the host answers share kernel_host (types/expr/host_call.c).
 */
#ifndef CAIRN_TYPES_FUNC_KERNELS_H
#define CAIRN_TYPES_FUNC_KERNELS_H

#include "types/func/func.h"

#define NOK
#define K(kernel) int kernel(struct func_call *call, struct err *err);
#define FUNC(oid, name, kind, vol, flags, variadic, result, cost, n_args, n_defaults, args, src,   \
             kernel)                                                                               \
    kernel
#include "types/func/func.def"
#undef FUNC
#undef K
#undef NOK

#endif
