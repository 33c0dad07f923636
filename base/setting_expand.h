/* setting_expand.h: includes setting.def and forgets the macros: lets setting.h use the table
 * several times. */
#include "base/setting.def"
#undef SETTING_DEF_BOOL
#undef SETTING_DEF_INT
#undef SETTING_DEF_REAL
#undef SETTING_DEF_TEXT
#undef SETTING_DEF_ENUM
