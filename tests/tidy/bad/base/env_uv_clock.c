#include <time.h>
#include <uv.h>

long env_uv_now(void)
{
    return time(NULL);
}
