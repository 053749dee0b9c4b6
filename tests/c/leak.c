/*
 * A mistake on purpose: a buffer that nobody frees. run.sh expects valgrind and the sanitizer to report it; if they did
 * not, their silence about the other suites would say nothing.
 */
#include <runestore.h>
#include <string.h>

int main(void)
{
    static const char event[] = "{\"type\":\"t\",\"domain\":\"d\",\"instance_id\":\"i\"}";
    store_t *store;
    char *stored;

    store_init(NULL, 0, &store, NULL, NULL);
    store_append(store, event, strlen(event), NULL, 0, &stored, NULL);
    stored = NULL;
    return stored == NULL ? store_close(store, NULL, NULL) : 1;
}
