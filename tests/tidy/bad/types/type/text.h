#ifndef BAD_TYPES_TYPE_TEXT_H
#define BAD_TYPES_TYPE_TEXT_H

typedef struct text text;
typedef unsigned char byte_t;
typedef enum { ONE } one;

#define CHECK(x) if (!(x)) return -1
#define LEAVE goto out
#define LOCAL int local = 0

#endif
