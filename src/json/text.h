/* SPDX-License-Identifier: MIT */
/* Bytes of strings that JSON has as they are. */
#ifndef SR_JSON_TEXT_H
#define SR_JSON_TEXT_H

#include <stddef.h>

/* How many bytes, from the first on, are neither a control character (DEL is one) nor a quote nor a backslash. */
size_t sr_json_plain(const char *bytes, size_t count);

#endif
