/* An engine that keeps events in a JSON-lines file. Compile jsonl.c with your program and call this once; then
 * {"store":"jsonl","store_opts":{"path":"events.jsonl"}} opens a store. */
#ifndef JSONL_H
#define JSONL_H

#include <runestore.h>

int32_t jsonl_register(char **error, size_t *error_len);

#endif
