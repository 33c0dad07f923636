#include "storage/tablet/group.h"
#include "storage/txn/txn_int.h"
#include "storage/wal/wal.h"

int this_line_is_far_too_long_for_a_window_of_a_hundred_columns_and_nothing_excuses_it_here(int parameter);
